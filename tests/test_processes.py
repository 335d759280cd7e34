"""Training on several processes: the same bits as on threads, nothing left behind, and clear errors."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from functools import wraps
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from helpers import alone
from threadpoolctl import threadpool_info, threadpool_limits

from scratch_rnn import GRU, LSTM, Callback, Dense, RMSprop, Sequential, SimpleRNN, load_mnist


def digits(rows=300):
    (x, y), _ = load_mnist("sample")
    return x[:rows], y[:rows]


def classifier(processes, cell=SimpleRNN, loss="sparse_categorical_crossentropy", seed=0, **options):
    model = Sequential([cell(8, **options), Dense(10, "softmax", **options)], seed=seed)
    model.compile(RMSprop(), loss, ["accuracy"], threads=1, processes=processes)
    model.build((None, 28, 28))
    return model


class Children(Callback):
    """Records how many processes there are beside this one, at the end of every batch."""

    def __init__(self):
        self.counts = []

    def on_train_batch_end(self, batch, logs):
        self.counts.append(len(multiprocessing.active_children()))


class AtTheFirstBatch(Callback):
    """Does something once, when the first batch ends."""

    def __init__(self, action):
        self.action = action

    def on_train_batch_end(self, batch, logs):
        if batch == 0:
            self.action()


def interruptible(test):
    """Give a test, run alone, Python's own Ctrl-C: where pytest runs in the background it is ignored."""

    @wraps(test)
    def with_ctrl_c():
        signal.signal(signal.SIGINT, signal.default_int_handler)
        test()

    return with_ctrl_c


@alone
def test_results_are_the_same_bits_on_any_number_of_processes():
    x, y = digits()
    for cell in (SimpleRNN, GRU, LSTM):
        plain = classifier(1, cell)
        history = plain.fit(x, y, batch_size=170, epochs=2, validation_split=0.1, verbose=0).history
        for processes in (2, 3, 7):
            model = classifier(processes, cell)
            same = model.fit(x, y, batch_size=170, epochs=2, validation_split=0.1, verbose=0).history
            assert same == history
            for weight, expected in zip(model.weights, plain.weights, strict=True):
                np.testing.assert_array_equal(weight, expected)


@alone
def test_double_precision_gives_the_same_bits_too():
    x, y = digits()
    plain, model = classifier(1, dtype="float64"), classifier(2, dtype="float64")
    assert (
        model.fit(x, y, batch_size=128, verbose=0).history
        == plain.fit(x, y, batch_size=128, verbose=0).history
    )


@alone
def test_a_last_batch_of_fewer_shards_than_processes_gives_the_same_bits():
    """It has fewer rows than the others, and counts by them; helpers without a share are not asked."""
    x, y = digits(270)
    histories, models = [], []
    for processes in (1, 4):
        models.append(model := classifier(processes))
        histories.append(model.fit(x, y, batch_size=200, epochs=2, verbose=0).history)
    assert histories[0] == histories[1]
    for weight, expected in zip(*(model.weights for model in models), strict=True):
        np.testing.assert_array_equal(weight, expected)


def blas_threads(y, outputs):
    """As a metric: with how many threads BLAS would compute in the process that is asked."""
    libraries = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return np.full(len(y), max(library["num_threads"] for library in libraries))


@alone
@interruptible
def test_blas_has_one_thread_in_every_process_and_what_it_had_before_outside():
    def interrupt():
        os.kill(os.getpid(), signal.SIGINT)

    x, y = digits(200)
    with threadpool_limits(3, "blas"):
        for processes in (1, 2, 4):
            model = classifier(processes)
            model.compile(metrics=[blas_threads], processes=processes, threads=1)
            assert model.fit(x, y, batch_size=200, verbose=0).history["blas_threads"] == [1]
            assert set(blas_threads(y, None)) == {3}
        with pytest.raises(KeyboardInterrupt):
            model.fit(x, y, batch_size=200, verbose=0, callbacks=[AtTheFirstBatch(interrupt)])
        assert set(blas_threads(y, None)) == {3}


@alone
def test_training_on_processes_leaves_ctrl_c_as_it_was():
    calls = []
    signal.signal(signal.SIGINT, own := lambda number, frame: calls.append(number))
    classifier(2).fit(*digits(65), batch_size=65, verbose=0)
    assert signal.getsignal(signal.SIGINT) is own
    signal.raise_signal(signal.SIGINT)
    assert calls == [signal.SIGINT]


@alone
def test_a_thread_may_train_on_processes_too():
    """Signals are none of its business: only the main thread may say what happens at one."""
    losses = []

    def train(processes):
        losses.extend(
            classifier(processes).fit(*digits(128), batch_size=128, epochs=2, verbose=0).history["loss"]
        )

    for processes in (1, 2):
        thread = threading.Thread(target=train, args=[processes])
        thread.start()
        thread.join(timeout=60)
    assert len(losses) == 4
    assert losses[:2] == losses[2:]


@alone
def test_helpers_compute_with_weights_that_a_callback_has_changed():
    x, y = digits()
    models = [classifier(processes) for processes in (1, 2)]
    for model in models:
        model.fit(
            x, y, 100, verbose=0, callbacks=[AtTheFirstBatch(lambda m=model: m.set_weights(zeros_like(m)))]
        )
    for a, b in zip(*(model.weights for model in models), strict=True):
        np.testing.assert_array_equal(a, b)


def zeros_like(model):
    return [np.zeros_like(weight) for weight in model.weights]


@alone
def test_there_are_as_many_processes_as_shards_at_most_and_none_afterwards():
    x, y = digits()
    for processes, batch_size, helpers in ((2, 300, 1), (3, 300, 2), (9, 300, 4), (2, 64, 0), (2, 10**9, 1)):
        children = Children()
        classifier(processes).fit(x, y, batch_size=batch_size, verbose=0, callbacks=[children])
        assert set(children.counts) == {helpers}
        assert multiprocessing.active_children() == []


@alone
def test_each_process_computes_its_share_and_no_more():
    calls = []

    def counted(y, outputs):
        calls.append(len(y))
        return np.zeros(len(y))

    model = classifier(2)
    model.compile(metrics=[counted], loss="sparse_categorical_crossentropy", processes=2)
    model.fit(*digits(), batch_size=300, verbose=0)
    assert calls == [64, 64, 44]  # of five shards


def digits_of_which_the_second_shard_begins_with_ones():
    x, y = digits(128)
    x = x / 255.0
    x[64:] = 1
    return x, y


class RefusesOnes(SimpleRNN):
    """Raises an error for a shard whose first digit begins with a one."""

    def step(self, s):
        if s.joined[0, 0] == 1:
            raise ZeroDivisionError("it begins with a one")
        super().step(s)


@alone
def test_an_error_in_a_helper_is_raised_with_its_own_type_and_place():
    x, y = digits_of_which_the_second_shard_begins_with_ones()
    before = (model := classifier(2, RefusesOnes)).get_weights()
    with pytest.raises(ZeroDivisionError, match="it begins with a one") as error:
        model.fit(x, y, batch_size=128, shuffle=False, verbose=0)
    assert error.traceback[-1].name == "step"
    assert multiprocessing.active_children() == []
    for weight, expected in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, expected)


class WarnsOfOnes(SimpleRNN):
    """Warns of a shard whose first digit begins with a one."""

    def step(self, s):
        if s.joined[0, 0] == 1:
            warnings.warn("it begins with a one", RuntimeWarning, stacklevel=1)
        super().step(s)


@alone
def test_a_warning_in_a_helper_is_given_where_it_can_be_caught():
    x, y = digits_of_which_the_second_shard_begins_with_ones()
    with warnings.catch_warnings(record=True) as caught:
        model = classifier(2, WarnsOfOnes)
        model.fit(x, y, batch_size=128, shuffle=False, verbose=0)
    assert {str(warning.message) for warning in caught} == {"it begins with a one"}
    plain = classifier(1)
    plain.fit(x, y, batch_size=128, shuffle=False, verbose=0)
    for weight, expected in zip(model.weights, plain.weights, strict=True):
        np.testing.assert_array_equal(weight, expected)


@alone
def test_a_warning_that_nobody_wants_to_see_stops_no_helper():
    """Its share is not computed a second time, by the process that asked."""
    calls = []

    def counted(y, outputs):
        calls.append(len(y))
        return np.zeros(len(y))

    x, y = digits_of_which_the_second_shard_begins_with_ones()
    model = classifier(2, WarnsOfOnes)
    model.compile(metrics=[counted], processes=2, threads=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(x, y, batch_size=128, shuffle=False, verbose=0)
    assert calls == [64]


@alone
def test_a_helper_that_is_killed_is_said_so():
    def kill():
        (child,) = multiprocessing.active_children()
        os.kill(child.pid, signal.SIGKILL)

    with pytest.raises(OSError, match=r"ended \(exit code -9\).*take processes=1"):
        classifier(2).fit(*digits(), batch_size=128, verbose=0, callbacks=[AtTheFirstBatch(kill)])
    assert multiprocessing.active_children() == []


@alone
@interruptible
def test_an_interruption_leaves_no_process_behind():
    def interrupt():
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        classifier(2).fit(*digits(), batch_size=128, verbose=0, callbacks=[AtTheFirstBatch(interrupt)])
    assert multiprocessing.active_children() == []


@alone
@interruptible
def test_an_interruption_while_they_are_forked_leaves_no_process_behind():
    fork = os.fork

    def interrupted():
        if pid := fork():
            os.kill(os.getpid(), signal.SIGINT)
        return pid

    os.fork = interrupted
    with pytest.raises(KeyboardInterrupt) as caught:  # and kept: its frames keep alive what they hold
        classifier(2).fit(*digits(), batch_size=128, verbose=0)
    deadline = time.monotonic() + 30
    while multiprocessing.active_children() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert multiprocessing.active_children() == []
    del caught


@alone
@interruptible
def test_no_interruption_is_lost_whenever_it_comes():
    """Not even in a finalizer, where Python would swallow it; most of these epochs is forking."""
    wait, lost = np.random.default_rng(0).uniform(0.005, 0.05, size=40), 0
    for seconds in wait:
        timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        try:
            classifier(2).fit(*digits(65), batch_size=65, epochs=100, verbose=0)
            lost += 1
        except KeyboardInterrupt:
            pass
        timer.join()
        assert multiprocessing.active_children() == []
    assert lost == 0


@alone
@interruptible
def test_helpers_leave_ctrl_c_to_the_process_that_trains():
    def interrupt():
        (child,) = multiprocessing.active_children()
        ignored = re.search(r"SigIgn:\s*(\w+)", Path(f"/proc/{child.pid}/status").read_text())[1]
        assert int(ignored, 16) >> (signal.SIGINT - 1) & 1
        os.kill(child.pid, signal.SIGINT)

    children = Children()
    callbacks = [AtTheFirstBatch(interrupt), children]
    model, plain = classifier(2), classifier(1)
    model.fit(*digits(), batch_size=128, verbose=0, callbacks=callbacks)
    assert children.counts == [1, 1, 1]
    plain.fit(*digits(), batch_size=128, verbose=0)
    for weight, expected in zip(model.weights, plain.weights, strict=True):
        np.testing.assert_array_equal(weight, expected)


@alone
def test_a_fork_that_fails_leaves_no_process_behind():
    fork, forked = os.fork, []

    def only_once():
        if forked:
            raise BlockingIOError("no more processes")
        forked.append(pid := fork())
        return pid

    os.fork = only_once
    with pytest.raises(BlockingIOError):
        classifier(3).fit(*digits(), batch_size=300, verbose=0)
    assert len(forked) == 1
    assert multiprocessing.active_children() == []


@alone
def test_helpers_end_when_the_process_that_trains_is_killed():
    code = (
        "import time, multiprocessing as m, test_processes as t\n"
        "def tell():\n"
        "    print(*(child.pid for child in m.active_children()), flush=True)\n"
        "    time.sleep(60)\n"  # in the middle of an epoch, at whose end it would end them itself
        "t.classifier(4).fit(*t.digits(), 300, 1, 0, callbacks=[t.AtTheFirstBatch(tell)])"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as trains:
        try:
            helpers = [int(pid) for pid in trains.stdout.readline().split()]
        finally:
            trains.kill()
    assert len(helpers) == 3
    deadline = time.monotonic() + 30
    while any(map(is_alive, helpers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = [pid for pid in helpers if is_alive(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []


def is_alive(pid):
    """Return whether there is such a process, and it is more than an entry in a table."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


@pytest.fixture
def a_minute_at_most():
    """Not alone, a test that waits for a helper that waits for a lock would wait forever."""

    def give_up(number, frame):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(
    sys.platform != "linux" or find_spec("keras") is None,
    reason="processes are forked on Linux only, or no Keras",
)
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # as Python 3.12 says of all such processes
def test_training_works_beside_tensorflow(a_minute_at_most):
    """In this process, where other tests have loaded it: to load it takes longer than all the rest."""
    import keras

    x, y = digits(128)
    square = np.arange(300.0**2).reshape(300, 300) / 300**2
    expected = np.array(keras.ops.matmul(square, square))  # TensorFlow's threads are running now
    losses = classifier(2).fit(x, y, batch_size=128, epochs=3, verbose=0).history["loss"]
    assert losses == classifier(1).fit(x, y, batch_size=128, epochs=3, verbose=0).history["loss"]
    np.testing.assert_array_equal(np.array(keras.ops.matmul(square, square)), expected)  # and still do
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("processes", [0, -1, 1.5, True])
def test_processes_must_be_a_whole_number_above_zero(processes):
    with pytest.raises(ValueError, match="processes must be a whole number above zero"):
        classifier(processes)


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_elsewhere_than_on_linux_processes_are_refused(platform, monkeypatch):
    monkeypatch.setattr(sys, "platform", platform)
    model = classifier(1)  # as ever
    model.fit(*digits(64), verbose=0)
    with pytest.raises(ValueError, match="processes must be 1 outside of Linux, not 2: take threads"):
        model.compile(processes=2)
    assert model.processes == 1


@pytest.mark.parametrize("call", ["compile", "fit"])
def test_a_process_that_may_have_no_children_is_told_so(call, monkeypatch):
    model = classifier(1)
    model.processes = 2  # as if compiled in another process
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)
    with pytest.raises(ValueError, match="processes must be 1 in a daemonic process, as a Pool's are, not 2"):
        model.compile(processes=2) if call == "compile" else model.fit(*digits(), verbose=0)
