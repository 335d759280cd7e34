"""What is seen of a study while it runs: a bar with the time left or, away from a terminal, a line a job."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn
from rich.text import Text

from keras_reference.study.jobs import Job
from keras_reference.study.summary import accuracy
from keras_reference.study.worker import Failed, Outcome
from scratch_rnn.commands.terminal import say


class TimeLeft:
    """Knows how long the jobs that are left take, from those that are done.

    A job takes as long as those of its recipe and cell or, while there is none, of its recipe or of any.
    """

    def __init__(self, workers: int, jobs: Sequence[Job], done: Sequence[dict[str, Any]] = ()) -> None:
        self.workers = workers
        self.left = {job.name: job for job in jobs}
        self.seconds: dict[tuple[str, str], list[float]] = {}
        for result in done:
            self._note(result)

    def finish(self, job: Job, outcome: Outcome) -> None:
        """Note that a job has come to its end."""
        del self.left[job.name]
        if not isinstance(outcome, Failed):
            self._note(outcome)

    def _note(self, result: dict[str, Any]) -> None:
        self.seconds.setdefault((result["series"], result["cell"]), []).append(result["seconds"])

    def estimate(self) -> float | None:
        """Return the seconds, as from the last job's end; None while no job has ended."""
        if not self.seconds:
            return None
        busy = max(1, min(self.workers, len(self.left)))
        return sum(map(self._of, self.left.values())) / busy

    def _of(self, job: Job) -> float:
        key = job.series, job.recipe.cell
        alike = [v for k, values in self.seconds.items() if k[0] == job.series for v in values]
        every = [v for values in self.seconds.values() for v in values]
        return statistics.mean(self.seconds.get(key) or alike or every)


def in_words(seconds: float | None) -> str:
    """Return a time that is left: about 3 min; nothing where it is not known, or over."""
    if not seconds:
        return ""
    if seconds < 90:
        return f"about {round(seconds)} s left"
    minutes = round(seconds / 60)
    return f"about {minutes} min left" if minutes < 90 else f"about {minutes // 60} h {minutes % 60} min left"


class _TimeLeftColumn(ProgressColumn):
    """The time left, which runs down between two jobs."""

    def render(self, task: Any) -> Text:
        seconds = task.fields["seconds"]
        since = time.monotonic() - task.fields["at"]
        return Text(in_words(None if seconds is None else max(0.0, seconds - since)))


class Watch:
    """Shows each job that ends."""

    def __init__(self, console: Console, times: TimeLeft, total: int) -> None:
        self.console, self.times, self.total = console, times, total
        self.bar = Progress(
            TextColumn("jobs"),
            BarColumn(),
            MofNCompleteColumn(),
            _TimeLeftColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("", total=total, completed=self._done, **self._fields())

    @property
    def _done(self) -> int:
        return self.total - len(self.times.left)

    def _fields(self) -> dict[str, Any]:
        return {"seconds": self.times.estimate(), "at": time.monotonic()}

    def show(self, job: Job, outcome: Outcome) -> None:
        """Say what came of a job."""
        self.times.finish(job, outcome)
        line = f"{job}: {result_in_words(outcome)}"
        if self.console.is_terminal:
            say(self.bar.console, line)
            self.bar.update(self.task, completed=self._done, **self._fields())
        else:
            left = in_words(self.times.estimate())
            say(self.console, ", ".join(filter(None, [f"{self._done} of {self.total}  {line}", left])))


@contextmanager
def watching(console: Console, times: TimeLeft, total: int) -> Iterator[Watch]:
    """Provide what shows the jobs, of which there are so many with those that were done before."""
    watch = Watch(console, times, total)
    with watch.bar:
        yield watch


def result_in_words(outcome: Outcome) -> str:
    """Return the test accuracies of a job and its time, or why it has failed."""
    if isinstance(outcome, Failed):
        return f"failed: {outcome.reason}"
    scores = (f"{model} {accuracy(outcome, model):.2f}%" for model in outcome["models"])
    return f"{', '.join(scores)}, {outcome['seconds']:.0f} s"
