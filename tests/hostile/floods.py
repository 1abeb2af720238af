"""Prints 100 MB: some before its first step, most while it trains."""

import torch
import toy

print("x" * 20_000_000)
model = toy.line()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for _ in range(40):
    toy.step(model, optimizer)
    print("x" * 2_000_000)
