"""Draws the graphs of the cells: python docs/graphs.py

One timestep of each cell, forward and backward, light and dark, as docs/figures/graph-*.svg; then it prints
the lines that show them in bptt.md. What is drawn stands in cells.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cells import GRAPHS, Edge, Graph, Node
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from scratch_rnn.files import atomic
from scratch_rnn.style import BLUE, FAINT, GREEN, INK, ORANGE, RED, STYLE

FIGURES = Path(__file__).parent / "figures"
WAYS = ("forward", "backward")
# Lengths are in pixels of a phone, which is some 390 wide. matplotlib counts 72 points to an inch.
WIDTH, MARGIN, HEAD = 390, 7, 38
ROW, BAR = 96, 36  # from a row to the next; the height of a node
POINT = 0.72  # an inch is 100 pixels here
SETTINGS: Any = {
    "text.parse_math": True,
    "mathtext.fontset": "dejavuserif",
    "svg.fonttype": "path",  # looks the same whatever fonts there are
    "svg.hashsalt": "scratch_rnn",  # the same bytes each time
}


@dataclass(frozen=True)
class Theme:
    """The colours of a picture on a light or on a dark page."""

    page: str
    ink: str
    arrows: dict[str, str]

    def pale(self, colour: str, share: float = 0.25) -> str:
        """Return a colour to write on: `share` of it, and the page's else."""
        pairs = zip(to_rgb(colour), to_rgb(self.page), strict=True)
        return to_hex([share * one + (1 - share) * other for one, other in pairs])


THEMES = {
    "light": Theme("#ffffff", INK, {"forward": INK, "backward": RED}),
    "dark": Theme("#0d1117", "#e6edf3", {"forward": "#e6edf3", "backward": "#ff8f4d"}),
}
COLOURS = {"state": BLUE, "gate": ORANGE, "candidate": GREEN, "sum": FAINT, "outside": FAINT}


def draw(graph: Graph, way: str, theme: Theme) -> Figure:
    """Return the picture of a graph: `way` is forward or backward."""
    rows = max(node.row for node in graph.nodes.values())
    height = HEAD + ROW * rows + BAR + MARGIN
    with rc_context(STYLE | SETTINGS):
        figure = Figure(figsize=(WIDTH / 100, height / 100), facecolor=theme.page)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, WIDTH), ylim=(height, 0))
        axes.set_axis_off()
        axes.text(
            MARGIN, 7, f"{graph.title}, {way}", size=15 * POINT, weight="bold", va="top", color=theme.ink
        )
        for edge in graph.edges:
            _draw_edge(axes, graph, edge, way, theme)
        for node in graph.nodes.values():
            _draw_node(axes, graph, node, way, theme)
    return figure


def _column(graph: Graph, column: float) -> float:
    """Return where the middle of a column is."""
    return MARGIN + (WIDTH - 2 * MARGIN) * (column + 0.5) / graph.columns


def _row(row: float) -> float:
    """Return where the middle of a row is."""
    return HEAD + BAR / 2 + ROW * row


def _sides(graph: Graph, node: Node) -> tuple[float, float]:
    """Return the left and the right end of a node; parts of one touch each other."""
    half = (WIDTH - 2 * MARGIN) / graph.columns / 2
    if not node.inside:
        return _column(graph, node.left) - half + 4, _column(graph, node.right) + half - 4
    left, right = _sides(graph, graph.nodes[node.inside])
    return max(left, _column(graph, node.left) - half), min(right, _column(graph, node.right) + half)


def _draw_node(axes: Axes, graph: Graph, node: Node, way: str, theme: Theme) -> None:
    left, right = _sides(graph, node)
    colour = COLOURS[node.kind]
    box = FancyBboxPatch(
        (left, _row(node.row) - BAR / 2),
        right - left,
        BAR,
        boxstyle=f"round,pad=0,rounding_size={0 if node.inside else 6}",
        facecolor=theme.page if node.kind == "outside" else theme.pale(colour),
        edgecolor=colour,
        linestyle="--" if node.kind == "outside" else "-",
        linewidth=1.1,
    )
    axes.add_patch(box)
    if node not in graph.divided:
        words = text_of(node, way)
        size = 13 if node.kind == "outside" and way == "forward" else 14
        place = _column(graph, (node.left + node.right) / 2), _row(node.row)
        axes.text(*place, words, size=size * POINT, ha="center", va="center", linespacing=1, color=theme.ink)


def text_of(node: Node, way: str) -> str:
    """Return what stands in a node, for matplotlib: the quantity or, backward, its gradient."""
    if way == "backward":
        return node.gradient or f"$d{node.sign}$"
    if node.kind == "outside":
        return node.sign
    return f"${node.sign} = {node.formula}$" if node.formula else f"${node.sign}$"


def _draw_edge(axes: Axes, graph: Graph, edge: Edge, way: str, theme: Theme) -> None:
    ends = _ends(graph, edge)
    start, end = ends if way == "forward" else ends[::-1]
    arrow = FancyArrowPatch(
        start,
        end,
        arrowstyle="-|>,head_length=5,head_width=2.6",
        shrinkA=0,
        shrinkB=1,
        linewidth=1.4,
        color=theme.arrows[way],
    )
    axes.add_patch(arrow)
    _draw_label(axes, graph, edge, way, theme)


def _ends(graph: Graph, edge: Edge) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return where an edge leaves its start and where it reaches its end."""
    start, end = graph.nodes[edge.start], graph.nodes[edge.end]
    if edge.column is None:
        level = _row(start.row)
        return (_sides(graph, start)[0], level), (_sides(graph, end)[1], level)
    across = _column(graph, edge.column)
    return (across, _row(start.row) + BAR / 2), (across, _row(end.row) - BAR / 2)


def _draw_label(axes: Axes, graph: Graph, edge: Edge, way: str, theme: Theme) -> None:
    """What happens on the way, and below it the number of the equation, on the arrow's middle."""
    (x, y), (other_x, other_y) = _ends(graph, edge)
    x, y = (x + other_x) / 2, (y + other_y) / 2
    x = x if edge.label_column is None else _column(graph, edge.label_column)
    y = y if edge.label_row is None else _row(edge.label_row)
    axes.text(
        x,
        y,
        label_of(edge, way),
        size=14 * POINT,
        linespacing=1.15,
        ha="center",
        va="center",
        color=theme.ink,
        bbox={"boxstyle": "square,pad=0.1", "facecolor": theme.page, "linewidth": 0},
    )


def label_of(edge: Edge, way: str) -> str:
    """Return what stands on an edge, for matplotlib: what is done on the way, and the equation's number."""
    words, number = (edge.operation, edge.forward) if way == "forward" else (edge.factor, edge.backward)
    return f"${words}$\n({number})" if words else f"({number})"


def plain(words: str) -> str:
    """Return what `text_of` says without matplotlib's signs, for those who hear a page."""
    return re.sub(r"\\mathrm\{(\w+)\}", r"\1", words).replace("$", "").replace("\n", " ").partition(" = ")[0]


def description(graph: Graph, way: str) -> str:
    """Return a picture in words: for each quantity what it comes from, and by which equations."""
    places = {plain(text_of(node, way)): node.row for node in graph.nodes.values()}
    sources: dict[str, dict[str, list[str]]] = {name: {} for name in sorted(places, key=places.__getitem__)}
    for edge in graph.edges:
        ends = [plain(text_of(graph.nodes[name], way)) for name in (edge.start, edge.end)]
        giver, receiver = ends if way == "forward" else ends[::-1]
        sources[receiver].setdefault(edge.forward if way == "forward" else edge.backward, []).append(giver)
    sentences = [
        f"{receiver} from {_listed([f'{_listed(names)} ({number})' for number, names in found.items()])}"
        for receiver, found in (sources.items() if way == "forward" else reversed(sources.items()))
        if found
    ]
    return f"Graph of a step of {graph.title}, {way}: {'; '.join(sentences)}."


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def picture_tags(name: str, way: str, folder: str = "figures") -> str:
    """Return the line of a Markdown page that shows a graph, light or dark as the reader's page is."""
    light, dark = (f"{folder}/{file_name(name, way, page)}" for page in ("light", "dark"))
    words = description(GRAPHS[name], way)
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" width="{WIDTH}" alt="{words}"></picture>'
    )


def main() -> None:
    """Draw all graphs, and print the lines that show them on a page."""
    for name, graph in GRAPHS.items():
        for way in WAYS:
            for page, theme in THEMES.items():
                with atomic(FIGURES / file_name(name, way, page)) as unfinished, rc_context(SETTINGS):
                    draw(graph, way, theme).savefig(unfinished, metadata={"Date": None})
            print(picture_tags(name, way))


def file_name(name: str, way: str, page: str) -> str:
    """Return the name of a picture."""
    return f"graph-{name}-{way}-{page}.svg"


if __name__ == "__main__":
    main()
