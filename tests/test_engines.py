"""What computes the shards of a batch: results in order, one memory for each worker, nothing left changed."""

import os
import sys
import threading
import traceback

import numpy as np
import pytest
from helpers import random_arrays
from threadpoolctl import threadpool_info, threadpool_limits

from scratch_rnn import Dense, Layer, Sequential, SimpleRNN
from scratch_rnn.training.shards import SHARD_ROWS, Batches, BatchResult, slices, total
from scratch_rnn.training.threads import Threads, available_cores

any_number_of_threads = pytest.mark.parametrize("threads", [1, 2, 5])


def blas_threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@any_number_of_threads
def test_results_come_in_the_order_of_the_items(threads):
    batches = [list(range(11)), [7], list(range(3))]
    with Threads(threads, lambda item, memory: item**2, lambda batch: batches[batch]) as engine:
        assert [engine.map(batch) for batch in range(3)] == [[i**2 for i in items] for items in batches]


@any_number_of_threads
def test_no_two_workers_have_one_memory_at_a_time(threads):
    """Each item waits until every thread has one: so many are computed side by side."""
    all_at_work = threading.Barrier(threads)

    def work(item, memory):
        all_at_work.wait(timeout=10)
        return threading.get_ident(), id(memory)

    with Threads(threads, work, lambda _: range(2 * threads)) as engine:
        pairs = engine.map() + engine.map()
    for part in slices(len(pairs), threads):
        workers, memories = zip(*pairs[part], strict=True)
        assert len(set(workers)) == len(set(memories)) == threads
        assert threading.get_ident() in workers
    assert len({memory for _, memory in pairs}) == threads


def test_one_thread_takes_the_items_in_their_order():
    taken = []
    with Threads(1, lambda item, memory: taken.append(item), lambda _: "dacb") as engine:
        engine.map()
    assert taken == [*"dacb"]


def test_the_threads_end_with_the_engine():
    before = set(threading.enumerate())
    with Threads(4, lambda item, memory: item, lambda _: range(9)) as engine:
        engine.map()
        assert len(set(threading.enumerate()) - before) in (1, 2, 3)  # as many as were needed
    assert not set(threading.enumerate()) - before


class Meeting(SimpleRNN):
    """Notes which tape each forward pass works on, and waits there until all three threads have one."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.lent, self.three = [], threading.Barrier(3)

    def forward(self, x, *, training=False, tape=None):
        y, tape = super().forward(x, training=training, tape=tape)
        self.lent.append(id(tape))
        self.three.wait(timeout=10)
        return y, tape


@pytest.mark.parametrize("rounds", [1, 2])
@pytest.mark.parametrize(
    "compute",
    [
        lambda model, x, y, rounds: model.fit(x, y, batch_size=3 * SHARD_ROWS, epochs=rounds, verbose=0),
        lambda model, x, y, rounds: model.loss_and_gradients(
            np.repeat(x, rounds, axis=0), np.repeat(y, rounds)
        ),
        lambda model, x, y, rounds: model.evaluate(x, y, batch_size=len(x) // (3 * rounds)),
        lambda model, x, y, rounds: model.predict(x, batch_size=len(x) // (3 * rounds)),
    ],
    ids=["fit", "loss_and_gradients", "evaluate", "predict"],
)
def test_as_many_threads_as_asked_for_work_at_once_each_on_a_tape_of_its_own(compute, rounds):
    (x,), y = random_arrays((3 * SHARD_ROWS, 2, 3)), np.arange(3 * SHARD_ROWS) % 4
    model = Sequential([meeting := Meeting(2, dtype="float64"), Dense(4, "softmax", dtype="float64")], seed=0)
    model.compile("sgd", threads=3)
    compute(model, x, y, rounds)
    assert len(meeting.lent) == 3 * rounds
    for at_once in slices(3 * rounds, 3):
        assert len(set(meeting.lent[at_once])) == 3


def test_a_memory_lasts_from_one_batch_to_the_next():
    def count(item, memory):
        memory["count"] = memory.get("count", 0) + 1
        return memory["count"]

    with Threads(1, count, lambda _: "ab") as engine:
        assert [engine.map(), engine.map()] == [[1, 2], [3, 4]]


@any_number_of_threads
def test_an_error_is_raised_and_ends_the_batch(threads):
    begun = []

    def work(item, memory):
        begun.append(item)
        raise ZeroDivisionError(f"item {item}")

    with (
        Threads(threads, work, lambda _: range(100)) as engine,
        pytest.raises(ZeroDivisionError, match="item"),
    ):
        engine.map()
    assert len(begun) <= threads


def test_after_an_error_nobody_begins_another_item():
    begun, both, raised = [], threading.Barrier(2), threading.Event()
    here = threading.get_ident()

    def work(item, memory):
        begun.append(item)
        if len(begun) <= 2:
            both.wait(timeout=10)
            if threading.get_ident() == here:
                raise ZeroDivisionError
            raised.wait(timeout=10)

    with Threads(2, work, lambda _: range(9)) as engine:
        with pytest.raises(ZeroDivisionError):
            engine.map()
        raised.set()  # only now the other thread could take a third
    assert len(begun) == 2


def test_an_error_in_a_helper_thread_is_not_swallowed():
    here, both = threading.get_ident(), threading.Barrier(2)

    def work(item, memory):
        both.wait(timeout=10)  # each of the two threads has one of the items
        if threading.get_ident() != here:
            raise ZeroDivisionError

    with Threads(2, work, lambda _: "ab") as engine, pytest.raises(ZeroDivisionError):
        engine.map()


@any_number_of_threads
def test_blas_has_one_thread_inside_and_what_it_had_before_outside(threads):
    with threadpool_limits(3, "blas"):
        with Threads(threads, lambda item, memory: blas_threads(), lambda _: "abcd") as engine:
            assert engine.map() == [{1}] * 4
        assert blas_threads() == {3}


@pytest.mark.parametrize(("threads", "expected"), [(1, 0.004), (2, 1e-6), (5, 1e-6)])
def test_threads_that_wait_for_each_other_ask_again_at_once(threads, expected, switch_interval):
    with Threads(threads, lambda item, memory: sys.getswitchinterval(), lambda _: "abcd") as engine:
        assert engine.map() == [pytest.approx(expected)] * 4
    assert sys.getswitchinterval() == pytest.approx(0.004)


@pytest.fixture
def switch_interval():
    """Begin with an interval that is not Python's own."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.004)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_both_are_put_back_after_an_error(error, switch_interval):
    def fails(item, memory):
        raise error

    with threadpool_limits(3, "blas"):
        with pytest.raises(error), Threads(2, fails, lambda _: "ab") as engine:
            engine.map()
        assert blas_threads() == {3}
    assert sys.getswitchinterval() == pytest.approx(0.004)


def test_the_cores_are_those_that_this_process_may_use_and_not_all_of_the_machine(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", {0: {1, 4, 6}}.__getitem__, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert available_cores() == 3
    model = Sequential()
    assert (model.threads, model.processes) == (3, None)
    model.compile(threads=5)
    assert (model.threads, model.processes) == (5, 1)
    model.compile()
    assert model.threads == 3


@pytest.mark.parametrize(("count", "expected"), [(7, 7), (None, 1)])
def test_where_a_system_does_not_say_it_is_all_cores_or_one(count, expected, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: count)
    assert available_cores() == expected


def test_batches_have_every_row_once_in_their_order_and_shards_of_a_fixed_size():
    x, order = np.arange(300), np.random.default_rng(0).permutation(300)
    batches = Batches(x, -x, order, batch_size=150)
    assert len(batches) == 2
    for batch in range(2):
        shards = batches.shards(batch)
        assert [len(shard.rows) for shard in shards] == [SHARD_ROWS, SHARD_ROWS, 150 - 2 * SHARD_ROWS]
        assert {shard.place.batch_rows for shard in shards} == {150}
        rows = np.concatenate([shard.gathered()[0] for shard in shards])
        np.testing.assert_array_equal(rows, order[150 * batch : 150 * (batch + 1)])
        np.testing.assert_array_equal(np.concatenate([shard.gathered()[1] for shard in shards]), -rows)


def test_shards_have_as_many_rows_as_they_are_told():
    batches = Batches(np.arange(40), np.arange(40), np.arange(40), batch_size=40, shard_rows=16)
    assert [len(shard.rows) for shard in batches.shards(0)] == [16, 16, 8]


def test_the_last_batch_has_the_rows_that_are_left():
    batches = Batches(np.arange(7), np.arange(7), np.arange(7), batch_size=3)
    assert [[shard.rows.tolist() for shard in batches.shards(batch)] for batch in range(len(batches))] == [
        [[0, 1, 2]],
        [[3, 4, 5]],
        [[6]],
    ]


@pytest.mark.parametrize("count", [1, 63, 64, 65, 128, 200])
def test_slices_cover_every_row_once(count):
    parts = slices(count, SHARD_ROWS)
    assert [row for part in parts for row in range(count)[part]] == [*range(count)]
    assert [part.stop - part.start for part in parts[:-1]] == [64] * (-(-count // 64) - 1)
    assert parts[-1].stop == count


def test_results_of_shards_add_up_and_survive_as_arrays():
    results = [
        BatchResult(2, np.array([1.0, 5.0]), [np.array([1, 2, 3], "float32"), np.array([[4.0]])]),
        BatchResult(1, np.array([2.5, 1.0]), [np.array([7, 11, 13], "float32"), np.array([[0.5]])]),
    ]
    for result in (whole := total(results), BatchResult.of(whole.arrays)):
        assert (result.count, result.sums.tolist(), result.mean_loss) == (3, [3.5, 6.0], 3.5 / 3)
        assert type(result.count) is int
        assert [gradient.tolist() for gradient in result.gradients] == [[8, 13, 16], [[4.5]]]
        assert [array.dtype for array in (result.sums, *result.gradients)] == [
            "float64",
            "float32",
            "float64",
        ]


def test_results_are_added_along_a_tree_that_is_cut_at_powers_of_two():
    """Another order gives other bits: (big + 1) - big is 0, (big - big) + 1 is 1."""
    big = 1e17
    for numbers in (
        [big, 1.0, -big, 3.0, 5.0],
        [1.0, big, -big, 3.0, 5.0],
        [3.0, -big, big, 1.0, big],
        [big, -big, 1.0, 3.0, -big],
    ):
        whole = total([BatchResult(1, np.array([n]), [np.array(n)]) for n in numbers])
        expected = ((numbers[0] + numbers[1]) + (numbers[2] + numbers[3])) + numbers[4]
        assert (whole.count, whole.sums[0], whole.gradients[0]) == (5, expected, expected)


class Traced(Dense):
    """A Dense whose backward pass notes by which functions of the library it was reached."""

    def backward_from_pre_activation(self, dz, tape, input_gradient=True):
        self.way = [
            frame.name for frame in traceback.extract_stack() if "scratch_rnn/training" in frame.filename
        ]
        return super().backward_from_pre_activation(dz, tape, input_gradient)


def test_from_fit_to_the_backward_pass_of_a_layer_there_is_an_epoch_an_engine_and_one_page(digits):
    x, y = digits
    model = Sequential([SimpleRNN(3), Traced(10, "softmax")], seed=0)
    model.compile("sgd", "sparse_categorical_crossentropy", threads=1)
    model.fit(x[:64], y[:64], verbose=0)
    engine = ["total", "map", "_work"]
    assert model.layers[-1].way == ["fit", "_train_epochs", "_train_epoch", *engine, "_shard_gradients"]


class Handed(SimpleRNN):
    """A SimpleRNN that notes the tapes which it is handed and those which it gives."""

    def forward(self, x, **options):
        y, tape = super().forward(x, **options)
        self.notes.append((options.get("tape"), tape))
        return y, tape


def test_the_tapes_of_a_batch_serve_the_next_one(digits):
    x, y = digits
    model = Sequential([Handed(3), Dense(10, "softmax")], seed=0)
    model.layers[0].notes = notes = []
    model.compile("sgd", "sparse_categorical_crossentropy", threads=1)
    model.fit(x[:192], y[:192], batch_size=64, verbose=0)
    (nothing, first), *others = notes
    assert nothing is None
    assert len(others) == 2
    assert all(handed is first and given is first for handed, given in others)


def test_a_sequential_is_called_as_a_layer_is(digits):
    x, _ = digits
    model = Sequential([SimpleRNN(3, dtype="float64")], seed=0)
    layer = SimpleRNN(3, dtype="float64")
    model.build((None, 28, 28))
    layer.build((None, 28, 28))
    layer.set_weights(model.get_weights())
    assert isinstance(model, Layer)
    assert model.count_params() == layer.count_params()
    for each in (model, layer):
        y, tape = each.forward(x[:5] / 255, training=False)
        gradients = each.backward(y, tape, input_gradient=True)
        assert [gradients.inputs.shape, gradients.initial_state[1:]] == [(5, 28, 28), ()]
        expected = layer.backward(*layer.forward(x[:5] / 255))
        np.testing.assert_array_equal(gradients.weights[0], expected.weights[0])


def test_a_sequential_does_not_stand_in_another():
    with pytest.raises(TypeError, match="cannot stand in another: add its layers one by one"):
        Sequential([Sequential([SimpleRNN(3)]), Dense(10)])


def test_ctrl_c_while_threads_are_started_puts_everything_back(monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("scratch_rnn.training.threads.short_switch_interval", interrupted)
    before = set(threading.enumerate())
    with threadpool_limits(3, "blas"):
        with pytest.raises(KeyboardInterrupt), Threads(2, lambda item, memory: item, lambda _: "ab"):
            pass
        assert blas_threads() == {3}
    assert not set(threading.enumerate()) - before


def test_a_batch_without_items_has_no_results():
    with Threads(2, lambda item, memory: item, lambda _: []) as engine:
        assert engine.map() == []


def test_where_the_system_gives_no_more_threads_that_is_an_error_and_nothing_goes_on(monkeypatch):
    done = []
    engine = Threads(3, lambda item, memory: done.append(item), lambda _: range(9))

    def none_left(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("concurrent.futures.ThreadPoolExecutor.submit", none_left)
    with engine, pytest.raises(OSError, match=r"gives no 3 threads .*start new thread.*: take fewer"):
        engine.map()
    assert done == []
