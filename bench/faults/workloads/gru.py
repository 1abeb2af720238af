"""Tells from which module of Python's standard library a line of code comes, with a GRU over its characters."""

import argparse
import sysconfig
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

MODULES = ("argparse", "ast", "statistics", "turtle")


class Lines(Dataset):
    """Lines as rows of character codes, each with the number of its module; every fourth line is held out."""

    def __init__(self, width, held_out, most=560):
        folder = Path(sysconfig.get_paths()["stdlib"])
        self.codes, self.modules = [], []
        for number, name in enumerate(MODULES):
            lines = [line.strip() for line in (folder / f"{name}.py").read_text("utf-8").split("\n")]
            lines = [line for line in lines if len(line) > 12][:most]
            for line in lines[3::4] if held_out else [line for i, line in enumerate(lines) if i % 4 != 3]:
                self.codes.append(torch.tensor([min(ord(character), 127) for character in line.ljust(width)[:width]]))
                self.modules.append(number)

    def __len__(self):
        return len(self.codes)

    def __getitem__(self, index):
        return {"characters": self.codes[index], "module": self.modules[index]}


class Reader(nn.Module):
    """Characters are embedded, read by a GRU, and its states averaged."""

    def __init__(self, hidden):
        super().__init__()
        self.embed = nn.Embedding(128, 16)
        self.gru = nn.GRU(16, hidden, batch_first=True)
        self.dropout = nn.Dropout(0.1)
        self.classify = nn.Linear(hidden, len(MODULES))

    def forward(self, characters):
        """The logits of the modules."""
        states, _ = self.gru(self.embed(characters))
        pooled = self.dropout(states.mean(1))
        return self.classify(pooled)


class Trainer:
    """Trains a network and validates it after each epoch."""

    def __init__(self, network, config):
        self.network, self.config = network, config
        self.criterion = nn.CrossEntropyLoss()
        self.optim = torch.optim.RMSprop(self.network.parameters(), lr=config.lr, alpha=0.95)

    def train_epoch(self, batches):
        """One pass over the training lines; the mean loss."""
        self.network.train()
        losses = []
        for batch in batches:
            self.optim.zero_grad()
            output = self.network(batch["characters"])
            loss = self.criterion(output, batch["module"])
            loss.backward()
            self.optim.step()
            losses.append(loss.item())
        return sum(losses) / len(losses)

    def validate(self, batches):
        """The mean loss over held-out lines."""
        self.network.eval()
        total = count = 0
        with torch.no_grad():
            for batch in batches:
                output = self.network(batch["characters"])
                total += self.criterion(output, batch["module"]).item() * len(output)
                count += len(output)
        return total / count

    def fit(self, train, held_out):
        """All epochs."""
        score = self.validate(held_out)
        print(f"before training: val {score:.6f}")
        for epoch in range(1, self.config.epochs + 1):
            mean = self.train_epoch(train)
            score = self.validate(held_out)
            print(f"epoch {epoch}: train {mean:.6f} val {score:.6f}")
        print(f"final {score:.6f}")


def parse():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=4e-3)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=40)
    parser.add_argument("--width", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    config = parse()
    torch.manual_seed(config.seed)
    torch.set_num_threads(1)
    train = DataLoader(Lines(config.width, False), batch_size=config.batch_size, shuffle=True)
    held_out = DataLoader(Lines(config.width, True), batch_size=140)
    trainer = Trainer(Reader(32), config)
    trainer.fit(train, held_out)
