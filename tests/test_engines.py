"""What computes the shards of a batch: results in order, one memory for each worker, nothing left changed."""

import sys
import threading
import traceback

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from scratch_rnn import Dense, Layer, Sequential, SimpleRNN
from scratch_rnn.training.shards import SHARD_ROWS, Batches, BatchResult, total
from scratch_rnn.training.threads import Threads

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
    def work(item, memory):
        assert not memory.get("busy")
        memory["busy"] = True
        np.linalg.svd(np.ones((60, 60)))  # the other threads run meanwhile
        memory["busy"] = False
        return id(memory)

    with Threads(threads, work, lambda _: range(40)) as engine:
        used = set(engine.map()) | set(engine.map())
    assert 1 <= len(used) <= threads


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


def test_an_error_in_a_helper_thread_is_not_swallowed():
    here, both = threading.get_ident(), threading.Barrier(2)

    def work(item, memory):
        both.wait(timeout=10)  # each of the two threads has one of the items
        if threading.get_ident() != here:
            raise ZeroDivisionError

    with Threads(2, work, lambda _: "ab") as engine, pytest.raises(ZeroDivisionError):
        engine.map()


def test_blas_has_one_thread_inside_and_what_it_had_before_outside():
    before, interval = blas_threads(), sys.getswitchinterval()
    with Threads(2, lambda item, memory: blas_threads(), lambda _: "abcd") as engine:
        assert engine.map() == [{1}] * 4
        assert sys.getswitchinterval() < interval
    assert (blas_threads(), sys.getswitchinterval()) == (before, interval)


def test_both_are_put_back_after_an_error():
    before, interval = blas_threads(), sys.getswitchinterval()
    with pytest.raises(ZeroDivisionError), Threads(2, lambda item, memory: 1 / 0, lambda _: "ab") as engine:
        engine.map()
    assert (blas_threads(), sys.getswitchinterval()) == (before, interval)


def test_batches_have_every_row_once_in_their_order_and_shards_of_a_fixed_size():
    x, order = np.arange(300), np.random.default_rng(0).permutation(300)
    batches = Batches(x, -x, order, batch_size=150)
    assert len(batches) == 2
    for batch in range(2):
        shards = batches.shards(batch)
        assert [len(shard.rows) for shard in shards] == [SHARD_ROWS, SHARD_ROWS, 150 - 2 * SHARD_ROWS]
        assert {shard.batch_rows for shard in shards} == {150}
        rows = np.concatenate([shard.gathered()[0] for shard in shards])
        np.testing.assert_array_equal(rows, order[150 * batch : 150 * (batch + 1)])
        np.testing.assert_array_equal(np.concatenate([shard.gathered()[1] for shard in shards]), -rows)


def test_the_last_batch_has_the_rows_that_are_left():
    batches = Batches(np.arange(7), np.arange(7), np.arange(7), batch_size=3)
    assert [[shard.rows.tolist() for shard in batches.shards(batch)] for batch in range(len(batches))] == [
        [[0, 1, 2]],
        [[3, 4, 5]],
        [[6]],
    ]


def test_results_of_shards_add_up_and_survive_as_arrays():
    results = [
        BatchResult(2, np.array([1.0, 5.0]), [np.ones(3)]),
        BatchResult(1, np.array([2.0, 1.0]), [np.ones(3)]),
    ]
    whole = total(results)
    assert (whole.count, whole.sums.tolist(), whole.mean_loss) == (3, [3.0, 6.0], 1.0)
    np.testing.assert_array_equal(whole.gradients[0], 2)
    again = BatchResult.of(whole.arrays)
    assert (again.count, again.sums.tolist(), again.mean_loss) == (3, [3.0, 6.0], 1.0)
    np.testing.assert_array_equal(again.gradients[0], whole.gradients[0])


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
    engine = ["map", "_work"]
    assert model.layers[-1].way == ["fit", "_train_epoch", *engine, "_shard_gradients"]


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

    before = blas_threads()
    monkeypatch.setattr("scratch_rnn.training.threads.short_switch_interval", interrupted)
    with pytest.raises(KeyboardInterrupt), Threads(2, lambda item, memory: item, lambda _: "ab"):
        pass
    assert blas_threads() == before


def test_a_batch_without_items_has_no_results():
    with Threads(2, lambda item, memory: item, lambda _: []) as engine:
        assert engine.map() == []
