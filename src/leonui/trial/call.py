"""Runs a function as a program: ``python -m leonui.trial.call package.module:function args``.

A file that holds a function with all that it uses may stand in place of its name. The other arguments stay in sys.argv.
"""

import importlib
import pickle
import sys
from pathlib import Path


def main() -> None:
    """Find the function that the first argument names, and call it."""
    name, _, function = sys.argv.pop(1).partition(":")
    if not function:
        found, places = pickle.loads(Path(name).read_bytes())
        sys.path += [place for place in places if place not in sys.path]
    else:
        found = getattr(importlib.import_module(name), function, None)
    if not callable(found):
        sys.exit(f"leonui: {name} has no function {function}")
    found()


if __name__ == "__main__":
    main()
