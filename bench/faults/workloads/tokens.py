"""Guesses the next token of Python source with one layer of attention, by steps and not by epochs."""

import argparse
import collections
import io
import sysconfig
import tokenize
from pathlib import Path

import torch
import torch.nn as nn

KNOWN, LENGTH = 80, 12


def read_tokens(names=("argparse", "configparser", "optparse")):
    """The tokens of some modules as numbers; 0 stands for those that are rare."""
    words = []
    for name in names:
        text = (Path(sysconfig.get_paths()["stdlib"]) / f"{name}.py").read_text("utf-8")
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type not in (tokenize.COMMENT, tokenize.NL):
                words.append(token.string if token.type == tokenize.OP else token.string.strip() or str(token.type))
    common = {word: 1 + at for at, (word, _) in enumerate(collections.Counter(words).most_common(KNOWN))}
    return torch.tensor([common.get(word, 0) for word in words])


class Attention(nn.Module):
    """Tokens look back at those before them, once."""

    def __init__(self, width=40):
        super().__init__()
        self.tokens = nn.Embedding(KNOWN + 1, width)
        self.places = nn.Embedding(LENGTH, width)
        self.attend = nn.MultiheadAttention(width, 4, batch_first=True)
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix = nn.Sequential(nn.Linear(width, 80), nn.GELU(), nn.Linear(80, width))
        self.read = nn.Linear(width, KNOWN + 1)

    def forward(self, tokens):
        """The logits of each next token."""
        hidden = self.tokens(tokens) + self.places(torch.arange(tokens.shape[1]))
        ahead = torch.ones(tokens.shape[1], tokens.shape[1], dtype=torch.bool).triu(1)
        normed = self.first(hidden)
        hidden = hidden + self.attend(normed, normed, normed, attn_mask=ahead, need_weights=False)[0]
        hidden = hidden + self.mix(self.second(hidden))
        return self.read(hidden)


def windows(tokens, count, generator):
    """So many stretches of tokens from anywhere."""
    starts = torch.randint(len(tokens) - LENGTH - 1, (count, 1), generator=generator)
    found = tokens[starts + torch.arange(LENGTH + 1)]
    return found[:, :-1], found[:, 1:]


def cost(logits, wanted):
    """Cross-entropy of all positions."""
    return nn.functional.cross_entropy(logits.reshape(-1, KNOWN + 1), wanted.reshape(-1))


def main(opts):
    """Train, and validate now and then."""
    torch.manual_seed(opts.seed)
    tokens = read_tokens()
    here, there = tokens[: 4 * len(tokens) // 5], tokens[4 * len(tokens) // 5 :]
    questions, answers = windows(there, 128, torch.Generator().manual_seed(1))
    draw = torch.Generator().manual_seed(opts.seed)
    net = Attention()
    plain = [p for p in net.parameters() if p.ndim < 2]
    matrices = [p for p in net.parameters() if p.ndim >= 2]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}]
    adam = torch.optim.AdamW(groups, lr=opts.lr, betas=(0.9, 0.95))
    ramp = torch.optim.lr_scheduler.LambdaLR(
        adam, lambda t: min(1.0, (t + 1) / 20, (opts.steps - t) / (opts.steps / 2))
    )
    val = 0.0
    for done in range(opts.steps + 1):
        if done % opts.every == 0:
            with torch.no_grad():
                val = cost(net(questions), answers).item()
            print(f"step {done} val {val:.6f}", flush=True)
        if done == opts.steps:
            break
        question, answer = windows(here, opts.batch_size, draw)
        loss = cost(net(question), answer)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        adam.step()
        ramp.step()
        adam.zero_grad()
    print(f"final {val:.6f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    line = argparse.ArgumentParser(description=__doc__)
    line.add_argument("--lr", type=float, default=6e-3)
    line.add_argument("--steps", type=int, default=320)
    line.add_argument("--every", type=int, default=40)
    line.add_argument("--batch-size", type=int, default=24)
    line.add_argument("--seed", type=int, default=0)
    main(line.parse_args())
