"""The files that other libraries read: how each is written, and the lines of Python that read it.

Whatever the library, it has to be given floats from 0 to 1: a network in a file does not scale uint8.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from keras_reference.pytorch_lines import expressions, modules
from scratch_rnn.arrays import Array
from scratch_rnn.interop import to_pytorch
from scratch_rnn.training.model import Sequential

ImageShape = tuple[int, int]  # (T, D): rows are timesteps


class Format:
    """A file for one library, of a built model for images.

    Layers that act in training alone leave no trace where the file only predicts. `write` raises ValueError
    for a layer that the library does not have.
    """

    file: str  # what it is called in a run's folder

    def write(self, model: Sequential, image_shape: ImageShape, file: Path) -> None:
        """Write the model. Raises ModuleNotFoundError, saying what to install, where a package is missing."""
        raise NotImplementedError

    def use(self, model: Sequential, file: str) -> list[str]:
        """Return the lines of Python that read the file and make probabilities (N, 10) of x."""
        raise NotImplementedError

    def dtype_of(self, model: Sequential) -> str:
        """Return the dtype of the weights in the file, in which x has to be."""
        return model.dtype.name

    def input_of(self, model: Sequential, image_shape: ImageShape) -> str:
        """Return what x has to be."""
        height, width = image_shape
        return f"{self.dtype_of(model)} (N, {height}, {width}), pixels from 0 to 1 and not to 255"


class KerasFile(Format):
    """A plain keras.Sequential, which needs no class of this project.

    It is not compiled: the state of the optimizer stays behind, and the loss would want one-hot labels.
    """

    file = "model.keras"

    def write(self, model: Sequential, image_shape: ImageShape, file: Path) -> None:
        from keras_reference.backend import import_keras

        import_keras(otherwise='or the extra with TensorFlow: pip install "scratch_rnn[keras]"')
        from keras_reference.twin import build_plain

        build_plain(model, (None, *image_shape)).save(file)

    def use(self, model: Sequential, file: str) -> list[str]:
        return [
            "import keras",
            "",
            *['keras.config.set_floatx("float64")'] * (model.dtype == np.float64),  # else it rounds x
            f"model = keras.saving.load_model({quoted(file)})",
            "probabilities = model.predict(x)",
        ]


class PyTorchFile(Format):
    """The state_dict of a torch.nn.ModuleDict, as safetensors; PyTorch is not needed to write it."""

    file = "pytorch.safetensors"

    def write(self, model: Sequential, image_shape: ImageShape, file: Path) -> None:
        metadata = {"format": "pt", "modules": json.dumps(modules(model))}
        write_safetensors(to_pytorch(model), metadata | {"input": self.input_of(model, image_shape)}, file)

    def use(self, model: Sequential, file: str) -> list[str]:
        *between, last = expressions(model)
        return [
            "import torch",
            "from safetensors.torch import load_file",
            "",
            "modules = {",
            *(f'    "{name}": {module},' for name, module in modules(model).items()),
            "}",
            f"module = torch.nn.ModuleDict(modules){'.double()' if model.dtype == np.float64 else ''}",
            f"module.load_state_dict(load_file({quoted(file)}))",
            "y = torch.as_tensor(x)",
            *(f"y = {expression}" for expression in between),
            f"probabilities = {last}",
        ]


class OnnxFile(Format):
    """An ONNX graph, always in float32: onnxruntime computes recurrent operators in nothing else."""

    file = "model.onnx"

    def write(self, model: Sequential, image_shape: ImageShape, file: Path) -> None:
        with installed("onnx"):
            from keras_reference.onnx_graph import onnx_model

        made = onnx_model(model, image_shape, self.input_of(model, image_shape))
        file.write_bytes(made.SerializeToString())

    def use(self, model: Sequential, file: str) -> list[str]:
        return [
            "import onnxruntime",
            "",
            f"session = onnxruntime.InferenceSession({quoted(file)})",
            '(probabilities,) = session.run(None, {"x": x})',
        ]

    def dtype_of(self, model: Sequential) -> str:
        return "float32"


class SafetensorsFile(Format):
    """The weights as scratch_rnn, and Keras, name, shape and order them."""

    file = "model.safetensors"

    def write(self, model: Sequential, image_shape: ImageShape, file: Path) -> None:
        arrays = dict(zip(model.weight_names, model.weights, strict=True))
        write_safetensors(arrays, {"input": self.input_of(model, image_shape)}, file)

    def use(self, model: Sequential, file: str) -> list[str]:
        return [
            "from safetensors.numpy import load_file",
            "",
            f"weights = load_file({quoted(file)})",
            "# model: a scratch_rnn model with the same layers, and built",
            "model.set_weights([weights[name] for name in model.weight_names])",
            "probabilities = model.predict(x)",
        ]


FORMATS: dict[str, Format] = {
    "keras": KerasFile(),
    "pytorch": PyTorchFile(),
    "onnx": OnnxFile(),
    "safetensors": SafetensorsFile(),
}


def quoted(text: str) -> str:
    """Return the text as it is written in Python, in double quotes: those of JSON mean the same there."""
    return json.dumps(text, ensure_ascii=False)


def write_safetensors(arrays: dict[str, Array], metadata: dict[str, str], file: Path) -> None:
    """Write arrays by name, each in one piece as safetensors takes them, and words about them."""
    with installed("safetensors"):
        from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, str(file), metadata)


@contextmanager
def installed(package: str) -> Iterator[None]:
    """Say what to install where a package, which has an extra of its name, cannot be imported."""
    try:
        yield
    except ImportError as error:
        raise ModuleNotFoundError(
            f'{package} is not installed ({error}): pip install "scratch_rnn[{package}]"', name=error.name
        ) from error
