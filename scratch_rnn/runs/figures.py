"""Figures of a training run: learning curves, predictions and confusions, of one model or of twins.

Every function returns a matplotlib Figure of its own; no global state of matplotlib is touched and no
display is needed. Models come as Results; their order decides their places and colours in all figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, PowerNorm, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import ArrayLike

from scratch_rnn.data.mnist import CLASSES
from scratch_rnn.runs.curves import curves
from scratch_rnn.runs.result import Result
from scratch_rnn.style import FAINT, GREEN, INK, MODEL_COLOURS, PALE, RED, STYLE, WIDTH, axes_at

__all__ = ["choose_examples", "confusion", "curves", "draw_image", "predictions"]

CELL_WIDTH, CELL_HEIGHT, HEAD = 2.6, 1.34, 0.6  # of a figure of predictions, in inches
NOTE_HEIGHT = 0.15  # of a line below a digit
MISTAKES = LinearSegmentedColormap.from_list("mistakes", ["white", "#F4B183", RED, "#8A3A00"])

# ---------------------------------------------------------------- predictions


@rc_context(STYLE)
def predictions(
    images: ArrayLike,
    labels: ArrayLike | None,
    results: Sequence[Result],
    title: str,
    names: Sequence[str] | None = None,
    rows: Iterable[int] | None = None,
    notes: Sequence[str] | None = None,
) -> Figure:
    """Draw digits, and beside each the probability that each model gives to each class.

    Args:
        images: (N, 28, 28), or any one size; black is 0.
        labels: int (N,), the right classes; None where they are not known.
        results: of each model, with the probabilities of all N.
        title: of the whole figure.
        names: what to call each digit where its label is not known, such as the name of its file.
        rows: which of the N to draw, in this order; all of them where nothing is said.
        notes: what else to say of each of the N, below it; lines of at most some 40 characters.

    Raises:
        ValueError: there is nothing to draw, or shapes or values are not such.
    """
    images = np.asarray(images)
    if images.ndim != 3 or images.size == 0:
        raise ValueError(f"expected images (N, H, W), at least one, found {images.shape}")
    outputs = _checked_probabilities(results, len(images))
    truths = [None] * len(images) if labels is None else _checked_labels("labels", labels, len(images))
    drawn = range(len(images)) if rows is None else list(rows)
    if not drawn:
        raise ValueError(f"expected rows to draw, at least one, found {rows!r}")
    columns = min(3, len(drawn))
    lines = -(-len(drawn) // columns)
    noted = max((notes[row].count("\n") + 1 for row in drawn if notes[row]), default=0) if notes else 0
    cell_height = CELL_HEIGHT + noted * NOTE_HEIGHT
    figure = Figure(figsize=(max(columns, 2) * CELL_WIDTH + 0.2, HEAD + lines * cell_height))
    margin = (figure.get_figwidth() - columns * CELL_WIDTH) / 2
    for place, row in enumerate(drawn):
        line, column = divmod(place, columns)
        left, top = margin + column * CELL_WIDTH, HEAD + line * cell_height
        said, truth = {name: output[row] for name, output in outputs.items()}, truths[row]
        _draw_verdict(figure, left, top, said, truth, names[row] if names and truth is None else "")
        draw_image(axes_at(figure, left + 0.05, top + 0.3, 0.8, 0.8), images[row])
        _draw_bars(axes_at(figure, left + 1.1, top + 0.3, CELL_WIDTH - 1.25, 0.8), said, truth)
        if notes:
            _write_note(figure, left, top + CELL_HEIGHT, notes[row])
    _predictions_head(figure, title, outputs, labels is not None)
    return figure


def _write_note(figure: Figure, left: float, top: float, note: str) -> None:
    across, down = figure.get_size_inches()
    figure.text((left + 0.05) / across, 1 - top / down, note, va="top", color=RED, size=7.5)


def _draw_verdict(
    figure: Figure, left: float, top: float, said: Mapping[str, np.ndarray], truth: int | None, name: str
) -> None:
    """One line over a digit: its right class or its name, then who is right or says what."""
    across, down = figure.get_size_inches()
    y = 1 - (top + 0.2) / down
    text, colour = _verdict({name: int(output.argmax()) for name, output in said.items()}, truth)
    if truth is not None:
        figure.text((left + 0.05) / across, y, f"label {truth}", weight="bold")
    figure.text((left + 0.05) / across, y, _short(name, 15), weight="bold", size=7.5)
    shift = 0.7 if truth is not None else 1.1 if name else 0.05
    figure.text((left + shift) / across, y, text, color=colour, size=7.5)


def _verdict(classes: Mapping[str, int], truth: int | None) -> tuple[str, str]:
    """The line's words and their colour; words and sign say all that the colour says."""
    wrong = {name: said for name, said in classes.items() if said != truth}
    if truth is not None and not wrong:
        return f"✓ {_everyone(classes)}right", GREEN
    sign, colour = ("", INK) if truth is None else ("✗ ", RED)
    if len(wrong) == len(classes) and len(set(wrong.values())) == 1:
        return f"{sign}{_everyone(classes)}say{'' if len(classes) > 1 else 's'} {min(wrong.values())}", colour
    says = " says " if len(wrong) == 1 else " "
    return sign + ", ".join(f"{_short(name)}{says}{said}" for name, said in wrong.items()), colour


def _short(name: str, length: int = 11) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"


def _everyone(classes: Mapping[str, int]) -> str:
    return {1: "", 2: "both "}.get(len(classes), "all ")


def draw_image(axes: Axes, image: np.ndarray) -> None:
    """Draw an image (H, W), black being 0, without axes."""
    axes.imshow(image, cmap="gray", vmin=0)
    axes.set_axis_off()


def _draw_bars(axes: Axes, said: Mapping[str, np.ndarray], truth: int | None) -> None:
    """A group of bars for each class, one bar a model, over the whole range 0 to 1."""
    width = 0.8 / len(said)
    for place, output in enumerate(said.values()):
        shift = (place - (len(said) - 1) / 2) * width
        axes.bar(np.arange(CLASSES) + shift, output, width, color=_colour(place))
    axes.set(xlim=(-0.6, CLASSES - 0.4), xticks=range(CLASSES))
    axes.set(ylim=(0, 1.02), yticks=(0, 0.5, 1), yticklabels=("0", "½", "1"))
    axes.grid(axis="y")
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=0, pad=2, labelsize=7.5, labelcolor=FAINT)
    if truth is not None:
        axes.axvspan(truth - 0.5, truth + 0.5, color=PALE, zorder=0)
        axes.get_xticklabels()[truth].set(weight="bold", color=INK)


def _predictions_head(figure: Figure, title: str, names: Iterable[str], labelled: bool) -> None:
    down = figure.get_figheight()
    figure.suptitle(title, y=1 - 0.08 / down, va="top")
    handles = [Patch(color=_colour(place), label=name) for place, name in enumerate(names)]
    if labelled:
        handles.append(Patch(color=PALE, label="the right class"))
    figure.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, 1 - 0.3 / down), ncols=len(handles)
    )


def choose_examples(labels: ArrayLike, results: Sequence[Result], count: int = 12) -> np.ndarray:
    """Choose digits for `predictions`: first the earliest mistakes, up to half, then the earliest right ones.

    Args:
        labels: int (N,), the right classes.
        results: of each model, with its probabilities; a digit that any model gets wrong is a mistake.
        count: how many to choose.

    Returns:
        int (count,), indices into `labels`; fewer where there are not so many right ones.

    Raises:
        ValueError: shapes or values are not such.
    """
    if count < 1:
        raise ValueError(f"expected a count of 1 or more, found {count}")
    labels = _checked_labels("labels", labels)
    _checked_probabilities(results, len(labels))
    wrong = np.any([result.answers != labels for result in results], axis=0)
    mistakes = np.flatnonzero(wrong)[: count // 2]
    return np.concatenate([mistakes, np.flatnonzero(~wrong)[: count - len(mistakes)]])


# ---------------------------------------------------------------- confusion


@rc_context(STYLE)
def confusion(labels: ArrayLike, results: Sequence[Result], title: str) -> Figure:
    """Draw how often each class is taken for each other, one panel a model.

    Only mistakes are coloured, for right answers would drown them. At the right edge stands each
    class's recall, the share of its digits that were found.

    Args:
        labels: int (N,), the right classes.
        results: of each model, with its probabilities.
        title: of the whole figure.

    Raises:
        ValueError: there is nothing to draw, or shapes or values are not such.
    """
    labels = _checked_labels("labels", labels)
    _checked_probabilities(results, len(labels))
    counts = [_count_pairs(labels, result.answers) for result in results]
    most = max(1, *(_mistakes(count).max() for count in counts))
    figure = Figure(figsize=(max(WIDTH / 2 * len(counts), 5.4), 4.3), layout="constrained")
    for axes, result, count in zip(
        figure.subplots(1, len(counts), squeeze=False).flat, results, counts, strict=True
    ):
        _draw_confusion(axes, count, most)
        _draw_recall(axes, count)
        axes.set_title(f"{result.name}: {_mistakes(count).sum():,} wrong of {len(labels):,}")
    figure.suptitle(title)
    return figure


def _count_pairs(labels: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """int (10, 10): how many digits of each class, a row each, are taken for each class, a column each."""
    return np.bincount(CLASSES * labels + classes, minlength=CLASSES**2).reshape(CLASSES, CLASSES)


def _mistakes(count: np.ndarray) -> np.ndarray:
    return count * (1 - np.eye(CLASSES, dtype=int))


def _draw_confusion(axes: Axes, count: np.ndarray, most: int) -> None:
    norm = PowerNorm(0.6, 0, most)  # a single mistake is to be seen beside the most frequent one
    colours = MISTAKES(norm(_mistakes(count)))
    colours[np.eye(CLASSES, dtype=bool)] = to_rgba(PALE)
    axes.imshow(colours)
    for (row, column), number in np.ndenumerate(count):
        if number:
            dark = row != column and norm(number) > 0.6
            _write(axes, column, row, str(number), ha="center", color="white" if dark else INK)
    axes.set(xlabel="predicted class", ylabel="right class", xticks=range(CLASSES), yticks=range(CLASSES))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def _draw_recall(axes: Axes, count: np.ndarray) -> None:
    x = CLASSES - 0.35
    _write(axes, x, -0.8, "recall", ha="left", color=FAINT)
    for row, total in enumerate(count.sum(axis=1)):
        recall = f"{100 * count[row, row] / total:.1f} %" if total else "none"
        _write(axes, x, row, recall, ha="left", color=FAINT)


def _write(axes: Axes, x: float, y: float, text: str, **style: Any) -> None:
    axes.text(x, y, text, va="center", size=7.5, **style)


# ---------------------------------------------------------------- checks


def _checked_labels(name: str, labels: ArrayLike, count: int | None = None) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.size == 0 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"{name}: expected integers (N,), at least one, found {labels.dtype} {labels.shape}")
    if count is not None and len(labels) != count:
        raise ValueError(f"{name}: expected {count}, one for each digit, found {len(labels)}")
    if labels.min() < 0 or labels.max() >= CLASSES:
        raise ValueError(f"{name}: expected 0..{CLASSES - 1}, found {labels.min()} to {labels.max()}")
    return labels.astype(np.intp)


def _checked_probabilities(results: Sequence[Result], count: int) -> dict[str, np.ndarray]:
    if not results:
        raise ValueError("expected the result of one model at least, found an empty list")
    outputs = {result.name: np.asarray(result.probabilities, dtype=float) for result in results}
    if len(outputs) < len(results):
        raise ValueError(f"expected a name for each model, found {[result.name for result in results]}")
    for name, output in outputs.items():
        if output.shape != (count, CLASSES):
            raise ValueError(f"{name}: expected probabilities {(count, CLASSES)}, found {output.shape}")
        if not ((output > -1e-3) & (output < 1 + 1e-3)).all():  # which NaN is not either
            raise ValueError(f"{name}: expected probabilities from 0 to 1, found others; are they logits?")
    return outputs


def _colour(place: int) -> str:
    return MODEL_COLOURS[place % len(MODEL_COLOURS)]
