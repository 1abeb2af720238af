"""Teach a small language model to write Python that parses: train it on the standard library, then reward it.

The model is a GPT-2 of about 350,000 weights that reads characters, made in memory and trained here for a minute. The
reward asks Python itself whether a line parses. A target for the KL keeps the lines like those of the library: without
one the policy soon writes "pass" for ever.
"""

import argparse
import ast
import sys
import sysconfig
import time
import warnings
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import GPT2Config, GPT2LMHeadModel

from leonui.optim import AdamW
from leonui.ppo import RLHF, Advantage, KLPenalty, Sampling, Update
from leonui.schedule import cosine, warmup

CHARACTERS = "\n" + "".join(map(chr, range(32, 127)))
CONTEXT = 64
NO_DROPOUT = {"embd_pdrop": 0.0, "attn_pdrop": 0.0, "resid_pdrop": 0.0}
PROMPTS = ["def ", "class ", "for ", "if ", "while ", "return ", "import ", "from ", "with ", "self.", "raise ", "x = "]
OPENERS = ("def ", "class ", "for ", "if ", "while ", "with ")


class Characters:
    """One token a character; a line ends with a newline, and so does a completion."""

    eos_token_id = CHARACTERS.index("\n")

    def encode(self, text):
        return [CHARACTERS.index(character) for character in text]

    def decode(self, ids):
        return "".join(CHARACTERS[i] for i in ids)


def load_data(size=1_000_000):
    stdlib = Path(sysconfig.get_paths()["stdlib"])
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(stdlib.glob("[a-z]*.py")))[:size]
    lines = (line.strip() for line in text.splitlines())
    kept = "\n".join(line for line in lines if line and line.isascii() and line.isprintable())
    return torch.tensor(Characters().encode(kept))


def language_model(steps=600, batch=48):
    """A language model of the library's lines, its progress on stderr."""
    sizes = {"n_positions": CONTEXT, "n_embd": 96, "n_layer": 3, "n_head": 4}
    config = GPT2Config(vocab_size=len(CHARACTERS), bos_token_id=0, eos_token_id=0, **sizes, **NO_DROPOUT)
    model, data = GPT2LMHeadModel(config), load_data()
    begins = (data[: -CONTEXT - 1] == 0).nonzero().squeeze(1)
    optimizer = AdamW(model.parameters(), lr=3e-3, clip_norm=1.0, schedule=warmup(50) >> cosine(steps - 50))
    start = time.perf_counter()
    for step in range(1, steps + 1):
        rows = data[begins[torch.randint(len(begins), (batch, 1))] + torch.arange(CONTEXT)]
        logits = model(input_ids=rows).logits[:, :-1]
        loss = F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if step % 50 == 0:
            left = (time.perf_counter() - start) / step * (steps - step)
            print(f"language model {step}/{steps}  loss {loss.item():.3f}  {left:.0f} s left", file=sys.stderr)
    return model


def parses(line):
    code = f"{line} pass" if line.startswith(OPENERS) else line
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(code)
        except (SyntaxError, ValueError, MemoryError):
            return False
    return True


def reward(prompts, completions, token_ids):
    """What share of twenty characters a line has, if it parses: else a line of one letter would do."""
    lines = [prompt.strip("\n") + text for prompt, text in zip(prompts, completions, strict=True)]
    return [min(len(line) / 20, 1.0) * parses(line) for line in lines]


def job(seed=0):
    """What leonui rlhf asks of a file: model, tokenizer, prompts, reward, and any of the four groups of settings."""
    torch.manual_seed(seed)
    return {
        "model": language_model(),
        "tokenizer": Characters(),
        "prompts": ["\n" + prompt for prompt in PROMPTS],
        "reward": reward,
        "sampling": Sampling(batch=96, length=40, missing_eos=0.5, seed=seed),
        "penalty": KLPenalty("k1", beta=0.08, target=6.0),
        "advantage": Advantage("gae", critic=0.5),
        "update": Update(lr=1.5e-4, epochs=4, minibatch=48),
    }


def show(title, trainer, prompts):
    print(title)
    for prompt, (text, score) in zip(prompts, trainer.sample(prompts), strict=True):
        print(f"  {score:.2f} ", prompt.strip("\n") + text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    work = job(args.seed)
    prompts = work.pop("prompts")
    trainer = RLHF(**work)
    show("before:", trainer, prompts)
    start = time.perf_counter()
    for row in trainer.train(prompts, args.steps):
        if row["step"] % 5 == 0:
            left = (time.perf_counter() - start) / row["step"] * (args.steps - row["step"])
            print(f"step {row['step']:3d}  reward {row['reward']:.2f}  KL {row['kl']:.2f} nats  {left:.0f} s left")
    show("after:", trainer, prompts)


if __name__ == "__main__":
    main()
