"""accelerate: a loop of one's own, prepared by an Accelerator, two batches to a step."""

import sys

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from accelerate.utils import set_seed
from digits import loaders, network

import leonui


def main(optimizer):
    set_seed(0)
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    model = network()
    steps = optimizer(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(steps, 66)
    model, steps, schedule, train, held = accelerator.prepare(model, steps, schedule, *loaders())
    for _ in range(6):
        model.train()
        for images, labels in train:
            with accelerator.accumulate(model):
                loss = F.cross_entropy(model(images), labels)
                accelerator.backward(loss)
                accelerator.clip_grad_norm_(model.parameters(), 1.0)
                steps.step()
                schedule.step()
                steps.zero_grad()
        model.eval()
        with torch.no_grad():
            losses = [F.cross_entropy(model(images), labels) for images, labels in held]
        accelerator.print("val_loss", float(sum(losses) / len(losses)))


main(leonui.optim.AdamW if "drop-in" in sys.argv else torch.optim.AdamW)
