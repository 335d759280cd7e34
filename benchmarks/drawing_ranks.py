"""Figures of scaling_model.py, narrow, so that they are read on a phone."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from scratch_rnn.style import BLUE, FAINT, GREEN, MODEL_COLOURS, ORANGE, PALE, PURPLE, SKY, STYLE

NARROW = 5.0  # inches
MARKERS = {"o": 8, "s": 6, "^": 4}  # and their sizes: a network shows behind another with the same times
PARTS = {
    "shards": ORANGE,
    "sums": GREEN,
    "copies": SKY,
    "messages": BLUE,
    "optimizer": PURPLE,
}


@rc_context(STYLE)
def strong(
    panels: Mapping[int, Mapping[str, Mapping[int, float]]],
    measured: Mapping[int, Mapping[int, float]],
    name: str,
) -> Figure:
    """Draw a panel for each batch: how many times as fast as one rank, over the ranks, for each network.

    `measured` has for some batches the same by number of ranks; a cross marks it.
    """
    figure = Figure(figsize=(NARROW, 5.6), layout="constrained")
    grid = figure.subplots(-(-len(panels) // 2), 2, sharex=True, sharey=True, squeeze=False)
    for axes, (batch, networks) in zip(grid.flat, panels.items(), strict=True):
        ranks = list(next(iter(networks.values())))
        axes.loglog(ranks, ranks, "--", color=FAINT, linewidth=1, label="each rank as much as one alone")
        for gain, network, colour, (marker, size) in zip(
            networks.values(), networks, MODEL_COLOURS, MARKERS.items(), strict=False
        ):
            style = {"marker": marker, "markersize": size, "color": colour, "label": network}
            axes.loglog(list(gain), list(gain.values()), **style)
        found = measured.get(batch, {})
        axes.loglog(list(found), list(found.values()), "kx", markersize=9, label="measured here")
        ticks = [1, 4, 16, 64, 256, 1024]
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axes.set_yticks(ticks, [f"{tick:,}" for tick in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_title(f"a batch of {batch:,}")
        axes.grid(color=PALE)
    for axes in grid[-1]:
        axes.set_xlabel("ranks")
    for axes in grid[:, 0]:
        axes.set_ylabel("times as fast")
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    figure.suptitle(f"Simulated: one batch on more ranks, {name}")
    return figure


@rc_context(STYLE)
def weak(panels: Mapping[str, Mapping[int, Mapping[str, float]]], name: str) -> Figure:
    """Draw a panel for each network: a bar for each number of ranks, of what a step consists of."""
    figure = Figure(figsize=(NARROW, 1.2 + 1.5 * len(panels)), layout="constrained")
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (network, by_ranks) in zip(grid, panels.items(), strict=True):
        for place, parts in enumerate(by_ranks.values()):
            reached = 0.0
            for part, milliseconds in parts.items():
                label = part if not place else None
                axes.barh(place, milliseconds, left=reached, color=PARTS[part], label=label)
                reached += milliseconds
        axes.set(yticks=range(len(by_ranks)), yticklabels=[f"{n:,}" for n in by_ranks], ylabel="ranks")
        axes.set_title(network)
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
    grid[-1].set_xlabel("milliseconds a step")
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.suptitle(f"Modelled: 64 rows for each rank, {name}")
    return figure
