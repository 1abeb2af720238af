"""What the words of other packages mean in our codes, read kindly: a word that may mean several counts for each."""

from __future__ import annotations

TOOLS = ("training-doctor", "runmedic", "runmedic, warnings", "sk-autod")
HIGH, LOW = {"LR-HIGH", "WARMUP"}, {"LR-LOW"}
UNMOVED = {"NO-STEP", "CLEARED-EARLY", "WRONG-PARAMETERS", "NO-GRADIENT", "LABELS", "LR-LOW", "HAND-WRITTEN"}
CODES: dict[str, set[str]] = {
    "lr_too_high": HIGH,
    "lr_too_low": LOW,
    "overfitting": {"OVERFITTING"},
    "plateau": LOW,
    "gradient_instability": {"EXPLODING"},
    "gradient_instability:nan": {"NON-FINITE"},
    "gradient_instability:exploding": {"EXPLODING"},
    "gradient_instability:vanishing": {"VANISHING"},
    "non_finite": {"NON-FINITE", "EXPLODING"},
    "divergence": {*HIGH, "ORDER"},
    "no_learning": UNMOVED,
    "loss_spikes": {*HIGH, "BAD-BATCH", "OUTLIER"},
    "val_below_train": {"LEAKAGE", "MODE"},
    "grad_spikes": {*HIGH, "EXPLODING", "BAD-BATCH", "OUTLIER"},
    "constant_lr_plateau": {"SCHEDULE"},
    "Classic overfitting": {"OVERFITTING"},
    "Missed early stopping": {"OVERFITTING"},
    "Exploding gradient": {"EXPLODING"},
    "LR too high": HIGH,
    "LR too low": LOW,
    "Underfitting": {"UNDERFITTING"},
    "Dying ReLU proxy": {"DEAD-UNITS"},
    "Noisy training": HIGH,
    "Data leakage": {"LEAKAGE"},
    "Label noise floor": {"LABELS"},
    "not finite": {"NON-FINITE"},
}


def alarms(tool: str, said: dict[str, list[str]]) -> list[str]:
    """What a tool said, the first first; an exception says nothing, but for one that calls the losses not finite."""
    package, _, only = tool.partition(", ")
    words = ["not finite" if "only finite" in word else word for word in said[package]]
    words = [word for word in words if not word.startswith("raised:")]
    return [word.removeprefix("info:") for word in words if not (only and word.startswith("info:"))]
