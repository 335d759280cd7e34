"""A training recipe: what to train, on which data, and how. The defaults are a common Keras tutorial's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

from scratch_rnn.data.mnist import CLASSES
from scratch_rnn.layers import CELLS, Bidirectional, Dense, Dropout, Layer, RandomAffine
from scratch_rnn.layers.base import positive_integer
from scratch_rnn.training import optimizers
from scratch_rnn.training.model import Sequential
from scratch_rnn.training.samples import split_row
from scratch_rnn.training.schedules import (
    CosineDecay,
    ExponentialDecay,
    LearningRateSchedule,
    PolynomialDecay,
)
from scratch_rnn.training.shards import SHARD_ROWS

OPTIMIZERS: dict[str, type[optimizers.Optimizer]] = {
    "rmsprop": optimizers.RMSprop,
    "adam": optimizers.Adam,
    "sgd": optimizers.SGD,
}
MOST_LAYERS = 100
# What a recipe has beside what is needed, and what it is when it is off.
EXTRAS: dict[str, Any] = {
    "bidirectional": False,
    "dropout": 0.0,
    "recurrent_dropout": 0.0,
    "augment": False,
    "schedule": "constant",
    "base_batch": None,
    "patience": None,
}
ADDED_LATER = {"shard_rows", "reference", *EXTRAS}  # recipes of earlier runs were made with the default
SCHEDULES = ("constant", "cosine", "exponential")
WARM_UP = 0.05  # of all steps, in which a cosine's rate rises from zero
WARM_UP_EPOCHS = 5  # in which a rate rises to that of a larger batch (Goyal et al. 2017, section 2.2)
LAST_RATE = 0.01  # of the first, at the end of an exponential schedule
# How far a digit is moved: pixels, degrees, share of its size, pixels sideways for each of height.
MOVES: dict[str, Any] = {"shift": 2.0, "rotation": 12.0, "zoom": 0.12, "shear": 0.2}
# Recipes that have a name, by what they change.
RECIPES: dict[str, dict[str, Any]] = {
    "default": {},
    "best": {
        "bidirectional": True,
        "units": 96,
        "layers": 2,
        "dropout": 0.3,
        "augment": True,
        "optimizer": "adam",
        "learning_rate": 0.002,
        "schedule": "cosine",
        "epochs": 16,
    },
}


@dataclass(frozen=True)
class Recipe:
    """LSTM(128) and Dense(10, softmax), RMSprop, batches of 128, 10 epochs, the last 10 % for validation.

    `data` is "auto", "sample" or a path, as for `load_mnist`; `learning_rate` None the optimizer's own;
    `reference` the library that `scratch-rnn compare` trains beside this one, "keras" or "pytorch".

    bidirectional      each recurrent layer reads from both ends
    dropout            a Dropout layer of that rate behind each of them
    recurrent_dropout  that of the recurrent layers
    augment            each digit is moved a little, in each step anew: MOVES
    schedule           of the learning rate, one of SCHEDULES, over all epochs
    base_batch         the batch_size that the learning rate is for: it is scaled as the batch is, on a
                       straight line in the first WARM_UP_EPOCHS. None: it is not scaled
    patience           after so many epochs without a lower validation loss the training ends, with the best
                       weights
    """

    cell: str = "lstm"
    units: int = 128
    layers: int = 1
    optimizer: str = "rmsprop"
    learning_rate: float | None = None
    epochs: int = 10
    batch_size: int = 128
    validation_split: float = 0.1
    seed: int = 1
    data: str = "auto"
    dtype: str = "float32"
    shard_rows: int = SHARD_ROWS
    reference: str = "keras"
    bidirectional: bool = False
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    augment: bool = False
    schedule: str = "constant"
    base_batch: int | None = None
    patience: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as a dict that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Recipe:
        """Return the recipe that `to_dict` turned into `values`. Raises ValueError where it is none."""
        names = {field.name for field in fields(cls)}
        if not isinstance(values, dict) or set(values) | ADDED_LATER != names:
            raise ValueError(f"a recipe has the entries {', '.join(sorted(names))}")
        return cls(**values)

    def build_model(
        self,
        image_shape: tuple[int, int],
        threads: int | None = None,
        processes: int | None = None,
        digits: int | None = None,
        engine: str | None = None,
    ) -> Sequential:
        """Return a compiled model with new weights for images (H, W), read as H rows of W features.

        `threads`, `processes` and `engine` are those of `compile`; the results do not depend on them.
        `digits` is how many there are to train on and to validate, which a schedule has to know; without it
        the learning rate is constant. Raises ValueError for a value that does not exist or is out of range,
        ImportError for an engine that is not installed, MemoryError for too many units.
        """
        self._check()
        if len(image_shape) != 2:
            raise ValueError(f"image_shape must be (H, W), not {image_shape}")
        for name, size in zip(("H", "W"), image_shape, strict=True):
            positive_integer(size, f"{name} of images (H, W)")
        model = Sequential([*self._layers(), Dense(CLASSES, "softmax", dtype=self.dtype)], seed=self.seed)
        model.compile(
            self._optimizer(digits),
            "categorical_crossentropy",
            ["accuracy"],
            threads,
            processes,
            self.shard_rows,
            engine=engine,
        )
        try:
            model.build((None, *image_shape))
        except (MemoryError, ValueError) as error:  # NumPy raises either, depending on how much too large
            raise MemoryError(f"take fewer than {self.units} units ({error})") from error
        return model

    def _check(self) -> None:
        """Raise ValueError for a name that does not exist, and a number that is out of range."""
        known: dict[str, Iterable[str]] = {"cell": CELLS, "optimizer": OPTIMIZERS, "schedule": SCHEDULES}
        for name, names in known.items():
            if getattr(self, name) not in names:
                raise ValueError(f"unknown {name} {getattr(self, name)!r}: use one of {', '.join(names)}")
        if positive_integer(self.layers, "layers") > MOST_LAYERS:
            raise ValueError(f"layers must be at most {MOST_LAYERS}, not {self.layers}")
        if self.dtype not in ("float32", "float64"):
            raise ValueError(f"dtype must be float32 or float64, not {self.dtype!r}")
        for name in ("patience", "base_batch"):
            if getattr(self, name) is not None:
                positive_integer(getattr(self, name), name)
        if self.base_batch is not None and self.schedule == "exponential":
            raise ValueError(f"base_batch {self.base_batch} goes with a constant or a cosine schedule only")

    def _layers(self) -> list[Layer]:
        """Return all layers but the head."""
        layers: list[Layer] = [RandomAffine(**MOVES, dtype=self.dtype)] if self.augment else []
        for number in range(1, self.layers + 1):
            recurrent = CELLS[self.cell](
                self.units,
                return_sequences=number < self.layers,
                recurrent_dropout=self.recurrent_dropout,
                dtype=self.dtype,
            )
            layers.append(Bidirectional(recurrent) if self.bidirectional else recurrent)
            if self.dropout:
                layers.append(Dropout(self.dropout, dtype=self.dtype))
        return layers

    def _optimizer(self, digits: int | None) -> optimizers.Optimizer:
        make: Any = OPTIMIZERS[self.optimizer]
        optimizer: optimizers.Optimizer = make() if self.learning_rate is None else make(self.learning_rate)
        if (self.schedule != "constant" or self._scale != 1) and digits is not None:
            optimizer.learning_rate = self._schedule(optimizer.learning_rate, digits)
        return optimizer

    def _schedule(self, rate: float, digits: int) -> LearningRateSchedule:
        """Return the schedule that begins, or after a cosine's warm-up goes on, with this rate; of a larger
        batch, one that begins with it."""
        rows = split_row(digits, self.validation_split)
        of_epoch = -(-rows // self.batch_size)
        steps, warm_up = self.epochs * of_epoch, min(WARM_UP_EPOCHS, self.epochs) * of_epoch
        if self.schedule == "exponential":
            return ExponentialDecay(rate, steps, LAST_RATE)
        if self.schedule == "constant":
            return PolynomialDecay(rate, warm_up, end_learning_rate=self._scale * rate)  # of power 1: a line
        first = rate
        if self._scale == 1:
            first, warm_up = 0.0, int(WARM_UP * steps)
        target = self._scale * rate
        return CosineDecay(first, max(steps - warm_up, 1), warmup_target=target, warmup_steps=warm_up)

    @property
    def _scale(self) -> float:
        """By how much the batch, and so the learning rate, is larger than the one that it is for."""
        return 1.0 if self.base_batch is None else self.batch_size / self.base_batch

    @property
    def network(self) -> str:
        """The recurrent layers: LSTM(128), or 2 × bidirectional LSTM(128), dropout 0.3."""
        stack = f"{'bidirectional ' * self.bidirectional}{CELLS[self.cell].__name__}({self.units})"
        rates = {"dropout": self.dropout, "recurrent dropout": self.recurrent_dropout}
        words = [f"{name} {rate:g}" for name, rate in rates.items() if rate]
        return ", ".join([f"{self.layers} × {stack}" if self.layers > 1 else stack, *words])

    @property
    def training(self) -> str:
        """How they are trained: RMSprop 0.001, batch 128, or Adam 0.002 (cosine), batch 128, moved digits."""
        optimizer = OPTIMIZERS[self.optimizer]
        rate = optimizer().learning_rate if self.learning_rate is None else self.learning_rate  # type: ignore[call-arg]
        scaled = "" if self._scale == 1 else f" × {self._scale:g} after a warm-up"
        schedule = f" ({self.schedule})" if self.schedule != "constant" else ""
        moved = ", moved digits" if self.augment else ""
        return f"{optimizer.__name__} {rate:g}{scaled}{schedule}, batch {self.batch_size}{moved}"

    def __str__(self) -> str:
        """One line: LSTM(128), RMSprop 0.001, batch 128."""
        return f"{self.network}, {self.training}"
