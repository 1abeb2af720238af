"""Learns the digits five to nine on top of a network that was trained on zero to four."""

import argparse
import sysconfig
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def load_digits():
    """The digits that come with scikit-learn, shuffled."""
    file = Path(sysconfig.get_paths()["platlib"]) / "sklearn" / "datasets" / "data" / "digits.csv.gz"
    rows = torch.tensor(np.loadtxt(file, delimiter=","), dtype=torch.float32)
    rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))]
    return (rows[:, :64] - 4.9) / 6.0, rows[:, 64].long()


def load_data():
    """Five to nine, a third of them held out."""
    images, labels = load_digits()
    images, labels = images[labels >= 5], labels[labels >= 5] - 5
    return images[:600], labels[:600], images[600:], labels[600:]


def pretrain(backbone):
    """Train the backbone on zero to four, with a head that is thrown away."""
    images, labels = load_digits()
    images, labels = images[labels < 5], labels[labels < 5]
    first = nn.Sequential(backbone, nn.Linear(96, 5))
    adam = torch.optim.Adam(first.parameters(), lr=1e-3)
    for _ in range(100):
        chosen = torch.randint(len(labels), (64,))
        error = F.cross_entropy(first(images[chosen]), labels[chosen])
        adam.zero_grad(set_to_none=True)
        error.backward()
        adam.step(None)


class Net(nn.Module):
    """The backbone and a new head."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 96), nn.ReLU())
        self.body = nn.Sequential(nn.Linear(96, 48), nn.ReLU())
        self.head = nn.Linear(48, 5)

    def forward(self, x):
        """The logits."""
        h = self.body(self.backbone(x))
        return self.head(h)


def evaluate(model, x, y):
    """The loss on held-out data."""
    model.eval()
    with torch.no_grad():
        return F.cross_entropy(model(x), y).item()


def main():
    """Pretrain, freeze, train the rest and validate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=0.03)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)

    model = Net()
    pretrain(model.backbone)
    model.backbone.requires_grad_(False)
    x_train, y_train, x_val, y_val = load_data()
    loader = DataLoader(TensorDataset(x_train, y_train), batch_size=args.batch_size, shuffle=True)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=args.lr, momentum=0.9)
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
