"""Squeezes handwritten digits through eight numbers and draws them again."""

import argparse
import sysconfig
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader


def load_data():
    """The digits that come with scikit-learn, from 0 to 1, shuffled, a quarter held out."""
    file = Path(sysconfig.get_paths()["platlib"]) / "sklearn" / "datasets" / "data" / "digits.csv.gz"
    rows = torch.tensor(np.loadtxt(file, delimiter=",")[:, :64] / 16, dtype=torch.float32)
    rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))]
    return rows[:1344], rows[1344:]


class Net(nn.Module):
    """An encoder with BatchNorm, and a decoder."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 8))
        self.head = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64))

    def forward(self, x):
        """The picture as it is drawn again."""
        h = self.body(x)
        return self.head(h)


def evaluate(model, x_val):
    """The loss on held-out digits."""
    model.eval()
    with torch.no_grad():
        return F.mse_loss(model(x_val), x_val).item()


def main():
    """Train and validate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=8e-3)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)

    x_train, x_val = load_data()
    loader = DataLoader(x_train, batch_size=args.batch_size, shuffle=True)  # type: ignore[arg-type]
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.8)

    val_loss = evaluate(model, x_val)
    print(f"before training: val {val_loss:.6f}")
    for epoch in range(args.epochs):
        running = 0.0
        model.train()
        for x in loader:
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), x)
            loss.backward()
            optimizer.step()
            running += loss.item()
        scheduler.step()
        val_loss = evaluate(model, x_val)
        print(f"epoch {epoch + 1}: train {running / len(loader):.6f} val {val_loss:.6f}")
    print(f"final {val_loss:.6f}")


if __name__ == "__main__":
    main()
