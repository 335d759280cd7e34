"""The frame of the command line: exit statuses, one-line errors, warnings."""

import errno
import io
import os
import signal
import subprocess
import sys
import warnings
from importlib.metadata import version
from types import SimpleNamespace

import pytest
from helpers import HEAR_CTRL_C, environment, python

from scratch_rnn.commands import main as module
from scratch_rnn.commands.main import build_parser, main


@pytest.fixture
def end_with(monkeypatch):
    """What makes the command return a value or raise, and runs it."""

    def run(end):
        def command(_):
            if isinstance(end, BaseException):
                raise end
            return end() if callable(end) else end

        parser = SimpleNamespace(parse_args=lambda argv: SimpleNamespace(run=command))
        monkeypatch.setattr(module, "build_parser", lambda: parser)
        return main([])

    return run


@pytest.mark.parametrize(("value", "status"), [(None, 0), (0, 0), (1, 1), (3, 3)])
def test_the_exit_status_is_what_the_command_returns(value, status, end_with, capsys):
    assert end_with(value) == status
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("a wrong\n   value"), "a wrong value"),
        (TypeError("a wrong type"), "a wrong type"),
        (ImportError("no such module"), "no such module"),
        (OSError("no file"), "no file"),
        (FileNotFoundError(errno.ENOENT, "it is not there", "some/file"), "some/file: it is not there"),
        (PermissionError(errno.EACCES, "not yours"), "[Errno 13] not yours"),
        (MemoryError("take fewer units"), "not enough memory: take fewer units"),
        (MemoryError(), "not enough memory: take fewer units or rows"),
    ],
    ids=repr,
)
def test_bad_input_gets_one_line_on_stderr_and_status_two(error, line, end_with, capsys):
    assert end_with(error) == 2
    assert capsys.readouterr() == ("", f"scratch-rnn: {line}\n")


@pytest.mark.parametrize(
    ("words", "line"),
    [((), "interrupted: nothing was saved"), (("all of it is saved in x",), "all of it is saved in x")],
)
def test_ctrl_c_says_what_was_saved(words, line, end_with, capsys):
    assert end_with(KeyboardInterrupt(*words)) == 130
    assert capsys.readouterr() == ("", f"\nscratch-rnn: {line}\n")


@pytest.mark.parametrize("error", [RuntimeError("a mistake of ours"), AssertionError(), KeyError("x")])
def test_a_mistake_of_the_programs_own_is_not_hidden(error, end_with):
    with pytest.raises(type(error)):
        end_with(error)


class Closed(io.StringIO):
    """A stream whose reader has gone."""

    def __init__(self, path):
        super().__init__()
        self.file = path.open("w")

    def write(self, *text):
        raise BrokenPipeError

    flush = write

    def fileno(self):
        return self.file.fileno()


@pytest.mark.parametrize("status", [0, 1])
def test_where_the_reader_has_gone_the_work_goes_on_to_its_own_end(status, end_with, monkeypatch, tmp_path):
    stream, done = Closed(tmp_path / "out"), []

    def command():
        for line in range(3):
            print(line, flush=True)
            done.append(line)
        return status

    monkeypatch.setattr(sys, "stdout", stream)
    assert end_with(command) == status
    assert done == [0, 1, 2]
    os.write(stream.fileno(), b"to nobody")
    assert (tmp_path / "out").read_text() == ""
    assert sys.stdout is stream


def test_a_command_whose_output_nobody_reads_says_by_its_status_what_it_found(tmp_path):
    wrong = ("gradcheck", "--cell", "simple_rnn", "--inject", "carried-gradient-dropped", "--json")
    command = [sys.executable, "-m", "scratch_rnn", *wrong]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), **pipes) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 1


def test_a_command_whose_output_was_closed_before_it_began_does_its_work(end_with, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert end_with(lambda: print("to nobody")) == 0


def test_what_is_not_printed_is_asked_of_the_stream_itself(end_with, capsys):
    assert end_with(lambda: print(sys.stdout.encoding, sys.stdout.isatty())) == 0
    assert capsys.readouterr().out == f"{sys.stdout.encoding} False\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_sigterm_ends_a_command_as_ctrl_c_does(end_with, capsys):
    before = signal.getsignal(signal.SIGTERM)
    assert end_with(lambda: os.kill(os.getpid(), signal.SIGTERM)) == 130
    assert "interrupted" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) is before


STARTS = {
    "python -m scratch_rnn": "import runpy; runpy.run_module('scratch_rnn', run_name='__main__')",
    "scratch-rnn": "import sys; from scratch_rnn.commands.main import main; sys.exit(main())",
}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_ctrl_c_gets_one_line_while_python_still_imports(number, start, tmp_path):
    """It comes when NumPy is imported, in whose place another module stands."""
    (tmp_path / "numpy.py").write_text(f"import os, signal; os.kill(os.getpid(), signal.{number})")
    done = python("-c", f"{HEAR_CTRL_C}; {STARTS[start]}", "gradcheck", env=environment(tmp_path))
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "\nscratch-rnn: interrupted: nothing was saved\n"


def test_a_warning_that_is_to_be_an_error_gets_one_line(end_with, capsys):
    assert end_with(UserWarning("the sample stands in")) == 2
    assert capsys.readouterr().err == "scratch-rnn: the sample stands in\n"


def test_a_warning_is_framed_with_its_kind_and_without_a_line_of_code(end_with, capsys):
    def warn():
        warnings.warn("these are [bold] words", UserWarning, stacklevel=1)
        warnings.warn("of NumPy", RuntimeWarning, stacklevel=1)

    with warnings.catch_warnings():
        assert end_with(warn) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "these are [bold] words" in err
    assert "UserWarning" in err
    assert "of NumPy" not in err
    assert "test_main.py" not in err


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_terminal_that_lacks_a_character_shows_a_question_mark(name, end_with, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, name, stream)
    assert end_with(lambda: print("✓ right", file=stream)) == 0
    stream.flush()
    assert stream.buffer.getvalue().split() == [b"?", b"right"]


def refusal(capsys, *words):
    with pytest.raises(SystemExit) as end:
        main(list(words))
    assert end.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    return line


def test_a_usage_error_names_the_program_and_the_command_whose_help_helps(capsys):
    assert refusal(capsys).startswith("scratch-rnn: ")
    assert refusal(capsys).endswith("(see scratch-rnn --help)")
    wrong = "argument --units: '0' is not a whole number above zero"
    line = refusal(capsys, "train", "--units", "0")
    assert line == f"scratch-rnn train: {wrong} (see scratch-rnn train --help)"


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"scratch-rnn {version('scratch_rnn')}\n"


def test_each_command_runs_its_own_module():
    for words, name in {
        ("train",): "scratch_rnn.commands.train",
        ("predict", "x"): "scratch_rnn.commands.predict",
        ("inspect", "x"): "scratch_rnn.commands.inspect",
        ("gradcheck",): "scratch_rnn.commands.gradcheck",
        ("compare",): "keras_reference.command",
        ("export", "x", "--to", "onnx"): "keras_reference.export",
    }.items():
        assert build_parser().parse_args(list(words)).run.__module__ == name
