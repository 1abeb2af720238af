"""A plain loop around a model that torch.compile has compiled."""

import sys

import torch
import torch.nn.functional as F
from digits import loaders, network

import leonui


def main(optimizer):
    torch.manual_seed(0)
    model, (train, held) = network(), loaders()
    compiled = torch.compile(model)
    steps = optimizer(model.parameters(), lr=1e-3)
    for _ in range(4):
        for images, labels in train:
            steps.zero_grad()
            loss = F.cross_entropy(compiled(images), labels)
            loss.backward()
            steps.step()
        with torch.no_grad():
            losses = [F.cross_entropy(model(images), labels) for images, labels in held]
        print("val_loss", float(sum(losses) / len(losses)))


main(leonui.optim.AdamW if "drop-in" in sys.argv else torch.optim.AdamW)
