"""Looking inside a trained network, row by row: what it believes, keeps and forgets, what its gradients do.

Every function takes a Sequential of recurrent layers and, last, Dense with softmax, that has weights. Of
several recurrent layers the last one is looked at. Dropout and RandomAffine may stand between them: they do
nothing here, as when the model predicts. A row of x is a timestep; rows count from 0 here, from 1 in figures.

The notation is that of recurrent.py: B batch, T time, D features, H units, and K classes; dh is the gradient
that reaches h_t, the part from y_t plus the part carried back from t+1. No gradient is computed anew: the
layers' own backward passes run and are watched. So with `bptt_steps` gradients end where training's end.
Results have the model's dtype where nothing else is said.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from scratch_rnn.arrays import Array
from scratch_rnn.layers import GRU, LSTM, Bidirectional, Dense, Dropout, RandomAffine, Recurrent, SimpleRNN
from scratch_rnn.layers.activations import Softmax
from scratch_rnn.training import losses
from scratch_rnn.training.labels import one_hot
from scratch_rnn.training.model import Sequential

# Backward: what reaches each step ----------------------------------------------------------------------


def state_gradients(model: Sequential, x: Array, y: Array) -> dict[str, Array]:
    """Return dL/dh_t and, for an LSTM, dL/dc_t, for every timestep: {"h": (B, T, H), "c": (B, T, H)}.

    x  (B, T, D) float, or uint8, which is scaled to [0, 1]
    y  labels, integers (B,) or one-hot (B, K)

    L is the cross-entropy of each sample by itself, not the mean over the batch. The gradients are whole:
    that of h_t holds the part from its own output and the part carried back (T2), that of c_t the part that
    comes through h_t and the part carried back.

    Raises ValueError for a model of another kind or loss, and for x or y that do not fit.
    """
    model, x = _checked(model, x)
    cross_entropy = _cross_entropy(model)
    layer: Any = model.layers[-2]
    head: Any = model.layers[-1]
    reached: dict[str, list[Array]] = {name: [] for name in layer.state_names}

    def note(s: Any, dstate: tuple[Array, ...]) -> None:
        for name, d in zip(layer.state_names, dstate, strict=True):
            # A cell that adds to what is carried, as (L8) does, has the whole gradient in its step.
            reached[name].append(getattr(s, f"d{name}", d).copy())

    _, tapes = model.forward(x)
    dlogits = cross_entropy.gradient(y, tapes[-1].z)
    dy = head.backward_from_pre_activation(dlogits, tapes[-1]).inputs
    layer.backward(dy, tapes[-2], input_gradient=False, watch=note)
    return {name: _batch_first(steps[::-1]) for name, steps in reached.items()}


def gradient_reach(model: Sequential, x: Array, y: Array) -> dict[str, Array]:
    """Return how large the gradients of `state_gradients` are: for h, and for an LSTM c, float64 (T,).

    Entry t is the Euclidean norm over the units, averaged over the samples. Arguments and errors are those
    of `state_gradients`.
    """
    gradients = state_gradients(model, x, y)
    # float64, because the square of a vanished gradient is nothing in float32
    return {name: _norm(d).mean(axis=0) for name, d in gradients.items()}


def saliency(model: Sequential, x: Array) -> Array:
    """Return the gradient of the predicted class's logit with respect to every pixel, like x: (B, T, D).

    It is local: what a small change of a pixel would do, not what the answer depends on. A black pixel where
    ink would matter much may have a larger one than all the ink.

    Of the logit, what enters the softmax, and not of the probability: where a network is sure, the
    probability is flat and its gradient vanishes, though the pixels matter no less. A pixel counts as the
    network gets it, from 0 to 1, also where x is uint8.

    Raises ValueError for a model of another kind, or one that gives an answer for each row, not one for all.
    """
    model, x = _checked(model, x)
    if model.layers[-2].return_sequences:  # type: ignore[attr-defined]
        raise ValueError("saliency explains one answer for the sequence: set return_sequences=False")
    outputs, tapes = model.forward(x)
    dlogits = one_hot(outputs.argmax(axis=-1), outputs)
    head: Any = model.layers[-1]
    dx = head.backward_from_pre_activation(dlogits, tapes[-1]).inputs
    for layer, tape in zip(model.layers[-2::-1], tapes[-2::-1], strict=True):
        dx = layer.backward(dx, tape).inputs
    return np.asarray(dx)


# Forward: what each step computes ----------------------------------------------------------------------


def belief(model: Sequential, x: Array) -> Array:
    """Return the probabilities that the model would give if the sequence had ended at each row: (B, T, K).

    They are what the head says of every h_t; at the last row they are `model.predict(x)`.

    Raises ValueError for a model of another kind and for x that does not fit.
    """
    reader: Any = _looked_at(model).astype(model.dtype)
    reader.layers[-2].return_sequences = True
    return np.asarray(reader.predict(x))


def gates(model: Sequential, x: Array) -> dict[str, Array]:
    """Return what the last recurrent layer computes in each step, by the names of its equations: (B, T, H).

    SimpleRNN  h
    GRU        u, r, g, h
    LSTM       i, f, o, g, c, h

    A cell of one's own names them in its `gates` and `signals`. Gates are after their activations.
    Raises ValueError for a model of another kind and for x that does not fit.
    """
    model, x = _checked(model, x)
    _, tapes = model.forward(x)
    layer: Any = model.layers[-2]
    computed: dict[str, list[Array]] = {name: [] for name in (*layer.gates, *layer.signals)}
    for s in tapes[-2].steps:
        for name, steps in computed.items():
            steps.append(getattr(s, name).copy())  # with checkpoint_every the next steps overwrite it
    return {name: _batch_first(steps) for name, steps in computed.items()}


def local_factors(model: Sequential, x: Array) -> Array:
    """Return what each step multiplies a gradient by on its way back, entry by entry: (B, T, H).

    SimpleRNN  φ'(z_t) of (S2), which U follows
    GRU        u of (G8), the way past the weights
    LSTM       f of (L12), likewise

    Raises ValueError for a model of another kind or cell and for x that does not fit.
    """
    layer: Any = _looked_at(model).layers[-2]
    if isinstance(layer, SimpleRNN):
        return np.asarray(layer.activation.derivative(gates(model, x)["h"]))
    if isinstance(layer, (GRU, LSTM)):
        return gates(model, x)["u" if isinstance(layer, GRU) else "f"]
    raise ValueError(f"expected a layer SimpleRNN, GRU or LSTM, found {type(layer).__name__}")


def direct_growth(model: Sequential, x: Array, y: Array) -> Array:
    """Return by how much the factor of a step alone makes the gradient larger or smaller: float64 (T,).

    Entry t is ‖factor ⊙ d‖ / ‖d‖, where d is dc_t in an LSTM and else dh_t, and factor is that of
    `local_factors`; both norms are means over the samples, as in `gradient_reach`, of whose entries t-1 and t
    the ratio is the growth by all ways together. NaN where all gradients are zero. Arguments and errors are
    those of `state_gradients` and `local_factors`.
    """
    gradients = state_gradients(model, x, y)
    d = gradients.get("c", gradients["h"]).astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray(_norm(local_factors(model, x) * d).mean(axis=0) / _norm(d).mean(axis=0))


# One sequence ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reading:
    """What happens in a network while it reads one sequence, and on the way back.

    cell                     the class of the layer; its `gates` and `signals` say what is in `gates` here
    image      (T, D)        the sequence as it was given
    belief     (T, K)        of `belief`
    gates      name: (T, H)  of `gates`
    target     int           the class whose loss is differentiated: the label or, without one, the answer
    gradients  name: (T, H)  of `state_gradients`
    saliency   (T, D)        of `saliency`
    """

    cell: type[Recurrent]
    image: Array
    belief: Array
    gates: dict[str, Array]
    target: int
    gradients: dict[str, Array]
    saliency: Array

    def words(self, name: str) -> str:
        """What a gate or signal of that name is called."""
        return (self.cell.gates | self.cell.signals)[name]

    @property
    def answer(self) -> int:
        """The class that the network says in the end."""
        return int(self.belief[-1].argmax())

    @property
    def reach(self) -> dict[str, Array]:
        """The norm of each gradient, float64 (T,)."""
        return {name: _norm(d) for name, d in self.gradients.items()}


def read(model: Sequential, image: Array, label: int | None = None) -> Reading:
    """Return all that the functions above say of one sequence (T, D).

    Without a label the gradients are those of the loss of the network's own answer. Raises ValueError for a
    model of another kind and for an image or a label that does not fit.
    """
    x = np.asarray(image)[np.newaxis]
    p = belief(model, x)[0]
    target = int(p[-1].argmax()) if label is None else int(label)
    return Reading(
        cell=type(_looked_at(model).layers[-2]),  # type: ignore[arg-type]
        image=x[0],
        belief=p,
        gates=_only(gates(model, x)),
        target=target,
        gradients=_only(state_gradients(model, x, np.array([target]))),
        saliency=saliency(model, x)[0],
    )


def answers(belief: Array) -> list[tuple[int, int, int]]:
    """Return the likeliest class over the rows of a belief (T, K) as spans (first row, last row, class)."""
    spans, row = [], 0
    for said, rows in groupby(np.asarray(belief).argmax(axis=-1).tolist()):
        first, row = row, row + len(list(rows))
        spans.append((first, row - 1, said))
    return spans


def last_recurrent(model: Sequential, x: Array) -> tuple[Recurrent, Array]:
    """Return the recurrent layer that is looked at, and what it gets of x, (B, T, D).

    Raises ValueError for a model of another kind and for x that does not fit.
    """
    model, x = _checked(model, x)
    layer: Any = model.layers[-2]
    _, tapes = model.forward(x)
    return layer, tapes[-2].x.transpose(2, 0, 1)


# Checks and shapes -------------------------------------------------------------------------------------


def _looked_at(model: Sequential) -> Sequential:
    """Return the same model without the layers that do nothing when it predicts.

    Raises ValueError where the others are not recurrent layers, running forwards, and a softmax head.
    """
    looked_at = copy.copy(model)
    looked_at.layers = [layer for layer in model.layers if type(layer) not in (Dropout, RandomAffine)]
    *recurrent, head = looked_at.layers or [None]  # type: ignore[list-item]
    for layer in recurrent:
        if isinstance(layer, Bidirectional):
            raise ValueError(f"layer {layer.name!r} reads from both ends: expected one that reads row by row")
    if not recurrent or not all(isinstance(layer, Recurrent) for layer in recurrent):
        names = ", ".join(layer.name for layer in model.layers) or "none"
        raise ValueError(f"expected a model of recurrent layers and one Dense, but its layers are: {names}")
    if not isinstance(head, Dense) or not isinstance(head.activation, Softmax):
        raise ValueError(f'expected Dense(..., "softmax") as the last layer, but it is {head!r}')
    for layer in recurrent:
        if getattr(layer, "go_backwards", False):
            raise ValueError(f"layer {layer.name!r} goes backwards: expected one that reads row by row")
        if getattr(layer, "stateful", False):
            raise ValueError(f"layer {layer.name!r} is stateful: expected one that begins with the first row")
    if not model.built:
        raise ValueError("the model has no weights yet: train it, or call build, for MNIST (None, 28, 28)")
    return looked_at


def _checked(model: Sequential, x: Array) -> tuple[Sequential, Array]:
    """Return the layers that are looked at, as a model, and x as it takes it.

    Raises ValueError for another kind of model, for NaN and for shapes.
    """
    looked_at = _looked_at(model)
    return looked_at, looked_at.checked_inputs(x)


def _cross_entropy(model: Sequential) -> losses.Loss:
    """Return the model's loss as a function of the logits. Raises ValueError where it is another loss."""
    cross_entropy = losses.joined(model.loss, Softmax())
    if cross_entropy is None:
        raise ValueError(
            f"the model was compiled with {model.loss.name}: the gradients shown are those of a cross-entropy"
        )
    return cross_entropy


def _batch_first(steps: list[Array]) -> Array:
    """Return T arrays (H, B) as one (B, T, H)."""
    return np.stack(steps).transpose(2, 0, 1)


def _norm(gradient: Array) -> Array:
    return np.asarray(np.linalg.norm(gradient.astype(np.float64), axis=-1))


def _only(arrays: dict[str, Array]) -> dict[str, Array]:
    """Return the first and only sample of each array."""
    return {name: array[0] for name, array in arrays.items()}
