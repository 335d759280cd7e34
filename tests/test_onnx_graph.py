"""The ONNX graph of a network: onnxruntime computes the same, whatever options its layers have."""

import numpy as np
import pytest
from helpers import random_arrays, randomize

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
from scratch_rnn.interop import to_onnx
from scratch_rnn.layers.activations import Softmax

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from keras_reference.onnx_graph import onnx_model  # noqa: E402

T, D = 5, 4


def built(*layers):
    model = Sequential(layers, seed=0)
    model.build((None, T, D))
    return randomize(model)


def computed(model, x):
    made = onnx_model(model, (T, D))
    onnx.checker.check_model(made, full_check=True)
    session = onnxruntime.InferenceSession(made.SerializeToString())
    (y,) = session.run(["probabilities"], {"x": x})
    return y


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize(
    "layers",
    [
        [SimpleRNN(6, "relu"), Dense(3, "softmax")],
        [SimpleRNN(6, use_bias=False), Dense(3, "softmax", use_bias=False)],
        [GRU(6, reset_after=False), Dense(3, "softmax")],
        [GRU(6, use_bias=False), Dense(3, "sigmoid")],
        [LSTM(6, use_bias=False), Dense(3, "tanh")],
        [LSTM(1, return_sequences=True), GRU(1), Dense(1)],
        [LSTM(6, bptt_steps=2), Dense(5, "relu"), Dense(3, "softmax")],
        [Dense(4, "tanh"), LSTM(6, return_sequences=True), Dense(3, "softmax")],
        [SimpleRNN(6)],
        [Bidirectional(LSTM(6)), Dense(3, "softmax")],
        [Bidirectional(GRU(6, use_bias=False)), Dense(3, "softmax")],
        [Bidirectional(GRU(6, reset_after=False)), Dense(3, "softmax")],
        [Bidirectional(SimpleRNN(6, "relu"))],
        [Bidirectional(SimpleRNN(3, return_sequences=True)), Bidirectional(LSTM(2)), Dense(3)],
        [Bidirectional(LSTM(2, return_sequences=True))],
        [LSTM(6, dropout=0.5, recurrent_dropout=0.5), Dropout(0.5), Dense(3, "softmax")],
        [RandomAffine(1.0, 10.0), GRU(6), Dense(3, "softmax")],
        [TimeDistributed(Dense(4, "relu")), LSTM(6), Dense(3, "softmax")],
        [LSTM(6, return_sequences=True), Dropout(0.5), TimeDistributed(Dense(3, "softmax"))],
    ],
    ids=lambda layers: " ".join(type(layer).__name__ for layer in layers),
)
def test_onnxruntime_computes_the_same(layers, batch):
    model = built(*layers)
    (x,) = random_arrays((batch, T, D), dtype="float32")
    y = computed(model, x)
    assert y.shape == model.compute_output_shape(x.shape)
    np.testing.assert_allclose(y, model.predict(x), rtol=0, atol=1e-6)


def test_the_graph_is_valid_and_old_readers_know_all_that_is_in_it():
    model = built(LSTM(6, return_sequences=True), GRU(5), Dense(3, "softmax"))
    made = onnx_model(model, (T, D), "what x is")
    onnx.checker.check_model(made, full_check=True)
    assert (made.ir_version, [(each.domain, each.version) for each in made.opset_import]) == (7, [("", 12)])
    shapes = [
        (value.name, [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim])
        for value in (*made.graph.input, *made.graph.output)
    ]
    assert shapes == [("x", ["N", T, D]), ("probabilities", ["N", 3])]
    assert [node.op_type for node in made.graph.node] == [
        "Transpose",
        *("LSTM", "Squeeze"),
        *("GRU", "Squeeze"),
        *("MatMul", "Add", "Softmax"),
    ]
    assert made.graph.input[0].doc_string == "what x is"
    assert {each.key: each.value for each in made.metadata_props} == {"input": "what x is"}


def test_the_initializers_are_the_weights_alone():
    model = built(LSTM(6, return_sequences=True), LSTM(5), Dense(3, "softmax"))
    given = {t.name: onnx.numpy_helper.to_array(t) for t in onnx_model(model, (T, D)).graph.initializer}
    expected = to_onnx(model)
    assert list(given) == list(expected)
    assert all(np.array_equal(given[name], expected[name]) for name in expected)


def test_float64_is_rounded_because_onnxruntime_computes_in_float32():
    model = built(LSTM(6, dtype="float64"), Dense(3, "softmax", dtype="float64"))
    (x,) = random_arrays((7, T, D))
    y = computed(model, x.astype("float32"))
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, model.predict(x), rtol=0, atol=1e-6)
    model.weights[0][0, 0] = 1e300
    with pytest.raises(ValueError, match=r"lstm\.W has numbers that float32 cannot hold"):
        onnx_model(model, (T, D))


class Own(Softmax):
    pass


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([LSTM(6, go_backwards=True, name="l")], "layer 'l' goes backwards, and ONNX has its outputs in"),
        ([LSTM(6, "relu", name="l")], "ONNX has no LSTM with the activations of 'l'"),
        ([GRU(6, recurrent_activation="tanh", name="g")], "ONNX has no GRU with the activations of 'g'"),
        ([SimpleRNN(6, "sigmoid", name="s")], "ONNX has no SimpleRNN with the activations of 's'"),
        ([LSTM(6), Dense(3, Own(), name="d")], "ONNX has no activation like that of 'd'"),
        ([Masking(name="m"), LSTM(6)], "ONNX has no Masking, which layer 'm' is"),
        ([LSTM(6, stateful=True, name="l")], "layer 'l' is stateful, and what ONNX reads begins with zeros"),
        ([Bidirectional(LSTM(6, stateful=True), name="b")], "layer 'b' is stateful"),
        ([LayerNormLSTM(6, name="n")], "ONNX has no LayerNormLSTM, which layer 'n' is"),
        ([Bidirectional(LSTM(6), "ave", name="b")], "layer 'b' has merge_mode 'ave'"),
    ],
)
def test_what_onnx_cannot_express_is_refused(layers, words):
    with pytest.raises(ValueError, match=words):
        onnx_model(built(*layers), (T, D))


def test_an_input_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"the input of layer 'lstm' has shape \(None, 5, 3\)"):
        onnx_model(built(LSTM(6)), (5, 3))
