"""Colours the scan lines of a grey photograph with a one-dimensional convolutional network."""

import argparse
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset, random_split


@dataclass
class Settings:
    """What there is to choose."""

    lr: float
    epochs: int
    batch_size: int
    seed: int


def photograph(name="flower.jpg", length=40):
    """Stretches of grey pixels, and the blue and the red that they are short of."""
    file = Path(sysconfig.get_paths()["platlib"]) / "sklearn" / "datasets" / "images" / name
    picture = torch.from_numpy(np.asarray(Image.open(file), dtype=np.float32)[::4, : 15 * length])
    pieces = picture.reshape(-1, length, 3).permute(0, 2, 1) / 255.0
    grey = pieces.mean(1, keepdim=True)
    return (grey - 0.3) / 0.25, (pieces[:, [0, 2]] - grey) / 0.1


def block(inner, outer):
    """A convolution that keeps the length."""
    return nn.Sequential(nn.Conv1d(inner, outer, 5, padding=2, bias=False), nn.BatchNorm1d(outer), nn.ReLU())


def make_network():
    """Two blocks and a convolution that reads the colours off."""
    return nn.Sequential(block(1, 16), block(16, 24), nn.Dropout(0.05), nn.Conv1d(24, 2, 1))


def held_out_loss(net, batches, criterion):
    """The loss on stretches that are not trained on."""
    net.eval()
    with torch.inference_mode():
        return sum(criterion(net(grey), colour).item() for grey, colour in batches) / len(batches)


def run(settings):
    """Train and validate."""
    torch.manual_seed(settings.seed)
    inputs, targets = photograph()
    split = torch.Generator().manual_seed(0)
    fit, test = random_split(TensorDataset(inputs, targets), [0.75, 0.25], generator=split)
    batches = DataLoader(fit, settings.batch_size, shuffle=True, drop_last=True)
    tests = DataLoader(test, 100)
    net, criterion = make_network(), nn.MSELoss()
    sgd = optim.SGD(net.parameters(), lr=settings.lr, momentum=0.9, nesterov=True, weight_decay=1e-4)
    cosine = optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=settings.epochs * len(batches))
    held_out = held_out_loss(net, tests, criterion)
    print(f"before: val {held_out:.6f}")
    for epoch in range(settings.epochs):
        net.train()
        for grey, colour in batches:
            predicted = net(grey)
            error = criterion(predicted, colour)
            sgd.zero_grad()
            error.backward()
            sgd.step()
            cosine.step()
        held_out = held_out_loss(net, tests, criterion)
        print(f"epoch {epoch + 1} of {settings.epochs}, val {held_out:.6f}")
    print(f"final {held_out:.6f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lr", type=float, default=0.05)
    options.add_argument("--epochs", type=int, default=10)
    options.add_argument("--batch-size", type=int, default=48)
    options.add_argument("--seed", type=int, default=0)
    run(Settings(**vars(options.parse_args())))
