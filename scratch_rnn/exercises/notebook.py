"""docs/exercises.ipynb, made of the exercises. `python -m scratch_rnn.exercises.notebook FILE` writes it.

To run it too, so that it shows what the judge says of blanks, takes nbclient, one of the extra `dev`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from scratch_rnn.exercises.blanks import blank_function
from scratch_rnn.exercises.spec import Exercise, exercises

INTRODUCTION = """# Exercises: backpropagation through time, written by yourself

Each exercise is a function with blanks. Put the right expression in place of each `...`, run the cell, then
run the cell below it: the judge says which equation is wrong and, if it knows the mistake, what is wrong.
Numbers such as (L9) are equations of [bptt.md](bptt.md). A sample is a row. You need NumPy alone; leave the
arguments as they are. What a function returns decides: other names and other ways to write it are welcome.

`verdict.hint(1)` says where to look, `verdict.hint(2)` adds the rule to use, `verdict.hint(3)` the line.
The same exercises as files: `scratch-rnn exercise`, which also shows solutions."""
IMPORTS = "import numpy as np\n\nfrom scratch_rnn.exercises import check"


def notebook() -> dict[str, Any]:
    """Return the notebook, not yet run, as what its JSON stands for."""
    cells = [_cell("markdown", INTRODUCTION), _cell("code", IMPORTS)]
    for place, own in enumerate(exercises(), 1):
        cells += [
            _cell("markdown", f"## {place}. {own.title}\n\n{_task(own)}"),
            _cell("code", blank_function(own).rstrip()),
            _cell("code", f"verdict = check({own.name})\nverdict"),
        ]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number:02}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def _task(own: Exercise) -> str:
    """Return the task without its title; to Markdown a star and a bar are themselves, except in formulas."""
    paragraphs = own.task.split("\n\n")[1:]
    return "\n\n".join(text if text.startswith("    ") else _plain(text) for text in paragraphs)


def _plain(text: str) -> str:
    for sign in "*_[<^":
        text = text.replace(sign, f"\\{sign}")
    return text


def _cell(kind: str, source: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": source}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def main(file: str) -> None:
    """Write the notebook to a file, run."""
    import nbclient
    import nbformat

    made = nbformat.from_dict(notebook())
    nbclient.NotebookClient(made, kernel_name="python3", record_timing=False).execute()
    made["metadata"] = notebook()["metadata"]
    Path(file).write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
