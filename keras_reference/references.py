"""The libraries in which a model can have a twin; each is imported only where it is asked for."""

from __future__ import annotations

from keras_reference.rows import without_moving
from keras_reference.sides import Side
from scratch_rnn.training.model import Sequential

REFERENCES = ("keras", "pytorch")


def import_reference(name: str) -> None:
    """Import a library, quietly. Raises ModuleNotFoundError with one line that says what to install."""
    if name == "pytorch":
        from keras_reference.backend import import_pytorch

        import_pytorch()
    else:
        from keras_reference.backend import import_keras

        import_keras()


def twin_side(name: str, model: Sequential, input_shape: tuple[int | None, ...]) -> Side:
    """Return the twin of a compiled model in a library, built for inputs of this shape, batch first.

    Raises ValueError for a library that is none of REFERENCES, and for what it has no counterpart of.
    """
    if name not in REFERENCES:
        raise ValueError(f"unknown reference {name!r}: use one of {', '.join(REFERENCES)}")
    if name == "pytorch":
        from keras_reference.pytorch_side import PyTorchSide

        return PyTorchSide(model)
    from keras_reference.keras_side import KerasSide
    from keras_reference.twin import build_twin

    return KerasSide(model, build_twin(without_moving(model), input_shape))
