"""Mutation testing of one part of the code, with mutmut.

    python tests/mutants.py PART FOLDER [NAME ...]

mutmut changes one place of the code at a time and runs the tests that reach it; a change that no test notices
survives. It knows one configuration a folder, and each part has tests of its own: so the checkout is copied
to FOLDER, and mutmut run there, on the mutants of that NAME (such as "scratch_rnn.files.*") or on all. Called
again with the same folder, it goes on where it was ended. mutmut takes a test that shares a fixture for one
that does not reach what the fixture calls: so survivors are tried again with all tests of the part, and those
that are left are printed. tests/mutants.md tells why some survive.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[1]

# For each part the modules that are changed, and the tests that have to notice.
PARTS = {
    "core": (
        [
            "checks/columns",
            "checks/findings",
            "checks/gradient_check",
            "checks/numeric",
            "checks/report",
            "checks/subject",
            "checks/windows",
            "layers/*",
        ],
        ["activations", "findings", "gradient_check", "initializers", "layers", "losses", "truncation"],
    ),
    "training": (
        ["training/*"],
        [
            "callbacks",
            "engines",
            "fit",
            "labels_and_metrics",
            "losses",
            "model",
            "optimizers",
            "pixels",
            "progress",
            "schedules",
        ],
    ),
    "checks": (
        [
            "checks/bug*",
            "checks/diagnosis",
            "checks/figures",
            "checks/known_bugs",
            "checks/variants",
            "commands/gradcheck",
            "minimal",
        ],
        ["checks", "diagnosis", "gradcheck", "minimal"],
    ),
    "data": (
        ["data/*", "files", "commands/terminal", "commands/digits"],
        ["digits", "files", "images", "mnist", "terminal"],
    ),
    "inside": (["inside/*", "commands/inspect"], ["inside_figures", "inspect", "player", "reading"]),
    "runs": (
        [
            "runs/*",
            "style",
            "moved",
            "commands/cells",
            "commands/doubts",
            "commands/main",
            "commands/options",
            "commands/predict",
            "commands/train",
        ],
        [
            "comparison",
            "curves",
            "figures",
            "main",
            "moved",
            "options",
            "predict",
            "quoted",
            "recipe",
            "runs",
            "train",
        ],
    ),
    "keras": (
        ["keras_reference/*"],
        ["comparison", "export", "live_table", "onnx_graph", "pytorch", "report", "sides", "twin"],
    ),
    "benchmarks": (["benchmarks/*"], ["benchmark_tables", "benchmarks", "drawing", "turns"]),
}
# Tests that look at the code itself, or at the frames of a call, in which mutmut puts frames of its own.
FRAMES = (
    "prints_which_gradients_a_mistake_makes_wrong",
    "finds_a_mistake_and_where_it_is",
    "imports_numpy_and_the_data_and_nothing_else",
    "an_epoch_an_engine_and_one_page",
    "cache_is_reported",
    "cache_that_cannot_be_written_is_reported",
    "fits_one_screen",
    "names_every_failed_source_and_why",
)

SETTINGS = """
[tool.mutmut]
source_paths = [{sources}]
only_mutate = [{modules}]
pytest_add_cli_args_test_selection = [{tests}]
pytest_add_cli_args = ["-n", "0", "--hypothesis-profile=no-shrinking", "-p", "no:randomly", "-k", "{chosen}"]
also_copy = ["scratch_rnn", "keras_reference", "benchmarks", "docs", "README.md", "LICENSE", ".ci"]
process_isolation = "{isolation}"
timeout_multiplier = 3.0
do_not_mutate_patterns = ['^\\s*raise ']  # of messages the wording is not what tests are for
"""


def main() -> None:
    """Copy the checkout where it is not yet copied, and run mutmut."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME")
    arguments = parser.parse_args()
    if not arguments.folder.exists():
        prepare(arguments.part, arguments.folder)
    subprocess.run(["mutmut", "run", *arguments.names], cwd=arguments.folder, check=True)
    for name in survivors(arguments.folder):
        if not noticed(name, arguments.part, arguments.folder / "mutants"):
            print("survives all tests:", name)


def prepare(part: str, folder: Path) -> None:
    """Copy the checkout to a new folder, with the configuration of the part."""
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".git", ".venv", ".*_cache", "__pycache__"))
    modules, tests = PARTS[part]
    sources = sorted({module.partition("/")[0] for module in modules} & {"keras_reference", "benchmarks"})
    if part == "benchmarks":  # its scripts import each other by bare names, as mutmut expects it of src only
        shutil.copytree(folder / "benchmarks", folder / "src")
        sources, modules = ["src"], ["src/*"]
    elif not sources:
        sources, modules = ["scratch_rnn"], [f"scratch_rnn/{module}" for module in modules]
    settings = SETTINGS.format(
        sources=quoted(sources),
        modules=quoted(f"{module}.py" for module in modules),
        tests=quoted(f"tests/test_{test}.py" for test in tests),
        chosen=chosen_tests(),
        isolation="forkserver" if part == "keras" else "fork",  # TensorFlow's threads do not survive a fork
    )
    project = (folder / "pyproject.toml").read_text(encoding="utf-8")
    project = re.sub(r'pythonpath = \["benchmarks"\]', 'pythonpath = ["src", "benchmarks"]', project)
    (folder / "pyproject.toml").write_text(project + settings, encoding="utf-8")


def survivors(folder: Path) -> list[str]:
    """Return the names of the mutants that none of their tests noticed, as mutmut has it."""
    listed = subprocess.run(["mutmut", "results"], cwd=folder, capture_output=True, text=True, check=True)
    return re.findall(r"^\s*(\S+): survived$", listed.stdout, flags=re.MULTILINE)


def noticed(name: str, part: str, folder: Path) -> bool:
    """Return whether any test of the part fails with that mutant."""
    tests = [f"tests/test_{test}.py" for test in PARTS[part][1]]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "0", "-x", "-k", chosen_tests(), *tests],
        cwd=folder,
        env={**os.environ, "MUTANT_UNDER_TEST": name},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return done.returncode != 0


def chosen_tests() -> str:
    """Return pytest's expression for all tests that can be run on mutants."""
    return " and ".join(f"not {name}" for name in FRAMES)


def quoted(words: Iterable[str]) -> str:
    """Return words as the entries of a list in TOML."""
    return ", ".join(f'"{word}"' for word in words)


if __name__ == "__main__":
    main()
