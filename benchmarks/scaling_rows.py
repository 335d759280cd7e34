"""What follows from the measurements of scaling_model.py: networks, costs, steps on many ranks, tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from loggp import ETHERNET, INFINIBAND, Costs, Network, closed_form, engine_sleeps, gains, pays, simulated

from scratch_rnn.layers import CELLS
from scratch_rnn.runs.quoted import median
from scratch_rnn.training.shards import SHARD_ROWS

RANKS = tuple(1 << power for power in range(11))
BATCHES = (128, 1024, 8192, 65536)
FEWER = (128, 16)  # and one in shards of fewer rows
MODELLED = ("simple_rnn,32", "lstm,128", "lstm,512")
SHOWN = "lstm,128"  # in the figures
AGREES = 1.5  # the factor within which model and measurement agree, as a test checks
HERE = "shared memory"  # as two ranks of this machine exchange messages

Result = dict[str, Any]
Checked = dict[str, dict[int, dict[int, tuple[float, float]]]]


def network_of(result: Result) -> Network:
    """Return LogGP's parameters of the messages between two ranks of the machine.

    A straight line through the half round trips, whose relative errors are least, gives the time of a byte
    and that of no bytes, which is the latency and the overhead of both ends. Where overheads come out as more
    than that, there is no latency between them.
    """
    found = {name: median(times) for name, times in result["rounds"]["messages"].items()}
    trips = {int(name.split()[0]): time for name, time in found.items() if name.endswith("bytes")}
    sizes, times = np.array(list(trips), float), np.array(list(trips.values()))
    byte, fixed = (float(number) for number in np.polyfit(sizes - 1, times, 1, w=1 / times))
    overhead = min(found["send"] + found["receive"], fixed) / 2
    return Network(latency=fixed - 2 * overhead, overhead=overhead, gap=found["burst"], byte=byte)


def networks(result: Result) -> dict[str, Network]:
    """Return this machine's network, and those of other people's measurements.

    Those were made in C. So this machine's overhead, which is mostly Python's, comes on top of theirs.
    """
    here = network_of(result)
    others = {"InfiniBand": INFINIBAND, "Ethernet": ETHERNET}
    slower = {name: replace(one, overhead=one.overhead + here.overhead) for name, one in others.items()}
    return {HERE: here} | slower


def costs(result: Result, name: str, size: int, alone: bool, rows: int = SHARD_ROWS) -> Costs:
    """Return the costs of a network of layers with weights of that size, on a rank alone or beside others."""
    rounds = result["rounds"][name]
    names = (f"{rows} rows{', alone' * alone}", "add", "copy", "optimizer")
    return Costs(*(median(rounds[what]) for what in names), size=size)


def steps(
    result: Result, name: str, network: Network, batch: int, rows: int = SHARD_ROWS
) -> dict[int, float]:
    """Return the simulated milliseconds of a step on each number of ranks, all of which have neighbours."""
    cost = costs(result, name, result["bytes"][name], alone=False, rows=rows)
    return {number: simulated(cost, network, batch // rows, number, engine_sleeps) for number in RANKS}


def alone(result: Result, name: str, batch: int) -> float:
    """Return the milliseconds of a step on one rank, whose network does not matter, in whole shards."""
    cost = costs(result, name, result["bytes"][name], alone=False)
    return sum(closed_form(cost, INFINIBAND, batch // SHARD_ROWS, 1).values())


def checked(result: Result) -> Checked:
    """Return by layers, batch and ranks the milliseconds of a step, those measured and those of the model.

    The model gets what was measured of messages and works in turn with these steps.
    """
    found: Checked = {}
    for name, batches in result["steps"].items():
        for batch, one in batches.items():
            times = found.setdefault(name, {}).setdefault(int(batch), {})
            for number in (1, 2):
                cost = costs(one, name, result["bytes"][name], alone=number == 1)
                said = simulated(cost, network_of(one), int(batch) // SHARD_ROWS, number, engine_sleeps)
                times[number] = median(one["milliseconds"][str(number)]), said
    return found


# What is shown of it ------------------------------------------------------------------------------------


def title(name: str) -> str:
    """Return a network of layers as the library writes it: LSTM(128)."""
    cell, units, *time = name.split(",")
    rows = [f", {steps} timestep{'s' * (steps != '1')}" for steps in time]
    return "".join([f"{CELLS[cell].__name__}({units})", *rows])


def network_rows(result: Result) -> list[list[str]]:
    """Return the head of a table and LogGP's parameters of each network."""
    rows = [["messages of", "latency L, µs", "overhead o, µs", "gap g, µs", "byte G, ns", "1 / G, GB/s"]]
    for name, one in networks(result).items():
        small = (f"{1e3 * value:.2f}" for value in (one.latency, one.overhead, one.gap))
        rows.append([name, *small, f"{1e6 * one.byte:.3f}", f"{1e-6 / one.byte:.2g}"])
    return rows


def cost_rows(result: Result) -> list[list[str]]:
    """Return the head of a table and what a rank computes with each network of layers."""
    heads = ("a shard, alone", "a shard, both ranks busy", "add", "copy", "optimizer")
    rows = [["milliseconds", "weights, kB", *heads]]
    for name, size in result["bytes"].items():
        one, both = (costs(result, name, size, alone) for alone in (True, False))
        shards = (f"{value:.1f}" for value in (one.shard, both.shard))
        others = (f"{value:.3f}" for value in (both.add, both.copy, both.optimizer))
        rows.append([title(name), f"{size / 1000:.0f}", *shards, *others])
    return rows


def step_rows(result: Result) -> list[list[str]]:
    """Return the head of a table and the steps that were measured beside what the model says of them."""
    what = ("1 rank, ms", "2 ranks, ms", "times as fast")
    rows = [["", "batch", *(f"{each}{how}" for each in what for how in ("", ": model"))]]
    for name, batches in checked(result).items():
        for batch, times in batches.items():
            entries = [f"{value:.1f}" for number in (1, 2) for value in times[number]]
            gain = [f"{one / two:.2f}" for one, two in zip(times[1], times[2], strict=True)]
            rows.append([title(name), f"{batch:,}", *entries, *gain])
    return rows


def weak_rows(result: Result) -> list[list[str]]:
    """Return the head of a table and which share of one rank's rate each of two has with as many rows."""
    rows = [["", "rows a rank", "batch of two", "share", "share: model"]]
    for name, batches in checked(result).items():
        for batch in (64, 128):
            both = zip(batches[batch][1], batches[2 * batch][2], strict=True)
            rows.append([title(name), str(batch), str(2 * batch), *(f"{one / two:.0%}" for one, two in both)])
    return rows


def paying_rows(result: Result) -> list[list[str]]:
    """Return the head of a table and, by batch, up to how many ranks pay and how many are fastest."""
    rows = [["", "batch", *(f"{name}: {what}" for name in networks(result) for what in ("pays", "fastest"))]]
    for name in MODELLED:
        for batch, size in (FEWER, *((batch, SHARD_ROWS) for batch in BATCHES)):
            entries = []
            for network in networks(result).values():
                times = steps(result, name, network, batch, size)
                gain = gains(times, times[1] if size == SHARD_ROWS else alone(result, name, batch))
                fastest = max(gain, key=gain.__getitem__)
                entries += [f"{n:,}: {gain[n]:.3g}×" if n else "none" for n in (pays(gain), fastest)]
            rows.append([title(name), f"{batch:,}{f' by {size}' * (size != SHARD_ROWS)}", *entries])
    return rows


def strong_panels(result: Result, name: str = SHOWN) -> dict[int, dict[str, dict[int, float]]]:
    """Return for each batch and network how many times as fast as one rank each number of ranks is."""
    panels: dict[int, dict[str, dict[int, float]]] = {}
    for batch in BATCHES:
        times = {link: steps(result, name, one, batch) for link, one in networks(result).items()}
        panels[batch] = {link: gains(found, found[1]) for link, found in times.items()}
    return panels


def measured_gains(result: Result, name: str = SHOWN) -> dict[int, dict[int, float]]:
    """Return for each batch how many times as fast as one rank two were, measured."""
    return {batch: {2: times[1][0] / times[2][0]} for batch, times in checked(result)[name].items()}


def weak_panels(result: Result, name: str = SHOWN) -> dict[str, dict[int, dict[str, float]]]:
    """Return for each network and number of ranks the parts of a step with a shard for each rank."""
    cost = costs(result, name, result["bytes"][name], alone=False)
    return {
        link: {number: closed_form(cost, one, number, number) for number in (1, 2, 8, 64, 1024)}
        for link, one in networks(result).items()
    }


TABLES = (network_rows, cost_rows, step_rows, weak_rows, paying_rows)
