"""timm: its optimizer and schedule factories, its label smoothing and its EMA, in a loop like that of its train.py."""

import sys

import torch
import torch.nn.functional as F
from digits import loaders, network
from timm.loss import LabelSmoothingCrossEntropy
from timm.optim import create_optimizer_v2, param_groups_weight_decay
from timm.scheduler import create_scheduler_v2
from timm.utils import ModelEmaV3

import leonui


def main(own):
    torch.manual_seed(0)
    model, (train, held) = network(), loaders()
    if own:
        optimizer = leonui.optim.AdamW(param_groups_weight_decay(model, 0.05), lr=1e-3)
    else:
        optimizer = create_optimizer_v2(model, opt="adamw", lr=1e-3, weight_decay=0.05)
    schedule, epochs = create_scheduler_v2(optimizer, "cosine", num_epochs=4, warmup_epochs=1, warmup_lr=1e-4)
    average, smoothed = ModelEmaV3(model, decay=0.9), LabelSmoothingCrossEntropy(0.1)
    for epoch in range(epochs):
        model.train()
        schedule.step(epoch)
        for images, labels in train:
            loss = smoothed(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            average.update(model)
        average.eval()
        with torch.no_grad():
            losses = [F.cross_entropy(average(images), labels) for images, labels in held]
        print("val_loss", float(sum(losses) / len(losses)))


main("drop-in" in sys.argv)
