"""Figures of one's own trainings: `learning_curves(history)`, and what the runs of the command line draw.

Each function returns a matplotlib Figure, which a notebook shows and `figure.savefig(path)` writes.
"""

from scratch_rnn.runs.curves import learning_curves
from scratch_rnn.runs.figures import choose_examples, confusion, curves, predictions

__all__ = ["choose_examples", "confusion", "curves", "learning_curves", "predictions"]
