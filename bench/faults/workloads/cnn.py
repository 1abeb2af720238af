"""Reads handwritten digits with a small convolutional network."""

import argparse
import sysconfig
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def load_data():
    """The digits that come with scikit-learn, shuffled, a quarter held out."""
    file = Path(sysconfig.get_paths()["platlib"]) / "sklearn" / "datasets" / "data" / "digits.csv.gz"
    rows = torch.tensor(np.loadtxt(file, delimiter=","), dtype=torch.float32)
    rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))]
    images, labels = (rows[:, :64].view(-1, 1, 8, 8) - 4.9) / 6.0, rows[:, 64].long()
    return images[:1344], labels[:1344], images[1344:], labels[1344:]


class Net(nn.Module):
    """Two convolutions with BatchNorm, and a head."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 12, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(12)
        self.conv2 = nn.Conv2d(12, 24, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(24)
        self.head = nn.Linear(24 * 4, 10)

    def forward(self, x):
        """The logits."""
        h = F.max_pool2d(F.relu(self.norm1(self.conv1(x))), 2)
        h = F.max_pool2d(F.relu(self.norm2(self.conv2(h))), 2)
        h = h.flatten(1)
        return self.head(h)


def evaluate(model, x, y):
    """The loss on held-out data."""
    model.eval()
    with torch.no_grad():
        return F.cross_entropy(model(x), y).item()


def main():
    """Train and validate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)

    x_train, y_train, x_val, y_val = load_data()
    loader = DataLoader(TensorDataset(x_train, y_train), batch_size=args.batch_size, shuffle=True)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=5e-4)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs)

    val_loss = evaluate(model, x_val, y_val)
    print(f"before training: val {val_loss:.6f}")
    for epoch in range(args.epochs):
        running = 0.0
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            running += loss.item()
        scheduler.step()
        val_loss = evaluate(model, x_val, y_val)
        print(f"epoch {epoch + 1}: train {running / len(loader):.6f} val {val_loss:.6f}")
    print(f"final {val_loss:.6f}")


if __name__ == "__main__":
    main()
