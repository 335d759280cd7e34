"""One job of a study: a network of one seed or, with its Keras twin, a pair is trained and tested."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from keras_reference.backend import import_keras
from keras_reference.comparison import agreement
from keras_reference.references import twin_side
from keras_reference.sides import ScratchSide, Side, train_sides
from scratch_rnn.arrays import Array
from scratch_rnn.data.mnist import Split, load_mnist
from scratch_rnn.runs.recipe import Recipe
from scratch_rnn.runs.result import Result
from scratch_rnn.training.samples import split_row
from scratch_rnn.training.threads import single_threaded_blas


@dataclass(frozen=True)
class Job:
    """A recipe with its cell and seed, and under which name the study has the recipe."""

    series: str
    recipe: Recipe

    @property
    def name(self) -> str:
        """CELL-SERIES-SEED, as its file is called."""
        return f"{self.recipe.cell}-{self.series}-{self.recipe.seed}"

    def __str__(self) -> str:
        return f"{self.recipe.cell}, {self.series}, seed {self.recipe.seed}"


@dataclass(frozen=True)
class Terms:
    """What a job has in common with all others of its study, on whatever machine they run.

    keras     whether the Keras twin is trained, too
    digits    `fingerprint` of the digits, by the source that a recipe names
    versions  of the packages that compute
    """

    keras: bool
    digits: dict[str, str]
    versions: dict[str, str]

    @classmethod
    def here(cls, recipes: Iterable[Recipe], keras: bool) -> Terms:
        """Return those of this machine. Raises ValueError, OSError and ImportError for what it lacks."""
        if keras:
            import_keras(otherwise="or leave out --keras: the study of scratch_rnn alone needs neither")
        digits = {source: _data(source)[1] for source in {recipe.data for recipe in recipes}}
        return cls(keras, digits, versions(keras))

    def check(self, source: str) -> tuple[Split, Split]:
        """Return the digits to train and test on.

        Raises ValueError where they, or the versions of this machine, are not those of the study.
        """
        data, found = _data(source)
        if found != self.digits[source]:
            raise ValueError(f"--data {source} are other digits on this machine than where the study began")
        for package, number in versions(self.keras).items():
            if number != (began := self.versions[package]):
                raise ValueError(f"{package} is {number} on this machine, and {began} where the study began")
        return data


def versions(keras: bool) -> dict[str, str]:
    """Return the versions of the packages that compute."""
    backend = (os.environ.get("KERAS_BACKEND", "tensorflow"),) if keras else ()
    return {name: version(name) for name in ("scratch_rnn", "numpy", *("keras",) * keras, *backend)}


def run_job(job: Job, terms: Terms) -> dict[str, Any]:
    """Train on one thread what the job says, and test it; return what JSON can hold.

    scratch_rnn's numbers are the same bits with its twin beside it and without. Raises ValueError where this
    machine does not keep the study's terms.
    """
    recipe, began = job.recipe, time.perf_counter()
    with single_threaded_blas():
        (x, y), test = terms.check(recipe.data)
        row = split_row(len(x), recipe.validation_split)
        train, validation = (x[:row], y[:row]), (x[row:], y[row:])
        sides = _sides(recipe, x.shape[1:], len(x), terms.keras)
        train_sides(
            sides,
            train,
            validation if row < len(x) else None,
            epochs=recipe.epochs,
            batch_size=recipe.batch_size,
            seed=recipe.seed,
        )
        for side in sides:
            side.test(*test, recipe.batch_size)
    return {
        "series": job.series,
        "cell": recipe.cell,
        "seed": recipe.seed,
        "models": {side.result.name: _numbers(side.result, test[1]) for side in sides},
        **_compared(sides, test),
        "digits": {"train": row, "validation": len(x) - row, "test": len(test[0])},
        "seconds": time.perf_counter() - began,
        "versions": terms.versions,
    }


def _sides(recipe: Recipe, image_shape: tuple[int, int], digits: int, keras: bool) -> list[Side]:
    """Return the model and, where it is asked for, its twin with the same weights."""
    model = recipe.build_model(image_shape, threads=1, digits=digits)
    if not keras:
        return [ScratchSide(model)]
    import_keras().backend.clear_session()  # names and part of the memory that the job before has left
    return [ScratchSide(model), twin_side("keras", model, (None, *image_shape))]


def _numbers(result: Result, labels: Array) -> dict[str, Any]:
    """Return what a model did; its right answers are counted, because Keras rounds their share to float32."""
    right = int((result.answers == labels).sum())
    return {"history": result.history, "seconds": result.seconds, "test": result.scores, "right": right}


def _compared(sides: list[Side], test: Split) -> dict[str, Any]:
    """Return how far the answers of twins agree."""
    if len(sides) < 2:
        return {}
    ours, theirs = (side.result.probabilities for side in sides)
    return agreement(test[1], ours, theirs)


@lru_cache(maxsize=1)
def _data(source: str) -> tuple[tuple[Split, Split], str]:
    """Return the digits of a source, and their fingerprint; they are read once in a process."""
    data = load_mnist(source)
    return data, fingerprint(data)


def fingerprint(data: tuple[Split, Split]) -> str:
    """Return a text that other digits do not have: a part of the SHA-256 of their shapes and values."""
    digest = hashlib.sha256()
    for array in (array for split in data for array in split):
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()[:16]
