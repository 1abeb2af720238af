"""A GradScaler that meets one overflow, at its fifth batch, and leaves that step out."""

import torch
import toy

model = toy.line()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
for batch in range(1, 42):
    loss = toy.loss(model) * (float("inf") if batch == 5 else 1.0)
    optimizer.zero_grad()
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
