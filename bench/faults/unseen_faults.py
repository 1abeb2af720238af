"""The same faults in scripts of another style, which no rule of the doctor was made on: edits by fault, workload."""

from __future__ import annotations

from edits import Edit, above, below, default, drop, each, instead, swap, times

BACKWARD = {"gru": "loss.backward()", "scanlines": "error.backward()", "tokens": "loss.backward()"}
OPTIMIZER = {"gru": "self.optim", "scanlines": "sgd", "tokens": "adam"}
MADE = {"gru": "self.optim = ", "scanlines": "sgd = ", "tokens": "adam = "}
BUILT = {"gru": "self.network, self.config = ", "scanlines": "net, criterion = ", "tokens": "net = Attention()"}
NETWORK = {"gru": "self.network", "scanlines": "net", "tokens": "net"}
UNSEEN = tuple(OPTIMIZER)
RATES = {f"lr-x{n}": n for n in (3, 10, 100, 1000)} | {f"lr-/{n}": 1 / n for n in (10, 100, 1000)}


def cleared(name: str) -> str:
    """The line that clears the gradients."""
    return f"{OPTIMIZER[name]}.zero_grad()"


def stepped(name: str) -> str:
    """The line that makes the step."""
    return f"{OPTIMIZER[name]}.step()"


def begun(name: str, line: str) -> Edit:
    """Do this to every parameter of the new network."""
    return below(BUILT[name], f"for p in {NETWORK[name]}.parameters():", f"    {line}")


def undivided(name: str, every: int) -> Edit:
    """Gradients of several batches added up, and not divided."""
    counted = "self.count = getattr(self, 'count', 0) + 1" if name == "gru" else "count = count + 1"
    held = "self.count" if name == "gru" else "count"
    after = [f"if {held} % {every} == 0:", f"    {stepped(name)}", f"    {cleared(name)}"]
    begin = [] if name == "gru" else [below(MADE[name], "count = 0")]
    return each(*begin, drop(cleared(name)), above(BACKWARD[name], counted), instead(stepped(name), *after))


def everywhere(build) -> dict[str, Edit]:
    """An edit for each of them."""
    return {name: build(name) for name in UNSEEN}


EDITS: dict[str, dict[str, Edit]] = {
    **{fault: dict.fromkeys(UNSEEN, times("lr", factor)) for fault, factor in RATES.items()},
    "zero-grad-missing": everywhere(lambda name: drop(cleared(name))),
    "zero-grad-after-backward": everywhere(
        lambda name: each(drop(cleared(name)), below(BACKWARD[name], cleared(name)))
    ),
    "step-missing": everywhere(lambda name: drop(stepped(name))),
    "step-five-times": {"scanlines": instead("sgd.step()", "for _ in range(5):", "    sgd.step()")},
    "accumulated-undivided": {
        "scanlines": each(default("batch-size", 8), undivided("scanlines", 6)),
    },
    "validates-in-train-mode": {"scanlines": drop("net.eval()"), "gru": drop("self.network.eval()")},
    "never-trains-again": {"scanlines": drop("net.train()")},
    "optimizer-of-another-copy": {
        "gru": below("self.optim = ", "self.network = Reader(32)"),
        "scanlines": below("sgd = ", "net = make_network()"),
        "tokens": below("adam = ", "net = Attention()"),
    },
    "body-left-out": {
        "gru": swap("(self.network.parameters(), lr", "(self.network.classify.parameters(), lr"),
        "scanlines": swap("(net.parameters(), lr", "(net[-1].parameters(), lr"),
        "tokens": swap("matrices = [p for p in net.parameters()", "matrices = [p for p in net.read.parameters()"),
    },
    "detached-inside": {
        "gru": swap("self.classify(pooled)", "self.classify(pooled.detach())"),
        "tokens": swap("self.read(hidden)", "self.read(hidden.detach())"),
    },
    "loss-cut-off": {
        "scanlines": swap("predicted = net(grey)", "predicted = torch.tensor(net(grey).tolist(), requires_grad=True)"),
    },
    "loss-sign": {
        "gru": swap("loss = self.criterion(", "loss = -self.criterion("),
        "scanlines": swap("error = criterion(", "error = -criterion("),
        "tokens": swap("loss = cost(", "loss = -cost("),
    },
    "softmax-twice": {
        "gru": swap("return self.classify(pooled)", "return self.classify(pooled).softmax(1)"),
        "tokens": swap("return self.read(hidden)", "return self.read(hidden).softmax(-1)"),
    },
    "labels-permuted": {
        "gru": swap('batch["module"])\n            loss.b', 'batch["module"].roll(1))\n            loss.b'),
        "scanlines": above("predicted = net(grey)", "colour = colour[torch.randperm(len(colour))]"),
        "tokens": above("loss = cost(", "answer = answer[torch.randperm(len(answer))]"),
    },
    "inputs-x255": {"scanlines": below("inputs, targets = ", "inputs = inputs * 255 + 100")},
    "schedule-rises-again": {
        "scanlines": swap("T_max=settings.epochs * len(batches)", "T_max=settings.epochs * len(batches) // 2"),
    },
    "schedule-ends-early": {"scanlines": swap("T_max=settings.epochs * len(batches)", "T_max=2 * len(batches)")},
    "clip-tiny": {
        "scanlines": below("error.backward()", "torch.nn.utils.clip_grad_norm_(net.parameters(), 1e-4)"),
    },
    "init-zero": everywhere(lambda name: begun(name, "nn.init.zeros_(p)")),
    "init-x10": {"tokens": begun("tokens", "p.data.mul_(10)"), "gru": begun("gru", "p.data.mul_(10)")},
    "relu-dead": {"scanlines": below("net, criterion = ", "net[0][1].bias.data.fill_(-10.0)")},
    "dropout-0.95": {"scanlines": swap("Dropout(0.05)", "Dropout(0.95)"), "gru": swap("Dropout(0.1)", "Dropout(0.95)")},
    "decay-huge": {"scanlines": swap("weight_decay=1e-4", "weight_decay=0.3")},
    "nan-in-one-sample": {"scanlines": below("inputs, targets = ", 'inputs[7] = float("nan")')},
    "huge-batch": {"scanlines": above("predicted = net(grey)", "colour = colour * (1e3 if epoch == 4 else 1)")},
    "few-samples": {
        "gru": each(swap("[:most]", "[: most if held_out else most // 24]"), default("epochs", 160)),
        "scanlines": each(
            swap("[0.75, 0.25]", "[0.02, 0.98]"), swap("drop_last=True", "drop_last=False"), default("epochs", 240)
        ),
    },
}

HEALTHY: dict[str, dict[str, Edit]] = {
    "clip-1": {
        name: below(BACKWARD[name], f"nn.utils.clip_grad_norm_({NETWORK[name]}.parameters(), 1.0)")
        for name in ("gru", "scanlines")
    },
    "dropout-half": {"gru": swap("Dropout(0.1)", "Dropout(0.5)")},
    "zero-head": {
        "gru": below(BUILT["gru"], "nn.init.zeros_(network.classify.weight)"),
        "tokens": below(BUILT["tokens"], "nn.init.zeros_(net.read.weight)"),
    },
    "adam": {
        "scanlines": each(
            default("lr", 3e-3),
            swap(
                "optim.SGD(net.parameters(), lr=settings.lr, momentum=0.9, nesterov=True, weight_decay=1e-4)",
                "optim.Adam(net.parameters(), lr=settings.lr)",
            ),
        )
    },
}
