"""Gradient checks, and the mistakes that they are there to find."""

from scratch_rnn.checks.diagnosis import Diagnosis, diagnose
from scratch_rnn.checks.gradient_check import Report, check_function, check_layer, check_loss, sweep_steps
from scratch_rnn.checks.known_bugs import BUGS, inject

__all__ = [
    "BUGS",
    "Diagnosis",
    "Report",
    "check_function",
    "check_layer",
    "check_loss",
    "diagnose",
    "inject",
    "sweep_steps",
]
