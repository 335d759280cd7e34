"""The tables of README.md, the pages of docs and benchmarks/README.md, from the results beside this file.

    python benchmarks/tables.py

prints them page by page; a test checks that the pages hold them as they are printed.

    results/simple_rnn, gru, lstm   summary.json and history.json of scratch-rnn compare --cell CELL
    results/parity.json             written by benchmarks/parity.py
    results/gradients.json          written by benchmarks/gradients.py
    results/accuracy/study          written by scratch-rnn study benchmarks/studies/accuracy.json --out there
    results/cores                   written by benchmarks/cores.py, a file for each Python
    results/step_time_avx2          written by benchmarks/step_time.py on an older processor
    results/*.json                  written by the script of the same name
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import adding
import best
import growth
import pixels
import ranks
import roofline
import rounding
import scaling_rows
import shards
import ways

from keras_reference.comparison import KERAS, SCRATCH
from keras_reference.study.statistics import equivalence
from keras_reference.study.tables import signed
from scratch_rnn.runs import recipe
from scratch_rnn.runs.quoted import fastest, median, ratio, ratio_with_range, share

RESULTS = Path(__file__).parent / "results"
CELLS = {name: cell.__name__ for name, cell in recipe.CELLS.items()}
THREADS, PYTORCH, PRODUCTS = f"{SCRATCH}, threads", "PyTorch", "products alone"  # of step_time.py
FIRST = 5  # seeds of SimpleRNN by the default recipe, after which others were added
AVX2 = "step_time_avx2"  # the folder of its runs on an older processor

Rounds = dict[str, list[float]]  # what was measured of each contestant, round by round


def main() -> None:
    """Print the tables."""
    plain = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(description=__doc__, formatter_class=plain).parse_args()
    for page, tables in PAGES.items():
        print(page, end="\n\n")
        for table in tables:
            print(table(), end="\n\n")


def short_table() -> str:
    """Return the table of README, a column per cell: accuracy, errors, and the time of a training step."""
    errors, rounds = read("gradients.json")["rows"], {cell: step_times(cell) for cell in CELLS}
    rows = [["", *CELLS.values()]]
    means = {row["cell"]: row for row in study_rows("default")}
    least = min(len(row["seeds"]) for row in means.values())
    what = f"% right of the test digits, mean of {least} seeds or more, {SCRATCH} / {KERAS}"
    rows.append([what, *(" / ".join(mean_and_deviation(means[cell])) for cell in CELLS)])
    columns = {
        "complex": "error of the gradients, complex step",
        "losses": f"error of the losses of 200 steps beside {KERAS}",
    }
    for column, what in columns.items():
        rows.append([what, *(f"{errors[cell][column]:.0e}" for cell in CELLS)])
    contestants = {
        SCRATCH: SCRATCH,
        KERAS: f"{KERAS}: plain, unrolled or jit_compile, the fastest",
        PYTORCH: PYTORCH,
    }
    for name, what in contestants.items():
        times = [median(rounds[cell][fastest_way(rounds[cell], name)]) for cell in CELLS]
        rows.append([f"ms a step, {what}", *(f"{time:.1f}" for time in times)])
    for name in (KERAS, PYTORCH):
        ratios = [
            ratio_with_range(of_cell[SCRATCH], of_cell[fastest_way(of_cell, name)])
            for of_cell in rounds.values()
        ]
        rows.append([f"of {name}'s time {SCRATCH} takes", *ratios])
    return markdown(rows)


def fastest_way(rounds: Rounds, name: str) -> str:
    """Return the contestant of that name; of Keras, which takes part in several ways, the fastest."""
    return fastest({way: rounds[way] for way in rounds if way.startswith(name)}) if name == KERAS else name


def results_table() -> str:
    """Return the table of the three full runs, a row per cell; scratch_rnn's numbers stand first."""
    heads = ("test accuracy", "test loss", "wrong alone", "McNemar p", "same answer")
    rows = [["scratch_rnn / Keras", *heads, "validation, last 5 epochs", "seconds per epoch"]]
    for cell, name in CELLS.items():
        run, history = read(f"{cell}/summary.json"), read(f"{cell}/history.json")
        tests, seconds = (
            [run[kind][model] for model in (SCRATCH, KERAS)] for kind in ("test", "seconds_per_epoch")
        )
        rows.append(
            [
                name,
                " / ".join(f"{test['accuracy']:.2%}" for test in tests),
                " / ".join(f"{test['loss']:.4f}" for test in tests),
                f"{run['only_scratch_rnn_wrong']} / {run['only_keras_wrong']}",
                f"{run['mcnemar_p']:.1g}",
                f"{run['agreement']:.2%}",
                " / ".join(
                    lowest_and_highest(history[model]["val_accuracy"][-5:]) for model in (SCRATCH, KERAS)
                ),
                f"{seconds[0]:.1f} / {seconds[1]:.1f} = {run['ratio_of_seconds']:.2f}",
            ]
        )
    return markdown(rows)


def lowest_and_highest(shares: list[float]) -> str:
    """Return the range of some shares, in percent."""
    return f"{100 * min(shares):.1f} to {max(shares):.1%}"


def parity_table() -> str:
    """Return the table of the first batches' losses, a row per cell: each seed's largest difference."""
    columns = {
        "float64": "scratch_rnn and Keras, float64",
        "float32": "scratch_rnn and Keras, float32",
        KERAS: "Keras float32 and Keras float64",
    }
    rows = [["cell", *columns.values()]]
    for cell, name in CELLS.items():
        seeds = [row for row in read("parity.json")["rows"] if row["cell"] == cell]
        rows.append([name, *(", ".join(f"{row[column]:.0e}" for row in seeds) for column in columns)])
    return markdown(rows)


def gradients_table() -> str:
    """Return the table of the worst errors of the gradients and of training, a row per cell."""
    columns = {
        "complex": "complex step",
        "central": "central differences",
        "directional": "directions, 28 × 28, 128 units",
        "Keras": "gradients of Keras",
        "losses": "losses of 200 steps",
        "weights": "weights after them",
    }
    rows = [["cell", *columns.values()]]
    for cell, row in read("gradients.json")["rows"].items():
        rows.append([CELLS[cell], *(f"{row[column]:.0e}" for column in columns)])
    return markdown(rows)


def accuracy_table() -> str:
    """Return the table of the mean test accuracies over many seeds, a row per recipe and cell."""
    p = f"TOST p, ± {read('accuracy/study/summary.json')['margin']:g}"
    heads = (f"{SCRATCH}, %", f"{KERAS}, %", "difference, 95 % interval", p, "same answer")
    rows = [["recipe", "cell", "seeds", *heads]]
    for row in study_rows():
        pairs = row["pairs"]
        rows.append(
            [
                row["recipe"],
                CELLS[row["cell"]],
                f"{min(row['seeds'])} to {max(row['seeds'])}",
                *mean_and_deviation(row),
                f"{signed(pairs['mean'])} ({signed(pairs['low'])} to {signed(pairs['high'])})",
                f"{pairs['p']:.1g}",
                lowest_and_highest(row["agreement"]),
            ]
        )
    return markdown(rows)


def study_rows(*recipes: str) -> list[dict[str, Any]]:
    """Return what the study of accuracies says of each recipe and cell, or of these recipes alone."""
    rows = read("accuracy/study/summary.json")["rows"]
    return [row for row in rows if not recipes or row["recipe"] in recipes]


def fresh_seeds_table() -> str:
    """Return the differences of SimpleRNN by the default recipe: of the first five seeds, of those added."""
    (row,) = (row for row in study_rows("default") if row["cell"] == "simple_rnn")
    differences, margin = row["pairs"]["differences"], read("accuracy/study/summary.json")["margin"]
    rows = [["SimpleRNN, default", "difference, 95 % interval", f"TOST p, ± {margin:g}"]]
    for name, some in (("seeds 0 to 4", differences[:FIRST]), ("those added", differences[FIRST:])):
        found = equivalence(some, margin)
        interval = f"{signed(found['mean'])} ({signed(found['low'])} to {signed(found['high'])})"
        rows.append([name, interval, f"{found['p']:.1g}"])
    return markdown(rows)


def mean_and_deviation(row: dict[str, Any]) -> list[str]:
    """Return mean and standard deviation of the test accuracies, of scratch_rnn and of Keras."""
    return [
        f"{row['spread'][model]['mean']:.2f} ± {row['spread'][model]['sd']:.2f}" for model in (SCRATCH, KERAS)
    ]


def runs_of(script: str) -> list[dict[str, Any]]:
    """Return the results of all runs of a script: its file, or those in its folder, run before run-2."""
    files = [*RESULTS.glob(f"{script}.json"), *(RESULTS / script).glob("*.json")]
    files.sort(key=lambda path: path.stem)
    return [json.loads(path.read_text(encoding="utf-8")) for path in files]


def step_times(cell: str, folder: str = "step_time") -> Rounds:
    """Return the rounds of all runs of step_time.py in a folder for one cell, by contestant."""
    runs = [run["cells"][cell]["milliseconds"] for run in runs_of(folder)]
    return {name: [time for run in runs for time in run[name]] for name in runs[0]}


def step_time_table(folder: str = "step_time", head: str = "milliseconds a step") -> str:
    """Return the table of the training steps in a folder, a column per cell.

    Behind the median of another library stands which part of its time scratch_rnn takes.
    """
    rounds = [step_times(cell, folder) for cell in CELLS]
    rows = [[head, *CELLS.values()]]
    lstm = step_times("lstm", folder)
    for name in sorted(lstm, key=lambda name: median(lstm[name])):
        rows.append([name, *(step_time_entry(of_cell, name) for of_cell in rounds)])
    for ours in (SCRATCH, THREADS):
        shares = [f"{share(of_cell[PRODUCTS], of_cell[ours]):.0%}" for of_cell in rounds]
        rows.append([f"share of the floor that {ours} reaches", *shares])
    return markdown(rows)


def avx2_table() -> str:
    """Return the same of runs on an older processor, with vectors of eight numbers, that others kept busy."""
    return step_time_table(AVX2, "milliseconds a step, AVX2, busy machine")


def step_time_entry(rounds: Rounds, name: str) -> str:
    """Return a contestant's median and, for another library, how scratch_rnn compares."""
    if name in (SCRATCH, THREADS, PRODUCTS):
        return f"{median(rounds[name]):.1f}"
    return f"{median(rounds[name]):.1f}: {ratio_with_range(rounds[SCRATCH], rounds[name])}"


def measured_on() -> str:
    """Return a table of the runs that measured times and memory, with days, machines and versions."""
    rows = [["script", "measured on", "machine", "Python", "versions"]]
    for script in (
        "step_time",
        AVX2,
        "roofline",
        "shards",
        "cores",
        "scaling",
        "scaling_model",
        "ranks",
        "inference",
        "memory",
        "start_up",
        "truncation",
        "growth",
        "rounding",
        "forwards",
        "checkpoints",
    ):
        for run in runs_of(script):
            machine = f"{run['processor']}, {run['cores']} cores, {run['system']}"
            versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
            name = "step_time.py, AVX2" if script == AVX2 else f"{script}.py"
            row = [name, run["date"], machine, run["python"], versions]
            if row != rows[-1]:  # two runs of one day
                rows.append(row)
    return markdown(rows)


def scaling_table() -> str:
    """Return the table of the step's time over the length of the sequence: medians, lowest and highest."""
    libraries = read("scaling.json")["axes"]["time"]["milliseconds"]
    sizes = list(libraries[SCRATCH])
    rows = [["timesteps", *sizes]]
    for name, rounds in libraries.items():
        steps = [median(rounds[size]) for size in sizes]
        timesteps = [1000 * step / int(size) for step, size in zip(steps, sizes, strict=True)]
        ranges = [f"{min(rounds[size]):.0f} to {max(rounds[size]):.0f}" for size in sizes]
        entries = [f"{step:.0f} ({reached})" for step, reached in zip(steps, ranges, strict=True)]
        rows.append([f"{name}, ms a step", *entries])
        rows.append([f"{name}, µs a timestep", *(f"{timestep:.0f}" for timestep in timesteps)])
    return markdown(rows)


def cores_table() -> str:
    """Return the table of steps on one core and on more, a row per cell, library and build of Python."""
    runs = runs_of("cores")
    ways = [name.partition(", ")[2] for name in runs[0]["milliseconds"]["lstm"] if name.startswith(SCRATCH)]
    rows = [["milliseconds a step", "", *ways]]
    for cell, title in CELLS.items():
        for library in (SCRATCH, KERAS):
            for run in runs:
                one, *others = (run["milliseconds"][cell].get(f"{library}, {way}") for way in ways)
                if one:
                    entries = [f"{median(one):.1f}", *(cores_entry(other, one) for other in others)]
                    rows.append([title, f"{library}, Python {run['name']}", *entries])
    return markdown(rows)


def cores_entry(rounds: list[float] | None, one_thread: list[float]) -> str:
    """Return the median, if there is one, and how many times as fast it is as one thread."""
    return f"{median(rounds):.1f} ({ratio(one_thread, rounds):.2f} times as fast)" if rounds else ""


def other_costs_table() -> str:
    """Return the table of prediction, memory and start-up."""
    inference, memory = read("inference.json")["milliseconds"], read("memory.json")["MiB"]
    start = read("start_up.json")["seconds"]
    many, one = inference["10,000 digits"], inference["one digit"]
    pairs = [
        ("predict 10,000 digits, ms", many[SCRATCH], many[KERAS], ".0f"),
        ("predict one digit, ms", one[SCRATCH], one[KERAS], ".1f"),
        ("peak memory of a training run on threads, MiB", memory[SCRATCH], memory[KERAS], ".0f"),
        (
            "the same on two processes, a plain fit, together, MiB",
            memory[f"{SCRATCH}, 2 processes"],
            memory[KERAS],
            ".0f",
        ),
        ("import, s", start["import scratch_rnn"], start["import keras"], ".2f"),
        (
            "from the start to the first trained batch, s",
            start["first batch, scratch_rnn"],
            start["first batch, Keras"],
            ".2f",
        ),
    ]
    rows = [["", SCRATCH, KERAS, "ratio"]]
    for what, ours, theirs, form in pairs:
        numbers = f"{median(ours):{form}}", f"{median(theirs):{form}}", f"{ratio(ours, theirs):.2f}"
        rows.append([what, *numbers])
    return markdown(rows)


def shards_table() -> str:
    """Return the table of shards.py."""
    return markdown(shards.as_rows(read("shards.json")["milliseconds"]))


def roofline_table() -> str:
    """Return the table of roofline.py."""
    return markdown(roofline.as_rows(read("roofline.json")))


def growth_table() -> str:
    """Return the table of growth.py."""
    return markdown(growth.as_rows(read("growth.json")["cells"]))


def rounding_table() -> str:
    """Return the table of rounding.py."""
    result = read("rounding.json")
    return markdown(rounding.as_rows(result["losses"], result["epochs"]))


def read(name: str) -> Any:
    """Return the content of a file of results."""
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


def best_table() -> str:
    """Return the trainings of the recipe best, and of what is left of it without each ingredient."""
    return markdown(best.rows(best.done()))


def adding_table() -> str:
    """Return what each cell reached in the adding problem, a column for each length."""
    return markdown(adding.rows(adding.done(adding.FOLDER, adding.JOBS)))


def gates_table() -> str:
    """Return how much of its state a step of a gated cell keeps that has learned to add."""
    return markdown(adding.gate_rows(adding.done(adding.FOLDER, adding.JOBS)))


def pixels_table() -> str:
    """Return how far each cell came with MNIST pixel by pixel."""
    return markdown(pixels.rows(pixels.done(pixels.FOLDER, pixels.JOBS)))


def scaling_model_conditions() -> str:
    """Return in words how quiet the machine was when scaling_model.py measured."""
    result = read("scaling_model.json")
    rounds = len(result["rounds"]["messages"]["burst"])
    busy = " It was busy with other programs, so milliseconds of the clock are too many." * (
        result["load"] > 1
    )
    return (
        f"Measured on {result['date']}, {result['processor']}, {result['cores']} cores, {rounds} rounds; "
        f"load before it {result['load']:.1f}, niceness {result['nice']}.{busy}"
    )


def links_table() -> str:
    """Return the table of what messages cost, on this machine and on other people's networks."""
    return markdown(scaling_rows.network_rows(read("scaling_model.json")))


def works_table() -> str:
    """Return the table of what a rank computes."""
    return markdown(scaling_rows.cost_rows(read("scaling_model.json")))


def two_ranks_table() -> str:
    """Return the table of steps on one and two ranks, measured and from the model."""
    return markdown(scaling_rows.step_rows(read("scaling_model.json")))


def ranks_table() -> str:
    """Return the table of ranks.py."""
    return markdown(ranks.as_rows(read("ranks.json")["milliseconds"]))


def two_ranks_share_table() -> str:
    """Return the table of what two ranks do with as many rows each as one has alone."""
    return markdown(scaling_rows.weak_rows(read("scaling_model.json")))


def paying_table() -> str:
    """Return the table of how many ranks pay, and how many are fastest."""
    return markdown(scaling_rows.paying_rows(read("scaling_model.json")))


def truncation_table() -> str:
    """Return accuracy and gradient errors for each number of steps that the gradient goes back."""
    cells = read("truncation.json")["cells"]
    rows = [["k", *(f"{cell}: accuracy" for cell in cells), *(f"{cell}: gradient error" for cell in cells)]]
    for steps in next(iter(cells.values()))["accuracy"]:
        accuracies = [f"{cell['accuracy'][steps]:.2%}" for cell in cells.values()]
        errors = [
            f"{cell['error before training'][steps]:.2g}, {cell['error after training'][steps]:.2g}"
            for cell in cells.values()
        ]
        rows.append([steps, *accuracies, *errors])
    return markdown(rows)


def forwards_table() -> str:
    """Return time and memory of real-time recurrent learning beside BPTT."""
    return markdown(ways.forward_rows(read("forwards.json")["over"]))


def checkpoints_table() -> str:
    """Return memory and time for each k of checkpoint_every."""
    return markdown(ways.checkpoint_rows(read("checkpoints.json")["k"]))


def jacobians_table() -> str:
    """Return some singular values, a row for each cell before and after training."""
    return markdown(ways.jacobian_rows(read("jacobians.json")["cells"]))


def markdown(rows: list[list[str]]) -> str:
    """Return the rows, the first of which is the head, as a Markdown table."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, f"|{'---|' * len(rows[0])}")
    return "\n".join(lines)


PAGES = {
    "README.md": (short_table,),
    "docs/bptt.md": (growth_table,),
    "docs/results.md": (
        results_table,
        accuracy_table,
        fresh_seeds_table,
        parity_table,
        rounding_table,
        gradients_table,
        step_time_table,
        avx2_table,
        measured_on,
        cores_table,
        scaling_table,
        other_costs_table,
    ),
    "docs/best.md": (best_table,),
    "docs/scaling.md": (
        scaling_model_conditions,
        links_table,
        works_table,
        two_ranks_table,
        two_ranks_share_table,
        ranks_table,
        paying_table,
    ),
    "docs/long_memory.md": (adding_table, gates_table, pixels_table),
    "benchmarks/README.md": (
        measured_on,
        roofline_table,
        shards_table,
        truncation_table,
        forwards_table,
        checkpoints_table,
        jacobians_table,
    ),
}

if __name__ == "__main__":
    main()
