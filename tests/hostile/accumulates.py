"""Four backward passes make one step."""

import torch
import toy

model = toy.line()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for micro in range(1, 161):
    (toy.loss(model) / 4).backward()
    if micro % 4 == 0:
        optimizer.step()
        optimizer.zero_grad()
