"""The model and the optimizer's step are both compiled; the eager backend needs no C++ compiler."""

import torch
import torch._dynamo
import toy

model = toy.line()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
forward = torch.compile(model, backend="eager")


@torch.compile(backend="eager")
def move():
    optimizer.step()


for _ in range(40):
    optimizer.zero_grad()
    toy.loss(forward).backward()
    move()
