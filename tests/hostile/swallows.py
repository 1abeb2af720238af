"""Catches whatever a step raises, and goes on."""

import torch
import toy

model = toy.line()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(60):
    try:
        toy.step(model, optimizer)
        if step % 10 == 9:
            raise RuntimeError("a bad batch")
    except Exception as error:
        print("skipped:", error)
