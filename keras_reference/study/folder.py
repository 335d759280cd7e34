"""The folder of a study: what it holds, and when each file is written.

    study.json             at the start: recipes, digits, margin and versions, which all jobs have in common
    jobs/CELL-RECIPE-SEED.json     when a job is done
    summary.json           at the end, and whenever the command ends: what all jobs say, in numbers
    RECIPE-curves.png, RECIPE-accuracies.png, study.html     then

Every file appears whole or not at all, so the study can be killed at any time. Only the process that began it
writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from keras_reference.study.jobs import Job, Terms
from keras_reference.study.plan import Plan
from scratch_rnn.files import unfinished, write_json

STUDY, JOBS = "study.json", "jobs"
OF_STUDY = ("keras", "margin", "recipes", "versions")
OF_RESULT = ("cell", "series", "seed", "models", "digits", "seconds", "versions")  # three name the job
OF_JOBS = ("cell", "seed", "data", "reference")  # what of a recipe each job says anew, and what is not used


class StudyFolder:
    """The folder that a study writes to. Raises OSError where it cannot be made."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, plan: Plan, terms: Terms) -> None:
        """Make the folder or, where the study has begun already, get ready to go on.

        Recipes and cells may join it. Raises FileExistsError for a folder with something else in it,
        ValueError for another study's.
        """
        if self.path.exists() and not self.path.is_dir():
            raise FileExistsError(f"{self.path} is a file: name a new folder for the study")
        content = _identity(plan, terms)
        if (self.path / STUDY).is_file():
            before = self.identity()
            self._check(before, content)
            content["recipes"] = before["recipes"] | content["recipes"]
        elif self.path.exists() and any(self.path.iterdir()):
            raise FileExistsError(f"{self.path} is not empty and holds no study: name a new folder")
        try:
            (self.path / JOBS).mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:
            raise FileExistsError(
                f"{error.filename} is in the way: name a new folder for the study"
            ) from None
        write_json(self.path / STUDY, content)
        for leftover in [*unfinished(self.path), *unfinished(self.path / JOBS)]:
            leftover.unlink(missing_ok=True)

    def _check(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        """Raise ValueError, naming the first difference, where a study is another than that of the folder."""
        old, new = _flat(before), _flat(now)
        for name, value in new.items():
            of_new_recipe = name[0] == "recipes" and name[1] not in before["recipes"]
            if not of_new_recipe and old.get(name) != value:
                what = " ".join(name)
                raise ValueError(
                    f"{self.path} holds another study, with {what} {old.get(name)!r} in place of {value!r}: "
                    "name a new folder"
                )

    def missing(self, jobs: Iterable[Job]) -> list[Job]:
        """Return the jobs that are not done."""
        return [job for job in jobs if not self._file(job).is_file()]

    def holds_others(self, jobs: Iterable[Job]) -> bool:
        """Return whether a job is done that is none of these."""
        return bool({path.name for path in self._finished()} - {self._file(job).name for job in jobs})

    def write(self, job: Job, result: dict[str, Any]) -> None:
        """Keep what a job has returned."""
        write_json(self._file(job), result)

    def results(self) -> list[dict[str, Any]]:
        """Return what the finished jobs have returned. Raises ValueError for a damaged file."""
        return [_read(path, *OF_RESULT) for path in self._finished()]

    def count(self) -> int:
        """Return how many jobs are finished."""
        return len(self._finished())

    def _finished(self) -> list[Path]:
        return sorted((self.path / JOBS).glob("[!.]*.json"))

    def identity(self) -> dict[str, Any]:
        """Return the content of study.json."""
        return _read(self.path / STUDY, *OF_STUDY)

    def _file(self, job: Job) -> Path:
        return self.path / JOBS / f"{job.name}.json"


def _identity(plan: Plan, terms: Terms) -> dict[str, Any]:
    """Return what all jobs of a study have in common."""
    recipes = {}
    for name, series in plan.series.items():
        fields = {field: value for field, value in series.recipe.to_dict().items() if field not in OF_JOBS}
        recipes[name] = fields | {"digits": terms.digits[series.recipe.data]}
    return {"keras": plan.keras, "margin": plan.margin, "recipes": recipes, "versions": terms.versions}


def _flat(content: dict[str, Any], start: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Return the values of dicts within dicts, each by all names that lead to it."""
    flat: dict[tuple[str, ...], Any] = {}
    for name, value in content.items():
        flat |= _flat(value, (*start, name)) if isinstance(value, dict) else {(*start, name): value}
    return flat


def _read(path: Path, *entries: str) -> dict[str, Any]:
    """Return the content of a file, an object with these entries. Raises ValueError where it is not."""
    of_study = path.name == STUDY
    what = "name a new folder" if of_study else "remove it, and if it was a job's, that is done again"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged ({error}): {what}") from error
    if not isinstance(content, dict) or not content.keys() >= set(entries):
        raise ValueError(f"{path} is damaged: {what}")
    if not (_is_identity(content) if of_study else _is_result(content, path.stem)):
        raise ValueError(f"{path} is damaged: {what}")
    return content


def _is_identity(content: dict[str, Any]) -> bool:
    """Return whether the entries of a study.json are of their types."""
    recipes, versions, margin = content["recipes"], content["versions"], content["margin"]
    dicts = isinstance(recipes, dict) and all(isinstance(one, dict) for one in [versions, *recipes.values()])
    return dicts and isinstance(margin, (int, float)) and isinstance(content["keras"], bool)


def _is_result(content: dict[str, Any], name: str) -> bool:
    """Return whether what a file says is the result of the job that has its name."""
    try:
        models, digits = content["models"].values(), content["digits"]["test"]
        named = "-".join(str(content[entry]) for entry in OF_RESULT[:3]) == name
        possible = content["seconds"] >= 0 and digits > 0 and len(models) > 0
        return named and possible and all(_is_run(model, digits) for model in models)
    except (AttributeError, KeyError, TypeError, ValueError):
        return False


def _is_run(model: dict[str, Any], digits: int) -> bool:
    """Return whether a model's right answers can be so many, and its curves are equally long, and shares."""
    curves, right = model["history"], model["right"]
    (epochs,) = {len(curve) for curve in curves.values()}
    shares = [share for name in curves if "accuracy" in name for share in curves[name]]
    counted = type(right) is int and 0 <= right <= digits
    return counted and len(shares) >= epochs > 0 and all(0 <= share <= 1 for share in shares)
