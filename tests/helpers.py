"""What several test files share: the command line, random arrays and layers, central differences."""

import io
import os
import re
import signal
import subprocess
import sys
import warnings
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from functools import wraps
from pathlib import Path

import numpy as np
import pytest

from scratch_rnn import GRU, LSTM, SimpleRNN
from scratch_rnn.commands.main import main

# Central differences with this step err by about step² f'''/6 (truncation) and 1e-16 |f| / step (rounding):
# both near 1e-10 for functions of size one. TOLERANCE is meant for entries down to FLOOR, of which 1e-10 is
# 1e-7; below it the error counts as if the entry were FLOOR, because differences say nothing more about it.
STEP = 1e-5
FLOOR = 1e-3
TOLERANCE = 1e-6

CELLS = ("SimpleRNN", "LSTM", "GRU", "GRU reset before")

# Four samples of five steps: all there, late start and a hole, early end and a hole, nothing at all.
MASK = np.array([[1, 1, 1, 1, 1], [0, 0, 1, 0, 1], [1, 0, 1, 1, 0], [0, 0, 0, 0, 0]], bool)


def make_cell(cell, units, *args, **options):
    """Return the layer of that name in CELLS, in float64 where nothing else is said."""
    options = {"dtype": "float64", **options}
    if cell == "GRU reset before":
        return GRU(units, *args, reset_after=False, **options)
    return {"SimpleRNN": SimpleRNN, "LSTM": LSTM, "GRU": GRU}[cell](units, *args, **options)


def randomize(layer_or_model, seed=0, scale=0.5):
    """Give every weight, biases too, normal entries of a size at which no wrong term can hide."""
    rng = np.random.default_rng(seed)
    for weight in layer_or_model.weights:
        weight[...] = rng.normal(0, scale, weight.shape)
    return layer_or_model


def random_cell(cell, units=2, features=3, seed=0, scale=0.5, **options):
    layer = make_cell(cell, units, **options)
    layer.build((None, None, features))
    return randomize(layer, seed, scale)


def random_arrays(*shapes, seed=1, dtype="float64"):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def random_call(layer, batch=4, time=5, features=3, seed=1):
    """Return x and the initial states of a call of the layer."""
    states = [(batch, layer.units)] * len(layer.state_names)
    x, *states = random_arrays((batch, time, features), *states, seed=seed, dtype=layer.dtype)
    return x, tuple(states)


def as_tuple(outputs):
    return outputs if isinstance(outputs, tuple) else (outputs,)


def project(outputs, projections):
    """Return one number that depends on every output differently."""
    return sum(np.sum(output * p) for output, p in zip(as_tuple(outputs), projections, strict=True))


def projected_loss(layer, projections, *call):
    """Return the function that runs the call, always on one tape, and projects its outputs."""
    _, tape = layer.forward(*call)
    return lambda: project(layer.forward(*call, tape=tape)[0], projections)


def central_differences(function, array, step=STEP):
    """Return the derivative of function() for each entry of `array`, which is changed and put back."""
    gradient = np.empty(array.shape)
    for index in np.ndindex(array.shape):
        value = array[index]
        array[index] = value + step
        above = function()
        array[index] = value - step
        below = function()
        array[index] = value
        gradient[index] = (above - below) / (2 * step)
    return gradient


def assert_gradient(analytic, numeric, name, tolerance=TOLERANCE, floor=FLOOR):
    """Fail, naming the worst entry, where the two differ by more than the tolerance or one is NaN."""
    assert analytic.shape == numeric.shape, f"{name}: gradient {analytic.shape}, array {numeric.shape}"
    if not analytic.size:
        return
    size = np.maximum(np.maximum(np.abs(analytic), np.abs(numeric)), floor)
    error = np.abs(analytic - numeric) / size
    worst = np.unravel_index(np.argmax(np.where(np.isnan(error), np.inf, error)), error.shape)
    if not (error[worst] < tolerance):
        raise AssertionError(
            f"{name}{list(map(int, worst))}: gradient {analytic[worst]:.10g}, "
            f"differences {numeric[worst]:.10g}, relative error {error[worst]:.2g}"
        )


def assert_gradients(function, gradients):
    """Check {name: (array, gradient of function() for it)} entry by entry."""
    for name, (array, gradient) in gradients.items():
        assert_gradient(gradient, central_differences(function, array), name)


def named_gradients(layer, gradients, x, states=()):
    """Pair all that went into `forward` with its gradient, for `assert_gradients`."""
    state_names = getattr(layer, "state_names", ())
    return {
        "x": (x, gradients.inputs),
        **{
            f"initial {name}": pair
            for name, *pair in zip(state_names, states, gradients.initial_state, strict=True)
        },
        **{
            name: pair
            for name, *pair in zip(layer.weight_names, layer.weights, gradients.weights, strict=True)
        },
    }


# Other Pythons ---------------------------------------------------------------------------------------------

ROOT = Path(__file__).parents[1]

# A run of `train` or `compare` that takes a second.
TINY = ["--units", "6", "--epochs", "2", "--batch-size", "64"]

# Who starts pytest in the background has SIGINT ignored, and every child inherits that.
HEAR_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"


def environment(*first, **variables):
    """Return an environment in which Python runs this checkout, whatever is installed.

    Modules in the folders `first` take the place of others of their name.
    """
    inherited = os.environ.get("PYTHONPATH")
    path = os.pathsep.join(map(str, [*first, ROOT, *([inherited] if inherited else [])]))
    return {**os.environ, "COLUMNS": "100", **variables, "PYTHONPATH": path}


def python(*arguments, cwd=ROOT, env=None, timeout=120):
    """Run this checkout in a new Python; return the finished process."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=environment() if env is None else env,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout,
    )


def scratch_rnn(*arguments, cwd, first=(), **variables):
    """Run the command line in a folder; return the finished process."""
    return python("-m", "scratch_rnn", *arguments, cwd=cwd, env=environment(*first, **variables))


def called(*arguments, cwd):
    """Run the command line in this Python, which is faster; return it as if it were a finished process."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.chdir(cwd)
        patch.setenv("COLUMNS", "100")
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
            try:
                status = main(list(map(str, arguments)))
            except SystemExit as end:  # argparse has refused an option, or shown its help
                status = end.code
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


@contextmanager
def in_a_terminal(*arguments, cwd):
    """Start the command line so that it hears Ctrl-C; in the end nothing of it is left running."""
    code = f"{HEAR_CTRL_C}; import runpy; runpy.run_module('scratch_rnn', run_name='__main__')"
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=cwd,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def alone(test):
    """Run a test in a new Python, without the threads of other tests' libraries, two minutes at most."""
    module = test.__module__

    @pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")
    @wraps(test)
    def in_a_new_process():
        call = f"{HEAR_CTRL_C}; import {module}; {module}.{test.__name__}.__wrapped__()"
        done = python("-c", call, cwd=Path(__file__).parent)
        assert done.returncode == 0, done.stdout + done.stderr

    return in_a_new_process


# Pages -----------------------------------------------------------------------------------------------------


def links(page):
    """Return the targets of a Markdown page's links within this repository; `page` as README names it."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return sorted(set(re.findall(r"\]\((?!http)([^)]+)\)", text)))


def anchors(page):
    """Return the names by which the headings of a page can be linked to."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def leads_somewhere(page, target):
    """Return whether a link of a page leads to a file that exists and, with an anchor, to a heading of it."""
    path, _, anchor = target.partition("#")
    file = (ROOT / page).parent / path if path else ROOT / page
    return file.exists() and (not anchor or anchor in anchors(file))


def printed_and_shown(page):
    """Run the Python blocks of a page, in one namespace; return what each prints and the text below it."""
    names: dict = {}
    pairs = []
    for code, shown in re.findall(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", page, flags=re.DOTALL):
        with redirect_stdout(io.StringIO()) as out:
            exec(code, names)
        pairs.append((out.getvalue(), shown))
    return pairs
