"""Training runs as the command line makes them: what was asked for, the folder that keeps it, figures."""

from scratch_rnn.runs.folder import Run, load_run, run_folders
from scratch_rnn.runs.recipe import Recipe

__all__ = ["Recipe", "Run", "load_run", "run_folders"]
