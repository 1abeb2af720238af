"""Forks as it trains: a pool of workers now and then, and a child that trains a little and exits."""

import multiprocessing
import os

import torch
import toy

model = toy.line()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(1, 41):
    toy.step(model, optimizer)
    if step in (2, 6):
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map(abs, [-1, 2]) == [1, 2]
            pool.close()
            pool.join()
    if step in (3, 5):
        child = os.fork()
        if not child:
            torch.set_num_threads(1)
            toy.step(model, optimizer)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
