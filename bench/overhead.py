"""What watching costs: the same loop with and without the probe, in turn, as seconds a step and as a ratio.

Times are processor time, which neighbours on the machine disturb less than the clock on the wall. The wide network's
step takes over 10 ms on one core; the smallest is a loop that does next to nothing.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable

import torch
from measure import in_turn, quartiles, write

from leonui.trial.live import Watch

ROUNDS = 15
FIRST = 20  # steps at which all is looked at, whatever it costs


def trainer(width: int, batch: int, depth: int) -> Callable[[int], float]:
    """A loop over an MLP: takes a number of steps, returns the seconds of one."""
    layers = [layer for _ in range(depth) for layer in (torch.nn.Linear(width, width), torch.nn.ReLU())]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(width, 10))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    x, y = torch.randn(batch, width), torch.randint(0, 10, (batch,))

    def train(steps: int) -> float:
        began = time.process_time()
        for _ in range(steps):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        return (time.process_time() - began) / steps

    return train


def measured(name: str, steps: int, train: Callable[[int], float]) -> dict[str, float | str | int]:
    """One row: unwatched and watched, alternating; what a watch costs once, with its first steps, is told apart."""
    train(steps)
    starts: list[float] = []
    with tempfile.TemporaryDirectory() as folder:

        def watched() -> float:
            began = time.process_time()
            with Watch(folder):
                train(FIRST)
                starts.append(time.process_time() - began)
                return train(steps)

        pairs = in_turn(lambda: train(steps), watched, ROUNDS)
    ratios = [after / before for before, after in pairs]
    extra = [after - before for before, after in pairs]
    low, middle, high = quartiles(ratios)
    return {
        "loop": name,
        "step_us": statistics.median(before for before, _ in pairs) * 1e6,
        "extra_us": statistics.median(extra) * 1e6,
        "start_ms": statistics.median(starts) * 1e3 - FIRST * statistics.median(before for before, _ in pairs) * 1e3,
        "ratio": middle,
        "ratio_quartiles": f"{low:.4f} to {high:.4f}",
        "steps": steps,
        "rounds": ROUNDS,
    }


def main() -> None:
    """Print the table and leave it as JSON."""
    torch.set_num_threads(1)
    rows = [
        measured("smallest (MLP 8, batch 4)", 2000, trainer(8, 4, 1)),
        measured("wide (MLP 512 x 4, batch 256)", 150, trainer(512, 256, 4)),
    ]
    print(f"{'loop':32} {'step us':>10} {'extra us':>9} {'start ms':>9} {'ratio':>7}  quartiles of the ratio")
    for row in rows:
        print("{loop:32} {step_us:10.1f} {extra_us:9.1f} {start_ms:9.1f} {ratio:7.4f}  {ratio_quartiles}".format(**row))
    write("overhead", rows)


if __name__ == "__main__":
    main()
