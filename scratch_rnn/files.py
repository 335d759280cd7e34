"""Writing files and folders whole or not at all."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Provide a path beside `path` to write to; it takes the place of `path` when all went well.

    After any exception, Ctrl-C included, `path` is as it was and nothing half-written is left.
    Raises OSError where the folder does not exist or cannot be written.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "its folder does not exist", os.fspath(path))
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "this is a folder, not a file", os.fspath(path))
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    try:
        yield Path(name)
        os.chmod(name, 0o666 & ~_umask())  # mkstemp gives a file that its owner alone may read
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


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
