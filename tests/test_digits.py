"""The digits that a command is asked about: the files that were named, or one digit of the run's test set."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scratch_rnn.commands.digits import load_digits
from scratch_rnn.data.mnist import load_mnist
from scratch_rnn.runs.recipe import Recipe

SAMPLE = Recipe(data="sample")


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A recipe whose data are eight training and five test images, no two alike, no two of one label."""
    rng = np.random.default_rng(0)
    x_train, x_test = rng.integers(0, 256, (8, 6, 4), np.uint8), rng.integers(0, 256, (5, 6, 4), np.uint8)
    path = tmp_path_factory.mktemp("own") / "data.npz"
    np.savez(path, x_train=x_train, y_train=np.arange(8), x_test=x_test, y_test=np.array([9, 3, 8, 6, 4]))
    return Recipe(data=str(path)), x_test


@pytest.mark.parametrize(("index", "label"), list(enumerate([9, 3, 8, 6, 4])))
def test_a_test_digit_comes_from_the_test_set_of_the_run_with_its_label(own, index, label):
    recipe, x_test = own
    names, images, labels, parts = load_digits(recipe, [], index)
    assert parts == [1]
    assert names == [f"test-{index}"]
    assert images.shape == (1, 6, 4)
    np.testing.assert_array_equal(images[0], x_test[index])
    assert labels.tolist() == [label]


def test_the_first_index_past_the_end_is_refused_and_the_number_of_digits_told(own):
    with pytest.raises(ValueError, match="--test-index 5 is out of range: the test set has 5 digits, from 0"):
        load_digits(own[0], [], 5)


@pytest.mark.parametrize("index", [0, 1])
def test_files_and_a_test_digit_are_not_asked_about_together(index):
    with pytest.raises(ValueError, match="not both"):
        load_digits(SAMPLE, [Path("three.png")], index)


def test_files_come_in_the_order_in_which_they_were_named(tmp_path):
    """Their names, not their folders, go with them; what they show nobody knows."""
    digits = load_mnist("sample")[1][0][[3, 1, 2]]
    paths = [tmp_path / "b" / "three.png", tmp_path / "c.jpg" / "one.png", tmp_path / "a" / "two.x.png"]
    for digit, path in zip(digits, paths, strict=True):
        path.parent.mkdir()
        Image.fromarray(digit).save(path)
    names, images, labels, parts = load_digits(SAMPLE, paths, None)
    assert parts == [1, 1, 1]
    assert names == ["three.png", "one.png", "two.x.png"]
    assert images.shape == (3, 28, 28)
    assert images.dtype == np.uint8
    assert labels is None
    similar = np.corrcoef(images.reshape(3, -1), digits.reshape(3, -1))[:3, 3:]
    assert similar.argmax(axis=1).tolist() == [0, 1, 2]
    assert similar.diagonal().min() > 0.9


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.png"):
        load_digits(SAMPLE, [tmp_path / "absent.png"], None)


def test_an_image_of_another_size_than_the_network_has_learned_is_refused(own, tmp_path):
    Image.fromarray(load_mnist("sample")[1][0][3]).save(tmp_path / "three.png")
    words = (
        "three.png is an image of 28 x 28, but this network was trained on images of 14 x 28: .*--test-index"
    )
    with pytest.raises(ValueError, match=words):
        load_digits(SAMPLE, [tmp_path / "three.png"], None, (14, 28))
    with pytest.raises(ValueError, match=r"test-2 is an image of 6 x 4, but .* of 28 x 28"):
        load_digits(own[0], [], 2, (28, 28))
    assert load_digits(own[0], [], 2, (6, 4))[1].shape == (1, 6, 4)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_name_that_is_no_utf_8_can_be_drawn(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff3.png"))
    Image.fromarray(load_mnist("sample")[1][0][3]).save(path)
    assert load_digits(SAMPLE, [path], None)[0] == ["\ufffd3.png"]
