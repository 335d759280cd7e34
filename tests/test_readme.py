"""README and the pages of results say what is so."""

import io
import json
import re

import numpy as np
import pytest
import scaling
from helpers import ROOT
from rich.console import Console
from tables import PAGES, RESULTS

from keras_reference.tables import NUMBERS, number_of, summary_table

TEXTS = {page: (ROOT / page).read_text(encoding="utf-8") for page in PAGES}
README = TEXTS["README.md"]


def test_readme_is_short():
    assert len(README.splitlines()) <= 220


@pytest.mark.parametrize(
    ("page", "table"), [(page, table) for page, tables in PAGES.items() for table in tables]
)
def test_each_page_holds_the_tables_that_the_script_prints(page, table):
    assert table() in TEXTS[page]


def test_no_table_of_the_results_was_written_by_hand():
    tables = re.findall(r"(?:^\|.*\n)+", TEXTS["docs/results.md"], flags=re.MULTILINE)
    printed = [table() for table in PAGES["docs/results.md"]]
    assert tables
    assert [table for table in tables if table.strip() not in printed] == []


def test_the_run_that_readme_shows_is_that_of_the_results():
    histories, summary = (
        json.loads((RESULTS / "lstm" / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("history", "summary")
    )
    for model, history in histories.items():
        for epoch in (0, 9):
            logs = {name: history[name][epoch] for name in NUMBERS}
            numbers = "  ".join(f"{name} {number_of(logs, name)}" for name in NUMBERS)
            assert f"\nepoch {epoch + 1:2}  {model:11}  {numbers}  " in README
    console = Console(file=io.StringIO(), width=72)
    console.print(summary_table(summary))
    table = "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())
    assert table in README


def test_a_slow_fit_of_keras_ends_shortly_after_a_turn_of_the_tuner_as_the_results_say():
    turns = [0.01 * (2**n - 1) for n in range(6, 10)]
    waited = set()
    for axis, result in json.loads((RESULTS / "scaling.json").read_text(encoding="utf-8"))["axes"].items():
        for size, rounds in result["milliseconds"]["Keras"].items():
            fits = [each * scaling.setting(axis, int(size)).steps / 1000 for each in rounds]
            if max(fits) > 1.4 * min(fits):
                turn = max(turn for turn in turns if turn < max(fits))
                assert max(fits) - turn < 0.07
                waited.add(f"{max(fits):.2f}")
    assert {min(waited), max(waited)} == {"0.66", "5.17"} and len(waited) > 4


def test_ci_runs_the_test_command_of_readme():
    command = 'pip install -e ".[keras,dev]" && pytest'
    assert command in README
    assert command.removeprefix("pip install") in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_code_that_readme_shows_runs(tmp_path, monkeypatch):
    """One example after the other, on the sample and one epoch in place of all of MNIST and ten."""
    pytest.importorskip("keras")
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    code = "\n".join(examples)
    quick = code.replace("load_mnist()", 'load_mnist("sample")').replace("epochs=10", "epochs=1")
    assert quick != code
    names: dict = {}
    exec(quick, names)
    assert [weight.shape for weight in names["gradients"].weights] == [(28, 128), (32, 128), (128,)]
    np.testing.assert_allclose(names["p"], names["model"].predict(names["x_test"][:100]), atol=1e-6)
    assert (tmp_path / "lstm.npz").is_file()
