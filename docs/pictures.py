"""The lesson's pictures: ``python docs/pictures.py`` draws them all, ``python docs/pictures.py rates cliff`` some.

Every path is walked by a real optimizer of leonui.optim. Each picture says its seed, its steps and how
its rate was chosen.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn.functional import cross_entropy

from leonui import schedule
from leonui.optim import SGD, Adam, AdamW, Lion, RMSprop

PLACE = Path(__file__).parent / "lesson" / "pictures"
# Okabe and Ito's colours, which the colour-blind can tell apart
BLUE, ORANGE, GREEN, RED, PURPLE, INK, SOFT = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#b3261e",
    "#cc79a7",
    "#1d2530",
    "#5a6675",
)
STYLE = {
    "figure.dpi": 100,
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.titlesize": 10.5,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "text.color": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.fonttype": "none",
    "svg.hashsalt": "leonui",
}

Walk = list[np.ndarray]
Make = Callable[[list[Tensor]], torch.optim.Optimizer]


def walk(surface: Callable[[Tensor], Tensor], start: Iterable[float], make: Make, steps: int) -> np.ndarray:
    """The points that an optimizer goes through, [steps + 1, coordinates], in float64; it ends where it leaves."""
    w = torch.tensor(list(start), dtype=torch.float64, requires_grad=True)
    optimizer, points = make([w]), [w.detach().numpy().copy()]
    for _ in range(steps):
        optimizer.zero_grad()
        surface(w).backward()
        optimizer.step()
        points.append(w.detach().numpy().copy())
        if not np.isfinite(points[-1]).all() or np.abs(points[-1]).max() > 1e3:
            break
    return np.array(points)


def panels(count: int, width: float = 7.6, height: float = 3.4) -> tuple[Figure, list[Axes]]:
    """A picture with so many panels, side by side."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, list(np.atleast_1d(figure.subplots(1, count)))


def contours(axes: Axes, surface: Callable[[Tensor], Tensor], x: tuple, y: tuple, levels: np.ndarray) -> None:
    """The surface as contour lines."""
    grid = np.meshgrid(np.linspace(*x, 90), np.linspace(*y, 90))
    heights = surface(torch.tensor(np.array(grid))).numpy()
    axes.contour(*grid, heights, levels=levels, colors="#c6d0d8", linewidths=0.8)
    axes.set(xlim=x, ylim=y, xlabel="$w_1$", ylabel="$w_2$")


def path(axes: Axes, points: np.ndarray, color: str, label: str, every: int = 1) -> None:
    """A walk, a dot every so many steps."""
    axes.plot(*points.T, color=color, label=label, lw=1.3)
    axes.plot(*points[::every].T, ".", color=color, ms=4.5)


def slope(figure: Figure, axes: list[Axes]) -> str:
    """The loss along the first gradient, and what the slope promises."""
    pixels, digits = load_digits(return_X_y=True)
    x, y = torch.tensor(pixels, dtype=torch.float32) / 16, torch.tensor(digits)
    w = torch.zeros(64, 10, requires_grad=True)
    start = cross_entropy(x @ w, y)
    (g,) = torch.autograd.grad(start, w)
    sizes = np.linspace(0, 60, 121)
    with torch.no_grad():
        losses = [float(cross_entropy(x @ (w - lr * g), y)) for lr in sizes]
    axes[0].plot(sizes, losses, color=BLUE, label="the loss")
    axes[0].plot(
        sizes, start.item() - sizes * float(g.square().sum()), "--", color=ORANGE, label="what the slope promises"
    )
    best = int(np.argmin(losses))
    axes[0].plot(sizes[best], losses[best], "o", color=BLUE)
    axes[0].annotate(
        f"the best single step: {sizes[best]:.3g}", (sizes[best], losses[best]), (0, 12), textcoords="offset points"
    )
    axes[0].set(xlabel="step size along the gradient", ylabel="loss", ylim=(0, 2.6))
    axes[0].legend()
    return "digits, softmax regression from zero, 1797 samples; no randomness, one step; step sizes: 121 from 0 to 60"


def saddle(figure: Figure, axes: list[Axes]) -> str:
    """Four optimizers on a saddle."""

    def surface(w: Tensor) -> Tensor:
        return w[0] ** 2 / 2 - w[1] ** 2 / 2 + w[1] ** 4 / 4

    makers: dict[str, tuple[str, Make]] = {
        "SGD": (BLUE, lambda w: SGD(w, lr=0.05)),
        "momentum 0.9": (ORANGE, lambda w: SGD(w, lr=0.05, momentum=0.9)),
        "RMSprop": (PURPLE, lambda w: RMSprop(w, lr=0.05)),
        "Adam": (GREEN, lambda w: Adam(w, lr=0.05)),
    }
    contours(axes[0], surface, (-1.1, 1.3), (-1.5, 1.5), np.linspace(-0.25, 1, 14))
    for name, (color, make) in makers.items():
        points = walk(surface, (1.0, 1e-6), make, 300)
        path(axes[0], points, color, name, every=10)
        axes[1].plot(surface(torch.tensor(points.T)).numpy(), color=color, label=name)
    axes[0].plot(0, 0, "x", color=INK)
    axes[1].axhline(0, color="#c6d0d8", lw=0.8)
    axes[1].set(xlabel="step", ylabel="$f$", title="stuck on the ridge, until it is left")
    axes[0].set_title("dots: every tenth step; cross: the saddle")
    axes[1].legend()
    return "start (1, 1e-6), 300 steps, no randomness; lr 0.05 for all, not tuned"


def rates(figure: Figure, axes: list[Axes]) -> str:
    """Four learning rates on a parabola."""
    told = ((0.05, "too small"), (0.5, "good"), (1.9, "too large"), (2.1, "far too large"))
    line = np.linspace(-2.4, 2.4, 100)
    for one, (lr, title) in zip(axes, told, strict=True):
        points = walk(lambda w: w.square().sum() / 2, (-1.2,), lambda w, lr=lr: SGD(w, lr=lr), 12)[:, 0]
        one.plot(line, line**2 / 2, color="#c6d0d8")
        one.plot(points, points**2 / 2, ".-", color=RED if lr > 2 else BLUE, lw=1, ms=6)
        one.plot(points[0], points[0] ** 2 / 2, "o", color=INK, ms=5)
        one.set(title=f"{title}\n$\\eta$ = {lr}", xticks=[], yticks=[], xlim=(-2.4, 2.4), ylim=(-0.15, 2.9))
        one.spines[:].set_visible(False)
    axes[3].text(0, 2.55, "leaves", color=RED, ha="center")
    return "$w^2/2$ from -1.2, 12 steps of SGD, no randomness; lr as given, the limit is 2"


def ravine(figure: Figure, axes: list[Axes]) -> str:
    """Plain descent and a heavy ball in a narrow valley."""

    def surface(w: Tensor) -> Tensor:
        return (w[0] ** 2 + 40 * w[1] ** 2) / 2

    for one, momentum, color in zip(axes, (0.0, 0.8), (BLUE, ORANGE), strict=True):
        points = walk(surface, (-4.0, 0.6), lambda w, m=momentum: SGD(w, lr=0.045, momentum=m), 30)
        contours(one, surface, (-4.5, 1.5), (-0.9, 0.9), np.geomspace(0.05, 20, 9))
        path(one, points, color, "")
        one.plot(0, 0, "*", color=GREEN, ms=11)
        left = float(np.hypot(*points[-1]))
        one.set_title(f"{'momentum ' + str(momentum) if momentum else 'plain'}: {left:.2g} from the bottom")
    return "$(w_1^2 + 40 w_2^2)/2$ from (-4, 0.6), 30 steps, no randomness; lr 0.045 for both, 90% of the plain limit"


def valley(figure: Figure, axes: list[Axes]) -> str:
    """Five optimizers on Rosenbrock's function, each with its own best rate."""

    def surface(w: Tensor) -> Tensor:
        return (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2

    makers: dict[str, tuple[str, Callable[[float], Make]]] = {
        "SGD": (BLUE, lambda lr: lambda w: SGD(w, lr=lr)),
        "momentum 0.9": (ORANGE, lambda lr: lambda w: SGD(w, lr=lr, momentum=0.9)),
        "AdamW": (GREEN, lambda lr: lambda w: AdamW(w, lr=lr, weight_decay=0)),
        "RMSprop": (PURPLE, lambda lr: lambda w: RMSprop(w, lr=lr)),
        "Lion": (RED, lambda lr: lambda w: Lion(w, lr=lr)),
    }
    contours(axes[0], surface, (-2, 2), (-1, 3), np.geomspace(0.3, 2000, 12))
    ladder, steps = np.geomspace(1e-5, 10, 25), 300
    for name, (color, make) in makers.items():
        walks = {float(lr): walk(surface, (-1.5, 2.0), make(float(lr)), steps) for lr in ladder}
        lost = {lr: float(surface(torch.tensor(points[-1]))) for lr, points in walks.items() if len(points) > steps}
        lr = min(lost, key=lambda rate: lost[rate])
        path(axes[0], walks[lr], color, "", every=steps + 1)
        axes[1].semilogy(surface(torch.tensor(walks[lr].T)).numpy(), color=color, label=f"{name}, lr {lr:.2g}")
    axes[0].plot(1, 1, "*", color=INK, ms=11)
    axes[1].set(xlabel="step", ylabel="$f$", ylim=(1e-4, 1e8), title="each with its best rate of the grid")
    axes[1].legend(fontsize=8.5, loc="upper right")
    axes[0].set_title("paths; star: the bottom")
    return "Rosenbrock from (-1.5, 2), 300 steps, no randomness; lr: best final $f$ of 25 from 1e-5 to 10, no clipping"


def schedules(figure: Figure, axes: list[Axes]) -> str:
    """Six schedules over the same steps."""
    shown = {
        "warmup(100) > cosine(900)": BLUE,
        "warmup(100) > linear(900)": ORANGE,
        "warmup(100) > constant(1, 700) > cooldown(200, sqrt)": GREEN,
        "one_cycle(1000)": PURPLE,
        "restarts(250, 4)": RED,
        "warmup(100) > inverse_sqrt(100)": SOFT,
    }
    for text, color in shown.items():
        plan = schedule.parse(text)
        axes[0].plot([plan(step) for step in range(1000)], color=color, label=text, lw=1.5)
    axes[0].set(xlabel="step", ylabel="times the learning rate")
    axes[0].legend(fontsize=8.5, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return "leonui.schedule over 1000 steps; no randomness; 1 is the learning rate that the optimizer was given"


def cliff(figure: Figure, axes: list[Axes]) -> str:
    """A walk that meets a cliff, with and without clipping."""

    def surface(w: Tensor) -> Tensor:
        return (0.5 * w + 100 * torch.relu(w - 1) ** 2 + 2 * torch.relu(-w) ** 2).sum()

    line = np.linspace(-7.5, 1.4, 500)
    heights = np.array([float(surface(torch.tensor([v]))) for v in line])
    for one, bound, color in zip(axes, (None, 1.0), (RED, BLUE), strict=True):
        points = walk(surface, (1.25,), lambda w, b=bound: SGD(w, lr=0.15, clip_norm=b), 15)[:, 0]
        one.plot(line, heights, color="#c6d0d8")
        one.plot(points, [float(surface(torch.tensor([v]))) for v in points], ".-", color=color, lw=1, ms=6)
        one.plot(points[0], float(surface(torch.tensor([points[0]]))), "o", color=INK, ms=5)
        one.set(title=f"clip_norm={bound:g}" if bound else "no clipping", xlabel="$w$", ylabel="loss", ylim=(-3, 60))
    return "from 1.25 on the wall, 15 steps of SGD, no randomness; lr 0.15 for both"


def clip(figure: Figure, axes: list[Axes]) -> str:
    """PPO's objective for one sample."""
    ratio, eps = torch.linspace(0, 2, 401), 0.2
    for one, advantage, title in zip(axes, (1.0, -1.0), ("a good action, A = 1", "a bad action, A = -1"), strict=True):
        plain = ratio * advantage
        bounded = torch.minimum(plain, ratio.clamp(1 - eps, 1 + eps) * advantage)
        one.plot(ratio, plain, "--", color=SOFT, lw=1.2, label=r"$\rho A$")
        one.plot(ratio, bounded, color=BLUE, label="clipped")
        one.plot(1, advantage, "o", color=ORANGE)
        one.axvspan(1 - eps, 1 + eps, color="#eef3f6", zorder=0)
        one.set(title=title, xlabel=r"$\rho$, new probability over old")
        one.legend()
    return r"the formula itself, $\epsilon$ = 0.2, 401 ratios; no steps, no seed, no rate"


SHAPES = {slope: (1, 3.6), saddle: (2, 3.6), rates: (4, 2.6), ravine: (2, 3.0), valley: (2, 3.6), schedules: (1, 3.2),
          cliff: (2, 3.0), clip: (2, 3.0)}  # fmt: skip
PICTURES = {draw.__name__: draw for draw in SHAPES}


def picture(name: str) -> Path:
    """Draw one; below it, how it was made."""
    draw = PICTURES[name]
    count, height = SHAPES[draw]
    with mpl.rc_context(STYLE):
        figure, axes = panels(count, height=height)
        figure.supxlabel(draw(figure, axes), fontsize=8, color=SOFT)
        file = PLACE / f"{name}.svg"
        figure.savefig(file, metadata={"Date": None, "Creator": None})
    file.write_text("\n".join(line.rstrip() for line in file.read_text().splitlines()) + "\n")
    return file


if __name__ == "__main__":
    PLACE.mkdir(exist_ok=True)
    for name in sys.argv[1:] or PICTURES:
        print(picture(name), file=sys.stderr)
