"""A plain loop under autocast in bfloat16, with a GradScaler, as it is written for a GPU."""

import sys

import torch
import torch.nn.functional as F
from digits import loaders, network

import leonui


def main(optimizer):
    torch.manual_seed(0)
    model, (train, held), scaler = network(), loaders(), torch.amp.GradScaler("cpu")
    steps = optimizer(model.parameters(), lr=1e-3)
    for _ in range(4):
        for images, labels in train:
            steps.zero_grad()
            with torch.autocast("cpu", torch.bfloat16):
                loss = F.cross_entropy(model(images), labels)
            scaler.scale(loss).backward()
            scaler.unscale_(steps)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(steps)
            scaler.update()
        with torch.no_grad():
            losses = [F.cross_entropy(model(images), labels) for images, labels in held]
        print("val_loss", float(sum(losses) / len(losses)))


main(leonui.optim.AdamW if "drop-in" in sys.argv else torch.optim.AdamW)
