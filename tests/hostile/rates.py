"""Small trainings, each odd in another way, for the search of a learning rate: ``rates.py CASE``."""

import math
import sys

import torch
from torch.nn.functional import mse_loss

case, steps = sys.argv[1], 60 if len(sys.argv) < 3 else int(sys.argv[2])
torch.manual_seed(0)
x = torch.randn(256, 8)
y = x @ torch.randn(8, 1) + 0.1 * torch.randn(256, 1)
model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
groups = [{"params": model[0].parameters()}, {"params": model[2].parameters(), "lr": 0.002}]
optimizers = [torch.optim.SGD(groups if case == "groups" else model.parameters(), lr=0.01)]
if case == "two":
    optimizers = [torch.optim.SGD(model[0].parameters(), lr=0.01), torch.optim.Adam(model[2].parameters(), lr=0.001)]
if case == "frozen":
    for p in model.parameters():
        p.requires_grad_(False)
if case == "resumed":
    state = torch.load("resumed.pt")
    model.load_state_dict(state["model"])
    optimizers = [torch.optim.AdamW(model.parameters(), lr=0.001)]
    optimizers[0].load_state_dict(state["optimizer"])
if case == "ddp":
    torch.distributed.init_process_group("gloo")
    torch.manual_seed(torch.distributed.get_rank())
    model = torch.nn.parallel.DistributedDataParallel(model)
if case == "fsdp":
    from torch.distributed.fsdp import fully_shard

    torch.distributed.init_process_group("gloo")
    mesh = torch.distributed.device_mesh.init_device_mesh("cpu", (torch.distributed.get_world_size(),))
    model = fully_shard(model, mesh=mesh)
    optimizers = [torch.optim.SGD(model.parameters(), lr=0.01)]
scaler = torch.amp.GradScaler("cpu", enabled=case == "amp", init_scale=16.0)
schedulers = []
if case == "warm":
    schedulers = [torch.optim.lr_scheduler.LambdaLR(optimizers[0], lambda step: min(step / 10, 1.0))]
for step in range(5 if case == "five" else steps):
    if case == "by-hand":
        for group in optimizers[0].param_groups:
            group["lr"] = 0.02 * math.sin(math.pi * step / steps)
    for _part in range(2 if case == "accumulates" else 1):
        at = torch.randint(256, (32,))
        out = model(x[at])
        loss = mse_loss(out, y[at], reduction="sum" if case == "sum" else "mean")
        if case == "constant":
            loss = 0.0 * out.sum() + 1.0
        if case == "unbounded":
            loss = out.sum()
        if case == "nan":
            loss = loss * float("nan")
        scaler.scale(loss / (2 if case == "accumulates" else 1)).backward()
    if case == "ascends":
        for p in model.parameters():
            p.grad.neg_()
    for optimizer in optimizers:
        scaler.step(optimizer)
    scaler.update()
    for optimizer in optimizers:
        optimizer.zero_grad()
    for scheduler in schedulers:
        scheduler.step()
    if case == "prints" and step % 20 == 19:
        with torch.no_grad():
            print(f"accuracy {1 / (1 + mse_loss(model(x), y).item()):.6f}", flush=True)
if case == "saves":
    torch.save({"model": model.state_dict(), "optimizer": optimizers[0].state_dict()}, "mine.pt")
if case in ("ddp", "fsdp"):
    torch.distributed.destroy_process_group()
