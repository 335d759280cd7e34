"""Files and folders appear whole or not at all, and are then like any others."""

import os
import stat

import pytest

from scratch_rnn.files import atomic, atomic_folder, check_readable, unused

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def umask():
    """Call it to set the umask for the test."""
    before = os.umask(0)
    os.umask(before)
    yield os.umask
    os.umask(before)


# A file -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_text", [False, True])
def test_a_file_takes_the_place_of_the_old_one_when_all_went_well(tmp_path, as_text):
    path = tmp_path / "a.json"
    path.write_text("old, and longer")
    with atomic(str(path) if as_text else path) as unfinished:
        unfinished.write_text("new")
        assert path.read_text() == "old, and longer"
    assert path.read_text() == "new"
    assert names_in(tmp_path) == ["a.json"]


def test_what_is_written_to_stands_beside_it_hidden_and_with_its_suffix(tmp_path):
    """Only within a file system is a file replaced at once, and the suffix tells the format."""
    with atomic(tmp_path / "figure.png") as unfinished:
        assert unfinished.parent == tmp_path
        assert unfinished.suffix == ".png"
        assert unfinished.name.startswith(".figure-")
    assert names_in(tmp_path) == ["figure.png"]


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / "a.txt"
    with atomic(path) as one, atomic(path) as other:
        assert one != other
        one.write_text("outer")
        other.write_text("inner")
    assert path.read_text() == "outer"
    assert names_in(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, OSError, ValueError])
@pytest.mark.parametrize("old", [None, "old"])
def test_after_any_exception_all_is_as_it_was(tmp_path, error, old):
    path = tmp_path / "a.txt"
    if old:
        path.write_text(old)
    with pytest.raises(error, match="stop"), atomic(path) as unfinished:
        unfinished.write_text("half")
        raise error("stop")
    assert names_in(tmp_path) == (["a.txt"] if old else [])
    assert not old or path.read_text() == old


@posix
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_file_may_be_read_by_those_whom_the_umask_allows(tmp_path, umask, mask, mode):
    umask(mask)
    with atomic(tmp_path / "a.txt") as unfinished:
        unfinished.write_text("new")
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == mode
    assert umask(mask) == mask  # and the umask is as it was


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with (
        pytest.raises(FileNotFoundError, match="its folder does not exist") as caught,
        atomic(tmp_path / "absent" / "a.txt"),
    ):
        pass
    assert caught.value.filename == str(tmp_path / "absent" / "a.txt")
    assert names_in(tmp_path) == []


def test_a_folder_in_the_place_of_the_file_is_told_before_anything_is_written(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(IsADirectoryError, match="this is a folder, not a file"), atomic(tmp_path / "a"):
        raise AssertionError("nothing may be written")
    assert names_in(tmp_path) == ["a"]


@pytest.mark.parametrize("old", [None, "old"])
def test_behind_a_link_the_file_that_it_leads_to_is_written(old, tmp_path):
    target, link = tmp_path / "elsewhere" / "a.txt", tmp_path / "link.txt"
    target.parent.mkdir()
    if old:
        target.write_text(old)
    link.symlink_to(target)
    with atomic(link) as unfinished:
        unfinished.write_text("new")
        assert (unfinished.parent, unfinished.suffix) == (target.parent, ".txt")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert names_in(tmp_path) == ["elsewhere", "link.txt"]
    assert names_in(target.parent) == ["a.txt"]


def test_a_link_that_leads_back_to_itself_is_refused_and_stays(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(link)
    with pytest.raises(OSError, match="leads back to itself"), atomic(link):
        pass
    assert link.is_symlink()


@posix
def test_a_pipe_or_a_device_is_neither_replaced_nor_read(tmp_path):
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link, "/dev/null"):
        with pytest.raises(OSError, match="this is a device or a pipe, not a file"), atomic(path):
            pass
        with pytest.raises(OSError, match="this is a device or a pipe, not a file"):
            check_readable(path)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert names_in(tmp_path) == ["link", "pipe"]


def test_files_folders_and_what_is_not_there_may_be_read(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file", tmp_path / "missing"):
        check_readable(path)


@pytest.mark.parametrize("links", [True, False])
def test_a_new_file_takes_no_place_that_is_taken_in_the_end(links, tmp_path, monkeypatch):
    if not links:
        monkeypatch.setattr(os, "link", lambda *_: os.stat(tmp_path / "no such file"))
    path = tmp_path / "a.txt"
    with atomic(path, new=True) as unfinished:
        unfinished.write_text("first")
    assert path.read_text() == "first"
    with pytest.raises(FileExistsError), atomic(path, new=True) as unfinished:
        unfinished.write_text("second")
    assert path.read_text() == "first"
    assert names_in(tmp_path) == ["a.txt"]


# A folder ---------------------------------------------------------------------------------------------------


def test_a_folder_is_there_when_it_is_full(tmp_path):
    path = tmp_path / "run.x"
    with atomic_folder(str(path)) as unfinished:
        assert unfinished.parent == tmp_path
        assert unfinished.name.startswith(".run.x-")
        (unfinished / "a.txt").write_text("whole")
        (unfinished / "below").mkdir()
        assert not path.exists()
    assert names_in(tmp_path) == ["run.x"]
    assert names_in(path) == ["a.txt", "below"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, OSError, ValueError])
def test_after_any_exception_no_folder_is_left(tmp_path, error):
    with pytest.raises(error, match="stop"), atomic_folder(tmp_path / "run") as unfinished:
        (unfinished / "a.txt").write_text("half")
        raise error("stop")
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("kind", ["file", "folder", "empty folder"])
def test_what_is_there_already_is_never_replaced(tmp_path, kind):
    path = tmp_path / "run"
    if kind == "file":
        path.write_text("old")
    else:
        path.mkdir()
    if kind == "folder":
        (path / "a.txt").write_text("old")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FileExistsError, match="this exists already") as caught, atomic_folder(path):
        raise AssertionError("nothing may be written")
    assert caught.value.filename == str(path)
    assert sorted(tmp_path.rglob("*")) == before


@posix
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o755), (0o077, 0o700), (0o002, 0o775)])
def test_a_folder_may_be_entered_by_those_whom_the_umask_allows(tmp_path, umask, mask, mode):
    umask(mask)
    with atomic_folder(tmp_path / "run"):
        pass
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == mode
    assert umask(mask) == mask


# Free names -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("taken", "free"),
    [
        ([], "run"),
        (["run"], "run-2"),
        (["run", "run-2"], "run-3"),
        (["run", "run-3"], "run-2"),
        (["run", "run-1"], "run-2"),
        (["run-2"], "run"),
        (["run", *(f"run-{n}" for n in range(2, 11))], "run-11"),
    ],
)
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_the_first_free_name_is_taken(tmp_path, taken, free, kind):
    for name in taken:
        (tmp_path / name).write_text("") if kind == "file" else (tmp_path / name).mkdir()
    assert unused(tmp_path / "run") == unused(str(tmp_path / "run")) == tmp_path / free
    assert names_in(tmp_path) == sorted(taken)  # nothing is made


def test_a_name_keeps_its_dots(tmp_path):
    (tmp_path / "inspect-3.png").mkdir()
    assert unused(tmp_path / "inspect-3.png") == tmp_path / "inspect-3.png-2"
