"""docs/side_by_side.ipynb runs from top to bottom, and is committed with what it prints and draws."""

import inspect
import json
import re
from pathlib import Path

import pytest
from helpers import environment, leads_somewhere

from scratch_rnn import autograd

NOTEBOOK = Path(__file__).parents[1] / "docs" / "side_by_side.ipynb"
CONTENT = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
CODE_CELLS = [cell for cell in CONTENT["cells"] if cell["cell_type"] == "code"]

SOURCES = {
    kind: "\n".join("".join(cell["source"]) for cell in CONTENT["cells"] if cell["cell_type"] == kind)
    for kind in ("code", "markdown")
}
PRINTED = ["".join("".join(output.get("text", "")) for output in cell["outputs"]) for cell in CODE_CELLS]


def kinds(cell):
    """Return what a cell puts out: errors, text on stderr, text, pictures."""
    return {
        kind
        for output in cell["outputs"]
        for kind in [output.get("ename") or output.get("name"), *output.get("data", {})]
        if kind
    }


def test_it_was_run_in_one_go_before_it_was_committed():
    assert [cell["execution_count"] for cell in CODE_CELLS] == list(range(1, len(CODE_CELLS) + 1))


def test_every_cell_shows_something_and_no_cell_an_error_or_a_warning():
    for cell in CODE_CELLS:
        assert kinds(cell), cell["source"]
        assert not kinds(cell) & {"stderr"} and not any(o["output_type"] == "error" for o in cell["outputs"])


def test_it_names_no_path_of_the_machine_that_ran_it():
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert str(Path.home()) + "/" not in text
    assert "/tmp/" not in text
    assert str(NOTEBOOK.parents[1]) not in text


def test_every_link_leads_somewhere():
    links = set(re.findall(r"\]\((?!http)([^)]+)\)", SOURCES["markdown"]))
    assert len(links) > 5
    assert [link for link in links if not leads_somewhere("docs/side_by_side.ipynb", link)] == []


def test_every_equation_that_it_cites_is_in_the_derivation():
    derivation = NOTEBOOK.with_name("bptt.md").read_text(encoding="utf-8")
    cited = set(re.findall(r"\(([A-Z]\d+)\)", SOURCES["code"] + SOURCES["markdown"]))
    assert {"S2", "L8", "G17", "R4"} <= cited <= set(re.findall(r"\\tag\{(\w+)\}", derivation))


def test_what_it_computes_by_hand_is_what_the_library_and_autograd_compute():
    """Three cells forward and their four gradients, and the LSTM's four once more."""
    says = re.compile(r"(?:by at most|from the library|from ours by hand) ([\d.e-]+)")
    differences = [float(number) for text in PRINTED for number in says.findall(text)]
    assert len(differences) == 3 * (1 + 4) + 4
    assert max(differences) < 1e-13


@pytest.mark.parametrize("shown", [autograd.Value, autograd.gradients, autograd.lstm])
def test_the_code_of_autograd_that_it_shows_is_that_of_today(shown):
    assert any(inspect.getsource(shown) in text for text in PRINTED)


def test_of_the_last_bug_that_it_injects_the_input_alone_is_wrong():
    (text,) = (text for text in PRINTED if "WRONG" in text)
    wrong = [re.findall(r"^  WRONG  (.+?)  ", report, flags=re.MULTILINE) for report in text.split("\n\n")]
    assert [len(arrays) for arrays in wrong if arrays] == [6, 6, 1] and wrong[2] == ["input"]


# The pair is trained for one epoch in place of ten: beside Keras, ten take half a minute.
LONG, SHORT = "epochs=10", "epochs=1"


class Kernel:
    """A kernel that runs the notebook's cells in their order, as far as a test asks."""

    def __init__(self, notebook, client):
        self.client, self.cells = client, [*enumerate(notebook.cells)]

    def run(self, number):
        """Return a code cell once it and those before it have run."""
        code = [place for place, cell in enumerate(CONTENT["cells"]) if cell["cell_type"] == "code"]
        while self.cells and self.cells[0][0] <= code[number]:
            place, cell = self.cells.pop(0)
            self.client.execute_cell(cell, place)
        return self.client.nb.cells[code[number]]


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    pytest.importorskip("keras")
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    folder = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "JUPYTER_RUNTIME_DIR",
            "JUPYTER_CONFIG_DIR",
            "JUPYTER_DATA_DIR",
            "IPYTHONDIR",
            "MPLCONFIGDIR",
        ):
            patch.setenv(name, str(folder / name))
        patch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        nbformat.validate(notebook)
        for cell in notebook.cells:
            cell.source = cell.source.replace(LONG, SHORT)
        client = nbclient.NotebookClient(
            notebook, timeout=180, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
        )
        with client.setup_kernel():
            yield Kernel(notebook, client)


def test_one_cell_alone_is_shortened():
    assert "".join("".join(cell["source"]) for cell in CODE_CELLS).count(LONG) == 1


@pytest.mark.parametrize("number", range(len(CODE_CELLS)))
def test_it_runs_from_top_to_bottom_and_shows_the_same_kinds_of_things(number, kernel):
    """One cell after the other, all in one kernel."""
    again = kernel.run(number)
    assert again.source == "".join(CODE_CELLS[number]["source"]).replace(LONG, SHORT)
    assert kinds(again) == kinds(CODE_CELLS[number]), again.source
