"""Who leads and who helps: rank 0 of MPI's ranks runs the program, and the others help with each `fit` in it.

In a program that all ranks run, a helper's `fit` helps until that of rank 0 has ended, and then has the same
weights, optimizer and History. On the command line helpers have no model of their own, and get one.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.training.following import Outcome, bare, catch_up, outcome
from scratch_rnn.training.ranks import SESSION, Epoch
from scratch_rnn.training.threads import interrupt_deferred, interrupt_ignored
from scratch_rnn.training.traits import check_alike, traits
from scratch_rnn.training.world import World, connect

Given = TypeVar("Given")


@dataclass(frozen=True)
class Begun:
    """Tells helpers that have no program of their own of a fit that begins."""

    model: Any


@dataclass(frozen=True)
class Over:
    """What ends the work of helpers that have no program of their own."""


# Rank 0 ------------------------------------------------------------------------------------------------


@contextmanager
def leading(model: Any) -> Iterator[None]:
    """On rank 0: have the other ranks help within the block, if the model is compiled so; in the end they
    have what it has, or raise what it raises."""
    if model.engine != "mpi":
        yield
        return
    if SESSION.leads:
        raise ValueError("a fit with engine='mpi' cannot run within another one: compile it with threads")
    world = connect()
    SESSION.leads = True
    try:
        with interrupt_deferred():
            world.tell(Begun(bare(model)) if SESSION.commands else traits(model))
        yield
    except BaseException as error:
        with interrupt_deferred():
            if SESSION.open:
                SESSION.open.end_epoch()
            world.tell(_as_told(error))
        raise
    else:
        with interrupt_deferred():
            world.tell(outcome(model))
    finally:
        SESSION.leads, SESSION.data = False, []


def _as_told(error: BaseException) -> BaseException:
    """Return an exception as the helpers can hear of it."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # one of the user's own may do anything
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def run_on_rank_0(program: Callable[[], Given]) -> Given | None:
    """Return program() on rank 0; the others help with each `fit` in it, and return None when it ends."""
    world = connect()
    if world.rank > 0:
        _help_with_all(world)
        return None
    SESSION.commands = True
    try:
        return program()
    finally:
        SESSION.commands = False
        with interrupt_deferred():
            world.tell(Over())


# The other ranks ---------------------------------------------------------------------------------------


def is_led(model: Any) -> bool:
    """Return whether rank 0 does what there is to do for a model, and this rank helps."""
    return model.engine == "mpi" and connect().rank > 0


def follow(model: Any) -> Any:
    """Help with the `fit` of rank 0; return the History that it has then. Raises what it raises there."""
    world = connect()
    with interrupt_ignored(), world.together():
        heard = world.hear()
        if not isinstance(heard, BaseException):  # else rank 0 has not come as far as to its traits
            check_alike(model, heard)
            heard = _help(world, model)
    if isinstance(heard, Outcome):
        return catch_up(model, heard)
    raise heard


def _help_with_all(world: World) -> None:
    with interrupt_ignored(), world.together():
        while not isinstance(heard := world.hear(), Over):
            if isinstance(heard, Begun):  # else a fit has ended before it could be told of
                _help(world, heard.model)


def _help(world: World, model: Any) -> Outcome | BaseException:
    """Help with all epochs of a fit; return how it ended."""
    try:
        while isinstance(heard := world.hear(), Epoch):
            _help_with_epoch(world, model, heard)
    finally:
        SESSION.data = []
    end: Outcome | BaseException = heard
    return end


def _help_with_epoch(world: World, model: Any, epoch: Epoch) -> None:
    if epoch.arrays is not None:
        arrays: list[Array] = [np.empty(shape, dtype) for shape, dtype in epoch.arrays]
        for array in arrays:
            world.share(array)
        SESSION.data.append((arrays[0], arrays[1], arrays[2] if len(arrays) > 2 else None))
    x, y, weights = SESSION.data[epoch.data]
    if not model.built:
        model.build((None, *x.shape[1:]))
    if (shapes := [weight.shape for weight in model.weights]) != epoch.shapes:
        raise ValueError(f"the model has weights {shapes} here, but {epoch.shapes} on rank 0")
    batches = replace(epoch.batches, x=x, y=y, weights=weights)
    with model.ranks_engine(batches, epoch.gradients) as engine:
        engine.serve()
