"""Where more of MPI's ranks stop paying: steps on one and two, measured, and on 1,024, from a model.

It measures what a rank computes and what messages cost (loggp_measured.py), and whole steps on one rank and
on two (ranks.py). From the former loggp.py says how long the latter take, which a test compares, and how
long steps take on up to 1,024 ranks: with messages as between two ranks of this machine, and with those of
networks that others have measured.

    python benchmarks/scaling_model.py

prints the tables, writes results/scaling_model.json and draws docs/figures/ranks_strong.png and
ranks_weak.png. About eight minutes. It needs the extra `mpi`.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import contestants as c
import drawing_ranks
import ranks
from interleave import FIGURES, RESULTS, milliseconds, take_turns, write
from loggp_measured import setting_of
from scaling_rows import SHOWN, TABLES, measured_gains, strong_panels, title, weak_panels
from terminal import show

from scratch_rnn.commands.options import positive_int
from scratch_rnn.layers import CELLS
from scratch_rnn.runs.quoted import median
from scratch_rnn.style import save
from scratch_rnn.training.shards import SHARD_ROWS

MESSAGES = "lstm,256,1"  # one timestep: little to compute for as many weights, so that messages count
NETWORKS = (*(f"{cell},{units}" for cell in CELLS for units in (32, 64, 128, 256, 512)), MESSAGES)
ROWS = (16, SHARD_ROWS)  # of a shard
MEASURED = {  # the batches with which each network is measured
    "simple_rnn,128": (64, 128, 256, 1024),
    "lstm,32": (64, 128, 256, 1024),
    "lstm,128": (64, 128, 256, 1024),
    "lstm,512": (64, 128, 256),
    MESSAGES: (64, 128, 256),
}
MILLISECONDS, STEPS = 250, 10  # that an epoch takes at least, so that its beginning does not count much

Result = dict[str, Any]


def main() -> None:
    """Measure, print the tables, write the JSON, draw the figures."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    add = parser.add_argument
    add("--rounds", type=positive_int, default=7, help="that count (default: 7)")
    add("--draw", action="store_true", help="do not measure, but draw what was measured")
    arguments = parser.parse_args()
    path = RESULTS / "scaling_model.json"
    if not arguments.draw:
        write(path, measured(arguments.rounds))
    result = json.loads(path.read_text(encoding="utf-8"))
    for rows in TABLES:
        show(rows(result))
    strong = drawing_ranks.strong(strong_panels(result), measured_gains(result), title(SHOWN))
    save(strong, FIGURES / "ranks_strong.png")
    save(drawing_ranks.weak(weak_panels(result), title(SHOWN)), FIGURES / "ranks_weak.png")


def measured(rounds: int) -> Result:
    """Return the rounds of messages and works, those of steps, and how busy the machine was before."""
    result: Result = {"load": os.getloadavg()[0], "nice": os.nice(0)}
    sizes = {name: sum(weight.nbytes for weight in c.starting_weights(setting_of(name))) for name in NETWORKS}
    # What the simulation is made of, in CPU time, which other programs on the machine do not lengthen.
    with works(*NETWORKS, rows=ROWS, clock="process_time") as round_of_works:
        taken = take_turns({"works": round_of_works}, rounds, warm_up=1, title="works")
    result |= {"bytes": sizes, "rounds": by_kind(taken["works"]), "steps": {}}
    for name, batches in MEASURED.items():
        shard = median(result["rounds"][name][f"{SHARD_ROWS} rows, alone"])
        result["steps"][name] = {str(batch): measured_steps(name, batch, shard, rounds) for batch in batches}
    return result


def measured_steps(name: str, batch: int, shard: float, rounds: int) -> Result:
    """Return the rounds of steps on one rank and on two, and of messages and works, all in turn."""
    steps = min(50, max(STEPS, round(MILLISECONDS * SHARD_ROWS / batch / shard)))
    setting = setting_of(name).but(batch=batch, steps=steps)
    with works(name) as round_of_works, ranks.started(1, setting) as one, ranks.started(2, setting) as two:
        programs: dict[str, Any] = {"works": round_of_works, "1": one, "2": two}
        taken: dict[str, Any] = take_turns(programs, rounds, warm_up=1, title=f"{title(name)}, {batch} rows")
    found = {number: milliseconds(taken[number], steps) for number in "12"}
    return {"steps": steps, "milliseconds": found, "rounds": by_kind(taken["works"])}


@contextmanager
def works(
    *names: str, rows: Sequence[int] = (SHARD_ROWS,), clock: str = "perf_counter"
) -> Iterator[Callable[[], Any]]:
    """Provide a call that has two ranks measure a round of loggp_measured.py, with networks by name."""
    script = str(Path(__file__).with_name("loggp_measured.py"))
    options = ["--networks", *names, "--rows", *map(str, rows), "--clock", clock]
    with ranks.program(2, [script, *options]) as ask:
        yield lambda: json.loads(ask())


def by_kind(taken: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, list[float]]]:
    """Return for each kind and name what it took, round by round."""
    return {
        kind: {name: [one[kind][name] for one in taken] for name in names} for kind, names in taken[0].items()
    }


if __name__ == "__main__":
    main()
