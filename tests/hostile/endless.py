"""Never ends by itself; an argument makes each step so many seconds slower."""

import sys
import time

import torch
import toy

model = toy.line()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
while True:
    toy.step(model, optimizer)
    time.sleep(float(sys.argv[1]) if sys.argv[1:] else 0.0)
