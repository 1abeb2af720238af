"""A loop of the kind that timm's train.py is: groups by decay, warm-up and cosine by epochs, label smoothing, EMA."""

import sys

import torch
import torch.nn.functional as F
from digits import loaders, network
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import leonui


def groups(model):
    bare = [p for p in model.parameters() if p.ndim < 2]
    return [{"params": bare, "weight_decay": 0.0}, {"params": [p for p in model.parameters() if p.ndim >= 2]}]


def main(optimizer):
    torch.manual_seed(0)
    model, (train, held) = network(), loaders()
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    steps = optimizer(groups(model), lr=1e-3, weight_decay=0.05)
    schedule = SequentialLR(steps, [LinearLR(steps, 0.1, 1.0, 1), CosineAnnealingLR(steps, 4)], [1])
    for _ in range(5):
        model.train()
        for images, labels in train:
            loss = F.cross_entropy(model(images), labels, label_smoothing=0.1)
            steps.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            steps.step()
            average.update_parameters(model)
        schedule.step()
        with torch.no_grad():
            losses = [F.cross_entropy(average(images), labels) for images, labels in held]
        print("val_loss", float(sum(losses) / len(losses)))


main(leonui.optim.AdamW if "drop-in" in sys.argv else torch.optim.AdamW)
