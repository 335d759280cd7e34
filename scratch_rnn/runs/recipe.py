"""A training recipe: what to train, on which data, and how. The defaults are a common Keras tutorial's."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from scratch_rnn.data.mnist import CLASSES
from scratch_rnn.layers import CELLS, Dense, Layer
from scratch_rnn.layers.base import positive_integer
from scratch_rnn.training import optimizers
from scratch_rnn.training.model import Sequential
from scratch_rnn.training.shards import SHARD_ROWS

OPTIMIZERS: dict[str, type[optimizers.Optimizer]] = {
    "rmsprop": optimizers.RMSprop,
    "adam": optimizers.Adam,
    "sgd": optimizers.SGD,
}
MOST_LAYERS = 100
ADDED_LATER = {
    "shard_rows",
    "reference",
}  # what recipes of earlier runs lack: their runs were made with the default


@dataclass(frozen=True)
class Recipe:
    """LSTM(128) and Dense(10, softmax), RMSprop, batches of 128, 10 epochs, the last 10 % for validation.

    `data` is "auto", "sample" or a path, as for `load_mnist`; `learning_rate` None the optimizer's own;
    `reference` the library that `scratch-rnn compare` trains beside this one, "keras" or "pytorch".
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
        self, image_shape: tuple[int, int], threads: int | None = None, processes: int | None = None
    ) -> Sequential:
        """Return a compiled model with new weights for images (H, W), read as H rows of W features.

        `threads` and `processes` are those of `compile`; the results do not depend on them.
        Raises ValueError for a value that does not exist or is out of range, MemoryError for too many units.
        """
        if self.cell not in CELLS:
            raise ValueError(f"unknown cell {self.cell!r}: use one of {', '.join(CELLS)}")
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"unknown optimizer {self.optimizer!r}: use one of {', '.join(OPTIMIZERS)}")
        if positive_integer(self.layers, "layers") > MOST_LAYERS:
            raise ValueError(f"layers must be at most {MOST_LAYERS}, not {self.layers}")
        if self.dtype not in ("float32", "float64"):
            raise ValueError(f"dtype must be float32 or float64, not {self.dtype!r}")
        recurrent: list[Layer] = [
            CELLS[self.cell](self.units, return_sequences=number < self.layers, dtype=self.dtype)
            for number in range(1, self.layers + 1)
        ]
        rate: dict[str, Any] = {} if self.learning_rate is None else {"learning_rate": self.learning_rate}
        model = Sequential([*recurrent, Dense(CLASSES, "softmax", dtype=self.dtype)], seed=self.seed)
        optimizer = OPTIMIZERS[self.optimizer](**rate)
        model.compile(
            optimizer, "categorical_crossentropy", ["accuracy"], threads, processes, self.shard_rows
        )
        try:
            model.build((None, *image_shape))
        except (MemoryError, ValueError) as error:  # NumPy raises either, depending on how much too large
            raise MemoryError(f"take fewer than {self.units} units ({error})") from error
        return model

    @property
    def network(self) -> str:
        """The recurrent layers: LSTM(128), or 2 × LSTM(128)."""
        stack = f"{CELLS[self.cell].__name__}({self.units})"
        return f"{self.layers} × {stack}" if self.layers > 1 else stack

    @property
    def training(self) -> str:
        """How they are trained: RMSprop 0.001, batch 128."""
        optimizer = OPTIMIZERS[self.optimizer]
        rate = optimizer().learning_rate if self.learning_rate is None else self.learning_rate  # type: ignore[call-arg]
        return f"{optimizer.__name__} {rate:g}, batch {self.batch_size}"

    def __str__(self) -> str:
        """One line: LSTM(128), RMSprop 0.001, batch 128."""
        return f"{self.network}, {self.training}"
