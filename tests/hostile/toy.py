"""What these scripts share: a line, fitted to random data, from the same start each time."""

import sys
import types

import torch

# The first optimizer imports torch's compiler, which is a third of the time that so small a script takes. What does not
# compile does without it; a script that does compile imports the compiler before this file.
NO_COMPILER = types.SimpleNamespace(disable=lambda function, *_, **__: function, graph_break=lambda: None)
sys.modules.setdefault("torch._dynamo", NO_COMPILER)


def line() -> torch.nn.Linear:
    torch.manual_seed(0)
    return torch.nn.Linear(4, 1)


def data() -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(16, 4)
    return x, x.sum(1, keepdim=True) + 0.1 * torch.randn(16, 1)


def loss(model: torch.nn.Module) -> torch.Tensor:
    x, y = data()
    return torch.nn.functional.mse_loss(model(x), y)


def step(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> float:
    value = loss(model)
    optimizer.zero_grad()
    value.backward()
    optimizer.step()
    return value.item()


def train(steps: int = 40) -> None:
    model = line()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(steps):
        step(model, optimizer)
