"""Data that several test files use, and how the tests share the cores."""

import os

# Each worker of pytest-xdist has one core; NumPy, TensorFlow and PyTorch must know it when they are imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    for name in ("OPENBLAS_NUM", "OMP_NUM", "TF_NUM_INTRAOP", "TF_NUM_INTEROP"):
        os.environ.setdefault(f"{name}_THREADS", "1")

import numpy as np
import pytest
from helpers import TINY, called
from hypothesis import Phase, settings

from scratch_rnn import load_mnist

# For mutation testing, which wants to know that a test fails and not the smallest example on which it does.
settings.register_profile("no-shrinking", phases=[Phase.explicit, Phase.generate])


@pytest.fixture(scope="session")
def sample():
    """The embedded digits, read-only: (x_train, y_train), (x_test, y_test)."""
    data = load_mnist("sample")
    for split in data:
        for array in split:
            array.flags.writeable = False
    return data


@pytest.fixture(scope="session")
def digits(sample):
    """The first 300 of them, uint8 (300, 28, 28), and their labels."""
    (x, y), _ = sample
    return x[:300], y[:300]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory):
    """400 training and 100 test digits of the sample, as a file that --data takes."""
    (x, y), (x_test, y_test) = load_mnist("sample")
    path = tmp_path_factory.mktemp("data") / "tiny.npz"
    np.savez(path, x_train=x[:400], y_train=y[:400], x_test=x_test[:100], y_test=y_test[:100])
    return path


@pytest.fixture(scope="session")
def compared(tmp_path_factory, tiny_data):
    """The folder and the output of `compare`, for all three cells."""
    pytest.importorskip("keras")
    folder = tmp_path_factory.mktemp("compare")
    done = called("compare", "--cell", "all", "--data", tiny_data, "--out", "run", *TINY, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "run", done.stdout
