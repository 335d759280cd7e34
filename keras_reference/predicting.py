"""Which layers of a model compute something when it predicts: what a file that only predicts has to hold."""

from __future__ import annotations

from collections.abc import Iterator

from scratch_rnn.layers import Dropout, Layer, Masking, RandomAffine, TimeDistributed
from scratch_rnn.training.model import Sequential

IN_TRAINING_ALONE = (Dropout, RandomAffine)  # the layers that act then and do nothing else


def computing(model: Sequential, library: str) -> Iterator[tuple[str, Layer]]:
    """Yield the name and the layer of each; of TimeDistributed, which a Dense does not need, what is inside.

    Raises ValueError for what a graph or a module of `library` does not do: for Masking, and for stateful
    layers.
    """
    for layer in model.layers:
        if type(layer) is Masking:
            raise ValueError(f"{library} has no Masking, which layer {layer.name!r} is: leave it out")
        if getattr(layer, "stateful", False):
            raise ValueError(
                f"layer {layer.name!r} is stateful, and what {library} reads begins with zeros each time"
            )
        if type(layer) not in IN_TRAINING_ALONE:
            yield layer.name, layer.layer if isinstance(layer, TimeDistributed) else layer
