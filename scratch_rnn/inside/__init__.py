"""Looking inside a trained network while it reads, and on the way back."""

from scratch_rnn.inside.reading import (
    Reading,
    answers,
    belief,
    gates,
    gradient_reach,
    read,
    saliency,
    state_gradients,
)

__all__ = [
    "Reading",
    "answers",
    "belief",
    "gates",
    "gradient_reach",
    "read",
    "saliency",
    "state_gradients",
]
