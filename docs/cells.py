"""The graphs of the cells as tables: what a timestep computes from what, and how the gradient comes back.

`graphs.py` draws them, and tests/test_graphs.py compares them with the equations of bptt.md. Each edge
has two directions: forward it bears the number of the equation that computes its end, backward that of the
one which gives the gradient of its start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Node:
    """A quantity of the equations: a bar that reaches over some columns, in a row. Counted from 0."""

    sign: str  # as in bptt.md; the node's name is its spelling in the code
    left: float
    right: float
    row: float
    kind: str  # state, gate, candidate, sum or outside
    formula: str = ""  # where there is room for it
    gradient: str = ""  # the sign's with a d before it, if not given
    inside: str = ""  # the node of which it is a part


@dataclass(frozen=True)
class Edge:
    """Forward from `start` to `end`, backward the other way, straight: down a column or along a row."""

    start: str
    end: str
    forward: str  # the number of the equation
    operation: str  # what is done on the way: forward one of the activations, if anything
    backward: str
    factor: str  # by what the gradient is multiplied on the way back
    column: float | None = None  # None: along the row
    label_row: float | None = None  # where the label stands, if not in the middle
    label_column: float | None = None


@dataclass(frozen=True)
class Graph:
    """The graph of one timestep of a cell."""

    title: str
    section: int  # of bptt.md
    columns: int
    nodes: Mapping[str, Node]
    edges: Sequence[Edge]

    @property
    def divided(self) -> list[Node]:
        """The nodes that consist of others."""
        return [self.nodes[name] for name in {node.inside for node in self.nodes.values()} - {""}]


def _outside(row: float, column: float) -> dict[str, Node]:
    """Return the two places where h_t is used, and where its gradient comes from."""
    return {
        "next": Node("step\n$t+1$", column, column, row, "outside", gradient=r"$dh_t^\mathrm{carried}$"),
        "own": Node("layer\nabove", column + 1, column + 1, row, "outside", gradient=r"$dh_t^\mathrm{own}$"),
    }


def _uses_of_h(column: float) -> list[Edge]:
    """Return the edges to them: the next step begins with (T1), the layer above is Dense in the examples."""
    return [
        Edge("h", "next", "T1", "", "T2", "", column),
        Edge("h", "own", "D1", "", "T2", "", column + 1),
    ]


SIMPLE_RNN = Graph(
    "SimpleRNN",
    4,
    2,
    {
        "x": Node("x_t", 0, 0, 0, "state"),
        "h_prev": Node("h_{t-1}", 1, 1, 0, "state", gradient=r"$dh_{t-1}^\mathrm{carried}$"),
        "z": Node("z_t", 0, 1, 1, "sum", r"W^\top x_t + b + U^\top h_{t-1}"),
        "h": Node("h_t", 0, 1, 2, "state", r"\varphi(z_t)"),
        **_outside(3, 0),
    },
    [
        Edge("x", "z", "T1", r"W^\top", "T4", "W", 0),
        Edge("h_prev", "z", "T1", r"U^\top", "T5", "U", 1),
        Edge("z", "h", "S1", r"\varphi", "S2", r"\odot\,\varphi'(z_t)", 0.5),
        *_uses_of_h(0),
    ],
)

LSTM = Graph(
    "LSTM",
    5,
    5,
    {
        "c_prev": Node("c_{t-1}", 0, 0, 0, "state", gradient=r"$dc_{t-1}^\mathrm{carried}$"),
        "x": Node("x_t", 1, 2, 0, "state"),
        "h_prev": Node("h_{t-1}", 3, 4, 0, "state", gradient=r"$dh_{t-1}^\mathrm{carried}$"),
        "z": Node("z_t", 1, 4, 1, "sum"),
        "z_i": Node("z_i", 1, 1, 1, "sum", inside="z"),
        "z_f": Node("z_f", 2, 2, 1, "sum", inside="z"),
        "z_g": Node("z_g", 3, 3, 1, "sum", inside="z"),
        "z_o": Node("z_o", 4, 4, 1, "sum", inside="z"),
        "i": Node("i", 1, 1, 2, "gate"),
        "f": Node("f", 2, 2, 2, "gate"),
        "g": Node("g", 3, 3, 2, "candidate"),
        "o": Node("o", 4, 4, 2, "gate"),
        "c": Node("c_t", 0, 3, 3, "state", r"f \odot c_{t-1} + i \odot g"),
        "h": Node("h_t", 3, 4, 4, "state", r"o \odot \varphi(c_t)"),
        "next_c": Node("step\n$t+1$", 0, 0, 5, "outside", gradient=r"$dc_t^\mathrm{carried}$"),
        **_outside(5, 3),
    },
    [
        Edge("x", "z", "T1", r"W^\top", "T4", "W", 1.5),
        Edge("h_prev", "z", "T1", r"U^\top", "L15", "U", 3.5),
        Edge("z_i", "i", "L1", r"\sigma", "L13", r"\odot\,\sigma'(z_i)", 1),
        Edge("z_f", "f", "L2", r"\sigma", "L13", r"\odot\,\sigma'(z_f)", 2),
        Edge("z_g", "g", "L3", r"\varphi", "L14", r"\odot\,\varphi'(z_g)", 3),
        Edge("z_o", "o", "L4", r"\sigma", "L13", r"\odot\,\sigma'(z_o)", 4),
        Edge("c_prev", "c", "L5", "", "L12", r"\odot\,f", 0),
        Edge("i", "c", "L5", "", "L10", r"\odot\,g", 1),
        Edge("f", "c", "L5", "", "L9", r"\odot\,c_{t-1}", 2),
        Edge("g", "c", "L5", "", "L11", r"\odot\,i", 3),
        Edge("c", "h", "L6", r"\varphi", "L8", r"\odot\,o \odot \varphi'(c_t)", 3),
        Edge("o", "h", "L6", "", "L7", r"\odot\,\varphi(c_t)", 4),
        Edge("c", "next_c", "L5", "", "L8", "", 0),
        *_uses_of_h(3),
    ],
)

# The columns of the GRU, of which the lines stand not quite evenly: what (G14) says needs room.
CANDIDATE, RESET, UPDATE, PAST = 0.8, 2.2, 3.2, 4.15

GRU = Graph(
    "GRU, reset_after=True",
    6,
    5,
    {
        "h_prev": Node("h_{t-1}", 0, 4, 0, "state", gradient=r"$dh_{t-1}^\mathrm{carried}$"),
        "x": Node("x_t", CANDIDATE, RESET, 1, "state"),
        "z": Node("z_t", RESET, UPDATE, 2, "sum"),
        "z_r": Node("z_r", RESET, RESET, 2, "sum", inside="z"),
        "z_u": Node("z_u", UPDATE, UPDATE, 2, "sum", inside="z"),
        "p": Node("p", 0, 0, 3, "sum"),
        "r": Node("r", RESET, RESET, 3, "gate"),
        "u": Node("u", UPDATE, UPDATE, 3, "gate"),
        "z_g": Node("z_g", 0, RESET, 4, "sum", r"W_g^\top x_t + b_g + r \odot p"),
        "g": Node("g", CANDIDATE, CANDIDATE, 5, "candidate"),
        "h": Node("h_t", CANDIDATE, 4, 6, "state", r"u \odot h_{t-1} + (1 - u) \odot g"),
        **_outside(7, 3),
    },
    [
        Edge("x", "z", "T1", r"W_r^\top,\, W_u^\top", "T4", r"W_r,\, W_u", RESET),
        Edge("h_prev", "z", "T1", r"U_r^\top,\, U_u^\top", "G17", r"U_r,\, U_u", UPDATE, label_row=0.5),
        Edge("h_prev", "p", "G3", r"U_g^\top", "G12", "U_g", 0),
        Edge("x", "z_g", "G3", r"W_g^\top", "T4", "W_g", CANDIDATE),
        Edge("z_r", "r", "G2", r"\sigma", "G16", r"\odot\,\sigma'(z_r)", RESET),
        Edge("z_u", "u", "G1", r"\sigma", "G16", r"\odot\,\sigma'(z_u)", UPDATE),
        Edge("p", "z_g", "G3", "", "G11", r"\odot\,r", 0),
        Edge("r", "z_g", "G3", "", "G10", r"\odot\,p", RESET),
        Edge("z_g", "g", "G3", r"\varphi", "G9", r"\odot\,\varphi'(z_g)", CANDIDATE),
        Edge("g", "h", "G5", "", "G7", r"\odot\,(1 - u)", CANDIDATE),
        Edge("u", "h", "G5", "", "G6", r"\odot\,(h_{t-1} - g)", UPDATE),
        Edge("h_prev", "h", "G5", "", "G8", r"\odot\,u", PAST),
        *_uses_of_h(3),
    ],
)

GRU_BEFORE = Graph(
    "GRU, reset_after=False",
    6,
    5,
    {
        **{name: node for name, node in GRU.nodes.items() if name != "p"},
        "m": Node("m", 0, 0, 3, "sum"),
        "z_g": Node("z_g", 0, RESET, 4, "sum", r"W_g^\top x_t + b_g + U_g^\top m"),
    },
    [
        *(edge for edge in GRU.edges if not {"p", "z_g"} & {edge.start, edge.end}),
        Edge("h_prev", "m", "G4", "", "G15", r"\odot\,r", 0),
        Edge("x", "z_g", "G4", r"W_g^\top", "T4", "W_g", CANDIDATE, label_row=2),
        Edge("r", "m", "G4", "", "G14", r"\odot\,h_{t-1}", label_column=1.27),
        Edge("m", "z_g", "G4", r"U_g^\top", "G13", "U_g", 0),
        Edge("z_g", "g", "G4", r"\varphi", "G9", r"\odot\,\varphi'(z_g)", CANDIDATE),
    ],
)

# By the names of their pictures.
GRAPHS = {"simple_rnn": SIMPLE_RNN, "lstm": LSTM, "gru": GRU, "gru_reset_before": GRU_BEFORE}
