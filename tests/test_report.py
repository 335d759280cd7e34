"""report.html: one page that holds a whole comparison."""

import json
import re
from argparse import ArgumentParser
from html.parser import HTMLParser

import pytest

pytest.importorskip("jinja2")

from keras_reference import report
from keras_reference.tables import cell_row, summary_rows
from scratch_rnn.commands.options import add_recipe_options, options_of, recipes_from
from scratch_rnn.runs.recipe import Recipe

CELLS = ("simple_rnn", "gru", "lstm")
VOID = {"meta", "link", "img", "col"}
HOSTILE = """/data/<script>alert("1")</script> & 'more'.npz"""


class Page(HTMLParser):
    """A page's elements with their attributes, and its visible text; fails where tags do not match."""

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.elements, self.open, self.pieces = [], [], []
        self.feed(self.source)
        self.close()
        assert self.open == []
        self.text = " ".join("".join(self.pieces).split())

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self.pieces.append(" " if tag in ("td", "th", "dt", "dd") else "")

    def handle_data(self, data):
        self.pieces.append("" if "style" in self.open else data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def run(compared, tmp_path):
    """A function that writes the report of a finished run, its summary changed, into another folder."""
    folder = compared[0] / "gru"
    for figure in folder.glob("*.png"):
        (tmp_path / figure.name).write_bytes(figure.read_bytes())

    def write(data="sample", **changes):
        summary = read(folder / "summary.json") | changes
        summary["recipe"]["data"] = data
        seconds = {"scratch_rnn": [1.1, 1.2], "Keras": [12.3, 56.7]}
        report.write_report(tmp_path, summary, read(folder / "history.json"), seconds)
        return Page(tmp_path / "report.html")

    return write


@pytest.fixture(scope="session", params=[*CELLS, "."])
def page(request, compared):
    """The report of each cell's run, and the one that compares them."""
    return Page(compared[0] / request.param / "report.html")


def test_a_page_asks_for_nothing_but_itself(page):
    assert "http:" not in page.source and "https:" not in page.source and "url(" not in page.source
    assert {attributes["src"][:22] for attributes in page.all("img")} == {"data:image/png;base64,"}
    assert [attributes["href"] for attributes in page.all("link")] == ["data:,"]
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "iframe", "object", "form"})


def test_a_page_can_be_read_without_seeing_it(page):
    assert page.all("html") == [{"lang": "en"}]
    assert all(len(image["alt"]) > 40 and int(image["width"]) > 600 for image in page.all("img"))
    assert all(th["scope"] in ("col", "colgroup", "row") for th in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))
    assert len(page.all("figcaption")) == len(page.all("figure")) == len(page.all("img"))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a} <= set(ids)


@pytest.mark.parametrize("cell", CELLS)
def test_the_report_of_a_run_holds_what_the_run_did(cell, compared):
    folder = compared[0] / cell
    summary, history = read(folder / "summary.json"), read(folder / "history.json")
    page = Page(folder / "report.html")
    for row in summary_rows(summary):
        assert " ".join(text for text in row if text) in page.text
    for model in ("scratch_rnn", "Keras"):
        assert all(f"{value:.4f}" in page.text for value in history[model]["val_loss"])
        assert all(f"{value:.2%}" in page.text for value in history[model]["accuracy"])
    assert f"{summary['largest_probability_difference']:.2g}" in page.text
    assert f"{summary['weights']:,} weights" in page.text
    assert "360 to train on, 40 to validate, 100 to test" in page.text
    assert {f"{name} {version}" for name, version in summary["conditions"]["versions"].items()} <= set(
        re.findall(r"\w+ [\d.]+", page.text)
    )
    for name in ("python", "date", "processor", "system", "backend"):
        assert summary["conditions"][name] in page.text
    assert [image["alt"].split()[0] for image in page.all("img")] == ["Accuracy", "Test", "Two"]


def test_the_report_beside_the_cells_compares_and_links_them(compared):
    page = Page(compared[0] / "report.html")
    for cell in CELLS:
        assert " ".join(cell_row(read(compared[0] / cell / "summary.json"))[1:]) in page.text
    links = {attributes["href"] for attributes in page.all("a")}
    assert links == {f"{cell}/report.html" for cell in CELLS}
    assert all((compared[0] / link).is_file() for link in links)
    assert "--cell all" in page.text


def test_what_compare_prints_names_the_report(compared):
    assert "report.html, figures, weights" in compared[1]
    assert "report.html in run compares the cells" in compared[1]


LAST = ("report.html", "summary.json")


def test_the_summary_is_the_last_file_of_a_run(compared):
    for cell in CELLS:
        own = ("recipe.json", "history.json", "curves.png", "predictions.png", "confusion.png", *LAST)
        written = {name: (compared[0] / cell / name).stat().st_mtime_ns for name in own}
        assert tuple(sorted(written, key=written.__getitem__)[-2:]) == LAST


def test_names_are_text_and_never_markup(run):
    page = run(data=HOSTILE)
    assert page.all("script") == []
    assert page.text.count('<script>alert("1")</script>') == 2  # the data, and the command


def test_a_path_that_is_no_text_does_not_stop_the_report(run):
    assert r"/data/\udcff.npz" in run(data="/data/\udcff.npz").text


def test_a_report_is_written_whole_or_not_at_all(run, tmp_path, monkeypatch):
    run()
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr("pathlib.Path.write_text", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(test_digits=5)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("scratch", "keras", "p", "words"),
    [
        (0, 0, 1.0, "the two are equal"),
        (1, 3, 0.625, "wrong on 1 digit, Keras alone on 3. .* 0.62: no sign that either is better"),
        (274, 112, 9e-17, "9e-17: this is hardly chance, and Keras is the better one"),
        (112, 274, 9e-17, "9e-17: this is hardly chance, and scratch_rnn is the better one"),
    ],
)
def test_mcnemar_is_put_into_words(scratch, keras, p, words):
    summary = {"only_scratch_rnn_wrong": scratch, "only_keras_wrong": keras, "mcnemar_p": p}
    assert re.search(words, report.mcnemar_in_words(summary))


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(data="sample"),
        Recipe("gru", 7, 2, "adam", 1e-05, 3, 64, seed=0, data=HOSTILE, dtype="float64"),
    ],
)
def test_the_options_of_a_recipe_ask_for_it(recipe):
    parser = ArgumentParser()
    add_recipe_options(parser)
    words = [word for pair in options_of(recipe).items() for word in pair]
    assert recipes_from(parser.parse_args(words)) == [recipe]


def test_the_command_names_the_backend_threads_and_processes_that_are_not_the_default():
    plain = {"backend": "tensorflow", "threads": 4, "cores": 4, "processes": 1}
    assert report.command_of(Recipe(), plain)[:2] == ["scratch-rnn compare", "--cell lstm"]
    assert not any("threads" in piece or "processes" in piece for piece in report.command_of(Recipe(), plain))
    special = {"backend": "jax", "threads": 2, "cores": 4, "processes": 3}
    command = report.command_of(Recipe(data="/my data.npz"), special)
    assert (command[0], command[-2:]) == ("KERAS_BACKEND=jax", ["--threads 2", "--processes 3"])
    assert "--data '/my data.npz'" in command


@pytest.mark.parametrize(
    ("threads", "processes", "words"),
    [(1, 1, "1 thread in scratch_rnn"), (4, 1, "4 threads in"), (4, 2, "2 processes in scratch_rnn; Keras")],
)
def test_the_settings_say_what_shared_the_work(run, compared, threads, processes, words):
    conditions = read(compared[0] / "gru" / "summary.json")["conditions"]
    assert words in run(conditions=conditions | {"threads": threads, "processes": processes}).text


@pytest.mark.parametrize(
    ("data", "digits", "words"),
    [
        ("auto", 10_000, "data MNIST "),
        ("auto", 1_000, "data the sample"),
        ("/my.npz", 10_000, "data /my.npz"),
    ],
)
def test_the_sample_is_never_called_mnist(run, data, digits, words):
    assert words in run(data=data, test_digits=digits).text
