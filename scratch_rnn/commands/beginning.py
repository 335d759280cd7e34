"""How a run of train or compare begins: a new one, or one that was interrupted and goes on."""

from __future__ import annotations

import argparse

from scratch_rnn.commands.options import check_resume_alone, recipes_from
from scratch_rnn.data.mnist import Split, load_mnist
from scratch_rnn.runs.folder import Run, create_new_runs, create_runs, reopen_runs
from scratch_rnn.training.samples import split_row


def begin(arguments: argparse.Namespace, command: str) -> tuple[list[Run], Split, Split]:
    """Return the run that the options ask for, or those of all cells, and the digits to train and test on.

    Raises ValueError and OSError, before anything is written, for what cannot be trained.
    """
    if arguments.resume:
        return _resumed(arguments)
    recipes = recipes_from(arguments)
    train, test = load_mnist(recipes[0].data)
    split_row(len(train[0]), recipes[0].validation_split)  # raises for too few
    image_shape = train[0].shape[1:]
    for recipe in recipes:
        recipe.build_model(
            image_shape, arguments.threads, arguments.processes, len(train[0]), arguments.engine
        )
    if arguments.out:
        return create_runs(arguments.out, recipes, image_shape), train, test
    return create_new_runs(command, recipes, image_shape), train, test


def _resumed(arguments: argparse.Namespace) -> tuple[list[Run], Split, Split]:
    check_resume_alone(arguments)
    runs, image_shape = reopen_runs(arguments.resume)
    train, test = load_mnist(runs[0].recipe.data)
    if train[0].shape[1:] != image_shape:
        raise ValueError(
            f"{arguments.resume} was trained on images of {image_shape}, but those of {runs[0].recipe.data} "
            f"are {train[0].shape[1:]} now: bring the data back that it began with"
        )
    return runs, train, test
