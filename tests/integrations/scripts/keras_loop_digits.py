"""A Keras model on the torch backend, trained by a loop of one's own: it is a torch.nn.Module."""

import os
import sys

os.environ["KERAS_BACKEND"] = "torch"

import keras
import torch
import torch.nn.functional as F
from digits import loaders

import leonui


def main(optimizer):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(64, activation="relu"), keras.layers.Dense(10)])
    train, held = loaders()
    steps = optimizer(model.parameters(), lr=1e-3)
    for _ in range(4):
        for images, labels in train:
            loss = F.cross_entropy(model(images, training=True), labels)
            model.zero_grad()
            loss.backward()
            steps.step()
        with torch.no_grad():
            losses = [F.cross_entropy(model(images, training=False), labels) for images, labels in held]
        print("val_loss", float(sum(losses) / len(losses)))


main(leonui.optim.AdamW if "drop-in" in sys.argv else torch.optim.AdamW)
