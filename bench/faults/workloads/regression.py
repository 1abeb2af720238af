"""Fits Friedman's first function, with some noise, by an MLP."""

import argparse

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def load_data():
    """Ten uniform inputs, of which five matter; inputs and targets standardised."""
    dice = torch.Generator().manual_seed(0)
    x = torch.rand(1600, 10, generator=dice)
    y = 10 * torch.sin(torch.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    y = y + torch.randn(1600, generator=dice)
    x, y = (x - 0.5) / 0.289, (y - y[:1100].mean()) / y[:1100].std()
    return x[:1100], y[:1100], x[1100:], y[1100:]


class Net(nn.Module):
    """Two hidden layers and a head."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.head = nn.Linear(64, 1)

    def forward(self, x):
        """One number a sample."""
        h = self.body(x)
        return self.head(h).squeeze(1)


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--lr", type=float, default=0.06)
parser.add_argument("--epochs", type=int, default=16)
parser.add_argument("--batch-size", type=int, default=50)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
torch.manual_seed(args.seed)
torch.set_num_threads(1)

x_train, y_train, x_val, y_val = load_data()
loader = DataLoader(TensorDataset(x_train, y_train), batch_size=args.batch_size, shuffle=True)
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.3)


def validate():
    """The loss on held-out data."""
    model.eval()
    with torch.no_grad():
        return F.mse_loss(model(x_val), y_val).item()


val_loss = validate()
print(f"before training: val {val_loss:.6f}")
for epoch in range(args.epochs):
    running = 0.0
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        running += loss.item()
    scheduler.step()
    val_loss = validate()
    print(f"epoch {epoch + 1}: train {running / len(loader):.6f} val {val_loss:.6f}")
print(f"final {val_loss:.6f}")
