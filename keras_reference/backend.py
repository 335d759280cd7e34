"""Importing Keras or PyTorch: quietly, and with a clear word where it is not installed."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


def import_keras(otherwise: str = "or use `scratch-rnn train`, which needs neither") -> ModuleType:
    """Return Keras on the backend that KERAS_BACKEND names, TensorFlow by default.

    Raises ModuleNotFoundError with one line that says what to install, or what to do `otherwise`.
    """
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # partial last batches make it warn of retracing
    os.environ.setdefault("JAX_ENABLE_X64", "1")  # else JAX turns float64 into float32
    try:
        with _quiet_stderr():
            import keras
    except ImportError as error:
        missing = error.name or "keras"
        packages = f"keras {backend}" if missing == "keras" and backend != "tensorflow" else backend
        raise ModuleNotFoundError(
            f"Keras with its backend {backend} is not installed (no module {missing!r}): "
            f"pip install {packages}, {otherwise}",
            name=missing,
        ) from error
    except ValueError as error:
        raise ValueError(f"KERAS_BACKEND={backend!r} is no backend of Keras: {error}") from error
    return keras


def import_pytorch() -> ModuleType:
    """Return torch. Raises ModuleNotFoundError with one line that says what to install."""
    try:
        import torch
    except ImportError as error:
        raise ModuleNotFoundError(
            f"PyTorch is not installed (no module {error.name!r}): on Linux without a GPU "
            "pip install torch --index-url https://download.pytorch.org/whl/cpu, elsewhere pip install torch",
            name=error.name,
        ) from error
    return torch


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Keep back what TensorFlow's C++ core writes while it loads; a failure speaks through its exception."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
