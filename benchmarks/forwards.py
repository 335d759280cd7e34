"""What the same gradient costs forwards, by real-time recurrent learning, and backwards, by BPTT.

One sequence of an LSTM, 8 features, float64, on one thread; the loss sees every output. Once over the number
of units, with 32 timesteps, once over the number of timesteps, with 16 units. For each: seconds of the
processor, round by round, in turn, and the bytes of what is kept: the influence matrix, or the tape. Before
the clock starts both gradients have to agree to 1e-12.

    python benchmarks/forwards.py

prints the table, writes results/forwards.json and draws docs/figures/forwards.png. Two minutes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import ways
from interleave import FIGURES, RESULTS, take_turns, write
from terminal import show
from threadpoolctl import threadpool_limits

from scratch_rnn.commands.options import positive_int
from scratch_rnn.inside import rtrl
from scratch_rnn.layers import LSTM
from scratch_rnn.style import save

FEATURES = 8
UNITS, TIMES = (4, 8, 16, 32, 64), (8, 16, 32, 64, 128, 256)
USUAL_UNITS, USUAL_TIME = 16, 32


def main() -> None:
    """Measure, print the table, write the JSON, draw the figure."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--rounds", type=positive_int, default=3, help="default: 3")
    rounds = parser.parse_args().rounds
    results = {
        "units": {units: costs(units, USUAL_TIME, rounds) for units in UNITS},
        "timesteps": {steps: costs(USUAL_UNITS, steps, rounds) for steps in TIMES},
    }
    show(ways.forward_rows(results), f"LSTM, one sequence; {USUAL_UNITS} units or {USUAL_TIME} timesteps")
    usual = {"units": USUAL_UNITS, "timesteps": USUAL_TIME, "features": FEATURES}
    write(RESULTS / "forwards.json", {"usual": usual, "over": results})
    save(ways.forwards(results), FIGURES / "forwards.png")


def costs(units: int, steps: int, rounds: int) -> dict[str, Any]:
    """Return the seconds and the bytes of both ways. Raises RuntimeError where their gradients differ."""
    layer = LSTM(units, return_sequences=True, dtype="float64", seed=0)
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=(1, steps, FEATURES)), rng.normal(size=(1, steps, units))
    layer.build(x.shape)

    def backwards() -> list[np.ndarray]:
        return layer.backward(dy, layer.forward(x)[1], input_gradient=False).weights

    def forwards() -> list[np.ndarray]:
        return rtrl(layer, x, dy)

    with threadpool_limits(1):
        for a, b in zip(forwards(), backwards(), strict=True):
            if np.abs(a - b).max() > 1e-12 * max(1, np.abs(b).max()):
                raise RuntimeError(f"the gradients differ by {np.abs(a - b).max():.1g}")
        contestants = {"RTRL": lambda: cpu_seconds(forwards), "BPTT": lambda: cpu_seconds(backwards)}
        seconds = take_turns(contestants, rounds, warm_up=0, title=f"{units} units, {steps} timesteps")
    influence = 2 * units * layer.count_params() * x.itemsize
    return {"seconds": seconds, "bytes": {"RTRL": influence, "BPTT": layer.forward(x)[1].nbytes}}


def cpu_seconds(run: Callable[[], Any]) -> float:
    """Return the seconds that the processor works on it, called as often as it takes to measure that."""
    start, calls = time.process_time(), 0
    while calls == 0 or time.process_time() - start < 0.05:
        run()
        calls += 1
    return (time.process_time() - start) / calls


if __name__ == "__main__":
    main()
