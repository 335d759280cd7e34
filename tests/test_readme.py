"""README says what is so."""

import re
from pathlib import Path

import numpy as np
import pytest
from tables import BENCHMARKS_TABLES, TABLES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_readme_holds_the_tables_that_the_script_prints(table):
    assert table() in README


@pytest.mark.parametrize("table", BENCHMARKS_TABLES, ids=lambda table: table.__name__)
def test_the_readme_of_the_benchmarks_holds_its_tables(table):
    assert table() in (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")


def test_ci_runs_the_test_command_of_readme():
    command = 'pip install -e ".[keras,dev]" && pytest'
    assert command in README
    assert command.removeprefix("pip install") in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("target", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_every_file_that_readme_links_to_exists(target):
    assert (ROOT / target).exists()


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
