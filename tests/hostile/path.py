"""Small trainings whose landscape is known, or that have none: ``path.py CASE``."""

import sys

import torch
from torch.nn.functional import mse_loss

case = sys.argv[1]
torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
x = torch.randn(64, 2 if case in ("two", "straight") else 3)
y = x @ torch.linspace(1, 2, x.shape[1])[:, None]
model = torch.nn.Linear(x.shape[1], 1, bias=False)
if case in ("net", "adam"):
    model = torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.Tanh(), torch.nn.Linear(1, 1))
if case == "straight":
    x = torch.eye(2)
    y = torch.ones(2, 1)
    torch.nn.init.zeros_(model.weight)
make = torch.optim.Adam if case == "adam" else torch.optim.SGD
optimizer = make(model.parameters(), lr=1e3 if case == "diverges" else 0.05)
for step in range(2 if case == "short" else 24):
    optimizer.zero_grad()
    loss = mse_loss(model(x), y)
    if case == "still":
        loss = 0.0 * loss
    if case == "nan":
        loss = loss * float("nan")
    loss.backward()
    optimizer.step()
    if case == "crash" and step == 9:
        raise ValueError("the tenth step")
