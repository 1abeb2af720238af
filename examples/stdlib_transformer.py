"""Train a character-level transformer on the source text of Python's standard library."""

import argparse
import sysconfig
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

CONTEXT = 64
OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def load_data(size=1_000_000):
    stdlib = Path(sysconfig.get_paths()["stdlib"])
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(stdlib.glob("[a-z]*.py")))[:size]
    vocab = {char: i for i, char in enumerate(sorted(set(text)))}
    data = torch.tensor([vocab[char] for char in text])
    split = int(0.9 * len(data))
    return data[:split], data[split:], len(vocab)


def windows(data, starts):
    rows = data[starts.unsqueeze(1) + torch.arange(CONTEXT + 1)]
    return rows[:, :-1], rows[:, 1:]


class CharTransformer(nn.Module):
    def __init__(self, vocab_size, d_model=64, heads=4, layers=2):
        super().__init__()
        self.token = nn.Embedding(vocab_size, d_model)
        self.position = nn.Embedding(CONTEXT, d_model)
        layer = nn.TransformerEncoderLayer(
            d_model, heads, 4 * d_model, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, layers, nn.LayerNorm(d_model), enable_nested_tensor=False)
        self.head = nn.Linear(d_model, vocab_size)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(CONTEXT))

    def forward(self, x):
        h = self.token(x) + self.position.weight
        return self.head(self.blocks(h, mask=self.mask, is_causal=True))


@torch.no_grad()
def evaluate(model, data, count=256):
    # The same evenly spaced windows every time, so that the numbers can be compared.
    model.eval()
    x, y = windows(data, torch.linspace(0, len(data) - CONTEXT - 1, count).long())
    return F.cross_entropy(model(x).flatten(0, 1), y.flatten()).item()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--optimizer", choices=sorted(OPTIMIZERS), default="adamw")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    train, val, vocab_size = load_data()
    model = CharTransformer(vocab_size)
    optimizer = OPTIMIZERS[args.optimizer](model.parameters(), lr=args.lr)
    for step in range(1, args.steps + 1):
        model.train()
        x, y = windows(train, torch.randint(len(train) - CONTEXT, (args.batch_size,)))
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0 or step == args.steps:
            print(f"step {step:4d}  train loss {loss.item():.4f}  val loss {evaluate(model, val):.4f}")


if __name__ == "__main__":
    main()
