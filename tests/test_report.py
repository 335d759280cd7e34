"""report.html: one page that holds a whole comparison, every number of it under the right name."""

import io
import json
import re
from argparse import ArgumentParser
from base64 import b64decode
from html.parser import HTMLParser

import pytest

pytest.importorskip("jinja2")

from contrast import LABELS, keras_result, scratch_result
from PIL import Image
from rich.console import Console

from keras_reference import report
from keras_reference.comparison import Comparison
from keras_reference.tables import summary_table, table_of_cells
from scratch_rnn.commands.options import add_recipe_options, options_of, recipes_from
from scratch_rnn.data.mnist import load_mnist
from scratch_rnn.runs.folder import Run
from scratch_rnn.runs.recipe import Recipe

CELLS = ("simple_rnn", "gru", "lstm")
VOID = {"meta", "link", "img", "col"}
HOSTILE = """/data/<script>alert("1")</script> & 'more'.npz"""
CONDITIONS = {
    "processor": "Abacus 3000",
    "cores": 4,
    "system": "Linux abacus",
    "python": "3.99.1",
    "versions": {"scratch_rnn": "1.2.3", "numpy": "4.5.6", "keras": "7.8.9"},
    "date": "2031-02-03",
    "backend": "tensorflow",
    "threads": None,
    "processes": None,
    "workers": "4 threads",
}


class Page(HTMLParser):
    """A page's elements with their attributes, its visible text, and the texts of its tables, row by row.

    Fails where tags do not match.
    """

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.elements, self.open, self.pieces = [], [], []
        self.tables, self.terms, self.classes = [], [], {}
        self.feed(self.source)
        self.close()
        assert self.open == []
        self.text = " ".join("".join(self.pieces).split())

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag in ("dt", "dd"):
            self.terms.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self.pieces.append(" " if tag in ("td", "th", "dt", "dd") else "")

    def handle_data(self, data):
        self.pieces.append("" if "style" in self.open else data)
        if self.open and {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data
        if self.open and {"dt", "dd"} & set(self.open):
            self.terms[-1] += data
        if "th" in self.open and "class" in self.elements[-1][1]:
            self.classes.setdefault(data, set()).add(self.elements[-1][1]["class"])

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def settings(self):
        return dict(zip(self.terms[::2], self.terms[1::2], strict=True))


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def summary_of(cell="gru", data="sample", **changes):
    recipe = Recipe(cell, units=5, epochs=3, data=data, seed=9)
    return {
        "recipe": recipe.to_dict(),
        "weights": 12345,
        "train_digits": 360,
        "validation_digits": 40,
        "test_digits": len(LABELS),
        **Comparison(scratch_result(), keras_result(), LABELS).numbers(),
        "conditions": CONDITIONS,
        **changes,
    }


@pytest.fixture(scope="session")
def figures(tmp_path_factory):
    """A folder with the figures of two models that cannot be confused."""
    folder = tmp_path_factory.mktemp("figures")
    images = load_mnist("sample")[1][0][: len(LABELS)]
    Run(folder, Recipe("gru")).save_figures([scratch_result(), keras_result()], images, LABELS)
    return folder


@pytest.fixture
def run(figures, tmp_path):
    """A function that writes the report of a run, its summary changed, into a new folder."""
    for figure in figures.glob("*.png"):
        (tmp_path / figure.name).write_bytes(figure.read_bytes())

    def write(**changes):
        report.write_report(tmp_path, summary_of(**changes), [scratch_result(), keras_result()])
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


# What every table must say of the models of contrast.py, worked out by hand.
RESULT = [
    ["", "scratch_rnn", "Keras", "difference"],
    ["test accuracy", "20.07%", "80.46%", "-60.39 points"],
    ["test loss", "1.8024", "0.6135", "+1.1889"],
    ["wrong alone", "12", "1", "p = 0.0034 (McNemar, exact)"],
    ["same answer", "20.00% of the digits"],
    ["first 3 batches", "losses within 2.5e-01"],
    ["seconds per epoch", "2.5", "5.3", "0.47 of Keras's"],
    ["computed on", "4 threads", "", "Keras: all cores"],
]
EPOCHS = [
    ["epoch", "scratch_rnn", "Keras"],
    [*["loss", "accuracy", "val. loss", "val. accuracy", "s"] * 2],
    ["1", "2.1234", "30.11%", "1.9876", "35.19%", "1.5", "0.9172", "71.05%", "0.8061", "73.38%", "30.4"],
    ["2", "1.5678", "41.27%", "1.6543", "42.33%", "2.5", "0.5283", "82.16%", "0.4972", "84.49%", "4.1"],
    ["3", "1.4321", "45.02%", "1.7012", "41.48%", "9.8", "0.3394", "88.27%", "0.5083", "80.41%", "5.3"],
]


def test_every_number_of_a_run_stands_in_its_field(run):
    page = run()
    assert page.tables == [RESULT, EPOCHS]
    assert page.classes == {"scratch_rnn": {"model-1"}, "Keras": {"model-2"}}
    assert "--model-1: #E69F00; --model-2: #0072B2;" in page.source
    assert ".model-2::before { background: var(--model-2); }" in page.source


def test_a_difference_that_rounds_to_nothing_has_no_minus(run):
    equal = {"scratch_rnn": {"accuracy": 0.5, "loss": 1.0}, "Keras": {"accuracy": 0.50001, "loss": 1.00001}}
    _, accuracy, loss, *_ = run(test=equal).tables[0]
    assert accuracy == ["test accuracy", "50.00%", "50.00%", "+0.00 points"]
    assert loss == ["test loss", "1.0000", "1.0000", "+0.0000"]


def test_the_verdict_counts_each_model_s_own_mistakes(run):
    counts = "scratch_rnn alone is wrong on 12 digits, Keras alone on 1."
    chance = "Were both equally good, counts at least so uneven would come with probability 0.0034"
    assert f"{counts} {chance}: this is hardly chance, and Keras is the better one here." in run().text


def test_the_largest_difference_of_probabilities_is_that_of_the_summary(run):
    page = run(largest_probability_difference=0.0123)
    assert "the two probabilities of a class differ by at most 0.012 on any digit" in page.text


def test_every_setting_of_a_run_stands_under_its_name(run):
    assert run().settings == {
        "network": "GRU(5), 12,345 weights; float32",
        "training": "RMSprop 0.001, batch 128, 3 epochs, seed 9",
        "data": "the sample of MNIST that ships with scratch_rnn",
        "digits": "360 to train on, 40 to validate, 20 to test",
        "date": "2031-02-03",
        "machine": "Abacus 3000, Linux abacus, 4 cores",
        "cores used": "4 threads in scratch_rnn; Keras takes all cores",
        "versions": "Python 3.99.1, scratch_rnn 1.2.3, numpy 4.5.6, keras 7.8.9",
        "backend of Keras": "tensorflow",
    }


def test_the_pictures_are_the_figures_of_the_run_and_say_what_is_on_them(run, figures):
    images = run().all("img")
    for image, name in zip(images, ("curves.png", "predictions.png", "confusion.png"), strict=True):
        content = (figures / name).read_bytes()
        assert b64decode(image["src"].removeprefix("data:image/png;base64,")) == content
        assert (int(image["width"]), int(image["height"])) == Image.open(io.BytesIO(content)).size
    curves, _, confusion = (image["alt"] for image in images)
    assert "After epoch 3 the validation accuracy is 41.48% with scratch_rnn and 80.41% with Keras." in curves
    assert "scratch_rnn has 16 wrong of 20, Keras 4." in confusion


def test_the_page_s_title_and_the_command_are_those_of_the_run(run):
    page = run()
    assert "GRU(5), RMSprop 0.001, batch 128: scratch_rnn beside Keras" in page.text
    command = page.text.partition("To repeat it: ")[2].partition(" Written by")[0]
    assert command == (
        "scratch-rnn compare --cell gru --units 5 --layers 1 --optimizer rmsprop --epochs 3 --batch-size 128 "
        "--seed 9 --data sample --dtype float32 --shard-rows 64 --reference keras"
    )


CELLS_TABLE = [
    ["", "test accuracy", "McNemar p", "same answer", "first losses", "s per epoch"],
    ["SimpleRNN", "20.07% / 80.46%", "0.0034", "20.00%", "2.5e-01", "2.5 / 5.3"],
    ["GRU", "20.07% / 80.46%", "0.5", "20.00%", "2.5e-01", "2.5 / 5.3"],
    ["LSTM", "20.07% / 80.46%", "0.0034", "77.77%", "2.5e-01", "2.5 / 5.3"],
]


def three_cells():
    return [summary_of("simple_rnn"), summary_of("gru", mcnemar_p=0.5), summary_of("lstm", agreement=0.7777)]


def page_of_cells(figures, folder):
    """The report of three cells, for each of which another picture stands for the curves."""
    for cell, picture in zip(CELLS, ("curves.png", "predictions.png", "confusion.png"), strict=True):
        (folder / cell).mkdir()
        (folder / cell / "curves.png").write_bytes((figures / picture).read_bytes())
    results = [scratch_result(), keras_result()]
    report.write_report_of_cells(folder, [(summary, results) for summary in three_cells()])
    return Page(folder / "report.html")


def test_each_cell_has_its_own_verdict_and_curves(figures, tmp_path):
    page = page_of_cells(figures, tmp_path)
    pictures = [b64decode(image["src"].removeprefix("data:image/png;base64,")) for image in page.all("img")]
    assert pictures == [(tmp_path / cell / "curves.png").read_bytes() for cell in CELLS]
    parts = re.split(r"The whole report of (\w+)", page.text.partition("no benchmark.")[2])
    assert parts[1:-1:2] == ["SimpleRNN", "GRU", "LSTM"]
    assert [re.search(r"probability ([\d.]+):", part)[1] for part in parts[:-1:2]] == [
        "0.0034",
        "0.5",
        "0.0034",
    ]


def test_every_number_of_every_cell_stands_in_its_field(figures, tmp_path):
    page = page_of_cells(figures, tmp_path)
    assert page.tables == [CELLS_TABLE]
    assert "On 20 test digits; scratch_rnn / Keras" in page.text
    assert page.settings["networks"] == (
        "SimpleRNN(5), 12,345 weights; GRU(5), 12,345 weights; LSTM(5), 12,345 weights; float32"
    )
    assert "--cell all" in page.text


def printed(table):
    console = Console(file=io.StringIO(), width=100)
    console.print(table)
    return console.file.getvalue()


def texts(table):
    """Return a terminal's table as rows of texts, the head first."""
    columns = [[str(column.header), *column.cells] for column in table.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def test_the_terminal_s_summary_says_what_the_report_says():
    table = summary_table(summary_of())
    head, accuracy, loss, alone, (same, *_, answer), (first, *_, within), seconds, on = texts(table)
    assert [head, accuracy, loss, alone, [same, answer], [first, within], seconds, on] == RESULT
    assert printed(table).splitlines()[0].strip() == "20 test digits"


def test_the_terminal_s_table_of_cells_says_what_the_report_says():
    table = table_of_cells(three_cells())
    names = dict(zip(CELLS, ("SimpleRNN", "GRU", "LSTM"), strict=True))
    rows = texts(table)
    assert [rows[0], *([names[cell], *row] for cell, *row in rows[1:])] == CELLS_TABLE
    assert printed(table).splitlines()[0].strip() == "scratch_rnn / Keras"


def test_the_report_of_a_real_run_holds_the_numbers_of_its_files(compared):
    for cell in CELLS:
        folder = compared[0] / cell
        summary, history = read(folder / "summary.json"), read(folder / "history.json")
        result, epochs = Page(folder / "report.html").tables
        assert result[1][1:3] == [f"{summary['test'][m]['accuracy']:.2%}" for m in ("scratch_rnn", "Keras")]
        for number, row in enumerate(epochs[2:]):
            ours, theirs = (history[model] for model in ("scratch_rnn", "Keras"))
            assert (row[1], row[6]) == (f"{ours['loss'][number]:.4f}", f"{theirs['loss'][number]:.4f}")
        assert len(epochs) == 2 + 2


def test_the_report_beside_the_cells_links_them(compared):
    page = Page(compared[0] / "report.html")
    links = [attributes["href"] for attributes in page.all("a")]
    assert links == [*(f"{cell}/report.html" for cell in CELLS), *(f"{cell}/report.html" for cell in CELLS)]
    assert all((compared[0] / link).is_file() for link in links)


def test_what_compare_prints_names_the_report(compared):
    assert "report.html, figures, weights" in compared[1]
    assert "report.html in run compares the cells" in compared[1]


IN_ORDER = ("recipe.json", "history.json", "summary.json", "curves.png", "predictions.png", "confusion.png")


def test_the_numbers_of_a_run_are_written_before_the_pictures_and_the_page_last(compared):
    for cell in CELLS:
        order = (*IN_ORDER, "report.html")
        written = {name: (compared[0] / cell / name).stat().st_mtime_ns for name in order}
        assert tuple(sorted(written, key=written.__getitem__)) == order


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
        (5, 14, 0.064, "0.064: no sign that either is better"),
        (14, 4, 0.031, "0.031: this is hardly chance, and Keras is the better one"),
        (274, 112, 9e-17, "9e-17: this is hardly chance, and Keras is the better one"),
        (112, 274, 9e-17, "9e-17: this is hardly chance, and scratch_rnn is the better one"),
    ],
)
def test_mcnemar_is_put_into_words(scratch, keras, p, words):
    counts = {"only_scratch_rnn_wrong": scratch, "only_keras_wrong": keras, "mcnemar_p": p}
    summary = {"test": {"scratch_rnn": {}, "Keras": {}}, **counts}
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


def test_the_command_names_the_backend_threads_and_processes_that_were_asked_for():
    plain = {"backend": "tensorflow", "threads": None, "cores": 4, "processes": None}
    assert report.command_of(Recipe(), plain)[:2] == ["scratch-rnn compare", "--cell lstm"]
    assert not any("threads" in piece or "processes" in piece for piece in report.command_of(Recipe(), plain))
    special = {"backend": "jax", "threads": 3, "cores": 4, "processes": 1}
    command = report.command_of(Recipe(data="/my data.npz"), special)
    assert (command[0], command[-2:]) == ("KERAS_BACKEND=jax", ["--threads 3", "--processes 1"])
    assert "--data '/my data.npz'" in command
    ranks = plain | {"engine": "mpi", "workers": "4 MPI ranks"}
    command = report.command_of(Recipe(), ranks)
    assert (command[:2], command[-1]) == (["mpiexec -n 4", "scratch-rnn compare"], "--engine mpi")


def test_the_settings_say_what_shared_the_work(run):
    page = run(conditions=CONDITIONS | {"workers": "7 processes"})
    assert "7 processes in scratch_rnn; Keras takes all cores" in page.text


@pytest.mark.parametrize(
    ("data", "digits", "words"),
    [
        ("auto", 10_000, "MNIST"),
        ("auto", 1_000, "the sample of MNIST that ships with scratch_rnn"),
        ("sample", 10_000, "the sample of MNIST that ships with scratch_rnn"),
        ("/my.npz", 10_000, "/my.npz"),
    ],
)
def test_the_sample_is_never_called_mnist(run, data, digits, words):
    assert run(data=data, test_digits=digits).settings["data"] == words
