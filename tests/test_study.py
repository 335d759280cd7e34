"""scratch-rnn study: what it computes, keeps, goes on with and refuses."""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("jinja2")

from helpers import called, environment, in_a_terminal
from rich.console import Console

from keras_reference.study import command
from keras_reference.study.jobs import Job, Terms, fingerprint, run_job
from keras_reference.study.plan import parse_seeds, plan_from, read_plan, seeds_in_words
from keras_reference.study.progress import TimeLeft, in_words, watching
from keras_reference.study.worker import JOBS_OF_A_PROCESS, Failed, Worker, attempt
from keras_reference.study.workers import engine
from scratch_rnn import load_mnist
from scratch_rnn.commands.main import build_parser
from scratch_rnn.runs.recipe import Recipe
from scratch_rnn.training import world

ROOT = Path(__file__).parents[1]
SMALL = ("--units", "3", "--epochs", "1", "--batch-size", "64")


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def files(folder):
    """Return of every job's file when it was made, as the system numbers it."""
    return {path.stem: path.stat().st_ino for path in (folder / "jobs").iterdir()}


def numbers(result):
    """Return what a job has computed, without the times."""
    models = {name: {**of, "seconds": None} for name, of in result["models"].items()}
    return {**result, "models": models, "seconds": None}


class Here:
    """Computes in this process, and notes what; with `stop` it is interrupted after so many jobs."""

    workers = 1

    def __init__(self, stop=None, fail=()):
        self.stop, self.fail, self.done = stop, fail, []

    def run(self, jobs, terms):
        for job in jobs:
            if len(self.done) == self.stop:
                raise KeyboardInterrupt
            self.done.append(job.name)
            yield job, Failed("it rains") if job.name in self.fail else attempt(job, terms)


@pytest.fixture
def study(tmp_path, tiny_data, monkeypatch):
    """How to run the command with an engine of this process, in the folder `s`; returns status and engine."""
    monkeypatch.chdir(tmp_path)

    def run(*options, **how):
        engine = Here(**how)
        options = [*map(str, options), *SMALL, "--data", str(tiny_data), "--out", "s"]
        return command.study(build_parser().parse_args(["study", *options]), engine), engine

    return run


@pytest.fixture(scope="module")
def studied(tmp_path_factory, tiny_data):
    """The folder and the output of a study from a file: two cells, two seeds of one and one of the other."""
    folder = tmp_path_factory.mktemp("study")
    recipe = {"units": 3, "epochs": 1, "batch_size": 64, "data": str(tiny_data)}
    recipe["seeds"] = {"gru": "4:6", "simple_rnn": "4"}
    (folder / "few.json").write_text(json.dumps({"recipes": {"small": recipe}}))
    done = called("study", "few.json", "--out", "run", "--workers", "2", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "run", done.stdout


# What a study leaves -------------------------------------------------------------------------------------


def test_each_job_is_a_file_and_all_are_in_summary_figures_and_page(studied):
    folder, _ = studied
    assert set(files(folder)) == {"gru-small-4", "gru-small-5", "simple_rnn-small-4"}
    rows = {row["cell"]: row for row in read(folder / "summary.json")["rows"]}
    assert (rows["gru"]["seeds"], rows["simple_rnn"]["seeds"]) == ([4, 5], [4])
    page = (folder / "study.html").read_text(encoding="utf-8")
    mean = f"{rows['gru']['spread']['scratch_rnn']['mean']:.2f}"
    assert f"<td>{mean}</td>" in page
    assert page.count("data:image/png;base64,") == 2
    assert "http" not in page.replace("http-equiv", "")
    assert (folder / "small-curves.png").is_file()
    assert (folder / "small-accuracies.png").is_file()


def test_a_line_a_job_and_the_table_are_printed(studied):
    folder, printed = studied
    lines = printed.splitlines()
    assert sum("of 3  " in line and "scratch_rnn" in line for line in lines) == 3
    mean = read(folder / "summary.json")["rows"][1]["spread"]["scratch_rnn"]["mean"]
    assert any(line.split()[:4] == ["GRU", "scratch_rnn", "2", f"{mean:.2f}"] for line in lines)


def test_a_job_has_the_same_numbers_in_whatever_process_it_runs(studied):
    folder, _ = studied
    plan = read_plan(folder.parent / "few.json")
    terms = Terms.here(plan.recipes(), keras=False)
    for job in reversed(list(plan.jobs())):
        assert numbers(read(folder / "jobs" / f"{job.name}.json")) == numbers(run_job(job, terms))


def test_a_twin_is_trained_beside_scratch_rnn_and_changes_none_of_its_bits(tiny_data):
    pytest.importorskip("keras")
    job = Job("small", Recipe(cell="gru", units=3, epochs=2, batch_size=64, seed=8, data=str(tiny_data)))
    alone, pair = (run_job(job, Terms.here([job.recipe], keras)) for keras in (False, True))
    models = numbers(pair)["models"]
    assert models["scratch_rnn"] == numbers(alone)["models"]["scratch_rnn"]
    assert models["Keras"]["history"]["loss"] == pytest.approx(models["scratch_rnn"]["history"]["loss"], 1e-3)
    for of_one in models.values():
        assert of_one["right"] == round(100 * of_one["test"]["accuracy"])
    assert 0.9 <= pair["agreement"] <= 1
    assert "keras" in pair["versions"]
    assert "agreement" not in alone


# Going on ------------------------------------------------------------------------------------------------


def test_an_interrupted_study_goes_on_with_what_is_missing(study):
    with pytest.raises(KeyboardInterrupt, match="finished in s: 2; the same command with --out s goes on"):
        study("--cell", "all", "--seeds", "0:2", stop=2)
    before = files(Path("s"))
    assert set(before) == {"simple_rnn-default-0", "gru-default-0"}
    status, engine = study("--cell", "all", "--seeds", "0:2")
    assert status == 0
    assert engine.done == ["lstm-default-0", "simple_rnn-default-1", "gru-default-1", "lstm-default-1"]
    assert files(Path("s")).items() >= before.items()


def test_a_finished_study_computes_nothing_and_is_shown_again(study, capsys):
    study("--seeds", "3")
    capsys.readouterr()
    _, engine = study("--seeds", "3")
    assert engine.done == []
    assert "LSTM" in capsys.readouterr().out


def test_seeds_cells_and_recipes_may_join(study):
    study("--seeds", "0:2")
    assert study("--seeds", "1:3")[1].done == ["lstm-default-2"]
    assert study("--seeds", "2", "--cell", "gru")[1].done == ["gru-default-2"]
    assert study("--seeds", "2", "--recipe", "best")[1].done == ["lstm-best-2"]
    summary = read(Path("s/summary.json"))
    assert list(summary["recipes"]) == ["default", "best"]
    assert [row["seeds"] for row in summary["rows"]] == [[2], [0, 1, 2], [2]]


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        (["--epochs", "2"], "recipes default epochs 1 in place of 2"),
        (["--margin", "0.5"], "margin 0.3 in place of 0.5"),
        (["--dropout", "0.5"], "recipes default dropout 0.0 in place of 0.5"),
        (["--data", "sample"], "recipes default digits"),
    ],
)
def test_another_study_is_refused_and_nothing_changed(study, tmp_path, tiny_data, options, difference):
    study("--seeds", "0")
    before = read(Path("s/study.json")), files(Path("s"))
    options = ["--seeds", "0", *SMALL, "--data", tiny_data, "--out", "s", *options]
    done = called("study", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert f"s holds another study, with {difference}" in done.stderr
    assert done.stderr.count("\n") == 1
    assert (read(Path("s/study.json")), files(Path("s"))) == before


def test_a_folder_with_something_else_is_refused(study):
    Path("s").mkdir()
    Path("s/letter.txt").touch()
    with pytest.raises(FileExistsError, match="s is not empty and holds no study"):
        study("--seeds", "0")


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"series": "default"}', "[" * 100_000])
@pytest.mark.parametrize("file", ["jobs/lstm-default-0.json", "study.json"])
def test_a_damaged_file_is_named_in_one_line(study, tmp_path, tiny_data, file, content):
    study("--seeds", "0")
    Path("s", file).write_text(content)
    done = called("study", "--seeds", "0", *SMALL, "--data", tiny_data, "--out", "s", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"{Path('s', file)} is damaged" in done.stderr


JOB, STUDY = "jobs/lstm-default-0.json", "study.json"


def of_model(**changes):
    return lambda job: job["models"]["scratch_rnn"].update(changes)


def of_history(**changes):
    return lambda job: job["models"]["scratch_rnn"]["history"].update(changes)


@pytest.mark.parametrize(
    ("file", "change"),
    [
        *((JOB, of_model(right=right)) for right in (101, -1, 50.5, True)),
        *((JOB, of_model(history=history)) for history in ({}, {"loss": [0.5]})),
        (JOB, of_history(loss=[])),
        *((JOB, of_history(val_accuracy=[share])) for share in (2.0, None)),
        (JOB, lambda job: job.update(seconds=None)),
        (JOB, lambda job: job.update(digits={"test": 0})),
        (JOB, lambda job: job.update(models={})),
        (STUDY, lambda content: content.update(recipes=[])),
        (STUDY, lambda content: content.update(versions=None)),
        (STUDY, lambda content: content.update(margin="0.3")),
    ],
)
def test_numbers_that_no_run_and_no_study_can_have_are_damage_too(study, file, change):
    study("--seeds", "0")
    path = Path("s", file)
    content = read(path)
    change(content)
    path.write_text(json.dumps(content))
    advice = "name a new folder" if file == STUDY else "remove it"
    with pytest.raises(ValueError, match=f"{path.name} is damaged: {advice}"):
        study("--seeds", "0")


def test_the_page_says_when_its_command_is_one_of_several(study):
    def page():
        return Path("s/study.html").read_text(encoding="utf-8")

    study("--seeds", "0:2")
    assert "To repeat it:" in page()
    study("--seeds", "0:3")
    assert "To repeat it:" in page()
    study("--seeds", "0")
    assert "Several commands have filled this folder" in page()


def test_what_is_in_the_way_of_the_folder_is_named(study):
    Path("s").symlink_to("nowhere")
    with pytest.raises(FileExistsError, match="s is in the way: name a new folder for the study"):
        study("--seeds", "0")


def test_a_copied_job_is_not_counted_twice(study, tmp_path, tiny_data):
    study("--seeds", "0")
    shutil.copy("s/jobs/lstm-default-0.json", "s/jobs/lstm-default-1.json")
    done = called("study", "--seeds", "0", *SMALL, "--data", tiny_data, "--out", "s", cwd=tmp_path)
    assert done.returncode == 2
    assert "lstm-default-1.json is damaged" in done.stderr


def test_what_a_kill_has_left_half_written_is_removed(study):
    study("--seeds", "0")
    leftover = Path("s/jobs/.lstm-default-1-unfinished-abc.json")
    leftover.write_text("{")
    assert study("--seeds", "0:2")[1].done == ["lstm-default-1"]
    assert not leftover.exists()


def test_a_failed_job_is_told_and_tried_again_and_the_others_go_on(study, capsys):
    status, engine = study("--seeds", "0:3", fail=["lstm-default-1"])
    assert status == 1
    assert len(engine.done) == 3
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "failed, and tried again next time: lstm, default, seed 1: it rains"
    status, engine = study("--seeds", "0:3")
    assert (status, engine.done) == (0, ["lstm-default-1"])


def test_a_study_of_which_every_job_fails_says_so(study, capsys):
    assert study("--seeds", "0", fail=["lstm-default-0"])[0] == 1
    assert "no job is finished" in capsys.readouterr().out


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_killed_study_goes_on(tmp_path, tiny_data):
    options = ["--cell", "gru", "--seeds", "0:4", *SMALL, "--data", tiny_data, "--out", "s"]
    with in_a_terminal("study", *options, "--workers", "1", cwd=tmp_path) as process:
        while not list(tmp_path.glob("s/jobs/[!.]*.json")):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        process.kill()
        process.communicate(timeout=60)  # until none of its processes is left that might write to it
    before = {name: number for name, number in files(tmp_path / "s").items() if not name.startswith(".")}
    done = called("study", *options, "--workers", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    after = files(tmp_path / "s")
    assert set(after) == {f"gru-default-{seed}" for seed in range(4)}
    assert after.items() >= before.items()


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="Windows has no groups of processes")
def test_ctrl_c_on_a_terminal_ends_all_processes_with_one_line(tmp_path, tiny_data):
    options = ["--cell", "gru", "--seeds", "0:9", *SMALL, "--data", tiny_data, "--out", "s"]
    with in_a_terminal("study", *options, "--workers", "2", cwd=tmp_path) as process:
        while not list(tmp_path.glob("s/jobs/[!.]*.json")):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does it
        assert process.wait(60) == 130
        assert process.stderr.read().strip().count("\n") == 0  # nobody is left who might write to it
    assert not list(tmp_path.glob("s/jobs/.*"))


# The processes -------------------------------------------------------------------------------------------


@pytest.fixture
def job(tiny_data):
    return Job("small", Recipe(cell="simple_rnn", units=3, epochs=1, batch_size=64, data=str(tiny_data)))


@pytest.fixture
def terms(job):
    return Terms.here([job.recipe], keras=False)


def with_seeds(job, count):
    return [replace(job, recipe=replace(job.recipe, seed=seed)) for seed in range(count)]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_process_that_is_killed_costs_its_job_alone(job, terms):
    killed = []

    def over():
        if not killed:
            worker._process.kill()
            killed.append(worker._process)
        return False

    with closing(Worker(over)) as worker:
        assert worker.compute(job, terms) == Failed(
            "its process was ended by SIGKILL: is there enough memory?"
        )
        assert worker.compute(job, terms)["cell"] == "simple_rnn"


def test_a_process_that_has_died_between_two_jobs_costs_one(job, terms):
    with closing(Worker(over=lambda: False)) as worker:
        worker.compute(job, terms)
        worker._process.kill()
        worker._process.join()
        assert worker.compute(job, terms).reason.startswith("its process ")
        assert worker.compute(job, terms)["cell"] == "simple_rnn"


def test_a_process_ends_after_some_jobs_and_another_begins(job, terms):
    processes = []
    with closing(Worker(over=lambda: False)) as worker:
        for one in with_seeds(job, JOBS_OF_A_PROCESS + 1):
            worker.compute(one, terms)
            processes.append(worker._process)
    assert processes[0] is processes[-2] is not processes[-1]
    assert not any(process.is_alive() for process in processes)


def test_a_system_that_gives_no_process_fails_the_job(job, terms, monkeypatch):
    def none():
        raise BlockingIOError(11, "Resource temporarily unavailable")

    with closing(Worker(over=lambda: False)) as worker:
        monkeypatch.setattr(worker, "_renew", none)
        reason = worker.compute(job, terms).reason
    assert reason == "this system gives no process to compute it: [Errno 11] Resource temporarily unavailable"


def test_jobs_begin_in_their_order_and_one_that_fails_is_a_line_of_its_own(job, terms):
    jobs = with_seeds(job, 4)
    jobs[1] = replace(jobs[1], recipe=replace(jobs[1].recipe, data="nowhere"))
    with engine("processes", 1) as found:
        outcomes = dict(found.run(jobs, terms))
    assert list(outcomes) == jobs
    assert [isinstance(outcome, Failed) for outcome in outcomes.values()] == [False, True, False, False]
    assert "nowhere" in outcomes[jobs[1]].reason


def test_whoever_stops_asking_ends_the_processes(job, terms):
    before = multiprocessing.active_children()
    with engine("processes", 2) as found:
        next(found.run(with_seeds(job, 40), terms))
        assert len(multiprocessing.active_children()) > len(before)
    assert multiprocessing.active_children() == before


def test_a_machine_with_other_digits_or_versions_computes_nothing(job, terms):
    digits = attempt(job, replace(terms, digits={job.recipe.data: "0"}))
    versions = attempt(job, replace(terms, versions={**terms.versions, "numpy": "0"}))
    assert "are other digits on this machine" in digits.reason
    assert "on this machine, and 0 where the study began" in versions.reason


def test_a_fingerprint_is_of_every_value():
    (x, y), test = load_mnist("sample")
    changed = y.copy()
    changed[-1] += 1
    assert fingerprint(((x, y), test)) == fingerprint(((x.copy(), y), test))
    assert fingerprint(((x, y), test)) != fingerprint(((x, changed), test))


# MPI -----------------------------------------------------------------------------------------------------


@pytest.fixture
def on_ranks(tmp_path):
    """How to start the command on two ranks of MPI; in the end nothing of it is left."""
    pytest.importorskip("mpi4py")
    mpiexec = shutil.which("mpiexec") or shutil.which("mpiexec", path=Path(sys.executable).parent)
    if mpiexec is None:
        pytest.skip("there is no mpiexec")
    begun = []

    def start(*options):
        command = [mpiexec, "-n", "2", sys.executable, "-m", "scratch_rnn", "study", "--engine", "mpi"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        how = {"cwd": tmp_path, "env": environment(), "start_new_session": True, **pipes}
        begun.append(subprocess.Popen([*command, *map(str, options)], **how))
        return begun[-1]

    yield start
    for process in begun:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def test_ranks_of_mpi_compute_the_same(studied, tmp_path, on_ranks):
    folder, _ = studied
    process = on_ranks(folder.parent / "few.json", "--out", "run")
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    assert out.count("study.html, figures") == 1
    for name in files(folder):
        ours, theirs = (read(path / "jobs" / f"{name}.json") for path in (folder, tmp_path / "run"))
        assert numbers(ours) == numbers(theirs)


def test_who_asks_mpiexec_to_end_gets_one_line_and_nothing_is_left(tmp_path, tiny_data, on_ranks):
    process = on_ranks("--cell", "gru", "--seeds", "0:40", *SMALL, "--data", tiny_data, "--out", "s")
    while not list(tmp_path.glob("s/jobs/[!.]*.json")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.terminate()
    _, err = process.communicate(timeout=60)  # until nobody is left who might write to it
    assert process.returncode == 130
    assert err.strip().count("\n") == 0
    assert "the same command with --out s goes on" in err
    assert not list(tmp_path.glob("s/jobs/.*"))


def test_bad_input_on_ranks_is_told_once(tmp_path, on_ranks):
    process = on_ranks("nowhere.json", "--out", "s")
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (2, "scratch-rnn: nowhere.json: No such file or directory\n")
    assert list(tmp_path.iterdir()) == []


def test_workers_are_those_of_this_machine(tmp_path):
    done = called("study", "--quick", "--engine", "mpi", "--workers", "3", cwd=tmp_path)
    assert done.returncode == 2
    assert "--workers 3 is for this machine: with --engine mpi, mpiexec -n decides it" in done.stderr


def test_mpi4py_is_asked_for_in_one_line_where_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    world.connect.cache_clear()
    done = called("study", "--quick", "--engine", "mpi", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(f"scratch-rnn: {world.NOT_THERE}")
    assert list(tmp_path.iterdir()) == []


# What is asked for ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seeds"), [("0:3", (0, 1, 2)), ("7", (7,)), ("5,1,5", (5, 1)), ("100:102", (100, 101))]
)
def test_seeds_are_a_range_without_its_end_or_a_list(text, seeds):
    assert parse_seeds(text) == seeds
    assert parse_seeds(seeds_in_words(seeds)) == seeds


@pytest.mark.parametrize("text", ["0:1" + 8 * "0", "0:1" + 20 * "0", "4294967296", "0," + 5000 * "1"])
def test_seeds_that_nobody_can_train_are_refused_at_once(text):
    with pytest.raises(ValueError, match=r"take 100,000 at most|take nine digits at most"):
        parse_seeds(text)


@pytest.mark.parametrize("text", ["", "3:3", "5:2", "-1", "1:", "1.5", "1,,2", "a", "\u0663"])
def test_what_names_no_seeds_is_refused(text, tmp_path):
    with pytest.raises(ValueError, match="names no seeds: write 0:40 for 0 to 39"):
        parse_seeds(text)
    assert called("study", f"--seeds={text}", cwd=tmp_path).returncode == 2


def test_cells_may_be_named_one_after_the_other():
    arguments = build_parser().parse_args(["study", "--cell", "lstm", "--cell", "gru", "--seeds", "0:2"])
    assert plan_from(arguments).series["default"].seeds == {"lstm": (0, 1), "gru": (0, 1)}


def test_the_published_study_is_what_it_is_said_to_be():
    plan = read_plan(ROOT / "benchmarks" / "studies" / "accuracy.json")
    assert plan.keras
    adam, default = plan.series["adam"], plan.series["default"]
    assert (adam.recipe.optimizer, adam.recipe.epochs) == ("adam", 3)
    assert default.recipe == Recipe()
    counts = [{cell: len(seeds) for cell, seeds in series.seeds.items()} for series in (adam, default)]
    assert counts[0] == {"simple_rnn": 40, "gru": 20, "lstm": 20}
    assert min(counts[1].values()) >= 5
    names = [job.name for job in plan.jobs()]
    assert len(names) == len(set(names)) == sum(sum(count.values()) for count in counts)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "is no JSON"),
        ("[]", "a study is an object with 'recipes'"),
        ('{"recipes": {}}', '"recipes" is empty'),
        ('{"recipes": {}, "kears": true}', "a study has no 'kears': use recipes, keras, margin"),
        ('{"recipes": {}, "margin": -1}', "the margin is to be a number above zero, not -1"),
        ('{"recipes": {"a/b": {"seeds": {"gru": "0:2"}}}}', "'a/b' names no recipe"),
        ('{"recipes": {"a": {}}}', "recipe 'a' is an object with 'seeds'"),
        ('{"recipes": {"a": {"seeds": {}}}}', "recipe 'a' has no seeds"),
        ('{"recipes": {"a": {"seeds": {"gru": "2:2"}}}}', "'2:2' names no seeds"),
        ('{"recipes": {"a": {"seeds": {"gru": 5}}}}', "the seeds of gru are to be a text"),
        ('{"recipes": {"a": {"seeds": {"tree": "0"}}}}', "unknown cell 'tree'"),
        ('{"recipes": {"a": {"seeds": {"gru": "0"}, "seed": 3}}}', "recipe 'a' has no 'seed'"),
        pytest.param("[" * 100_000, "is no JSON: it is nested too deeply", id="nested too deeply"),
        ('{"recipes": {"a": {"seeds": {"gru": "0", "gru": "1"}}}}', "'gru' stands twice in one object"),
        ('{"recipes": {"a": {"seeds": {"gru": "0"}, "data": ["x"]}}}', "recipe 'a': data cannot be ['x']"),
        ('{"recipes": {"a": {"seeds": {"gru": "0"}, "units": null}}}', "recipe 'a': units cannot be None"),
        pytest.param(
            f'{{"recipes": {{"{65 * "a"}": {{}}}}}}', "names no recipe", id="a name too long for files"
        ),
        ('{"recipes": {"a": {"seeds": {"gru": "0"}, "epochs": 0}}}', "epochs '0' is not a whole number"),
        ('{"recipes": {"a": {"seeds": {"gru": "0"}, "optimizer": "adamw"}}}', "optimizer 'adamw' is none of"),
    ],
)
def test_a_file_that_describes_no_study_is_refused_in_one_line(tmp_path, content, complaint):
    (tmp_path / "study.json").write_text(content)
    done = called("study", "study.json", cwd=tmp_path)
    assert done.returncode == 2
    assert "study.json" in done.stderr
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1


def test_options_that_a_file_decides_are_refused_beside_it(tmp_path):
    options = ["--seeds", "0:2", "--units", "3", "--keras"]
    done = called("study", "study.json", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert "leave out --units, --seeds, --keras" in done.stderr


def test_a_recipe_with_a_name_that_is_known_changes_that_one(tmp_path):
    mark = "\ufeff"  # with which some editors begin a file
    (tmp_path / "s.json").write_text(mark + '{"recipes": {"best": {"epochs": 2, "seeds": {"gru": "0"}}}}')
    recipe = read_plan(tmp_path / "s.json").series["best"].recipe
    assert (recipe.bidirectional, recipe.units, recipe.epochs) == (True, 96, 2)


def test_the_command_that_the_page_shows_asks_for_the_same_study():
    words = "--recipe best --recipe default --cell gru --cell lstm --epochs 2 --seeds 3:9 --margin 0.2"
    arguments = build_parser().parse_args(["study", *words.split(), "--keras", "--quick"])
    shown = " ".join(command.command_of(arguments)).removeprefix("scratch-rnn ").split()
    assert plan_from(build_parser().parse_args(shown)) == plan_from(arguments)
    assert len(list(plan_from(arguments).jobs())) == 2 * 2 * 6


# The time left -------------------------------------------------------------------------------------------


def outcome(series, cell, seconds):
    return {"series": series, "cell": cell, "seconds": seconds, "models": {}, "digits": {"test": 1}}


def test_the_time_left_is_that_of_jobs_of_the_same_kind():
    recipe = Recipe(cell="gru")
    jobs = [Job("a", recipe), Job("a", replace(recipe, seed=7)), Job("a", replace(recipe, cell="lstm"))]
    times = TimeLeft(2, jobs)
    assert times.estimate() is None
    times.finish(jobs[0], outcome("a", "gru", 100.0))
    assert times.estimate() == 100  # two jobs as long on two processes
    times.finish(jobs[1], Failed("it rains"))
    assert times.estimate() == 100  # one job keeps one of them busy
    assert TimeLeft(1, jobs[1:], [outcome("a", "gru", 10.0), outcome("b", "lstm", 900.0)]).estimate() == 20


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (0, ""), (4.4, "about 4 s left"), (200, "about 3 min left"), (7500, "about 2 h 5 min left")],
)
def test_a_time_in_words(seconds, words):
    assert in_words(seconds) == words


def test_on_a_terminal_a_bar_counts_the_jobs(capsys):
    jobs = [Job("a", Recipe(seed=seed)) for seed in (1, 2)]
    console = Console(force_terminal=True, width=100)
    with watching(console, TimeLeft(1, jobs), 5) as watch:
        watch.show(jobs[0], outcome("a", "lstm", 60.0))
    printed = capsys.readouterr().out
    assert "lstm, a, seed 1" in printed
    assert "4/5" in printed
    assert "about 60 s left" in printed
