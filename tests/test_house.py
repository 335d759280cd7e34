"""The plan of the house: arrows between modules run one way, and files that people read stay short."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("scratch_rnn", "keras_reference")
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
FRAMEWORKS = {"tensorflow", "keras", "torch", "jax", "onnx", "onnxruntime", "safetensors"}

# What each part of the library may import of the others: those that stand below it.
BELOW = {
    "api": {"data", "layers", "training"},
    "arrays": set(),
    "autograd": {"minimal"},
    "files": set(),
    "figures": {"runs"},
    "moved": set(),
    "style": {"files"},
    "data": {"files"},
    "minimal": {"data"},
    "layers": {"arrays"},
    "training": {"arrays", "files", "layers"},
    "interop": {"arrays", "layers"},
    "checks": {"arrays", "layers", "style", "training"},
    "inside": {"arrays", "files", "layers", "style", "training"},
    "runs": {"arrays", "data", "files", "layers", "style", "training"},
    "exercises": set(),
    "commands": {
        "arrays",
        "checks",
        "data",
        "exercises",
        "files",
        "inside",
        "layers",
        "runs",
        "style",
        "training",
    },
}


def imported(path):
    """Return the names of the modules that a file imports, inside functions and for types too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else node.module for name in names)


ARROWS = {name: set(imported(path)) & set(MODULES) - {name} for name, path in MODULES.items()}


def reachable(start):
    """Return all modules that a module imports, directly or through others."""
    found, new = set(), ARROWS[start]
    while new:
        found |= new
        new = set().union(*(ARROWS[name] for name in new)) - found
    return found


@pytest.mark.parametrize("module", MODULES)
def test_no_module_imports_itself_through_others(module):
    assert module not in reachable(module)


@pytest.mark.parametrize("part", BELOW)
def test_a_part_of_the_library_imports_only_what_stands_below_it(part):
    name = f"scratch_rnn.{part}"
    inside = [module for module in MODULES if module == name or module.startswith(f"{name}.")]
    assert inside
    below = {
        arrow.split(".")[1]
        for module in inside
        for arrow in ARROWS[module]
        if arrow.startswith("scratch_rnn.")
    }
    assert below - {part} == BELOW[part]


def test_every_part_of_the_library_has_its_place():
    assert {
        module.split(".")[1] for module in MODULES if "." in module and module.startswith("scratch_rnn")
    } == {
        *BELOW,
        "__main__",
    }


def test_the_library_imports_neither_a_framework_nor_what_stands_beside_it():
    for module, path in MODULES.items():
        if module.startswith("scratch_rnn"):
            assert {name.split(".")[0] for name in imported(path)}.isdisjoint(
                FRAMEWORKS | {"keras_reference"}
            )


@pytest.mark.parametrize(
    ("file", "most"),
    [
        ("scratch_rnn/minimal.py", 120),
        ("scratch_rnn/autograd.py", 120),
        ("scratch_rnn/layers/simple_rnn.py", 45),
        ("scratch_rnn/layers/lstm.py", 100),
        ("scratch_rnn/layers/gru.py", 135),
        ("README.md", 220),
    ],
)
def test_what_is_read_from_top_to_bottom_is_short(file, most):
    assert len((ROOT / file).read_text(encoding="utf-8").splitlines()) <= most
