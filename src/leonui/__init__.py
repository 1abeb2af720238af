"""Point leonui at a PyTorch training script: it finds the learning rate, trains it better, and shows the climb."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
