"""Kills itself, as a system without memory left would."""

import os
import time

import torch
import toy

model = toy.line()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(1, 41):
    toy.step(model, optimizer)
    time.sleep(0.06)  # what happened in the last moments before a kill is not written down any more
    if step == 10:
        os.kill(os.getpid(), 9)
