"""A step on MPI's ranks on paper: messages, what each rank does, and when it is done."""

from collections import Counter
from dataclasses import replace

import pytest
from loggp import (
    ETHERNET,
    INFINIBAND,
    Costs,
    Network,
    broadcast,
    closed_form,
    engine_sleeps,
    gains,
    pays,
    programs_of,
    published,
    sent,
    simulated,
    walked,
)

from scratch_rnn.training.world import PATIENCE, PAUSE

SLOW = Network(latency=3.0, overhead=0.5, gap=0.25, byte=0.01)
COSTS = Costs(shard=100.0, add=2.0, copy=0.75, optimizer=5.0, size=101)
FREE = Costs(shard=0.0, add=0.0, copy=0.0, optimizer=0.0, size=101)
HOP = 0.5 + 100 * 0.01 + 3.0 + 0.5  # of a message between two ranks of SLOW
POWERS = [1 << power for power in range(6)]


# Messages ----------------------------------------------------------------------------------------------


def test_a_message_takes_both_overheads_the_latency_and_each_byte_after_the_first():
    assert SLOW.message(101) == HOP
    assert SLOW.message(1) == 4.0


def test_the_next_message_waits_for_the_bytes_of_the_one_before_and_at_least_for_the_gap():
    assert SLOW.busy(101) == 1.5
    assert replace(SLOW, gap=2.0).busy(101) == 2.0


def test_published_numbers_are_microseconds_and_megabytes_a_second():
    network = published(latency=10.0, one_byte_rate=0.5, rate=1000.0)
    assert network.gap == network.overhead == pytest.approx(2e-3)
    assert network.message(1) == pytest.approx(10e-3)
    assert network.byte == pytest.approx(1e-6)  # a nanosecond
    assert INFINIBAND.message(1 << 20) < 0.11 < 9 < ETHERNET.message(1 << 20)


# What each rank does -----------------------------------------------------------------------------------


@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 7, 8, 12, 33])
def test_the_weights_reach_each_rank_once_and_no_rank_sends_before_it_has_them(ranks):
    parts = {rank: broadcast(rank, ranks) for rank in range(ranks)}
    sends = Counter((rank, to) for rank, part in parts.items() for what, to in part if what == "send")
    receives = Counter((of, rank) for rank, part in parts.items() for what, of in part if what == "receive")
    assert sends == receives
    assert [to for _, to in sorted(sends, key=lambda pair: pair[1])] == [*range(1, ranks)]
    for rank, part in parts.items():
        assert [what for what, _ in part].index("receive" if rank else "copy") == 0


@pytest.mark.parametrize(("shards", "ranks"), [(1, 1), (1, 4), (5, 2), (8, 3), (16, 16), (13, 8)])
def test_each_shard_is_computed_once_and_added_once(shards, ranks):
    done = Counter()
    for program in programs_of(shards, ranks):
        for what, times in program:
            done[what] += times if what in ("shard", "add", "optimizer") else 0
    assert (done["shard"], done["add"], done["optimizer"]) == (shards, shards - 1, 1)


@pytest.mark.parametrize("ranks", POWERS)
def test_powers_of_two_send_the_weights_and_a_gradient_for_each_further_rank(ranks):
    assert sent(32, ranks) == 2 * (ranks - 1)


@pytest.mark.parametrize("shards", [1, 2, 7, 12, 64])
def test_no_number_of_ranks_sends_less_than_that(shards):
    for ranks in range(1, 40):
        assert sent(shards, ranks) >= ranks - 1 + min(ranks, shards) - 1


# When it is done ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shards", [1, 3, 16])
def test_one_rank_takes_as_long_as_what_it_computes_whatever_the_network(shards):
    alone = shards * 100 + (shards - 1) * 2 + 0.75 + 5
    assert simulated(COSTS, SLOW, shards, 1) == alone
    assert simulated(COSTS, ETHERNET, shards, 1) == alone


def test_two_ranks_with_a_shard_each_by_hand():
    there = 0.75 + HOP + 0.75  # the weights: into the message, over, out of it
    back = 0.75 + HOP + 2  # a gradient, which is added
    assert simulated(COSTS, SLOW, 2, 2) == pytest.approx(there + 100 + back + 5)


def test_the_rank_with_more_shards_is_waited_for():
    # Three shards: rank 0 has two of them, and the gradient of the third is there before it asks.
    assert simulated(COSTS, SLOW, 3, 2) == pytest.approx(0.75 + 1.5 + 2 * 100 + 2 + HOP + 2 + 5)


@pytest.mark.parametrize("network", [SLOW, INFINIBAND, ETHERNET])
@pytest.mark.parametrize("ranks", POWERS)
@pytest.mark.parametrize("each", [1, 2, 8])
def test_the_closed_form_is_the_simulation_where_all_are_powers_of_two(ranks, each, network):
    parts = closed_form(COSTS, network, each * ranks, ranks)
    assert sum(parts.values()) == pytest.approx(simulated(COSTS, network, each * ranks, ranks), rel=1e-12)


@pytest.mark.parametrize(("shards", "ranks"), [(3, 1), (12, 4), (4, 3), (2, 4)])
def test_there_is_no_closed_form_for_other_numbers(shards, ranks):
    with pytest.raises(ValueError, match=f"expected powers of two.* found {ranks} and {shards}"):
        closed_form(COSTS, SLOW, shards, ranks)


def test_messages_alone_grow_with_the_logarithm_of_the_ranks():
    times = [simulated(FREE, SLOW, 1024, ranks) for ranks in (1, 2, 4, 8, 256, 512, 1024)]
    assert times == pytest.approx([2 * HOP * rounds for rounds in (0, 1, 2, 3, 8, 9, 10)])


def test_twice_as_many_ranks_gain_until_each_has_a_shard_and_then_lose():
    times = [simulated(COSTS, SLOW, 8, ranks) for ranks in POWERS]
    assert times[:4] == sorted(times[:4], reverse=True)
    assert times[3:] == sorted(times[3:])
    assert len(set(times)) == len(POWERS)


def test_a_rank_that_sleeps_notices_each_message_later():
    def late(waited):
        return 7.0 if waited else 0.0

    assert simulated(COSTS, SLOW, 2, 2, late) == pytest.approx(simulated(COSTS, SLOW, 2, 2) + 2 * 7)


def test_the_engine_sleeps_after_a_while_and_ever_longer_up_to_its_pause():
    milliseconds = 1000 * PATIENCE
    assert engine_sleeps(milliseconds) == 0
    assert engine_sleeps(2 * milliseconds) == pytest.approx(2 * milliseconds / 40)
    assert engine_sleeps(1e6) == 1000 * PAUSE / 2


def test_ranks_that_wait_for_each_other_are_an_error():
    with pytest.raises(RuntimeError, match="wait for each other"):
        walked([(("receive", 1),), (("receive", 0),)], [0.0, 0.0], COSTS, SLOW)


def test_what_pays_is_the_last_number_of_ranks_that_do_half_of_what_one_does():
    gain = gains({1: 8.0, 2: 4.5, 4: 4.0, 8: 2.5}, 8.0)
    assert gain == {1: 1.0, 2: 8 / 4.5, 4: 2.0, 8: 3.2}
    assert pays(gain) == 4
    assert pays({1: 0.4, 2: 0.9}) == 0
