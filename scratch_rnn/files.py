"""Writing files and folders whole or not at all."""

from __future__ import annotations

import errno
import itertools
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

MARK = "-unfinished-"  # in the name of a file that is being written


@contextmanager
def atomic(path: str | os.PathLike[str], new: bool = False) -> Iterator[Path]:
    """Provide a path to write to, in the folder of `path`; it takes the place of `path` when all went well.

    Where `path` is a link, what it leads to is replaced, not the link. After any exception, Ctrl-C included,
    `path` is as it was and nothing half-written is left; after a power cut it is the old file or the new one.
    With `new` nothing is replaced.

    Raises OSError where the folder does not exist or cannot be written and for a device or a pipe;
    FileExistsError, with `new`, where something is there in the end.
    """
    path = Path(path)
    target = _target(path)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{path.stem}{MARK}", suffix=path.suffix)
    os.close(handle)
    try:
        yield Path(name)
        _to_disk(Path(name))
        os.chmod(name, 0o666 & ~_umask())  # mkstemp gives a file that its owner alone may read
        if new:
            _give_new_name(name, target)
        else:
            os.replace(name, target)
        with suppress(OSError):  # some file systems keep no folder's names in memory, and say so
            _to_disk(target.parent)
    finally:
        Path(name).unlink(missing_ok=True)


def unfinished(folder: Path) -> list[Path]:
    """Return the files in a folder that `atomic` was writing when somebody killed it, or still is."""
    return [path for path in folder.glob(f".*{MARK}*") if path.is_file()]


def check_readable(path: str | os.PathLike[str]) -> None:
    """Raise OSError for a device or a pipe: to read one may take for ever, or all memory."""
    path = Path(path)
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(errno.EINVAL, "this is a device or a pipe, not a file", os.fspath(path))


def _target(path: Path) -> Path:
    """Return the file that `path` names, behind all links, or raise OSError where none can be written."""
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "its folder does not exist", os.fspath(path))
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "this is a folder, not a file", os.fspath(path))
    if target.is_symlink():
        raise OSError(errno.ELOOP, "this link leads back to itself", os.fspath(path))
    check_readable(path)
    return target


def _to_disk(path: Path) -> None:
    """Have the system write out what it still holds in memory of a file, or of a folder's names."""
    if os.name == "nt":  # where neither can be asked for by a path
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _give_new_name(name: str, target: Path) -> None:
    """Rename a file, but replace nothing."""
    try:
        os.link(name, target)
    except FileExistsError:
        raise
    except OSError:  # a file system that has no links
        target.touch(exist_ok=False)
        os.replace(name, target)


def write_json(path: Path, content: Any, new: bool = False) -> None:
    """Write a JSON file whole or not at all, with null for NaN and infinity.

    Raises FileExistsError, with `new`, where it is there already.
    """
    with atomic(path, new) as unfinished_file:
        text = json.dumps(_finite(content), indent=2, allow_nan=False)
        unfinished_file.write_text(text + "\n", encoding="utf-8")


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_finite(value) for value in content]
    if isinstance(content, np.generic):
        content = content.item()
    return None if isinstance(content, float) and not math.isfinite(content) else content


@contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Provide a folder beside `path`, which is not there yet, to fill; it becomes `path` when all went well.

    After any exception, Ctrl-C included, nothing is left. Raises FileExistsError where something is there
    already, other OSErrors where the folder cannot be made.
    """
    path = Path(path)
    if path.exists():
        raise FileExistsError(errno.EEXIST, "this exists already", os.fspath(path))
    folder = tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        yield Path(folder)
        os.chmod(folder, 0o777 & ~_umask())  # mkdtemp gives a folder that its owner alone may enter
        os.rename(folder, path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def unused(path: str | os.PathLike[str], suffix: str = "") -> Path:
    """Return path + suffix or, where something is there, the first free one of path-2 + suffix, path-3 ..."""
    path = Path(path)
    stems = itertools.chain([path.name], (f"{path.name}-{number}" for number in itertools.count(2)))
    return next(free for stem in stems if not (free := path.with_name(stem + suffix)).exists())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
