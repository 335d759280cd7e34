"""Checking gradients against numbers that need no derivation.

Three methods, each of which asks how a scalar f changes with its arrays:

    complex      f(x + ih) has the imaginary part h f'(x), and nothing is subtracted: with h = 1e-200 the
                 error is rounding alone (Squire and Trapp 1998), (N2). f has to compute with complex numbers.
    central      (f(x + h) - f(x - h)) / 2h, (N1), needs nothing but f. Its error has a floor: a small h loses
                 digits to the subtraction, a large one to the third derivative of f.
    directional  the complex step along one random direction for each array: a single number stands for all
                 its entries. Cheap on big models; it does not tell which entry is wrong.

The relative error (N3) is |a - n| / max(|a|, |n|, floor), a analytic and n numeric. A number below the floor
counts as if it were the floor: it is what is left of larger numbers that cancelled, and so is its error. The
floor is 1e-3 in float64: an entry of 3e-4, the sum of terms of 0.5, was seen to be off by 1.1e-12 of itself,
one rounding of its terms. NaN and infinity fail, and so does a gradient of another shape or dtype than its
array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.checks.columns import known_of
from scratch_rnn.checks.numeric import FLOORS, METHODS, STEPS, TOLERANCES, Arrays, check_function
from scratch_rnn.checks.report import ArrayCheck, Report
from scratch_rnn.checks.subject import DRAWS_OF_ITS_OWN, Subject, copies_of
from scratch_rnn.checks.windows import truncated
from scratch_rnn.layers import Recurrent
from scratch_rnn.layers.base import Layer
from scratch_rnn.training.model import Sequential

__all__ = [
    "DRAWS_OF_ITS_OWN",
    "FLOORS",
    "METHODS",
    "STEPS",
    "TOLERANCES",
    "ArrayCheck",
    "Report",
    "check_function",
    "check_layer",
    "check_loss",
    "sweep_steps",
]


def check_layer(
    layer: Layer,
    x: Array,
    initial_state: Sequence[Array] | None = None,
    mask: Array | None = None,
    *,
    method: str = "complex",
    seed: int = 0,
    training: bool = False,
    **options: Any,
) -> Report:
    """Check the backward pass of a layer, or of a whole Sequential without its loss.

    The scalar is a random projection of the output and of every final state, so that no entry of any of them
    can be wrong unnoticed. Checked are every weight, the input and every initial state, that a second call of
    `backward` gives the same and leaves its arguments as they are, and that neither it nor `forward` keeps
    anything on the layer, which threads share: what belongs to one call belongs in its tape.

    x, initial_state, mask and training are those of `forward`; a layer with states that is given none is
    checked at random ones. With `training` what is drawn at random is the same in all calls; a layer of your
    own takes its generator from `scratch_rnn.layers.place.generator()`. options are those of
    `check_function`. The layer is not changed. Where a recurrent layer fails, one timestep of x is checked
    alone, and the report's `finding` says whether that fails already.

    The gradient of a layer with `bptt_steps` ends where (K1) says, and so does the complex step's, because
    each window begins from the real part of the state. Raises ValueError for such a layer with central
    differences, TypeError for what is no layer, such as a class.
    """
    if not isinstance(layer, Layer):
        found = f"the class {layer.__name__}" if isinstance(layer, type) else type(layer).__name__
        raise TypeError(f"expected a layer, such as LSTM(4), not {found}")
    if method == "central" and truncated(layer):
        raise ValueError("central differences cannot check bptt_steps: use the complex or directional method")
    report = _checked(layer, np.asarray(x), initial_state, mask, training, method, seed, options)
    if not isinstance(layer, Recurrent) or np.shape(x)[1] == 1 or not any(c.finding for c in report.checks):
        return report
    last = None if mask is None else np.asarray(mask)[:, -1:]
    alone = _checked(layer, np.asarray(x)[:, -1:], initial_state, last, training, method, seed, options)
    return replace(report, finding=at_one_timestep(alone))


def _checked(
    layer: Layer,
    x: Array,
    initial_state: Sequence[Array] | None,
    mask: Array | None,
    training: bool,
    method: str,
    seed: int,
    options: dict[str, Any],
) -> Report:
    subject = Subject(layer, x, initial_state, mask, training, np.random.default_rng(seed))
    gradients = subject.gradients()
    report = check_function(
        subject.projected,
        subject.arrays,
        gradients,
        method=method,
        seed=seed,
        **{"title": layer.name, "known": known_of(layer, x.shape), **options},
    )
    return replace(report, checks=[subject.checked_for_side_effects(check) for check in report.checks])


def at_one_timestep(alone: Report) -> str:
    """Return what the check of one timestep alone says of a mistake that is seen with several."""
    wrong = [check for check in alone.checks if check.finding]
    names = [check.name for check in wrong]
    if not wrong:
        return "right with one timestep: the mistake is in what happens between timesteps"
    if all(name.startswith("initial ") for name in names):
        verb = "is" if len(names) == 1 else "are"
        return f"with one timestep only {' and '.join(names)} {verb} wrong: look at what is handed back"
    return f"wrong with one timestep already, {names[0]}: {wrong[0].finding}"


def check_loss(
    model: Sequential, x: Array, y: Array, *, method: str = "complex", seed: int = 0, **options: Any
) -> Report:
    """Check `model.loss_and_gradients`: the gradient of the mean loss of a batch for every weight.

    x and y are those of `fit`; the model has to be compiled. options are those of `check_function`.
    """
    _, gradients = model.loss_and_gradients(x, y)
    names = model.weight_names
    if method == "central" and truncated(model):
        raise ValueError("central differences cannot check bptt_steps: use the complex or directional method")

    copies = copies_of(model)

    def loss(values: Arrays) -> Any:
        other = copies(np.result_type(*values.values()))
        other.set_weights(list(values.values()))
        return other.mean_loss(x, y)

    return check_function(
        loss,
        dict(zip(names, model.get_weights(), strict=True)),
        dict(zip(names, gradients, strict=True)),
        method=method,
        seed=seed,
        **{"title": model.name, **options},
    )


def sweep_steps(layer: Layer, x: Array, steps: Sequence[float], *, seed: int = 0) -> dict[str, list[float]]:
    """Return how wrong numeric derivatives of a layer are for each step: what explains the tolerances.

    The derivative along one random direction of all arrays is compared with the analytic one in float64. The
    result has the relative errors of central differences computed in "float32" and in "float64", and of the
    complex step ("complex128"); NaN or infinite where a step is too small for the dtype.
    """
    rng = np.random.default_rng(seed)
    subject = Subject(layer.astype("float64"), np.asarray(x), None, None, False, rng)
    direction = {name: rng.normal(size=array.shape) for name, array in subject.arrays.items()}
    analytic = sum((gradient * direction[name]).sum() for name, gradient in subject.gradients().items())

    def moved(dtype: str, change: complex) -> Any:
        arrays = {name: array + change * direction[name] for name, array in subject.arrays.items()}
        return subject.projected({name: array.astype(dtype) for name, array in arrays.items()})

    def error(dtype: str, step: float) -> float:
        if dtype == "complex128":
            numeric = moved(dtype, 1j * step).imag / step
        else:
            forward, backward = (moved(dtype, sign * step) for sign in (1, -1))
            numeric = (forward - backward) / (2 * step)
        return float(abs(numeric - analytic) / abs(analytic))

    return {dtype: [error(dtype, step) for step in steps] for dtype in ("float32", "float64", "complex128")}
