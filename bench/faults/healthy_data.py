"""Healthy recipes of the data and the model: noise, order, freezing, adapters, zero first weights, regularisers."""

from __future__ import annotations

from data_faults import loaded
from edits import Edit, above, below, default, drop, each, instead, sub, swap, times
from recipe import Recipe

OTHERS = "y_train = torch.where(torch.rand(len(y_train)) < 0.4, torch.randint(10, y_train.shape), y_train)"
SMOOTH = swap("loss = F.cross_entropy(model(x), y)", "loss = F.cross_entropy(model(x), y, label_smoothing=0.1)")
BUILT = "model = Net()"


def pretrained(loss: str, target: str) -> Edit:
    """The model is at its optimum when the loop begins, at a small rate."""
    lines = (
        "adam = torch.optim.Adam(model.parameters(), lr=5e-3)",
        "for part in range(400):",
        "    chosen = torch.randint(len(x_train), (64,))",
        f"    error = F.{loss}(model(x_train[chosen]), {target}[chosen])",
        "    adam.zero_grad(set_to_none=True)",
        "    error.backward()",
        '    adam.param_groups[0]["lr"] = 5e-3 * (1 - part / 400)',
        "    adam.step(None)",
    )
    return each(below(BUILT, *lines), times("lr", 0.05))


def small(batch: int, epochs: int, factor: float) -> Edit:
    """Few samples in a batch, and a rate to go with that."""
    return each(default("batch-size", batch), default("epochs", epochs), times("lr", factor))


def residual(head: str) -> Edit:
    """A block that adds nothing at first, its last layer being 0."""
    block = "self.block = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64))"
    zero = [f"nn.init.zeros_(self.block[2].{name})" for name in ("weight", "bias")]
    return each(below(head, block, *zero), below("h = self.body(x)", "h = h + self.block(h)"))


def curriculum(make: str) -> Edit:
    """Targets near the mean first, all of them after five epochs."""
    now = "x_now, y_now = x_train[order[:seen]], y_train[order[:seen]]"
    return each(
        loaded("order = y_train.abs().argsort()"),
        below(
            "for epoch in",
            "    seen = len(order) * min(5 + epoch, 10) // 10",
            f"    {now}",
            f"    loader = DataLoader(TensorDataset(x_now, y_now), batch_size={make}, shuffle=True)",
        ),
    )


# The same dropout as in training, on purpose, and the mean of what several passes predict.
PASSES = each(
    instead("model.eval()", "model.train()"),
    instead(
        "return F.cross_entropy",
        "passes = torch.stack([model(x).softmax(1) for _ in range(16)])",
        "return F.nll_loss(passes.mean(0).log(), y).item()",
    ),
)
ADAPTER = each(
    below(
        "self.head = ",
        "self.down = nn.Parameter(torch.randn(96, 4) / 10)",
        "self.up = nn.Parameter(torch.zeros(4, 96))",
    ),
    instead("h = self.body", "h = self.backbone(x)", "h = self.body(h + h @ self.down @ self.up)"),
)
UNFROZEN = each(
    drop("model.backbone.requires_grad_"),
    instead("parameters = [", "parameters = [*model.body.parameters(), *model.head.parameters()]"),
)
AGAIN = each(
    above("import torch.nn.functional", "import torch.utils.checkpoint"),
    swap("h = self.body(x)", "h = torch.utils.checkpoint.checkpoint(self.body, x, use_reentrant=False)"),
)
TIED = below("self.head = ", "self.head.weight = self.token.weight", "nn.init.normal_(self.token.weight, std=0.1)")
# A critic tells digits from drawings; what counts is still how near a drawing is to its digit.
CRITIC = each(
    below(
        BUILT,
        "critic = nn.Sequential(nn.Linear(64, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))",
        "critic_optimizer = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.9))",
    ),
    above(
        "optimizer.zero_grad()",
        "drawn = model(x)",
        "real, false = critic(x), critic(drawn.detach())",
        "critic_loss = F.softplus(-real).mean() + F.softplus(false).mean()",
        "critic_optimizer.zero_grad(set_to_none=True)",
        "critic_loss.backward()",
        "critic_optimizer.step(None)",
    ),
    instead("loss = F.mse_loss", "loss = F.mse_loss(drawn, x) + 3e-4 * F.softplus(-critic(drawn)).mean()"),
)
RECIPES = [
    Recipe(
        "at-optimum", {"cnn": pretrained("cross_entropy", "y_train"), "regression": pretrained("mse_loss", "y_train")}
    ),
    Recipe(
        "label-noise-40%",
        {"cnn": each(loaded(OTHERS), default("epochs", 4)), "rows": each(loaded(OTHERS), default("epochs", 6))},
    ),
    Recipe("batch-of-4", {"tabular": small(4, 6, 0.5), "finetune": small(4, 3, 0.2)}),
    Recipe("curriculum", {"regression": curriculum("args.batch_size")}),
    Recipe(
        "layer-frozen",
        {
            "cnn": below(BUILT, "model.conv1.requires_grad_(False)"),
            "regression": below(BUILT, "model.body[0].requires_grad_(False)"),
        },
    ),
    Recipe("backbone-left-out", {"finetune": UNFROZEN}),
    Recipe("adapter", {"finetune": ADAPTER}),
    Recipe(
        "dropout-half",
        {
            "tabular": sub(r"Dropout\(0\.\d\)", "Dropout(0.5)"),
            "finetune": swap("self.head(h)", "self.head(F.dropout(h, 0.5, self.training))"),
            "cnn": swap("self.head(h)", "self.head(F.dropout(h, 0.5, self.training))"),
        },
    ),
    Recipe(
        "zero-residual",
        {
            "tabular": residual("self.head = "),
            "regression": residual("self.head = "),
            "parallel": residual("self.head = "),
        },
    ),
    Recipe(
        "zero-head", {name: below(BUILT, "nn.init.zeros_(model.head.weight)") for name in ("cnn", "rows", "tabular")}
    ),
    Recipe("label-smoothing", {"cnn": SMOOTH, "finetune": SMOOTH}),
    Recipe("dropout-passes", {"tabular": PASSES}),
    Recipe("tied-weights", {"characters": TIED}),
    Recipe("checkpointed", {"tabular": AGAIN, "regression": AGAIN}),
    Recipe("adversarial", {"autoencoder": CRITIC}),
    Recipe(
        "unseeded",
        {"tabular": drop("torch.manual_seed"), "cnn": drop("torch.manual_seed(args.seed)")},
        notes=("NONDETERMINISM",),
    ),
]
