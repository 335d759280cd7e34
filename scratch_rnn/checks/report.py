"""What a gradient check says: a verdict for each array, and all of them together."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True)
class ArrayCheck:
    """The verdict on the gradient of one array.

    index, analytic, numeric and error are those of the worst entry; with the directional method they are
    those of the direction, without an index. `problem` says what kept the entries from being compared, and
    `finding`, of an array that failed, what they have in common: "12 of 48 entries wrong, all in ...".
    """

    name: str
    shape: tuple[int, ...]
    index: tuple[int, ...] | None
    analytic: float
    numeric: float
    error: float
    problem: str
    passed: bool
    finding: str = ""


@dataclass(frozen=True)
class Report:
    """The verdicts on all arrays of one check; `finding` says what they have in common, where one failed."""

    title: str
    method: str
    tolerance: float
    floor: float
    checks: list[ArrayCheck]
    finding: str = ""

    @property
    def passed(self) -> bool:
        """Whether every array passed; a report on nothing did not."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def worst(self) -> ArrayCheck:
        """The check with the largest error, one that failed first."""
        return max(self.checks, key=lambda check: (not check.passed, np.nan_to_num(check.error, nan=np.inf)))

    def to_json(self) -> str:
        """Return the report as JSON, with null for NaN and infinity, for which JSON has no word."""
        checks = [
            {
                key: None if isinstance(value, float) and not np.isfinite(value) else value
                for key, value in row.items()
            }
            for row in map(asdict, self.checks)
        ]
        head = {
            "title": self.title,
            "method": self.method,
            "tolerance": self.tolerance,
            "floor": self.floor,
            "passed": self.passed,
            "finding": self.finding,
        }
        return json.dumps(head | {"checks": checks}, indent=2, allow_nan=False)

    def __str__(self) -> str:
        """A line for each array: verdict, name, shape, error, both numbers of the worst entry, findings."""
        lines = [f"{self.title}: {self.method}, tolerance {self.tolerance:g} above a floor of {self.floor:g}"]
        for check in self.checks:
            where = "" if check.index is None else f" at {list(check.index)}"
            numbers = check.problem or f"analytic {check.analytic:.10g}, numeric {check.numeric:.10g}{where}"
            verdict = "ok" if check.passed else "WRONG"
            lines.append(
                f"  {verdict:5}  {check.name:24} {check.shape!s:12} error {check.error:.1e}  {numbers}"
            )
            if check.finding:
                lines.append(f"         {check.finding}")
        if self.finding:
            lines.append(f"  {self.finding}")
        return "\n".join(lines)
