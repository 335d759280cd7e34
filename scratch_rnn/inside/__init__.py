"""Looking inside a trained network while it reads, and on the way back."""

from scratch_rnn.inside.jacobians import singular_values, state_jacobians
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
from scratch_rnn.inside.rtrl import rtrl

__all__ = [
    "Reading",
    "answers",
    "belief",
    "gates",
    "gradient_reach",
    "read",
    "rtrl",
    "saliency",
    "singular_values",
    "state_gradients",
    "state_jacobians",
]
