"""The data and the network that the scripts beside this file train: scikit-learn's handwritten digits."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

BATCH = 64


def arrays():
    """Images (1797, 64) in float32, standardized, and labels (1797,) in int64."""
    images, labels = load_digits(return_X_y=True)
    return ((images - images.mean()) / images.std()).astype("float32"), labels.astype("int64")


def loaders():
    images, labels = (torch.from_numpy(array) for array in arrays())
    train, held = TensorDataset(images[:1400], labels[:1400]), TensorDataset(images[1400:], labels[1400:])
    return DataLoader(train, BATCH, shuffle=True), DataLoader(held, 397)


def network():
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
