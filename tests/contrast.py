"""Two models that cannot be confused: every number of theirs is another one, and they hardly agree.

scratch_rnn answers 3 to whatever it is shown. Keras is right but for five digits: one of them is a three, and
one it takes for a three as scratch_rnn does. Times have another mean than median, histories rise and fall.
"""

import numpy as np

from scratch_rnn.runs.result import Result

LABELS = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4])
KERAS_SAYS = np.array([3, 1, 7, 1, 5, 9, 2, 6, 7, 3, 5, 3, 9, 7, 9, 3, 0, 5, 8, 4])


def probabilities(says, seed):
    """Return (N, 10) without two equal numbers, of which each row's largest is at the class said."""
    p = np.random.default_rng(seed).uniform(0.001, 0.04, (len(says), 10))
    p[np.arange(len(says)), says] = 0
    p[np.arange(len(says)), says] = 1 - p.sum(axis=1)
    return p


def scratch_result():
    return Result(
        "scratch_rnn",
        history={
            "loss": [2.1234, 1.5678, 1.4321],
            "accuracy": [0.3011, 0.4127, 0.4502],
            "val_loss": [1.9876, 1.6543, 1.7012],
            "val_accuracy": [0.3519, 0.4233, 0.4148],
        },
        seconds=[1.5, 2.5, 9.8],
        batch_losses=[2.5, 2.25, 2.125],
        scores={"loss": 1.8024, "accuracy": 0.2007},
        probabilities=probabilities(np.full(len(LABELS), 3), seed=1),
    )


def keras_result():
    return Result(
        "Keras",
        history={
            "loss": [0.9172, 0.5283, 0.3394],
            "accuracy": [0.7105, 0.8216, 0.8827],
            "val_loss": [0.8061, 0.4972, 0.5083],
            "val_accuracy": [0.7338, 0.8449, 0.8041],
        },
        seconds=[30.4, 4.1, 5.3],
        batch_losses=[2.0, 2.5, 2.0],
        scores={"loss": 0.6135, "accuracy": 0.8046},
        probabilities=probabilities(KERAS_SAYS, seed=2),
    )
