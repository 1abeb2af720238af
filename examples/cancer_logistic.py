"""Logistic regression on the Wisconsin breast cancer data."""

import argparse

import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def load_data(seed):
    features, labels = load_breast_cancer(return_X_y=True)
    x_train, x_val, y_train, y_val = train_test_split(
        features, labels, test_size=0.2, random_state=seed, stratify=labels
    )
    # Fitted on the training part alone, so that nothing of the validation part leaks in.
    scaler = StandardScaler().fit(x_train)
    arrays = scaler.transform(x_train), scaler.transform(x_val), y_train, y_val
    return [torch.tensor(array, dtype=torch.float32) for array in arrays]


def make_optimizer(name, params, lr):
    if name == "adam":
        return torch.optim.Adam(params, lr=lr)
    return torch.optim.SGD(params, lr=lr, momentum=0.9 if name == "momentum" else 0.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--optimizer", choices=["sgd", "momentum", "adam"], default="sgd")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    x_train, x_val, y_train, y_val = load_data(args.seed)
    loader = DataLoader(TensorDataset(x_train, y_train), batch_size=args.batch_size, shuffle=True)

    model = nn.Linear(x_train.shape[1], 1)
    criterion = nn.BCEWithLogitsLoss()
    optimizer = make_optimizer(args.optimizer, model.parameters(), args.lr)

    for epoch in range(1, args.epochs + 1):
        running = 0.0
        for x, y in loader:
            loss = criterion(model(x).squeeze(1), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            running += loss.item() * len(y)

        with torch.no_grad():
            logits = model(x_val).squeeze(1)
            val_loss = criterion(logits, y_val).item()
            val_acc = ((logits > 0) == y_val.bool()).float().mean().item()
        train_loss = running / len(x_train)
        print(f"epoch {epoch:2d}  train loss {train_loss:.4f}  val loss {val_loss:.4f}  val acc {val_acc:.4f}")


if __name__ == "__main__":
    main()
