"""skorch: a network in scikit-learn's coat, validated on a fifth of the data."""

import sys

import torch
from digits import BATCH, arrays, network
from skorch import NeuralNetClassifier

import leonui


def main(optimizer):
    torch.manual_seed(0)
    net = NeuralNetClassifier(
        network,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=optimizer,
        lr=1e-3,
        max_epochs=4,
        batch_size=BATCH,
        iterator_train__shuffle=True,
    )
    net.fit(*arrays())
    print("val_loss", net.history[-1, "valid_loss"])


main(leonui.optim.AdamW if "drop-in" in sys.argv else torch.optim.AdamW)
