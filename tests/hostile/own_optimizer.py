"""An optimizer of the user's own, made after torch was imported, with a step that nothing decorates."""

import torch
import toy


class Sign(torch.optim.Optimizer):
    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    def step(self, closure=None):
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    p -= group["lr"] * p.grad.sign()


model = toy.line()
optimizer = Sign(model.parameters(), lr=0.01)
for _ in range(40):
    toy.step(model, optimizer)
