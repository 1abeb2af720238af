"""The parameter shapes of three models, without the models."""

from __future__ import annotations

Shape = tuple[int, ...]


def gpt2_small() -> list[Shape]:
    """GPT-2 small: 148 tensors, 124.4 million elements (Radford et al. 2019; head tied to the embedding)."""
    d = 768
    norm = [(d,), (d,)]
    block = [*norm, (d, 3 * d), (3 * d,), (d, d), (d,), *norm, (d, 4 * d), (4 * d,), (4 * d, d), (d,)]
    return [(50257, d), (1024, d), *block * 12, *norm]


def resnet50() -> list[Shape]:
    """ResNet-50: 161 tensors, 25.6 million elements (He et al. 2016, table 1)."""
    shapes: list[Shape] = [(64, 3, 7, 7), (64,), (64,)]
    inputs = 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            for out, into, size in ((width, inputs, 1), (width, width, 3), (4 * width, width, 1)):
                shapes += [(out, into, size, size), (out,), (out,)]
            if block == 0:
                shapes += [(4 * width, inputs, 1, 1), (4 * width,), (4 * width,)]
            inputs = 4 * width
    return [*shapes, (1000, 2048), (1000,)]


def small_mlp() -> list[Shape]:
    """24 layers of 64: 48 tensors, 0.1 million elements."""
    return [(64, 64), (64,)] * 24


MODELS = {"gpt2-small": gpt2_small, "resnet50": resnet50, "mlp-48": small_mlp}
