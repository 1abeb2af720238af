"""Trains sharded, saves, or goes on from a checkpoint; run by torchrun. Prints one JSON line a case, from rank 0."""

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import nn
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from leonui import optim
from leonui.schedule import warmup_linear

torch.set_num_threads(1)
STEPS, MORE = 4, 3
CASES = {
    "AdamW": {"clip_norm": 0.1, "schedule": warmup_linear(8, 3)},
    "SGD": {"momentum": 0.9, "weight_decay": 0.1, "lr": 0.1},
    "Lion": {"weight_decay": 0.1},
    "NAdam": {},
    "LAMB": {"clip_norm": 0.1},
    "LARS": {"lr": 1.0, "weight_decay": 0.1},
    "Adafactor": {"eps": (1e-10, 1e-3)},
    "Muon": {"clip_norm": 0.1},
    "ScheduleFreeAdamW": {},
    "Prodigy": {"d0": 1e-3, "weight_decay": 0.1, "lr": 1.0},
}


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(13, 33), nn.LayerNorm(33), nn.Tanh(), nn.Linear(33, 7))


def optimizer(name, network):
    return getattr(optim, name)(network.parameters(), **{"lr": 0.01, **CASES[name]})


def train(network, opt, steps, rank=0, world=1):
    """Each process sees its own share of every batch; the mean over processes is the gradient of the whole batch."""
    for step in steps:
        noise = torch.Generator().manual_seed(step)
        x, y = torch.randn(8, 13, generator=noise), torch.randn(8, 7, generator=noise)
        mine = slice(rank * 8 // world, (rank + 1) * 8 // world)
        opt.zero_grad()
        (network(x[mine]) - y[mine]).square().mean().backward()
        opt.step()


def sharded(mesh):
    network = model()
    for part in (network[0], network[3], network):
        fully_shard(part, mesh=mesh)
    return network


def whole(network):
    return [(p.full_tensor() if hasattr(p, "full_tensor") else p).detach() for p in network.parameters()]


def distance(ours, theirs):
    return max(float((a - b).abs().max()) for a, b in zip(whole(ours), whole(theirs), strict=True))


def main(phase, folder):
    dist.init_process_group("gloo")
    rank, world = dist.get_rank(), dist.get_world_size()
    mesh = init_device_mesh("cpu", (world,))
    for name in CASES:
        alone, network = model(), sharded(mesh)
        single, opt = optimizer(name, alone), optimizer(name, network)
        place, row = Path(folder, name), {"name": name, "world": world}
        if phase == "load":
            train(alone, single, range(STEPS))
            held = dict(zip("mo", get_state_dict(network, opt), strict=True))
            dcp.load(held, checkpoint_id=place)
            set_state_dict(network, opt, model_state_dict=held["m"], optim_state_dict=held["o"])
            row["steps"] = opt.steps
            steps = range(STEPS, STEPS + MORE)
        else:
            steps = range(STEPS)
        train(alone, single, steps)
        train(network, opt, steps, rank, world)
        row |= {"fsdp": distance(network, alone), "engine": opt.engine}
        row["norms"] = [abs(float(a) - float(b)) / float(b) for a, b in zip(figures(opt), figures(single), strict=True)]
        if phase == "save":
            dcp.save(dict(zip("mo", get_state_dict(network, opt), strict=True)), checkpoint_id=place)
            copy = model()
            parallel = DistributedDataParallel(copy)
            train(parallel, optimizer(name, copy), steps, rank, world)
            row["ddp"] = distance(copy, alone)
        if rank == 0:
            print(json.dumps(row), flush=True)
    dist.destroy_process_group()


def figures(opt):
    return opt.stats.grad_norm, opt.stats.update_norm, opt.stats.weight_norm


main(*sys.argv[1:])
