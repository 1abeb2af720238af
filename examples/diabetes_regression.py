"""Regress diabetes progression after one year with a small MLP."""

import argparse

import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def make_optimizer(name, params, lr):
    if name == "sgd":
        return torch.optim.SGD(params, lr=lr)
    if name == "momentum":
        return torch.optim.SGD(params, lr=lr, momentum=0.9)
    if name == "adam":
        return torch.optim.Adam(params, lr=lr)
    return torch.optim.AdamW(params, lr=lr)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--optimizer", choices=["sgd", "momentum", "adam", "adamw"], default="adam")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    features, targets = load_diabetes(return_X_y=True)
    x_train, x_val, y_train, y_val = train_test_split(
        features, targets.reshape(-1, 1), test_size=0.2, random_state=args.seed
    )
    x_scaler = StandardScaler().fit(x_train)
    y_scaler = StandardScaler().fit(y_train)
    x_train = torch.tensor(x_scaler.transform(x_train), dtype=torch.float32)
    x_val = torch.tensor(x_scaler.transform(x_val), dtype=torch.float32)
    y_train = torch.tensor(y_scaler.transform(y_train), dtype=torch.float32)
    y_val = torch.tensor(y_scaler.transform(y_val), dtype=torch.float32)
    loader = DataLoader(TensorDataset(x_train, y_train), batch_size=args.batch_size, shuffle=True)

    model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    criterion = nn.MSELoss()
    optimizer = make_optimizer(args.optimizer, model.parameters(), args.lr)

    for epoch in range(1, args.epochs + 1):
        model.train()
        running = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            running += loss.item() * len(y)

        model.eval()
        with torch.no_grad():
            val_loss = criterion(model(x_val), y_val).item()
        # Back in the units of the target, where an error can be read.
        val_rmse = val_loss**0.5 * y_scaler.scale_[0]
        train_loss = running / len(x_train)
        print(f"epoch {epoch:2d}  train loss {train_loss:.4f}  val loss {val_loss:.4f}  val rmse {val_rmse:.2f}")


if __name__ == "__main__":
    main()
