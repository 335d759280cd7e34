"""scratch-rnn export: other libraries compute the same from its files, and their weights come back."""

import json
import sys
import textwrap

import numpy as np
import pytest
from helpers import ROOT, called, python

from scratch_rnn.interop import from_onnx, from_pytorch, to_pytorch
from scratch_rnn.runs.folder import Run
from scratch_rnn.runs.recipe import Recipe

FILES = {
    "keras": "model.keras",
    "pytorch": "pytorch.safetensors",
    "onnx": "model.onnx",
    "safetensors": "model.safetensors",
}
READERS = {
    "keras": ["keras"],
    "pytorch": ["torch", "safetensors"],
    "onnx": ["onnx", "onnxruntime"],
    "safetensors": ["safetensors"],
}
every_format = pytest.mark.parametrize("to", FILES)
every_network = pytest.mark.parametrize(
    ("cell", "layers"),
    [("simple_rnn", 1), ("simple_rnn", 3), ("gru", 1), ("gru", 2), ("lstm", 1), ("lstm", 2)],
)


@pytest.fixture(scope="module")
def digits(sample):
    """The 1,000 test digits, uint8, and the same as the files' networks take them."""
    x = sample[1][0]
    return x, x.astype("float32") / np.float32(255)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Where the test is: printed lines name files from there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def floatx():
    """What Keras computes in by itself, which lines for float64 change, is afterwards as it was."""
    yield
    if "keras" in sys.modules:
        sys.modules["keras"].config.set_floatx("float32")


def network(seed=0, **options):
    """Return a recipe and a new network of it, with biases that are not zero."""
    recipe = Recipe(**{"units": 32, "data": "sample", "seed": seed, **options})
    model, rng = recipe.build_model((28, 28), threads=1), np.random.default_rng(seed)
    for name, weight in zip(model.weight_names, model.weights, strict=True):
        if name.endswith("bias"):
            weight[...] = rng.normal(0, 0.3, weight.shape)
    return recipe, model


def run_with(folder, **options):
    """Make the folder of a run that has reached a network of random weights; return the network."""
    recipe, model = network(**options)
    Run(folder, recipe).claim((28, 28))
    model.save_weights(folder / "scratch_rnn.weights.npz")
    return model


def exported(to, here, **options):
    """Export such a run; return its network, the lines that read the file, and all that was printed."""
    for package in READERS[to]:
        pytest.importorskip(package)
    model = run_with(here / "run", **options)
    done = called("export", "run", "--to", to, cwd=here)
    assert done.returncode == 0, done.stderr
    said, _, lines = done.stdout.partition("\n\n")
    return model, textwrap.dedent(lines), said


def probabilities(lines, x, **names):
    """Run the lines that the command has printed, and return what they predict."""
    names["x"] = x
    exec(lines, names)
    given = names["probabilities"]
    return given.detach().numpy() if hasattr(given, "detach") else given


def assert_same(given, expected, most=1e-6):
    assert given.shape == expected.shape == (1000, 10)
    np.testing.assert_allclose(given, expected, rtol=0, atol=most)


# There -----------------------------------------------------------------------------------------------------


@every_network
@every_format
def test_the_lines_that_are_printed_give_the_probabilities_of_the_network(to, cell, layers, here, digits):
    model, lines, said = exported(to, here, cell=cell, layers=layers)
    x, floats = digits
    expected = model.predict(x)
    assert expected.std(axis=0).max() > 3e-4  # other digits have other probabilities
    _, other = network(seed=1, cell=cell, layers=layers)  # what the lines call model, where they make none
    assert_same(probabilities(lines, floats, model=other), expected)
    assert said == f"written to run/{FILES[to]}"
    assert lines.startswith("# x: float32 (N, 28, 28), pixels from 0 to 1 and not to 255\n")


@every_format
def test_a_network_of_float64_stays_so_where_the_library_computes_in_it(to, here, digits, floatx):
    model, lines, said = exported(to, here, cell="gru", dtype="float64")
    x, _ = digits
    dtype, most = ("float32", 1e-6) if to == "onnx" else ("float64", 1e-12)
    _, other = network(seed=1, cell="gru", dtype="float64")
    assert_same(probabilities(lines, (x / 255).astype(dtype), model=other), model.predict(x), most)
    assert lines.startswith(f"# x: {dtype} (N, 28, 28)")
    rounded = "its weights are rounded to float32: onnxruntime computes in nothing else"
    assert said.splitlines()[1:] == ([rounded] if to == "onnx" else [])


def test_a_process_without_this_project_reads_the_keras_file(here, digits):
    model, _, _ = exported("keras", here, layers=2)
    x, floats = digits
    np.save("x.npy", floats)
    code = """if True:
        import sys, keras, numpy
        model = keras.saving.load_model("run/model.keras")
        numpy.save("p.npy", model.predict(numpy.load("x.npy"), verbose=0))
        assert {"scratch_rnn", "keras_reference"}.isdisjoint(sys.modules)
    """
    done = python("-c", code, cwd=here)
    assert done.returncode == 0, done.stderr
    assert_same(np.load("p.npy"), model.predict(x))


def test_the_keras_file_holds_a_plain_network_with_the_same_weights(here):
    model, _, _ = exported("keras", here, cell="gru", layers=2)
    keras = pytest.importorskip("keras")
    read = keras.saving.load_model("run/model.keras")
    assert type(read) is keras.Sequential
    assert not read.compiled
    assert [layer.name for layer in read.layers] == ["gru", "gru_1", "dense"]
    for given, weight in zip(read.get_weights(), model.weights, strict=True):
        np.testing.assert_array_equal(given, weight)


@pytest.mark.parametrize(("to", "names"), [("safetensors", "Keras's"), ("pytorch", "PyTorch's")])
def test_the_safetensors_files_hold_the_same_weights_under_their_names(to, names, here):
    model, _, _ = exported(to, here, layers=2)
    from safetensors.numpy import load_file

    expected = {
        "Keras's": dict(zip(model.weight_names, model.weights, strict=True)),
        "PyTorch's": to_pytorch(model),
    }[names]
    given = load_file(here / "run" / FILES[to])
    assert set(given) == set(expected)
    for name, weight in expected.items():
        np.testing.assert_array_equal(given[name], weight)


def test_the_safetensors_file_for_pytorch_says_which_modules_it_is_of(here):
    exported("pytorch", here, cell="gru", layers=2)
    from safetensors import safe_open

    with safe_open("run/pytorch.safetensors", "np") as file:
        said = file.metadata()
    assert said["format"] == "pt"
    assert said["input"] == "float32 (N, 28, 28), pixels from 0 to 1 and not to 255"
    assert json.loads(said["modules"]) == {
        "gru": "torch.nn.GRU(28, 32, batch_first=True)",
        "gru_1": "torch.nn.GRU(32, 32, batch_first=True)",
        "dense": "torch.nn.Linear(32, 10)",
    }


# And back --------------------------------------------------------------------------------------------------


@every_network
def test_weights_come_back_from_the_keras_file(cell, layers, here, digits):
    exported("keras", here, cell=cell, layers=layers)
    keras = pytest.importorskip("keras")
    read = keras.saving.load_model("run/model.keras")
    _, model = network(seed=1, cell=cell, layers=layers)
    model.set_weights(read.get_weights())
    x, floats = digits
    assert_same(model.predict(x), read.predict(floats, verbose=0))


@every_network
def test_weights_of_pytorchs_own_come_into_a_network(cell, layers, digits):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    cls = {"simple_rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[cell]
    _, model = network(cell=cell, layers=layers)
    *names, _ = (layer.name for layer in model.layers)
    module = torch.nn.ModuleDict(
        {name: cls(28 if name == cell else 32, 32, batch_first=True) for name in names}
    )
    module["dense"] = torch.nn.Linear(32, 10)
    from_pytorch(model, module.state_dict())
    x, floats = digits
    with torch.no_grad():
        y = torch.as_tensor(floats)
        for name in names:
            y, _ = module[name](y)
        expected = module["dense"](y[:, -1]).softmax(-1).numpy()
    assert_same(model.predict(x), expected)


@every_network
def test_weights_come_back_from_the_initializers_of_the_onnx_file(cell, layers, here, digits):
    _, lines, _ = exported("onnx", here, cell=cell, layers=layers)
    onnx = pytest.importorskip("onnx")
    graph = onnx.load("run/model.onnx").graph
    _, model = network(seed=1, cell=cell, layers=layers)
    from_onnx(model, {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer})
    x, floats = digits
    assert_same(model.predict(x), probabilities(lines, floats))


# The file --------------------------------------------------------------------------------------------------


@every_format
def test_the_file_stands_where_it_is_asked_for_and_nothing_else_is_there(to, here):
    for package in READERS[to]:
        pytest.importorskip(package)
    run_with(here / "run", units=4)
    before = sorted(here.rglob("*"))
    file = here / f"[b]mine-{FILES[to]}"
    done = called("export", "run", "--to", to, "--out", file, cwd=here)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"written to {file}\n")
    assert f'("{file}")' in done.stdout
    assert sorted(here.rglob("*")) == sorted([*before, file])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere", "--to", "onnx"], "nowhere does not exist, or is no folder: name the folder of a run"),
        ([".", "--to", "onnx"], ". is not the folder of a run: it has no recipe.json; it holds the runs run"),
        (["run", "--to", "onnx", "--out", "a.keras"], "--out a.keras: the name must end in .onnx"),
        (["run", "--to", "keras", "--out", "a"], "--out a: the name must end in .keras"),
        (["run", "--to", "pytorch", "--out", "a.pt"], "--out a.pt: the name must end in .safetensors"),
        (["run", "--to", "keras", "--out", "no/a.keras"], "--out no/a.keras: its folder does not exist"),
        (["run", "--to", "keras", "--out", ""], "argument --out: '' is not a path"),
        (["run", "--to", "caffe"], "argument --to: invalid choice: 'caffe'"),
        (["run"], "the following arguments are required: --to"),
        *(
            (["run", "--to", to], f"--out run/{file} exists already: name a new file, so that nothing")
            for to, file in FILES.items()
        ),
    ],
    ids=str,
)
def test_what_cannot_be_written_is_refused_in_one_line_before_another_library_is_imported(
    words, said, here, monkeypatch
):
    run_with(here / "run", units=4)
    for file in FILES.values():
        (here / "run" / file).write_text("mine")
    before = {path: path.is_file() and path.read_bytes() for path in here.rglob("*")}
    for package in ("keras", "onnx", "safetensors"):
        monkeypatch.setitem(sys.modules, package, None)  # to import it is an error
    done = called("export", *words, cwd=here)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert said in done.stderr
    assert {path: path.is_file() and path.read_bytes() for path in here.rglob("*")} == before


@pytest.mark.parametrize(
    ("to", "package", "extra"),
    [
        ("keras", "keras", "keras"),
        ("pytorch", "safetensors", "safetensors"),
        ("safetensors", "safetensors", "safetensors"),
        ("onnx", "onnx", "onnx"),
    ],
)
def test_where_a_package_is_missing_one_line_says_what_to_install(to, package, extra, here, monkeypatch):
    run_with(here / "run", units=4)
    before = sorted(here.rglob("*"))
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "keras_reference.onnx_graph", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    done = called("export", "run", "--to", to, cwd=here)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "is not installed" in done.stderr
    assert done.stderr.endswith(f'pip install "scratch_rnn[{extra}]"\n')
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize("error", [OSError("the disk is full"), KeyboardInterrupt()])
def test_nothing_half_written_is_left(error, here, monkeypatch):
    pytest.importorskip("safetensors")
    run_with(here / "run", units=4)
    before = sorted(here.rglob("*"))

    def write(arrays, file, metadata):
        with open(file, "w") as half:
            half.write("half")
        raise error

    monkeypatch.setattr("safetensors.numpy.save_file", write)
    assert called("export", "run", "--to", "safetensors", cwd=here).returncode in (2, 130)
    assert sorted(here.rglob("*")) == before


@every_format
def test_the_page_shows_what_the_command_prints(to, here):
    for package in READERS[to]:
        pytest.importorskip(package)
    run_with(here / "runs" / "lstm", units=128)
    _, _, lines = called("export", "runs/lstm", "--to", to, cwd=here).stdout.partition("\n\n")
    page = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    assert f"```python\n{textwrap.dedent(lines)}```" in page
