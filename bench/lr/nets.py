"""The models of the tasks, all small enough for a step of about a millisecond."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn


def mlp(*widths: int, act: type[nn.Module] = nn.ReLU, dropout: float = 0.0) -> nn.Sequential:
    """Linear layers with an activation between them, and dropout after it."""
    layers: list[nn.Module] = []
    for wide, next_wide in itertools.pairwise(widths):
        layers += [nn.Linear(wide, next_wide), act()]
        if dropout:
            layers.append(nn.Dropout(dropout))
    return nn.Sequential(*layers[: -2 if dropout else -1])


class Reader(nn.Module):
    """A recurrent network that reads a series of ``inputs`` numbers at a time: a digit row by row, or one by one."""

    def __init__(self, cell: type[nn.LSTM | nn.GRU], inputs: int, wide: int, outputs: int) -> None:
        super().__init__()
        self.inputs = inputs
        self.cell = cell(inputs, wide, batch_first=True)
        self.head = nn.Linear(wide, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """What it says after the last of them."""
        out, _ = self.cell(x.view(len(x), -1, self.inputs))
        return self.head(out[:, -1])


class Characters(nn.Module):
    """The next character from the eight before it, by embeddings and an MLP."""

    def __init__(self, characters: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(characters, 12)
        self.layers = mlp(96, 64, characters, act=nn.Tanh)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the next character."""
        return self.layers(self.embedding(x).flatten(1))


class Denoiser(nn.Module):
    """Three convolutions that tell the noise of a picture."""

    def __init__(self) -> None:
        super().__init__()
        first, second = nn.Conv2d(1, 12, 3, padding=1), nn.Conv2d(12, 12, 3, padding=1)
        self.layers = nn.Sequential(first, nn.SiLU(), second, nn.SiLU(), nn.Conv2d(12, 1, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """The picture without what was told."""
        return x - self.layers(x)


class Enlarger(nn.Module):
    """Convolutions with BatchNorm, and what they add to a picture twice as wide and high."""

    def __init__(self) -> None:
        super().__init__()
        first = [nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.LeakyReLU(0.1)]
        second = [nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.LeakyReLU(0.1)]
        self.layers = nn.Sequential(*first, *second, nn.Conv2d(16, 4, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, x: Tensor) -> Tensor:
        """The picture, enlarged."""
        return nn.functional.interpolate(x, scale_factor=2, mode="bilinear") + self.layers(x)


def alike(embedded: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of which other sample is of one's own class, by cosine (Khosla et al., 2020, equation 2)."""
    unit = nn.functional.normalize(embedded, dim=1)
    itself = torch.eye(len(unit), dtype=torch.bool)
    logs = (unit @ unit.T / 0.2).masked_fill(itself, -1e9).log_softmax(1)
    same = (labels[:, None] == labels) & ~itself
    return -(logs * same).sum(1).div(same.sum(1).clamp(min=1)).mean()


def cnn() -> nn.Sequential:
    """Two convolutions with BatchNorm."""
    first = [nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()]
    second = [nn.Conv2d(8, 16, 3, stride=2, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    return nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(144, 10))


class Block(nn.Module):
    """A residual block with BatchNorm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)])

    def forward(self, x: Tensor) -> Tensor:
        """The input and what the block adds."""
        inside = torch.relu(self.norms[0](self.first(x)))
        return torch.relu(x + self.norms[1](self.second(inside)))


def resnet() -> nn.Sequential:
    """A small residual network."""
    stem = [nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8)]
    return nn.Sequential(*stem, nn.ReLU(), Block(8), Block(8), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(32, 10))


class Layer(nn.Module):
    """A transformer's layer, norms first."""

    def __init__(self, wide: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList([nn.LayerNorm(wide), nn.LayerNorm(wide)])
        self.qkv, self.out = nn.Linear(wide, 3 * wide), nn.Linear(wide, wide)
        self.feed = nn.Sequential(nn.Linear(wide, 3 * wide), nn.GELU(), nn.Linear(3 * wide, wide))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Attention, then the feed-forward part."""
        count, length, wide = x.shape
        parts = self.qkv(self.norms[0](x)).view(count, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = nn.functional.scaled_dot_product_attention(*parts.unbind(), is_causal=True)
        x = x + self.dropout(self.out(seen.transpose(1, 2).reshape(count, length, wide)))
        return x + self.dropout(self.feed(self.norms[1](x)))


class Transformer(nn.Module):
    """A language model of characters: two layers."""

    def __init__(self, characters: int, window: int, wide: int = 32) -> None:
        super().__init__()
        self.embedding, self.place = nn.Embedding(characters, wide), nn.Embedding(window, wide)
        self.layers = nn.Sequential(Layer(wide, 2, 0.1), Layer(wide, 2, 0.1), nn.LayerNorm(wide))
        self.head = nn.Linear(wide, characters)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of every next character, characters on the second axis."""
        inside = self.embedding(x) + self.place.weight[: x.shape[1]]
        return self.head(self.layers(inside)).transpose(1, 2)
