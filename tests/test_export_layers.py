"""Exported files of networks with layers around their cells: other libraries predict the same from them."""

import json
from zipfile import ZipFile

import numpy as np
import pytest
from helpers import randomize

from scratch_rnn import (
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    Dropout,
    LayerNormLSTM,
    Masking,
    RandomAffine,
    Sequential,
    SimpleRNN,
    TimeDistributed,
)

pytest.importorskip("keras")
pytest.importorskip("onnxruntime")
pytest.importorskip("safetensors")
pytest.importorskip("torch")

from keras_reference.formats import FORMATS

SHAPE = (28, 28)
STACKS = {
    "two both ways": lambda: [
        RandomAffine(2.0, 15.0, 0.1),
        Bidirectional(LSTM(5, return_sequences=True)),
        Dropout(0.4),
        Bidirectional(LSTM(4)),
    ],
    "a GRU both ways": lambda: [
        TimeDistributed(Dense(6, "tanh")),
        Bidirectional(GRU(5, use_bias=False)),
        Dropout(0.4),
    ],
    "a SimpleRNN both ways": lambda: [Bidirectional(SimpleRNN(6, "relu", return_sequences=True)), LSTM(4)],
    "what acts in training": lambda: [LSTM(6, dropout=0.3, recurrent_dropout=0.3, bptt_steps=3)],
}
every_stack = pytest.mark.parametrize("stack", STACKS)
every_format = pytest.mark.parametrize("to", FORMATS)


def network(*layers, seed=0):
    """Return a model of these layers and a softmax, with random weights of which none is too large."""
    model = Sequential([*layers, Dense(10, "softmax")], seed=0)
    model.build((None, *SHAPE))
    return randomize(model, seed, scale=0.3)


def written(to, model, folder):
    """Write the model for a library; return the file and the lines that read it."""
    form = FORMATS[to]
    file = folder / form.file
    form.write(model, SHAPE, file)
    return file, form.use(model, str(file))


def predicted(lines, x, **names):
    """Run the lines, and return the probabilities that they make of x."""
    names["x"] = x
    exec("\n".join(lines), names)
    given = names["probabilities"]
    return given.detach().numpy() if hasattr(given, "detach") else given


@every_stack
@every_format
def test_other_libraries_predict_the_same_from_the_file(to, stack, tmp_path, sample):
    model, other = network(*STACKS[stack]()), network(*STACKS[stack](), seed=1)
    x = sample[1][0][:200]
    _, lines = written(to, model, tmp_path)
    expected = model.predict(x)
    assert expected.std(axis=0).max() > 1e-3  # other digits have other probabilities
    given = predicted(lines, x.astype("float32") / np.float32(255), model=other)
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-6)


def test_the_lines_for_pytorch_take_each_direction_s_own_last_output(tmp_path):
    model = network(Bidirectional(GRU(5, return_sequences=True)), Bidirectional(GRU(4)))
    _, lines = written("pytorch", model, tmp_path)
    assert lines[-4:] == [
        "y = module.bidirectional(y)[0]",
        "y = module.bidirectional_1(y)[0]",
        "y = torch.cat([y[:, -1, :4], y[:, 0, 4:]], -1)",
        "probabilities = module.dense(y).softmax(-1)",
    ]


def test_the_lines_for_pytorch_say_what_a_module_is_made_with(tmp_path):
    model = network(
        SimpleRNN(3, "relu", use_bias=False, return_sequences=True, go_backwards=True),
        Dense(2, "relu", use_bias=False),
        LSTM(4, go_backwards=True),
    )
    _, lines = written("pytorch", model, tmp_path)
    assert lines[4:7] == [
        '    "simple_rnn": torch.nn.RNN(28, 3, bias=False, nonlinearity="relu", batch_first=True),',
        '    "dense": torch.nn.Linear(3, 2, bias=False),',
        '    "lstm": torch.nn.LSTM(2, 4, batch_first=True),',
    ]
    x = np.random.default_rng(0).random((3, *SHAPE), np.float32)
    np.testing.assert_allclose(predicted(lines, x), model.predict(x), rtol=0, atol=1e-6)


def test_the_keras_file_names_no_class_of_this_project(tmp_path):
    model = network(
        RandomAffine(2.0),
        Masking(),
        TimeDistributed(Dense(3)),
        Bidirectional(GRU(3, return_sequences=True), "mul"),
        Dropout(0.5),
        LSTM(4, dropout=0.1, recurrent_dropout=0.1),
    )
    file, _ = written("keras", model, tmp_path)
    with ZipFile(file) as parts:
        config = parts.read("config.json").decode()
    assert "scratch_rnn" not in config
    assert "keras_reference" not in config
    layers = [layer["class_name"] for layer in json.loads(config)["config"]["layers"]]
    assert layers == ["InputLayer", "Masking", "TimeDistributed", "Bidirectional", "Dropout", "LSTM", "Dense"]


@pytest.mark.parametrize(
    ("to", "layer", "words"),
    [
        ("keras", LayerNormLSTM(3, name="n"), "Keras by itself has no LayerNormLSTM, which is in layer 'n'"),
        ("keras", Bidirectional(LayerNormLSTM(3), name="b"), "no LayerNormLSTM, which is in layer 'b'"),
        ("keras", LSTM(3, stateful=True, name="l"), "layer 'l' is stateful"),
        ("pytorch", LayerNormLSTM(3, name="n"), r"PyTorch has no counterpart of layer 'n' \(LayerNormLSTM\)"),
        ("pytorch", LSTM(3, stateful=True, name="l"), "layer 'l' is stateful"),
        ("pytorch", Bidirectional(LSTM(3), "sum", name="b"), "layer 'b' has merge_mode 'sum'"),
        ("onnx", LayerNormLSTM(3, name="n"), "ONNX has no LayerNormLSTM, which layer 'n' is"),
        ("onnx", Bidirectional(LSTM(3), "sum", name="b"), "layer 'b' has merge_mode 'sum'"),
    ],
)
def test_what_another_library_lacks_is_refused_and_no_file_is_left(to, layer, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        written(to, network(layer), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("to", ["pytorch", "onnx"])
def test_masks_do_not_travel(to, tmp_path):
    with pytest.raises(ValueError, match="has no Masking, which layer 'masking' is: leave it out"):
        written(to, network(Masking(), LSTM(3)), tmp_path)


def test_weights_of_layer_normalization_go_to_safetensors(tmp_path):
    model, other = network(LayerNormLSTM(3)), network(LayerNormLSTM(3), seed=1)
    _, lines = written("safetensors", model, tmp_path)
    x = np.random.default_rng(0).random((3, *SHAPE), np.float32)
    np.testing.assert_array_equal(predicted(lines, x, model=other), model.predict(x))
