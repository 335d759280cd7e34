"""README says what is so."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("table", ["results_table", "seeds_table", "parity_table"])
def test_readme_holds_the_tables_that_the_script_prints(table):
    script = runpy.run_path(str(ROOT / "benchmarks" / "tables.py"))
    assert script[table]() in README


def test_ci_runs_the_test_command_of_readme():
    command = 'pip install -e ".[keras,dev]" && pytest'
    assert command in README
    assert command.removeprefix("pip install") in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("target", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_every_file_that_readme_links_to_exists(target):
    assert (ROOT / target).exists()


def test_the_code_that_readme_shows_runs(tmp_path, monkeypatch):
    """The first example, on the sample and one epoch in place of all of MNIST and ten."""
    code = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)[0]
    quick = code.replace("load_mnist()", 'load_mnist("sample")').replace("epochs=10", "epochs=1")
    assert quick != code
    namespace: dict = {}
    exec(quick, namespace)
    kernel_gradient = namespace["gradients"][0]
    assert kernel_gradient.shape == (28, 512)
