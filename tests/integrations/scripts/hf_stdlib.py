"""HF Trainer: a small GPT-2, made here, learns the letters of Python's own library."""

import inspect
import json.decoder
import sys

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments, set_seed

import leonui

LENGTH = 32


def windows():
    text = inspect.getsource(json.decoder)
    letters = {letter: at for at, letter in enumerate(sorted(set(text)))}
    ids = torch.tensor([letters[letter] for letter in text])
    parts = ids[: len(ids) // LENGTH * LENGTH].view(-1, LENGTH)
    return [{"input_ids": part, "labels": part} for part in parts], len(letters)


def main(optimizer):
    set_seed(0)
    data, letters = windows()
    model = GPT2LMHeadModel(GPT2Config(vocab_size=letters, n_positions=LENGTH, n_embd=32, n_layer=1, n_head=2))
    arguments = TrainingArguments(
        output_dir="out",
        per_device_train_batch_size=16,
        num_train_epochs=3,
        learning_rate=1e-3,
        eval_strategy="epoch",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
    )
    chosen = {} if optimizer is None else {"optimizer_cls_and_kwargs": (optimizer, {"lr": 1e-3})}
    trainer = Trainer(model, arguments, train_dataset=data[40:], eval_dataset=data[:40], **chosen)
    trainer.train()
    print("val_loss", trainer.evaluate()["eval_loss"])


main(leonui.optim.AdamW if "drop-in" in sys.argv else None)
