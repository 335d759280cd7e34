"""Data that several test files use."""

import numpy as np
import pytest
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
