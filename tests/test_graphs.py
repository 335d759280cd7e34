"""The graphs of the cells say what the equations say, and the pictures are those of the tables."""

import re
from html import unescape

import pytest
from cells import GRAPHS
from graphs import (
    COLOURS,
    FIGURES,
    THEMES,
    WAYS,
    WIDTH,
    draw,
    file_name,
    label_of,
    picture_tags,
    text_of,
)
from helpers import ROOT
from matplotlib.colors import to_rgb
from matplotlib.patches import FancyArrowPatch
from test_docs import DEFINED, DOCUMENT, names_on_the_left
from test_figures import assert_texts_are_apart

every_graph = pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
every_picture = pytest.mark.parametrize("way", WAYS)
OTHER_FORM = {"gru": {"G4", "G13", "G14", "G15"}, "gru_reset_before": {"G3", "G10", "G11", "G12"}}
OF_WEIGHTS = {"G18"}  # which the graphs leave out
OF_ALL_CELLS = {"forward": {"T1", "D1"}, "backward": {"T2", "T4", "T5"}}  # D1: the layer above


def equation(number):
    """Return an equation of the document as it is written there, without spaces."""
    found = re.search(rf"```math\n((?:(?!```).)*?)\\tag\{{{number}\}}", DOCUMENT, flags=re.DOTALL)[1]
    return re.sub(r"\{\\text(\{\w+\})\}", r"\\mathrm\1", without_spaces(found))


def without_spaces(tex):
    return re.sub(r"\\[,;!]|\\q?quad|\\thinspace|\s", "", tex)


def numbers_of_section(graph):
    """Return the numbers of the equations of a cell's section: of its forward and of its backward part."""
    section = re.search(rf"^## {graph.section}\. .*?(?=^## )", DOCUMENT, flags=re.DOTALL | re.MULTILINE)[0]
    forward, middle, backward = section.partition("**What must be kept")
    assert middle
    return {
        way: set(re.findall(r"\\tag\{(\w+)\}", part))
        for way, part in zip(WAYS, (forward, backward), strict=True)
    }


def drawn_numbers(graph, way):
    return {edge.forward if way == "forward" else edge.backward for edge in graph.edges}


# ---------------------------------------------------------------- the tables and the equations


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", GRAPHS)
def test_the_graph_has_every_equation_of_its_section_and_no_other(name, way):
    graph = GRAPHS[name]
    drawn = drawn_numbers(graph, way)
    assert drawn - OF_ALL_CELLS[way] == numbers_of_section(graph)[way] - OF_WEIGHTS - OTHER_FORM.get(
        name, set()
    )
    assert drawn <= set(DEFINED)


def test_what_one_form_of_the_gru_leaves_out_the_other_has():
    for name, other in (("gru", "gru_reset_before"), ("gru_reset_before", "gru")):
        drawn = drawn_numbers(GRAPHS[name], "forward") | drawn_numbers(GRAPHS[name], "backward")
        assert OTHER_FORM[other] <= drawn
        assert not OTHER_FORM[name] & drawn


@every_graph
def test_a_node_is_called_by_its_sign(graph):
    for name, node in graph.nodes.items():
        if node.kind != "outside":
            assert name == re.sub(r"_t$", "", node.sign.replace("_{t-1}", "_prev"))


def code_name(graph, name):
    """Return what an equation computes that leads to a node: the pre-activation of g belongs to that of g."""
    return name.removeprefix("z_") if not graph.nodes[name].inside else name


@every_graph
def test_forward_an_edge_has_the_equation_that_computes_its_end_from_its_start(graph):
    for edge in graph.edges:
        if graph.nodes[edge.end].kind == "outside":
            continue
        assert code_name(graph, edge.end) in names_on_the_left(edge.forward)
        start = graph.nodes[edge.start]
        if start.kind == "sum" and edge.start.startswith("z"):  # what an activation is applied to
            assert edge.operation in (r"\sigma", r"\varphi")
            assert edge.operation in equation(edge.forward)
        else:
            assert start.sign in equation(edge.forward).partition("=")[2]


def right_side(number, gradient):
    """Return what an equation, or the one of those with this number, says that a gradient is, or gets."""
    for clause in equation(number).split(","):
        left, right = re.split(r"=|\\leftarrow|\\mathrel\{\+\}=", clause, maxsplit=1)
        if left.startswith(gradient):
            return right
    raise AssertionError(f"({number}) does not compute {gradient}")


def products(graph, edge):
    """Return what a backward edge hands on: the gradient times the factor, or matrices times its parts."""
    end = graph.nodes[edge.end]
    gradient = without_spaces(text_of(end, "backward").strip("$"))
    factor = without_spaces(edge.factor)
    if not factor or factor.startswith(r"\odot"):
        return [gradient + factor]
    if edge.backward == "T4":  # written for all gates at once
        return ["Wdz_t"]
    return [
        f"{matrix}{gradient}" if matrix == "U" else f"{matrix}d{_met(matrix, end)}"
        for matrix in factor.split(",")
    ]


def _met(matrix, end):
    """Return the sign of what a gate's own matrix belongs to: U_r leads to z_r, U_g to p or z_g."""
    return matrix.replace("U", "z") if end.sign[0] == "z" else end.sign


@every_graph
def test_backward_an_edge_has_the_equation_that_gives_the_gradient_of_its_start_from_that_of_its_end(graph):
    for edge in graph.edges:
        right = right_side(edge.backward, f"d{graph.nodes[edge.start].sign}")
        for product in products(graph, edge):
            assert re.search(rf"(?<!\w){re.escape(product)}(?![\w\\^])", right), edge


@pytest.mark.parametrize("name", GRAPHS)
def test_matrices_are_those_of_the_way_forward(name):
    """Where the equation names them: (T1), (T4), (T5) and (L15) are written for all gates at once."""
    for edge in GRAPHS[name].edges:
        if "U" in edge.factor or "W" in edge.factor:
            assert edge.operation == re.sub(r"([UW](?:_\w)?)", r"\1^\\top", edge.factor)


@every_graph
def test_what_a_state_is_used_for_is_said_by_the_equation_that_uses_it_first(graph):
    uses = {
        (edge.start, edge.end): edge.forward
        for edge in graph.edges
        if "next" in edge.end or edge.end == "own"
    }
    of_c = {("c", "next_c"): "L5"} if "c" in graph.nodes else {}
    assert uses == {("h", "next"): "T1", ("h", "own"): "D1", **of_c}


@every_graph
def test_every_quantity_comes_from_something_and_is_used(graph):
    used = {edge.start for edge in graph.edges}
    computed = {edge.end for edge in graph.edges}
    for name, node in graph.nodes.items():
        divided = node in graph.divided
        assert (name in used) == (node.kind != "outside" and not divided)
        assert (name in computed) == (not name.endswith("_prev") and name != "x" and not node.inside)


@every_graph
def test_every_edge_has_a_number_for_each_direction(graph):
    """So each forward arrow has a backward one, which runs against it: see the test of the arrows."""
    for edge in graph.edges:
        assert {edge.forward, edge.backward} <= set(DEFINED)
        assert graph.nodes[edge.start].row <= graph.nodes[edge.end].row
    assert len({(edge.start, edge.end) for edge in graph.edges}) == len(graph.edges)


@every_graph
def test_formulas_are_those_of_the_document(graph):
    for node in graph.nodes.values():
        if node.formula:
            assert any(without_spaces(node.formula) in equation(edge.forward) for edge in graph.edges)


# ---------------------------------------------------------------- the pictures


def arrows(figure):
    patches = [patch for patch in figure.axes[0].patches if isinstance(patch, FancyArrowPatch)]
    return [tuple(patch._posA_posB) for patch in patches]


@every_graph
def test_each_backward_arrow_runs_against_a_forward_arrow(graph):
    forward, backward = (arrows(draw(graph, way, THEMES["light"])) for way in WAYS)
    assert len(forward) == len(graph.edges)
    assert backward == [(end, start) for start, end in forward]
    assert all(start[1] < end[1] or start[0] > end[0] for start, end in forward)


@every_graph
def test_no_arrow_runs_through_a_node_that_is_not_its_end(graph):
    for edge in graph.edges:
        if edge.column is None:
            continue
        first, last = graph.nodes[edge.start], graph.nodes[edge.end]
        met = [node for node in graph.nodes.values() if node.left - 0.45 < edge.column < node.right + 0.45]
        assert first in met
        assert last in met
        assert not [node for node in met if first.row < node.row < last.row]


@every_picture
@every_graph
def test_words_are_apart_from_each_other_and_within_the_picture(graph, way):
    figure = draw(graph, way, THEMES["light"])
    assert_texts_are_apart(figure)
    for text in figure.axes[0].texts:
        box = text.get_window_extent().transformed(figure.dpi_scale_trans.inverted())
        assert 0 < 100 * box.x0 < 100 * box.x1 < WIDTH
        assert text.get_size() >= 13 * 0.72


@pytest.mark.parametrize("page", THEMES)
@every_picture
@pytest.mark.parametrize("name", GRAPHS)
def test_the_committed_picture_has_the_words_of_the_table(name, way, page):
    graph = GRAPHS[name]
    svg = (FIGURES / file_name(name, way, page)).read_text(encoding="utf-8")
    shown = [text_of(node, way) for node in graph.nodes.values() if node not in graph.divided]
    shown += [label_of(edge, way) for edge in graph.edges]
    expected = [f"{graph.title}, {way}", *(line for words in shown for line in words.split("\n"))]
    assert sorted(map(unescape, re.findall(r"<!-- (.*?) -->", svg))) == sorted(expected)
    assert THEMES[page].page in svg


@every_picture
@pytest.mark.parametrize("name", GRAPHS)
def test_the_page_shows_each_picture_and_says_it_in_words(name, way):
    tags = picture_tags(name, way)
    assert f"\n{tags}\n" in DOCUMENT
    section = DOCUMENT.partition(f"\n## {GRAPHS[name].section}. ")[2].partition("\n## ")[0]
    assert tags in section
    for file in re.findall(r'(?:src|srcset)="([^"]+)"', tags):
        assert (ROOT / "docs" / file).is_file()


def test_the_words_for_a_picture_name_every_step():
    (words,) = re.findall(r'alt="([^"]+)"', picture_tags("gru_reset_before", "backward"))
    assert words.startswith(
        "Graph of a step of GRU, reset_after=False, backward: dh_t from dh_t^carried and dh_t^own (T2); "
    )
    assert words.endswith("; dh_{t-1}^carried from dz_t (G17), dh_t (G8) and dm (G15).")


def contrast(one, other):
    """Return how much two colours differ in brightness, from 1 to 21, as the WCAG define it."""

    def luminance(colour):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
        return sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_words_and_arrows_can_be_read_on_both_pages(theme):
    for ground in (theme.page, *(theme.pale(colour) for colour in COLOURS.values())):
        assert contrast(theme.ink, ground) > 7
    for colour in theme.arrows.values():
        assert contrast(colour, theme.page) > 3
