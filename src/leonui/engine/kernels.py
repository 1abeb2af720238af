"""Where the source of kernels is kept, so that numba and triton can keep the compiled form too."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
from pathlib import Path
from typing import Any


def load(name: str, text: str, salt: bytes = b"") -> Any:
    """The module of a kernel's source; ``salt`` is what else it depends on."""
    name = f"{name}_{hashlib.sha256(text.encode() + salt).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(f"leonui_kernel_{name}", _place(f"{name}.py", text))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # numba looks for the module of what it finds in its cache
    spec.loader.exec_module(module)
    return module


def _folder() -> Path:
    root = os.environ.get("LEONUI_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "leonui")
    return Path(root) / "kernels"


def _place(name: str, text: str) -> Path:
    """A file with that text in the cache, or in a temporary folder where the cache cannot be written."""
    for folder in (_folder, lambda: Path(tempfile.mkdtemp(prefix="leonui-"))):
        try:
            path = folder() / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                part = path.with_suffix(f".{os.getpid()}")
                part.write_text(text)
                part.replace(path)
            return path
        except OSError:
            continue
    raise OSError("no folder for compiled kernels can be written; set LEONUI_CACHE to one that can")
