"""Python imports this at start-up when its folder is on PYTHONPATH: it installs the probe once torch is imported.

A sitecustomize that the environment has already is run first, as if this one were not here.
"""

import importlib.machinery
import importlib.util
import os
import sys
from pathlib import Path

HERE = str(Path(__file__).parent)


def _run_the_other_sitecustomize():
    elsewhere = [entry for entry in sys.path if entry != HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", elsewhere)
    sys.path[:] = elsewhere
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


def _install(name):
    """Called when ``name`` has been imported whole; whatever goes wrong here is told and never stops the script."""
    try:
        if importlib.util.find_spec("leonui") is None:
            sys.path.append(str(Path(HERE).parents[2]))
        from leonui.trial import probe

        probe.install(name)
    except Exception as error:
        print(f"leonui: the probe could not be installed, the run is not watched: {error!r}", file=sys.stderr)


class _Finder:
    """Lets the other finders find numpy, torch and keras, and calls ``_install`` after they have been executed."""

    names = frozenset({"numpy", "torch", "keras"})

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name not in cls.names:
            return None
        cls.names = cls.names - {name}
        spec = importlib.util.find_spec(name)
        loader = spec and spec.loader
        if loader is None:
            return spec
        execute = loader.exec_module

        def exec_module(module):
            loader.exec_module = execute
            execute(module)
            _install(name)

        loader.exec_module = exec_module
        return spec


_run_the_other_sitecustomize()
if os.environ.get("LEONUI_PLAN"):
    sys.meta_path.insert(0, _Finder)
    _install("random")
