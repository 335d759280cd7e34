"""Gradient checks, and the mistakes that they are there to find."""

from scratch_rnn.checks.gradient_check import Report, check_function, check_layer, check_loss, sweep_steps
from scratch_rnn.checks.known_bugs import BUGS, inject

__all__ = ["BUGS", "Report", "check_function", "check_layer", "check_loss", "inject", "sweep_steps"]
