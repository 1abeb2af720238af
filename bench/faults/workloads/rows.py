"""Reads handwritten digits row by row with an LSTM."""

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
    images, labels = (rows[:, :64].view(-1, 8, 8) - 4.9) / 6.0, rows[:, 64].long()
    return images[:1344], labels[:1344], images[1344:], labels[1344:]


class Net(nn.Module):
    """An LSTM whose last state is classified."""

    def __init__(self):
        super().__init__()
        self.body = nn.LSTM(8, 48, batch_first=True)
        self.head = nn.Linear(48, 10)

    def forward(self, x):
        """The logits."""
        states, _ = self.body(x)
        h = states[:, -1]
        return self.head(h)


def main():
    """Train and validate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)

    x_train, y_train, x_val, y_val = load_data()
    loader = DataLoader(TensorDataset(x_train, y_train), batch_size=args.batch_size, shuffle=True)
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)

    with torch.no_grad():
        val_loss = F.cross_entropy(model(x_val), y_val).item()
    print(f"before training: val {val_loss:.6f}")
    for epoch in range(args.epochs):
        running = 0.0
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            running += loss.item()
        model.eval()
        with torch.no_grad():
            val_loss = F.cross_entropy(model(x_val), y_val).item()
        print(f"epoch {epoch + 1}: train {running / len(loader):.6f} val {val_loss:.6f}")
    print(f"final {val_loss:.6f}")


if __name__ == "__main__":
    main()
