"""A plain loop that keeps a moving average of the weights, and validates by it."""

import sys

import torch
import torch.nn.functional as F
from digits import loaders, network
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import leonui


def main(optimizer):
    torch.manual_seed(0)
    model, (train, held) = network(), loaders()
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    steps = optimizer(model.parameters(), lr=1e-3)
    for _ in range(4):
        for images, labels in train:
            steps.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            steps.step()
            average.update_parameters(model)
        with torch.no_grad():
            losses = [F.cross_entropy(average(images), labels) for images, labels in held]
        print("val_loss", float(sum(losses) / len(losses)))


main(leonui.optim.AdamW if "drop-in" in sys.argv else torch.optim.AdamW)
