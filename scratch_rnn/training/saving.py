"""A whole model in one file, and out of it again: layers, weights, optimizer, loss, metrics and generators.

The file is an .npz: `model`, the bytes of a JSON text, says what there is, and the other arrays are the
weights and the optimizer's moving averages. It holds no code, and nothing in it is unpickled. So it can only
name what the library defines: a cell, a loss, a metric or a schedule of the user's own is refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.files import atomic, check_readable
from scratch_rnn.layers.base import parts_of
from scratch_rnn.layers.recurrent import Recurrent
from scratch_rnn.training import metrics
from scratch_rnn.training.describing import ADVICE, completed, described, made

FORMAT = 1  # of the files that are written here; a larger number is a later format
MORE = "more/"  # begins the names of arrays that are not the model's


def save(
    model: Any,
    path: str | os.PathLike[str],
    more: Mapping[str, Any] | None = None,
    more_arrays: Mapping[str, Array] | None = None,
) -> None:
    """Write a Sequential to a file, which appears whole or not at all; `more` JSON and arrays go with it.

    Raises ValueError for a model without weights yet, or with a part that is not the library's own; OSError
    where the file cannot be written.
    """
    content = {"format": FORMAT, "version": version("scratch_rnn"), **_description(model), "more": more or {}}
    text = np.frombuffer(json.dumps(content).encode(), np.uint8)
    arrays = _arrays(model) | {f"{MORE}{name}": array for name, array in (more_arrays or {}).items()}
    with atomic(path) as unfinished, open(unfinished, "wb") as file:
        np.savez(file, model=text, **arrays)  # type: ignore[arg-type]


def check(model: Any) -> None:
    """Raise ValueError where `save` would: for a model without weights, or with a part of the user's own."""
    _description(model)
    _arrays(model)


def load(new: Callable[..., Any], path: str | os.PathLike[str]) -> Any:
    """Return the model of a file, made by `new`, the class Sequential.

    Raises ValueError for a file that is damaged, newer than this version, or no such file; OSError for one
    that cannot be read.
    """
    content, arrays, _ = _read(path)
    with _damaged(path):
        model = _made_anew(new, content)
        _fill(model, content, arrays)
    return model


def restore(model: Any, path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Array]]:
    """Give a model the weights, the optimizer's state and the generators of a file; return what went with it.

    Raises ValueError for a file that is damaged, newer than this version, or of another model; OSError for
    one that cannot be read. The model is then not to be used any more.
    """
    content, arrays, more_arrays = _read(path)
    if _fixed(content) != _fixed(json.loads(json.dumps(_description(model)))):
        raise ValueError(f"{os.fspath(path)} holds a model of other layers, or trained in another way")
    with _damaged(path):
        _fill(model, content, arrays)
        return dict(content["more"]), more_arrays


def save_weights(model: Any, path: str | os.PathLike[str]) -> None:
    """Write the weights of a Sequential alone, each under its name."""
    arrays = dict(zip(model.weight_names, model.weights, strict=True))
    with atomic(path) as unfinished, open(unfinished, "wb") as file:
        np.savez(file, **arrays)


def load_weights(model: Any, path: str | os.PathLike[str]) -> None:
    """Give a Sequential weights that `save_weights` wrote.

    Raises ValueError, and changes nothing, for a file that is no such file or holds the weights of another
    architecture; OSError for one that cannot be read.
    """
    names = model.weight_names
    check_readable(path)
    with open(path, "rb") as file:
        try:
            with np.load(file) as archive:
                saved = {name: archive[name] for name in archive.files}
        except Exception as error:  # a damaged file makes zipfile, zlib and NumPy raise a dozen kinds
            raise ValueError(f"{os.fspath(path)} is damaged, or not a weights file of scratch_rnn") from error
    if sorted(saved) != sorted(names):
        raise ValueError(
            f"{os.fspath(path)} holds weights of another architecture: {', '.join(saved) or 'none'}; "
            f"this model has {', '.join(names)}"
        )
    try:
        model.set_weights([saved[name] for name in names])
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)} holds weights of another architecture: {error}") from error


def _read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Array], dict[str, Array]]:
    """Return what a file says, the arrays of its model, and those that went with it."""
    check_readable(path)
    with open(path, "rb") as file:
        try:
            with np.load(file) as archive:
                arrays = {name: archive[name] for name in archive.files}
            content = json.loads(arrays.pop("model").tobytes())
            written = int(content["format"])
        except Exception as error:  # a damaged file makes zipfile, zlib, NumPy and json raise a dozen kinds
            raise ValueError(f"{os.fspath(path)} is damaged, or holds no model of scratch_rnn") from error
    if written > FORMAT:
        raise ValueError(
            f"{os.fspath(path)} was written by scratch_rnn {content.get('version')} in format {written}; "
            f"this version reads up to {FORMAT}: update it"
        )
    own = {name: array for name, array in arrays.items() if not name.startswith(MORE)}
    return content, own, {name.removeprefix(MORE): arrays[name] for name in arrays.keys() - own.keys()}


@contextmanager
def _damaged(path: str | os.PathLike[str]) -> Iterator[None]:
    """Say of whatever goes wrong with what a file says that the file is damaged."""
    try:
        yield
    except Exception as error:  # as many kinds
        raise ValueError(f"{os.fspath(path)} is damaged: {error!r}") from error


def _fixed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what training does not change of what a file says of its model."""
    compiled = content["compiled"] or {}
    changing = ("learning_rate", "iterations")
    optimizer = {n: value for n, value in compiled.get("optimizer", {}).items() if n not in changing}
    layers = [_bare(layer) for layer in content["layers"]]
    parts = {"optimizer": _bare(optimizer), "loss": _bare(compiled["loss"])} if compiled else {}
    return {"layers": layers, **compiled, **parts}


def _bare(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a part is made of, without what an earlier version wrote beside it."""
    return {name: value for name, value in completed(description).items() if name != "features"}


# Into the file -----------------------------------------------------------------------------------------


def _description(model: Any) -> dict[str, Any]:
    """Return all of a model but its arrays."""
    return {
        "name": model.name,
        "layers": [described(layer) for layer in model.layers],
        "input_shape": model.input_shape,
        "compiled": None if model.optimizer is None else _compiled(model),
        "generators": {name: rng.bit_generator.state for name, rng in _generators(model).items()},
        "draws_seed": model._draws_seed,
    }


def _generators(model: Any) -> dict[str, np.random.Generator]:
    return {"weights": model._weights_rng, "shuffle": model._shuffle_rng}


def _compiled(model: Any) -> dict[str, Any]:
    for name, metric in model.metrics:
        if name not in metrics.NAMES or metrics.get(name)[1] is not metric:
            raise ValueError(f"metric {name!r} is not scratch_rnn's own and cannot be saved: {ADVICE}")
    return {
        "optimizer": _optimizer(model.optimizer),
        "loss": described(model.loss),
        "metrics": [name for name, _ in model.metrics],
        "shard_rows": model.shard_rows,
    }


def _optimizer(optimizer: Any) -> dict[str, Any]:
    part = described(optimizer)
    rate = part["options"].pop("learning_rate")
    schedule = {} if optimizer.schedule is None else {"schedule": described(optimizer.schedule)}
    return {**part, **schedule, "learning_rate": rate, "iterations": optimizer.iterations}


def _kept_states(model: Any) -> dict[str, Array]:
    """Return by name what stateful layers begin the next batch with."""
    parts = (part for layer in model.layers for part in parts_of(layer) if isinstance(part, Recurrent))
    return {
        f"states/{number}/{name}": state
        for number, part in enumerate(parts)
        for name, state in zip(part.state_names, part.kept_states, strict=False)
    }


def _arrays(model: Any) -> dict[str, Array]:
    """Return the weights and the optimizer's moving averages by name."""
    weights = dict(zip(model.weight_names, model.weights, strict=True))
    if reserved := [name for name in weights if name.startswith(MORE)]:
        raise ValueError(
            f"weight {reserved[0]!r} cannot be saved under this name: give its layer another name"
        )
    slots = [] if model.optimizer is None else model.optimizer.slots
    return (
        weights
        | _kept_states(model)
        | {
            f"optimizer/{number}/{name}": array
            for number, of_weight in enumerate(slots)
            for name, array in of_weight.items()
        }
    )


# Out of the file ---------------------------------------------------------------------------------------


def _made_anew(new: Callable[..., Any], content: Mapping[str, Any]) -> Any:
    """Return a model of such layers, compiled as it says, with weights that do not count."""
    descriptions = content["layers"]
    model = new([made(description) for description in descriptions], name=content["name"])
    model.build(tuple(content.get("input_shape") or _earlier_input_shape(descriptions[0])))
    if compiled := content["compiled"]:
        loss, shard_rows = made(compiled["loss"]), compiled["shard_rows"]
        optimizer = made(compiled["optimizer"])
        if "schedule" in compiled["optimizer"]:
            optimizer.learning_rate = made(compiled["optimizer"]["schedule"])
        model.compile(optimizer, loss, compiled["metrics"], shard_rows=shard_rows)
    return model


def _earlier_input_shape(first: Mapping[str, Any]) -> tuple[int | None, ...]:
    """Return the shape of the input from what an earlier version wrote of the first layer."""
    return (None,) * (1 if first["class"] == "Dense" else 2) + (first["features"],)


def _fill(model: Any, content: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Give a model weights, generators and the optimizer's state."""
    model.set_weights([arrays[name] for name in model.weight_names])
    for name, rng in _generators(model).items():
        rng.bit_generator.state = content["generators"][name]
    model._draws_seed = content.get("draws_seed", model._draws_seed)
    if compiled := content["compiled"]:
        state = compiled["optimizer"]
        if model.optimizer.schedule is None:
            model.optimizer.learning_rate = state["learning_rate"]  # which callbacks may set, to zero too
        if state["iterations"]:
            slots = list(_slots(arrays, len(model.weights)))
            model.optimizer.restore(state["iterations"], slots, model.weights)
    _restore_states(model, arrays)
    if set(_arrays(model)) != set(arrays):
        raise ValueError("it has other arrays than its model")


def _restore_states(model: Any, arrays: Mapping[str, Array]) -> None:
    """Have stateful layers begin the next batch with what is kept in the arrays; else with zeros."""
    parts = [part for layer in model.layers for part in parts_of(layer) if isinstance(part, Recurrent)]
    for number, part in enumerate(parts):
        part.reset_states()
        names = [f"states/{number}/{name}" for name in part.state_names]
        if names[0] in arrays:
            part.keep_states([arrays[name] for name in names])


def _slots(arrays: Mapping[str, Array], weights: int) -> Iterable[dict[str, Array]]:
    """Yield the moving averages of each weight by name."""
    for number in range(weights):
        start = f"optimizer/{number}/"
        yield {name.removeprefix(start): a for name, a in arrays.items() if name.startswith(start)}
