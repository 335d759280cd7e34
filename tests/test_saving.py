"""A saved model comes back whole: it answers and trains on as the one that was saved, to the bit."""

import copy
import io
import json
import zipfile

import numpy as np
import pytest

from scratch_rnn import (
    GRU,
    LSTM,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    BackupAndRestore,
    BinaryCrossentropy,
    Callback,
    CategoricalCrossentropy,
    CosineDecay,
    CosineDecayRestarts,
    Dense,
    ExponentialDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    MeanAbsoluteError,
    MeanSquaredError,
    Nadam,
    PiecewiseConstantDecay,
    PolynomialDecay,
    RMSprop,
    Sequential,
    SimpleRNN,
    load_model,
)
from scratch_rnn.layers.activations import Tanh
from scratch_rnn.training import saving
from scratch_rnn.training.describing import described


def digits():
    rng = np.random.default_rng(0)
    return rng.random((70, 4, 3), dtype="float32"), rng.integers(0, 5, 70)


def classifier(
    layer, optimizer="adam", loss="sparse_categorical_crossentropy", metrics=("accuracy",), **compiled
):
    model = Sequential([layer, Dense(5, "softmax")], seed=3, name="mine")
    model.compile(optimizer, loss, metrics, threads=1, **compiled)
    model.build((None, 4, 3))
    return model


def reloaded(model, folder):
    model.save(folder / "model.npz")
    return load_model(folder / "model.npz")


def train(model):
    x, y = digits()
    history = model.fit(x, y, batch_size=20, epochs=2, verbose=0, validation_split=0.2)
    return [*model.get_weights(), *map(np.array, history.history.values())]


@pytest.mark.parametrize(
    "layer",
    [
        lambda: SimpleRNN(4, activation="relu", bptt_steps=2),
        lambda: GRU(4, reset_after=False, use_bias=False),
        lambda: GRU(4, go_backwards=True),
        lambda: LSTM(4, "linear", "tanh", unit_forget_bias=False, name="first"),
    ],
)
@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: SGD(0.1),
        lambda: SGD(0.1, momentum=0.9, nesterov=True, clipnorm=0.5),
        lambda: RMSprop(0.01, centered=True, momentum=0.5, clipvalue=0.01),
        lambda: Adam(0.02, beta_1=0.8, weight_decay=0.01),
        lambda: SGD(0.02, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=3),
    ],
)
def test_it_trains_on_as_if_it_had_never_been_saved(layer, optimizer, tmp_path):
    model = classifier(layer(), optimizer())
    train(model)
    other = reloaded(model, tmp_path)
    for own, same in zip(train(model), train(other), strict=True):
        np.testing.assert_array_equal(same, own)


SCHEDULES = [
    ExponentialDecay(0.1, 3, 0.7, staircase=True),
    InverseTimeDecay(0.1, 3, 0.7),
    PolynomialDecay(0.1, 10, 0.01, 2, cycle=True),
    PiecewiseConstantDecay([3, 6], [0.1, np.float32(0.3), 0.05]),
    CosineDecay(0.1, 7, 0.2, warmup_target=0.3, warmup_steps=2),
    CosineDecayRestarts(0.1, 3, 1.5, 0.75, 0.1),
]
NEW = [
    pytest.param(AdamW(0.02, 0.3), id="AdamW"),
    pytest.param(Nadam(0.02, 0.8), id="Nadam"),
    pytest.param(Adagrad(0.1, 0.3), id="Adagrad"),
    *(pytest.param(SGD(schedule, 0.5), id=type(schedule).__name__) for schedule in SCHEDULES),
]


def weights_and_optimizer(model):
    slots = [array for of_weight in model.optimizer.slots for array in of_weight.values()]
    return [
        *model.get_weights(),
        *slots,
        np.array([model.optimizer.iterations, model.optimizer.learning_rate]),
    ]


@pytest.mark.parametrize("optimizer", NEW)
def test_an_optimizer_and_its_schedule_go_on_as_if_they_had_never_been_saved(optimizer, tmp_path):
    model = classifier(SimpleRNN(3), optimizer)
    train(model)
    other = reloaded(model, tmp_path)
    assert other.optimizer.schedule == optimizer.schedule
    for either in (model, other):
        train(either)
    assert model.optimizer.iterations == 2 * 6
    for own, same in zip(weights_and_optimizer(model), weights_and_optimizer(other), strict=True):
        np.testing.assert_array_equal(same, own)


class Killed(Exception):
    pass


class Kills(Callback):
    """Interrupts the training in the middle of its second epoch."""

    def on_train_batch_begin(self, batch):
        if batch == 1 and self.model.history.epoch:
            raise Killed


@pytest.mark.parametrize("optimizer", NEW)
def test_a_backup_goes_on_with_an_optimizer_and_its_schedule(optimizer, tmp_path):
    x, y = digits()

    def new():
        return classifier(SimpleRNN(3), copy.deepcopy(optimizer))

    def fit(model, *callbacks):
        backup = BackupAndRestore(tmp_path / "backup.npz")
        model.fit(x, y, batch_size=20, epochs=3, verbose=0, callbacks=[backup, *callbacks])
        return weights_and_optimizer(model)

    expected = fit(new())
    with pytest.raises(Killed):
        fit(new(), Kills())
    for own, same in zip(expected, fit(new()), strict=True):
        np.testing.assert_array_equal(same, own)


def test_a_backup_from_before_labels_could_be_smoothed_is_gone_on_with(tmp_path):
    model, path = classifier(SimpleRNN(3), loss="categorical_crossentropy"), tmp_path / "backup.npz"
    x, y = digits()
    model.fit(x, y, verbose=0, callbacks=[BackupAndRestore(path, delete_checkpoint=False)])
    path.write_bytes(
        changed(path.read_bytes(), lambda said: said["compiled"]["loss"]["options"].pop("label_smoothing"))
    )
    other = classifier(SimpleRNN(3), loss="categorical_crossentropy")
    other.fit(x, y, verbose=0, callbacks=[BackupAndRestore(path)])
    for own, same in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(same, own)


def test_a_backup_of_another_schedule_is_refused(tmp_path):
    x, y = digits()
    path = tmp_path / "backup.npz"
    backup = BackupAndRestore(path, delete_checkpoint=False)
    classifier(SimpleRNN(3), SGD(CosineDecay(0.1, 7))).fit(x, y, verbose=0, callbacks=[backup])
    for rate in (CosineDecay(0.1, 8), 0.1):
        with pytest.raises(ValueError, match="holds a model of other layers, or trained in another"):
            classifier(SimpleRNN(3), SGD(rate)).fit(x, y, verbose=0, callbacks=[backup])


@pytest.mark.parametrize(
    "loss",
    [
        MeanAbsoluteError(),
        BinaryCrossentropy(True, 0.25),
        CategoricalCrossentropy(label_smoothing=np.float32(0.25)),
    ],
    ids=repr,
)
def test_a_loss_comes_back_with_its_options(loss, tmp_path):
    assert reloaded(classifier(SimpleRNN(3), loss=loss), tmp_path).loss == loss


def test_all_that_was_chosen_comes_back(tmp_path):
    loss = CategoricalCrossentropy(from_logits=True)
    layers = [
        LSTM(4, return_sequences=True, dtype="float64"),
        GRU(3, "relu", dtype="float64"),
        Dense(2, dtype="float64", use_bias=False),
    ]
    model = Sequential(layers, name="mine")
    model.compile(RMSprop(0.5), loss, ["acc", "mse"], shard_rows=16)
    model.build((None, 4, 3))
    model.optimizer.learning_rate = 0
    other = reloaded(model, tmp_path)
    assert [repr(layer) for layer in other.layers] == [repr(layer) for layer in layers]
    assert [described(layer) for layer in other.layers] == [described(layer) for layer in layers]
    assert described(other.optimizer) == described(model.optimizer)
    assert (other.name, other.dtype, other.loss, other.shard_rows) == ("mine", "float64", loss, 16)
    assert other.metrics == model.metrics
    assert other.optimizer.learning_rate == 0


def test_a_model_that_is_not_compiled_comes_back_so(tmp_path):
    model = Sequential([SimpleRNN(4), Dense(5)], seed=0)
    model.build((None, 4, 3))
    other = reloaded(model, tmp_path)
    x, y = digits()
    np.testing.assert_array_equal(other.predict(x), model.predict(x))
    with pytest.raises(ValueError, match="not compiled"):
        other.fit(x, y)


def test_a_class_of_ones_own_loads_as_itself(tmp_path):
    class Mine(Sequential):
        pass

    classifier(GRU(2)).save(tmp_path / "a.npz")
    assert type(Mine.load(tmp_path / "a.npz")) is Mine


class OwnCell(LSTM):
    pass


class OwnTanh(Tanh):
    pass


class OwnLoss(MeanSquaredError):
    pass


class OwnOptimizer(SGD):
    pass


class OwnSchedule(LearningRateSchedule):
    def __call__(self, step):
        return 0.5**step


def accuracy(y_true, y_pred):
    return y_pred[..., 0]


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: classifier(OwnCell(2)), "OwnCell"),
        (lambda: classifier(LSTM(2, OwnTanh())), r"OwnTanh\(\)"),
        (lambda: classifier(LSTM(2), loss=OwnLoss()), "OwnLoss"),
        (lambda: classifier(LSTM(2), OwnOptimizer()), "OwnOptimizer"),
        (lambda: classifier(LSTM(2), SGD(OwnSchedule())), "OwnSchedule"),
        (lambda: classifier(LSTM(2), metrics=[accuracy]), "metric 'accuracy'"),
        (lambda: classifier(LSTM(2), metrics=[lambda y, p: p[..., 0]]), "metric '<lambda>'"),
    ],
)
def test_what_is_of_the_users_own_is_refused_by_name_and_nothing_is_written(make, name, tmp_path):
    with pytest.raises(
        ValueError, match=rf"^{name} is not scratch_rnn's own and cannot be saved: save its weights"
    ):
        make().save(tmp_path / "model.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_weights_is_refused(tmp_path):
    with pytest.raises(ValueError, match="has no weights yet"):
        Sequential([LSTM(2)]).save(tmp_path / "model.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    model = classifier(GRU(2))
    train(model)
    path = tmp_path_factory.mktemp("saved") / "model.npz"
    model.save(path)
    return model, path.read_bytes()


def test_a_damaged_byte_is_noticed_or_does_no_harm(saved, tmp_path):
    """What may change are dates and the like, which a zip file keeps of its parts."""
    model, content = saved
    noticed, path = 0, tmp_path / "damaged.npz"
    for place in range(0, len(content), 23):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        try:
            loaded = load_model(path)
        except ValueError as error:
            assert str(error).startswith(f"{path} is damaged")
            noticed += 1
        else:
            assert all(map(np.array_equal, loaded.get_weights(), model.get_weights()))
            assert loaded.optimizer.iterations == model.optimizer.iterations
    assert noticed > len(content) / 23 / 2


@pytest.mark.parametrize("length", [0, 1, 100, -1])
def test_a_file_that_is_cut_short_is_refused(length, saved, tmp_path):
    path = tmp_path / "short.npz"
    path.write_bytes(saved[1][:length])
    with pytest.raises(ValueError, match=r"short.npz is damaged, or holds no model of scratch_rnn"):
        load_model(path)


def changed(content, change):
    """Return the bytes of a saved model after a change of what it says of itself."""
    with np.load(io.BytesIO(content)) as archive:
        arrays = dict(archive)
    said = json.loads(arrays["model"].tobytes())
    change(said)
    out = io.BytesIO()
    np.savez(out, **arrays | {"model": np.frombuffer(json.dumps(said).encode(), np.uint8)})
    return out.getvalue()


def test_a_file_of_a_newer_format_is_refused_by_name(saved, tmp_path):
    path = tmp_path / "new.npz"
    path.write_bytes(changed(saved[1], lambda said: said.update(format=saving.FORMAT + 1, version="9.9")))
    with pytest.raises(
        ValueError, match=r"new.npz was written by scratch_rnn 9.9 in format 2; .* up to 1: update it"
    ):
        load_model(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda said: said["layers"][0].update({"class": "Sequential"}),
        lambda said: said["layers"][0]["options"].update(units=3),
        lambda said: said["layers"].pop(),
        lambda said: said["compiled"]["optimizer"].update({"class": "SGD"}),
        lambda said: said["compiled"]["optimizer"]["options"].update(rho=1),
        lambda said: said["generators"].pop("shuffle"),
        lambda said: said["generators"]["weights"].update(bit_generator="MT19937"),
        lambda said: said.pop("name"),
    ],
)
def test_what_does_not_fit_together_is_damage(change, saved, tmp_path):
    path = tmp_path / "wrong.npz"
    path.write_bytes(changed(saved[1], change))
    with pytest.raises(ValueError, match=r"wrong.npz is damaged"):
        load_model(path)


def test_weights_alone_are_no_model_and_pickles_are_never_loaded(tmp_path):
    classifier(GRU(2)).save_weights(tmp_path / "weights.npz")
    np.savez(tmp_path / "pickle.npz", model=np.array([{"format": 1}], dtype=object))
    for name in ("weights.npz", "pickle.npz"):
        with pytest.raises(ValueError, match=f"{name} is damaged, or holds no model of scratch_rnn"):
            load_model(tmp_path / name)


def test_the_file_is_a_zip_of_arrays_and_text_that_anyone_can_read(saved):
    with zipfile.ZipFile(io.BytesIO(saved[1])) as file:
        assert all(name.endswith(".npy") for name in file.namelist())
        assert b"PCG64" in file.read("model.npy")


def test_a_layer_whose_name_a_file_keeps_for_itself_is_refused(tmp_path):
    model = Sequential([Dense(2, name="more")])
    model.build((None, 3))
    with pytest.raises(ValueError, match="weight 'more/kernel' cannot be saved under this name"):
        model.save(tmp_path / "model.npz")
    assert list(tmp_path.iterdir()) == []
