"""Looking inside a trained network while it reads, and on the way back."""

from scratch_rnn.inside.jacobians import singular_values, state_jacobians
from scratch_rnn.inside.reading import (
    Reading,
    answers,
    belief,
    direct_growth,
    gates,
    gradient_reach,
    local_factors,
    read,
    saliency,
    state_gradients,
)
from scratch_rnn.inside.rtrl import rtrl

__all__ = [
    "Reading",
    "answers",
    "belief",
    "direct_growth",
    "gates",
    "gradient_reach",
    "local_factors",
    "read",
    "rtrl",
    "saliency",
    "singular_values",
    "state_gradients",
    "state_jacobians",
]
