"""Reads handwritten digits with an MLP, in as many processes as torchrun starts."""

import argparse
import sysconfig
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset


def load_data():
    """The digits that come with scikit-learn, shuffled, a quarter held out."""
    file = Path(sysconfig.get_paths()["platlib"]) / "sklearn" / "datasets" / "data" / "digits.csv.gz"
    rows = torch.tensor(np.loadtxt(file, delimiter=","), dtype=torch.float32)
    rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))]
    images, labels = (rows[:, :64] - 4.9) / 6.0, rows[:, 64].long()
    return images[:1344], labels[:1344], images[1344:], labels[1344:]


class Net(nn.Module):
    """Two hidden layers and a head."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.1))
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        """The logits."""
        h = self.body(x)
        return self.head(h)


def evaluate(model, x, y):
    """The loss on held-out data."""
    model.eval()
    with torch.no_grad():
        return F.cross_entropy(model.module(x), y).item()


def main():
    """Train and validate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    torch.manual_seed(args.seed + rank)

    x_train, y_train, x_val, y_val = load_data()
    train_set = TensorDataset(x_train, y_train)
    sampler = DistributedSampler(train_set, seed=args.seed)
    loader = DataLoader(train_set, batch_size=args.batch_size, sampler=sampler)
    model = DistributedDataParallel(Net())
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)

    val_loss = evaluate(model, x_val, y_val)
    if rank == 0:
        print(f"before training: val {val_loss:.6f}")
    for epoch in range(args.epochs):
        running = 0.0
        sampler.set_epoch(epoch)
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            running += loss.item()
        val_loss = evaluate(model, x_val, y_val)
        if rank == 0:
            print(f"epoch {epoch + 1}: train {running / len(loader):.6f} val {val_loss:.6f}")
    if rank == 0:
        print(f"final {val_loss:.6f}")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
