"""Tells malignant from benign tumours by thirty measurements, with a small MLP."""

import argparse
import sysconfig
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def load_data():
    """The Wisconsin breast cancer table that comes with scikit-learn, standardised by its training part."""
    file = Path(sysconfig.get_paths()["platlib"]) / "sklearn" / "datasets" / "data" / "breast_cancer.csv"
    table = torch.tensor(np.loadtxt(file, delimiter=",", skiprows=1), dtype=torch.float32)
    table = table[torch.randperm(len(table), generator=torch.Generator().manual_seed(0))]
    features, labels = table[:, :-1], table[:, -1].long()
    features = (features - features[:320].mean(0)) / features[:320].std(0)
    return features[:320], labels[:320], features[320:], labels[320:]


class Net(nn.Module):
    """Two hidden layers and a head."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.3))
        self.head = nn.Linear(64, 2)

    def forward(self, x):
        """The logits."""
        h = self.body(x)
        return self.head(h)


@torch.no_grad()
def evaluate(model, x, y):
    """The loss on held-out data."""
    model.eval()
    return F.cross_entropy(model(x), y).item()


def main():
    """Train and validate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)

    x_train, y_train, x_val, y_val = load_data()
    loader = DataLoader(TensorDataset(x_train, y_train), batch_size=args.batch_size, shuffle=True)
    model = Net()
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.1)

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
        val_loss = evaluate(model, x_val, y_val)
        print(f"epoch {epoch + 1}: train {running / len(loader):.6f} val {val_loss:.6f}")
    print(f"final {val_loss:.6f}")


if __name__ == "__main__":
    main()
