"""How long the lab computes between a slider and its picture: four climbers, 500 steps, every surface, many starts.

The answer is timed where it is computed and over HTTP, as the page asks for it; a hundred at once are counted. All
rules are compiled before: that is done once on a machine.
"""

from __future__ import annotations

import http.client
import json
import random
import socket
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch
import uvicorn
from measure import write

from leonui.lab import Wish, answer
from leonui.lab.kinds import KINDS
from leonui.lab.server import HOST, application
from leonui.landscape import SURFACES

CLIMBERS, STEPS, ROUNDS, TOGETHER = 4, 500, 40, 100


def race(surface: str, chance: random.Random) -> dict[str, Any]:
    """A race of four rules from anywhere on a surface; a third of them with noise."""
    start = [chance.uniform(low, high) for low, high in SURFACES[surface].window]
    kinds = chance.sample(list(KINDS), CLIMBERS)
    climbers = [{"kind": kind, "lr": KINDS[kind].lr * 10 ** chance.uniform(-1.5, 0.5)} for kind in kinds]
    noise = chance.choice([0.0, 0.0, 0.5])
    return {"surface": surface, "start": start, "steps": STEPS, "noise": noise, "climbers": climbers}


def spread(name: str, times: list[float]) -> dict[str, Any]:
    """One row: milliseconds."""
    cuts = statistics.quantiles(times, n=100)
    return {
        "what": name, "median_ms": 1e3 * cuts[49], "p95_ms": 1e3 * cuts[94], "p99_ms": 1e3 * cuts[98],
        "longest_ms": 1e3 * max(times), "races": len(times),
    }  # fmt: skip


def post(port: int, body: bytes) -> tuple[int, float]:
    """The status and the seconds of one question."""
    began, connection = time.perf_counter(), http.client.HTTPConnection(HOST, port, timeout=120)
    connection.request("POST", "/race", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status, time.perf_counter() - began


def computed(races: list[dict[str, Any]]) -> tuple[list[float], list[float]]:
    """Seconds by the clock and of the processor, for each race."""
    wall, processor = [], []
    for one in races:
        began, used = time.perf_counter(), time.process_time()
        json.dumps(answer(Wish.of(one)))
        wall.append(time.perf_counter() - began)
        processor.append(time.process_time() - used)
    return wall, processor


@contextmanager
def served() -> Iterator[int]:
    """The real server in a thread; its port."""
    with socket.socket() as door:
        door.bind((HOST, 0))
        door.listen(128)
        port = door.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(application(port, "en"), log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        yield port
        server.should_exit = True
        thread.join()


def asked(races: list[dict[str, Any]]) -> tuple[list[float], list[tuple[int, float]]]:
    """Seconds of each race one after the other, and status and seconds of a hundred at once."""
    bodies = [json.dumps(one).encode() for one in races]
    with served() as port, ThreadPoolExecutor(TOGETHER) as pool:
        alone = [post(port, body)[1] for body in bodies]
        return alone, list(pool.map(lambda body: post(port, body), bodies[:TOGETHER]))


def main() -> None:
    """Print the rows and leave them as JSON."""
    torch.set_num_threads(1)
    chance = random.Random(0)
    for kind in KINDS:
        for name, one in SURFACES.items():
            answer(Wish.of({"surface": name, "start": list(one.start), "steps": 2, "climbers": [{"kind": kind}]}))
    races = [race(surface, chance) for _ in range(ROUNDS) for surface in SURFACES]
    wall, processor = computed(races)
    alone, together = asked(races)
    rows = [spread("computed", wall), spread("computed, processor time", processor), spread("asked over HTTP", alone)]
    for row in rows:
        figures = "median {median_ms:6.1f} ms  p95 {p95_ms:6.1f}  p99 {p99_ms:6.1f}  longest {longest_ms:6.1f}"
        print(f"{row['what']:26} {figures.format(**row)}")
    counts = {str(status): count for status, count in Counter(status for status, _ in together).items()}
    last = 1e3 * max(seconds for _, seconds in together)
    print(f"{TOGETHER} at once: {counts}, the last after {last:.0f} ms")
    write("lab", [*rows, {"what": f"{TOGETHER} at once", "statuses": counts, "longest_ms": last}])


if __name__ == "__main__":
    main()
