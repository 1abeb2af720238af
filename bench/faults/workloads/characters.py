"""Models the source text of Python's standard library, character by character, with a small transformer."""

import argparse
import math
import sysconfig
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

CONTEXT, VOCABULARY = 16, 97


def load_data():
    """Four modules in numbers, the last tenth held out."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    text = "".join((folder / f"{name}.py").read_text("utf-8") for name in ("argparse", "random", "statistics", "ast"))
    known = {chr(code): code - 31 for code in range(32, 127)} | {"\n": 0}
    codes = torch.tensor([known.get(character, VOCABULARY - 1) for character in text])
    return codes[: len(codes) * 9 // 10], codes[len(codes) * 9 // 10 :]


class Net(nn.Module):
    """A transformer of two layers that looks back only."""

    def __init__(self):
        super().__init__()
        self.token = nn.Embedding(VOCABULARY, 48)
        self.position = nn.Parameter(0.1 * torch.randn(CONTEXT, 48))
        layer = nn.TransformerEncoderLayer(48, 4, 96, dropout=0.0, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(48, VOCABULARY)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(CONTEXT))

    def forward(self, x):
        """The logits of the character after each one."""
        h = self.token(x) + self.position
        h = self.body(h, mask=self.mask, is_causal=True)
        return self.head(h)


def windows(codes, starts):
    """Windows that begin there, and the same one character later."""
    found = codes[starts[:, None] + torch.arange(CONTEXT + 1)]
    return found[:, :-1], found[:, 1:]


def evaluate(model, x, y):
    """The loss on held-out text."""
    model.eval()
    with torch.no_grad():
        return F.cross_entropy(model(x).flatten(0, 1), y.flatten()).item()


def main():
    """Train and validate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=8e-3)
    parser.add_argument("--steps", type=int, default=320)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)

    train, val = load_data()
    x_val, y_val = windows(val, torch.linspace(0, len(val) - CONTEXT - 1, 256).long())
    model = Net()
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)
    warmup = 32
    cosine = lambda step: 0.5 + 0.5 * math.cos(math.pi * step / args.steps)  # noqa: E731
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min((step + 1) / warmup, cosine(step)))

    val_loss = evaluate(model, x_val, y_val)
    print(f"before training: val {val_loss:.6f}")
    for step in range(args.steps):
        model.train()
        x, y = windows(train, torch.randint(len(train) - CONTEXT, (args.batch_size,)))
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        loss.backward()
        optimizer.step()
        scheduler.step()
        if step % 40 == 39:
            val_loss = evaluate(model, x_val, y_val)
            print(f"step {step + 1}: train {loss.item():.6f} val {val_loss:.6f}")
    print(f"final {val_loss:.6f}")


if __name__ == "__main__":
    main()
