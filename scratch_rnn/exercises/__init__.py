"""Exercises: parts of backpropagation through time to write oneself, and a judge that says what is wrong.

from scratch_rnn.exercises import check
check(lstm_step_backward)  # a function of your own, for the exercise of its name
"""

from scratch_rnn.exercises.judge import check, check_file
from scratch_rnn.exercises.spec import Exercise, exercise, exercises
from scratch_rnn.exercises.verdict import Finding, Verdict

__all__ = ["Exercise", "Finding", "Verdict", "check", "check_file", "exercise", "exercises"]
