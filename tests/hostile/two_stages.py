"""One optimizer trains, and is dropped; then another one does, at another rate."""

import torch
import toy

model = toy.line()
for made, lr in ((torch.optim.SGD, 0.01), (torch.optim.Adam, 0.001)):
    optimizer = made(model.parameters(), lr=lr)
    for _ in range(30):
        toy.step(model, optimizer)
