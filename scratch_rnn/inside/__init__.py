"""Looking inside a trained network while it reads, and on the way back."""

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

__all__ = [
    "Reading",
    "answers",
    "belief",
    "direct_growth",
    "gates",
    "gradient_reach",
    "local_factors",
    "read",
    "saliency",
    "state_gradients",
]
