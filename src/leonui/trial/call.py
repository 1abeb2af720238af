"""Runs ``module:function`` as a program: ``python -m leonui.trial.call package.module:function args``."""

import importlib
import sys


def main() -> None:
    """Import the module that the first argument names and call its function; the other arguments stay in sys.argv."""
    name, _, function = sys.argv.pop(1).partition(":")
    module = importlib.import_module(name)
    if not callable(getattr(module, function, None)):
        sys.exit(f"leonui: {name} has no function {function}")
    getattr(module, function)()


if __name__ == "__main__":
    main()
