"""Modules under the names that they had in version 0.1, so that what users import goes on working.

`import scratch_rnn.gradient_check` gives scratch_rnn.checks.gradient_check, and a DeprecationWarning says so.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

NEW_NAMES = {
    "scratch_rnn.activations": "scratch_rnn.layers.activations",
    "scratch_rnn.callbacks": "scratch_rnn.training.callbacks",
    "scratch_rnn.cli": "scratch_rnn.commands.main",
    "scratch_rnn.conditions": "keras_reference.conditions",
    "scratch_rnn.figures_inside": "scratch_rnn.inside.figures",
    "scratch_rnn.gradient_check": "scratch_rnn.checks.gradient_check",
    "scratch_rnn.images": "scratch_rnn.data.images",
    "scratch_rnn.initializers": "scratch_rnn.layers.initializers",
    "scratch_rnn.known_bugs": "scratch_rnn.checks.known_bugs",
    "scratch_rnn.labels": "scratch_rnn.training.labels",
    "scratch_rnn.losses": "scratch_rnn.training.losses",
    "scratch_rnn.metrics": "scratch_rnn.training.metrics",
    "scratch_rnn.mnist": "scratch_rnn.data.mnist",
    "scratch_rnn.model": "scratch_rnn.training.model",
    "scratch_rnn.optimizers": "scratch_rnn.training.optimizers",
    "scratch_rnn.parallel": "scratch_rnn.training.threads",
    "scratch_rnn.player": "scratch_rnn.inside.player",
    "scratch_rnn.processes": "scratch_rnn.training.processes",
    "scratch_rnn.progress": "scratch_rnn.training.progress",
    "scratch_rnn.recipe": "scratch_rnn.runs.recipe",
    "scratch_rnn.terminal": "scratch_rnn.commands.terminal",
}


class MovedModules:
    """Finds a module under its old name and hands out the one under its new name.

    A finder and loader without their base classes: to import importlib.abc takes longer than all else that is
    imported before the command line has begun.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec for the old names alone."""
        return ModuleSpec(fullname, self) if fullname in NEW_NAMES else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module under its new name."""
        new = NEW_NAMES[spec.name]
        warnings.warn(f"{spec.name} is now {new}", DeprecationWarning, stacklevel=2)
        module = importlib.import_module(new)
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module, which has run already, its own spec back in place of the old name's."""
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state

    def get_code(self, fullname: str) -> None:
        """Say, for `python -m` with an old name, what to run instead."""
        raise ImportError(
            f"{fullname} is now {NEW_NAMES[fullname]}; the program is run by python -m scratch_rnn"
        )


def install() -> None:
    """Let the import system ask here after all other places."""
    if not any(isinstance(finder, MovedModules) for finder in sys.meta_path):
        sys.meta_path.append(MovedModules())


def old_module(name: str) -> ModuleType:
    """Return the module scratch_rnn.NAME of version 0.1; raise AttributeError where there was none."""
    if f"scratch_rnn.{name}" not in NEW_NAMES:
        raise AttributeError(f"module 'scratch_rnn' has no attribute {name!r}")
    return importlib.import_module(f"scratch_rnn.{name}")
