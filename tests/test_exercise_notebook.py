"""docs/exercises.ipynb is the exercises, committed as it runs."""

import json

import pytest
from helpers import ROOT, environment

from scratch_rnn.exercises import exercise
from scratch_rnn.exercises.notebook import notebook
from scratch_rnn.exercises.spec import ORDER

TEXT = (ROOT / "docs" / "exercises.ipynb").read_text(encoding="utf-8")
CONTENT = json.loads(TEXT)
CODE_CELLS = [cell for cell in CONTENT["cells"] if cell["cell_type"] == "code"]


def source(cell):
    return "".join(cell["source"])


def test_it_is_made_of_the_exercises_as_they_are():
    """If not: python -m scratch_rnn.exercises.notebook docs/exercises.ipynb"""
    made = [(cell["cell_type"], cell["id"], cell["source"]) for cell in notebook()["cells"]]
    assert [(cell["cell_type"], cell["id"], source(cell)) for cell in CONTENT["cells"]] == made


def test_it_was_run_in_one_go():
    assert [cell["execution_count"] for cell in CODE_CELLS] == list(range(1, len(CODE_CELLS) + 1))


@pytest.mark.parametrize("name", ORDER)
def test_each_check_says_what_is_still_blank(name):
    (cell,) = (cell for cell in CODE_CELLS if source(cell).startswith(f"verdict = check({name})"))
    (output,) = cell["outputs"]
    text = "".join(output["data"]["text/plain"])
    assert text.startswith(f"{name} is not finished.")
    assert all(f"({number})" in text for number in exercise(name).numbers)


def test_it_shows_no_error_and_no_path():
    outputs = [output for cell in CODE_CELLS for output in cell["outputs"]]
    assert all(output["output_type"] == "execute_result" for output in outputs)
    assert "/tmp/" not in TEXT
    assert str(ROOT) not in TEXT


def test_a_function_of_a_notebook_is_judged_line_by_line(tmp_path, monkeypatch):
    """IPython keeps the source of a cell where `inspect` finds it; so does this."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    text = exercise("lstm_step_backward").source.replace("dc * c_prev", "dc * c").replace("dc * g", "dc * i")
    cells = ["import numpy as np\nfrom scratch_rnn.exercises import check", text, "check(lstm_step_backward)"]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(made, kernel_name="python3", timeout=60).execute()
    verdict = made.cells[-1].outputs[0]["data"]["text/plain"]
    assert "(L9) df is wrong" in verdict
    assert "(L10) di is wrong" in verdict
    assert "cell-state-off-by-one" in verdict
