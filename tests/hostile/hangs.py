"""Comes to no step at all, or, with an argument, to no step after so many."""

import sys
import time

import torch
import toy

model = toy.line()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in range(int(sys.argv[1]) if sys.argv[1:] else 0):
    toy.step(model, optimizer)
    time.sleep(0.06)  # the last moments before a hang are not written down
while True:
    time.sleep(0.1)
