"""The player, read back frame by frame: what each frame shows is what happened at its row, in order."""

import base64
import io
import json
import re
import shutil
import subprocess
from dataclasses import replace
from functools import cache
from html import unescape
from itertools import pairwise

import numpy as np
import pytest
from matplotlib import colormaps, rc_context
from matplotlib.colors import to_hex
from PIL import Image
from readings import (
    ANSWERS,
    GATES,
    LARGEST_C,
    ORDER,
    SIGNALS,
    TARGET,
    D,
    H,
    K,
    T,
    assert_shows,
    colours_at,
    made_reading,
    picture,
    place,
    ticks,
)
from readings import digit_reading as reading
from test_figures import assert_texts_are_apart, visible_texts

from scratch_rnn.inside.figures import SHARE, SIGNED
from scratch_rnn.inside.player import SIZE, _smaller, _Stage, page, save_player
from scratch_rnn.style import STYLE

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def player(tmp_path_factory):
    path = tmp_path_factory.mktemp("player") / "player.html"
    save_player(reading("LSTM", label=3), "LSTM <8> & test-0", path)
    return path


def test_the_player_is_one_file_that_asks_for_nothing(player):
    html = player.read_text(encoding="utf-8")
    assert "http" not in html
    assert not re.search(r"<link|src=[\"'](?!data:)|url\(", html)
    assert html.count("data:image/webp;base64,") == 2 * 28
    assert "<title>LSTM &lt;8&gt; &amp; test-0</title>" in html
    assert "loss L of class 3" in html


def test_the_page_of_an_lstm_of_128_units_is_below_2_megabytes_whatever_it_has_learned():
    """Noise takes most, for every value differs from its neighbours; two frames show all of it."""
    rng = np.random.default_rng(0)
    noise = {name: rng.uniform(-1, 1, (28, 128)) for name in ("g", "c", "h")}
    noise |= {name: rng.uniform(0, 1, (28, 128)) for name in ("i", "f", "o")}
    stage = stage_of(replace(reading("LSTM"), gates=noise, gradients={"h": rng.uniform(-1, 1, (28, 128))}))
    largest = 0
    for frame in (27, 55):  # the last going forward, and the last coming back
        stage.show(frame)
        file = io.BytesIO()
        with rc_context(STYLE):
            stage.figure.savefig(file, format="png", dpi=160)
        largest += len(_smaller(base64.b64encode(file.getvalue()).decode()))
    assert 1e6 < 28 * largest < 1.9e6  # and some 20 kB of page around them


def test_a_player_that_cannot_be_written_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        save_player(reading("SimpleRNN", units=2), "", tmp_path / "absent" / "player.html")


# A phone: the page in a frame of its size, where its keys and buttons are pressed. Time in it is virtual.
PHONE = """<!DOCTYPE html><body><iframe width="390" height="844" style="border: 0"></iframe><script>
const pause = milliseconds => new Promise(done => setTimeout(done, milliseconds));
const frame = document.querySelector("iframe");
frame.onload = async function () {
  await pause(500);
  const page = frame.contentDocument;
  const key = name => (page.activeElement || page.body).dispatchEvent(
    new frame.contentWindow.KeyboardEvent("keydown", {key: name, bubbles: true, cancelable: true}));
  const button = title => page.querySelector('button[title="' + title + '"]');
  const shown = () => page.querySelector(".animation img");
  const place = page.querySelector(".anim-slider").value;
  const found = {opens: shown().alt, wide: shown().naturalWidth, place: place};
  const pressed = name => { key(name); found[name] = shown().alt; };
  ["ArrowLeft", "Home", "ArrowRight", "End"].forEach(pressed);
  key("ArrowRight");
  found.stays_at_the_end = shown().alt === found.End;
  key(" ");
  found.plays_again_from = shown().alt;
  await pause(1250);
  found.played_to = shown().alt;
  key(" ");
  await pause(1250);
  found.paused_at = shown().alt;
  button("First frame").click();
  const pictures = new Set();
  for (let count = 0; count < 56; count++) { pictures.add(shown().src); button("Next frame").click(); }
  found.different = pictures.size;
  const boxes = [...page.querySelectorAll(".anim-buttons button")].map(one => one.getBoundingClientRect())
    .filter(box => box.width);
  found.buttons = boxes.length;
  found.lowest = Math.min(...boxes.map(box => box.height));
  found.narrowest = Math.min(...boxes.map(box => box.width));
  found.signs = [...page.querySelectorAll(".anim-buttons i")].every(
    i => frame.contentWindow.getComputedStyle(i, "::before").content.length > 2);
  found.overflow = page.documentElement.scrollWidth - page.documentElement.clientWidth;
  found.controls_end = page.querySelector(".anim-state").getBoundingClientRect().bottom;
  document.body.setAttribute("data-found", JSON.stringify(found));
};
frame.srcdoc = PAGE;
</script>"""


@pytest.mark.skipif(not CHROMIUM, reason="needs Chromium")
def test_the_player_plays_on_a_phone_by_keys_and_buttons(player, tmp_path):
    page = tmp_path / "phone.html"
    html = json.dumps(player.read_text(encoding="utf-8")).replace("</", "<\\/")
    page.write_text(PHONE.replace("PAGE", html), encoding="utf-8")
    quiet = ["disable-background-networking", "disable-component-update", "disable-sync", "no-first-run"]
    done = subprocess.run(
        [
            *[CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", *(f"--{option}" for option in quiet)],
            *[f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=20000", "--dump-dom"],
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )
    text = re.search(r'data-found="([^"]*)"', done.stdout)
    assert text, done.stderr[-2000:]
    found = json.loads(unescape(text[1]))
    assert found.pop("opens").startswith("Forward, row 28 of 28: the answer would be ")
    assert found.pop("lowest") >= 44
    assert found.pop("narrowest") >= 40
    assert found.pop("controls_end") <= 844
    rows = {
        key: re.match(r"(\w+, row \d+) of 28: ", found.pop(key))[1] for key in list(found) if key[0].isupper()
    }
    assert rows == {
        "ArrowLeft": "Forward, row 27",
        "Home": "Forward, row 1",
        "ArrowRight": "Forward, row 2",
        "End": "Back, row 1",
    }
    times = [found.pop(when).split(" of")[0] for when in ("plays_again_from", "played_to", "paused_at")]
    assert times == ["Forward, row 1", "Forward, row 3", "Forward, row 3"]
    assert found == {
        "place": "27",
        "stays_at_the_end": True,
        "different": 56,
        "wide": 624,
        "buttons": 8,
        "signs": True,
        "overflow": 0,
    }


# ---------------------------------------------------------------- read back: the stage, frame by frame

# The row, from 0, of each frame: six forward, then six back from the last row.
FORWARD = [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]
BACK = [(6, 5), (7, 4), (8, 3), (9, 2), (10, 1), (11, 0)]
every_cell = pytest.mark.parametrize("cell", list(GATES))


def stage_of(seen):
    with rc_context(STYLE):
        return _Stage(seen)


@cache
def stage_of_cell(cell):
    return stage_of(made_reading(cell))


@pytest.fixture(scope="module")
def made():
    """A reading of an LSTM, and its stage, which all frames are shown on."""
    seen = made_reading("LSTM")
    return seen, stage_of(seen)


def panel(stage, title):
    (axes,) = [axes for axes in stage.figure.axes if axes.get_title(loc="left").startswith(title)]
    return axes


def digit_of(stage):
    (axes,) = [axes for axes in stage.figure.axes if axes.get_ylabel() == "row t"]
    return axes


def upper_row(stage):
    return [digit_of(stage), *(panel(stage, title) for title in ("h, state", "dL/dh", "‖dL/dh‖"))]


def bars_of(stage):
    (axes,) = [axes for axes in stage.figure.axes if axes.containers]
    return axes


def strips_of(stage):
    """The strips from above to below: their words, which stand beside them at the left, and their axes."""
    strips = [axes for axes in stage.figure.axes if axes.images and axes.images[0].get_array().shape[0] == 1]
    for axes in strips:
        (text,) = axes.texts
        assert text.get_transform() == axes.transAxes
        assert text.get_position()[0] < 0
        assert text.get_ha() == "right"
        assert text.get_position()[1] == 0.5
    return [(axes.texts[0].get_text(), axes) for axes in sorted(strips, key=lambda axes: place(axes)[1])]


def headline(stage):
    """The words above, of which there is one: the bold ones."""
    (text,) = [text for text in stage.figure.texts if text.get_weight() == "bold"]
    assert text.get_position()[1] > 0.9
    return text.get_text()


def norm(vector):
    return sum(float(value) ** 2 for value in vector) ** 0.5


def test_what_shows_the_same_rows_is_level_and_a_unit_stands_in_one_column_everywhere():
    """From above to below: digit and states, strips, sizes and gradients, bars."""
    stage = stage_of(made_reading("LSTM"))
    stage.show(6)
    digit, states, gradients, sizes = (place(axes) for axes in upper_row(stage))
    strips = [place(axes) for _, axes in strips_of(stage)]
    bars = place(bars_of(stage))
    for left, right in ((digit, states), (sizes, gradients)):
        assert (left[1], left[3]) == pytest.approx((right[1], right[3]))
        assert left[0] + left[2] < right[0]
    for left, _, width, _ in (gradients, *strips):
        assert (left, width) == pytest.approx((states[0], states[2]))
    bands = [[digit], strips, [sizes], [bars]]
    for above, below in pairwise(bands):
        assert max(top + height for _, top, _, height in above) < min(top for _, top, _, _ in below)
    assert_texts_are_apart(stage.figure)
    titles = {text.get_text(): text.get_position() for text in stage.figure.texts}
    for words, (left, top, *_) in (
        ("gates, states of row t", strips[0]),
        ("belief, had the digit ended at row t", bars),
    ):
        assert titles[words][0] == pytest.approx(left / SIZE[0])
        assert 0 < titles[words][1] - (1 - top / SIZE[1]) < 0.02
    for axes in upper_row(stage)[1:3]:
        assert axes.get_xlabel() == "5 units"
        assert not axes.get_xticks().size
        assert not axes.get_yticks().size
    assert ticks(digit_of(stage).yaxis) == [(row, str(row)) for row in range(1, T + 1)]


@every_cell
def test_words_are_large_enough_for_a_phone_and_the_digit_too(cell):
    """The figure is about as wide as a phone, so that a point is nearly a point there."""
    stage = stage_of_cell(cell)
    stage.show(0)
    assert SIZE[0] == 3.9
    assert min(text.get_size() for text in visible_texts(stage.figure)) >= 7.5
    assert max(place(digit_of(stage))[2:]) == pytest.approx(1.55)
    assert_texts_are_apart(stage.figure)


@pytest.mark.parametrize(("frame", "row"), FORWARD)
def test_going_forward_the_headline_is_the_answer_at_the_row(made, frame, row):
    seen, stage = made
    stage.show(frame)
    share = seen.belief[row, ANSWERS[row]]
    assert headline(stage) == (
        f"Forward, row {row + 1} of {T}:\nthe answer would be {ANSWERS[row]}, with {round(100 * share)}%"
    )


@pytest.mark.parametrize(("frame", "row"), BACK)
def test_coming_back_the_headline_is_the_size_of_the_gradient_at_the_row(made, frame, row):
    seen, stage = made
    stage.show(frame)
    found = re.fullmatch(rf"Back, row (\d) of {T}:\n‖dL/dh‖ = (.+)", headline(stage))
    assert int(found[1]) == row + 1
    assert float(found[2]) == pytest.approx(norm(seen.gradients["h"][row]), rel=0.05)
    assert len(found[2].partition("e")[0].replace(".", "").lstrip("0")) <= 2


@pytest.mark.parametrize(("frame", "row"), FORWARD + BACK)
def test_every_frame_has_the_bars_of_its_row(made, frame, row):
    seen, stage = made
    stage.show(frame)
    bars = bars_of(stage).containers[0]
    assert [bar.get_height() for bar in bars] == seen.belief[row].tolist()
    assert [bar.get_x() + bar.get_width() / 2 for bar in bars] == pytest.approx(range(K))
    assert {bar.get_y() for bar in bars} == {0}
    assert max(seen.belief[row]) < bars_of(stage).get_ylim()[1]


def test_the_bars_are_counted_by_class_from_0_to_1_and_that_of_the_loss_is_grey(made):
    """The grey is behind the bars."""
    seen, stage = made
    axes = bars_of(stage)
    assert ticks(axes.xaxis) == [(number, str(number)) for number in range(K)]
    assert ticks(axes.yaxis) == [(0, "0"), (0.5, "½"), (1, "1")]
    assert axes.get_ylim()[0] == 0
    stage.show(0)
    drawn = picture(stage.figure)
    above = colours_at(drawn, axes, np.arange(K) - 0.45, np.full(K, 0.93))
    grey = [to_hex(colour) == "#e8e8e8" for colour in above]
    assert grey == [number == TARGET for number in range(K)]
    within = colours_at(drawn, axes, np.arange(K), seen.belief[0] / 2)
    assert {to_hex(colour) for colour in within} == {"#0072b2"}


@pytest.mark.parametrize(("frame", "row"), FORWARD + BACK)
@every_cell
def test_every_frame_has_the_gates_and_signals_of_its_row_by_their_names(cell, frame, row):
    seen = made_reading(cell)
    stage = stage_of_cell(cell)
    stage.show(frame)
    expected = [(name, called, SHARE, 0) for name, called in GATES[cell].items()]
    expected += [(name, called, SIGNED, -1) for name, called in SIGNALS[cell].items()]
    drawn = picture(stage.figure) if frame in (2, 7) else None
    for (words, axes), (name, called, colours, low) in zip(strips_of(stage), expected, strict=True):
        by, divided = (LARGEST_C, " ÷ 3.4") if name == "c" else (1, "")
        assert words == f"{name}  {called}{divided}"
        values = seen.gates[name][row : row + 1, ORDER] / by
        (image,) = axes.images
        np.testing.assert_array_equal(image.get_array(), values)
        if drawn is not None:
            assert_shows(drawn, axes, values, colours, low, 1)


@pytest.mark.parametrize(("frame", "row"), FORWARD)
def test_going_forward_the_states_up_to_the_row_are_seen_and_no_gradient(made, frame, row):
    seen, stage = made
    stage.show(frame)
    drawn = picture(stage.figure)
    h = seen.gates["h"][:, ORDER].copy()
    h[row + 1 :] = np.nan
    axes = panel(stage, "h, state after row t")
    assert_shows(drawn, axes, h, SIGNED, -1, 1)
    assert_shows(drawn, panel(stage, "dL/dh, row ÷ its largest"), np.full((T, H), np.nan), SIGNED, -1, 1)
    (line,) = panel(stage, "‖dL/dh‖").lines
    assert not len(line.get_xdata())
    assert not len(line.get_ydata())


@pytest.mark.parametrize(("frame", "row"), BACK)
def test_coming_back_all_states_are_seen_and_the_gradients_from_the_row_on(made, frame, row):
    seen, stage = made
    stage.show(frame)
    drawn = picture(stage.figure)
    assert_shows(drawn, panel(stage, "h, state after row t"), seen.gates["h"][:, ORDER], SIGNED, -1, 1)
    directions = np.full((T, H), np.nan)
    for r in range(row, T):
        directions[r] = seen.gradients["h"][r, ORDER] / max(abs(seen.gradients["h"][r]))
    assert_shows(drawn, panel(stage, "dL/dh, row ÷ its largest"), directions, SIGNED, -1, 1)
    (line,) = panel(stage, "‖dL/dh‖").lines
    assert line.get_ydata().tolist() == [r + 1 for r in range(row, T)]
    expected = [norm(seen.gradients["h"][r]) for r in range(row, T)]
    np.testing.assert_allclose(line.get_xdata(), expected, rtol=1e-12)


def test_the_sizes_stand_on_a_scale_of_powers_of_ten_level_with_the_maps(made):
    seen, stage = made
    axes = panel(stage, "‖dL/dh‖")
    assert axes.get_xscale() == "log"
    assert axes.get_ylim() == (T + 0.5, 0.5)
    low, high = axes.get_xlim()
    sizes = [norm(row) for row in seen.gradients["h"]]
    assert low <= min(sizes) < 10 * low
    assert high / 10 < max(sizes) <= high
    assert ticks(axes.xaxis) == [(low, f"{low:g}"), (high, f"{high:g}")]
    assert np.log10([low, high]).round(9).tolist() == [round(np.log10(low)), round(np.log10(high))]
    assert not axes.get_yticks().size


@pytest.mark.parametrize(("frame", "row"), FORWARD + BACK)
def test_what_has_not_been_read_yet_is_veiled_in_blue(made, frame, row):
    seen, stage = made
    stage.show(frame)
    axes = digit_of(stage)
    rows, columns = np.indices((T, D)) + 1
    found = colours_at(picture(stage.figure), axes, columns.ravel(), rows.ravel()).reshape(T, D, 3)
    shown = colormaps["gray"](seen.image / seen.image.max())[..., :3]
    if frame < T:
        blue = np.array([0, 0x72, 0xB2]) / 255
        shown[row + 1 :] = 0.7 * shown[row + 1 :] + 0.3 * blue
    np.testing.assert_allclose(found, shown, atol=0.02)
    (veil,) = [patch for patch in axes.patches if patch.get_fill()]
    assert (veil.get_x(), veil.get_width()) == (0.5, D)
    assert (veil.get_y() + veil.get_height(), veil.get_height()) == (T + 0.5, max(T - 1 - frame, 0))
    np.testing.assert_array_equal(axes.images[0].get_array(), seen.image)
    assert not axes.get_xticks().size


@pytest.mark.parametrize(("frame", "row"), FORWARD + BACK)
def test_the_row_of_the_frame_is_framed_in_the_digit_the_maps_and_the_sizes(made, frame, row):
    _, stage = made
    stage.show(frame)
    for axes in upper_row(stage):
        (mark,) = [patch for patch in axes.patches if not patch.get_fill()]
        left, top, right, bottom = mark.get_bbox().extents
        assert sorted((top, bottom)) == [row + 0.5, row + 1.5]
        assert sorted((left, right)) == pytest.approx(sorted(axes.get_xlim()))
        assert to_hex(mark.get_edgecolor()) == "#d55e00"


def test_frames_may_be_shown_in_any_order(made):
    """As by the player's slider; a frame is the same whatever was shown before it."""
    _, stage = made
    seen = []
    for frame in (3, 11, 3):
        stage.show(frame)
        seen.append(picture(stage.figure))
    np.testing.assert_array_equal(seen[0], seen[2])
    assert (seen[0] != seen[1]).any()


# ---------------------------------------------------------------- read back: what is on the page


def short_reading():
    """The first three rows of a reading."""
    seen = made_reading("GRU")
    return replace(
        seen,
        image=seen.image[:3],
        belief=seen.belief[1:4],
        gates={name: values[:3] for name, values in seen.gates.items()},
        target=5,
        gradients={"h": seen.gradients["h"][:3]},
    )


@pytest.fixture(scope="module")
def short():
    """The page of a short reading, and its frames by their number."""
    html = page(short_reading(), "GRU & <b>")
    frames = re.findall(r'frames\[(\d+)\] = "data:image/webp;base64,([^"]+)"', html)
    return html, [(int(number), np.asarray(decoded(data))) for number, data in frames]


def decoded(data):
    return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")


def test_the_frames_of_the_page_are_those_of_the_stage_in_order(short):
    stage = stage_of(short_reading())
    assert [number for number, _ in short[1]] == [0, 1, 2, 3, 4, 5]
    said = []
    for number, found in short[1]:
        assert found.shape[:2] == (1048, 624)
        stage.show(number)
        said.append(headline(stage).partition(" of")[0])
        file = io.BytesIO()
        with rc_context(STYLE):
            stage.figure.savefig(file, format="png", dpi=160)
        shades = np.abs(found.astype(int) - np.asarray(Image.open(file).convert("RGB")))
        assert shades.max() <= 4
    assert said == [
        "Forward, row 1", "Forward, row 2", "Forward, row 3", "Back, row 3", "Back, row 2", "Back, row 1",
    ]  # fmt: skip
    assert len({found.tobytes() for _, found in short[1]}) == 6


def test_the_page_says_how_many_rows_there_are_and_of_which_class_the_loss_is(short):
    text = re.sub(r"\s+", " ", short[0])
    assert "one of its 3 rows in each frame" in text
    assert "the gradient of the loss L of class 5, grey among the bars" in text
    assert "<title>GRU &amp; &lt;b&gt;</title>" in text
    assert "<h1>GRU &amp; &lt;b&gt;</h1>" in text
    # These are the colours of figures: see test_inside_figures.
    assert "orange is positive, blue is negative, and gates run from white, 0, to dark blue, 1." in text
    assert (
        "A column is a unit, at the same place everywhere, sorted by the row in which it is most active"
        in text
    )
    assert "$" not in short[0].partition("<script")[0]


def test_the_player_plays_once_two_frames_a_second(short):
    assert re.search(r"new Animation\(frames, img_id, slider_id, 500(\.0)?,", short[0])
    (once,) = re.findall(r'value="once"[^>]*>', short[0])
    (loop,) = re.findall(r'value="loop"[^>]*>', short[0])
    assert "checked" in once
    assert "checked" not in loop


def test_a_page_replaces_an_older_one_as_a_whole(tmp_path):
    path = tmp_path / "player.html"
    path.write_text("older")
    save_player(short_reading(), "newer", path)
    html = path.read_text(encoding="utf-8")
    assert html.startswith("<!DOCTYPE html>")
    assert html.rstrip().endswith("</html>")
    assert [file.name for file in tmp_path.iterdir()] == ["player.html"]


def test_a_page_that_cannot_be_finished_leaves_the_older_one_as_it_was(tmp_path):
    path = tmp_path / "player.html"
    path.write_text("older")
    with pytest.raises(UnicodeEncodeError):
        save_player(short_reading(), "no letter: \ud800", path)
    assert path.read_text() == "older"
    assert [file.name for file in tmp_path.iterdir()] == ["player.html"]


# ---------------------------------------------------------------- gradients and states at the edge


def test_gradients_that_have_vanished_leave_their_rows_empty():
    seen = made_reading("GRU")
    dh = seen.gradients["h"].copy()
    dh[:2], dh[2] = 0, 1e-40
    stage = stage_of(replace(seen, gradients={"h": dh}))
    stage.show(11)
    (line,) = panel(stage, "‖dL/dh‖").lines
    assert np.isnan(line.get_xdata()).tolist() == [True] * 3 + [False] * 3
    directions = panel(stage, "dL/dh, row ÷ its largest").images[0].get_array()
    assert not directions[:2].any()
    assert np.abs(directions[2]).max() == 1
    assert headline(stage) == f"Back, row 1 of {T}:\n‖dL/dh‖ = 0"


@pytest.mark.parametrize(
    ("sizes", "ends"),
    [
        ([0.02, 0.5], (0.01, 1)),
        ([0.2, 0.3], (0.1, 1)),
        ([1.0, 1.0], (1, 10)),
        ([3e-7, 40], (1e-7, 100)),
        ([0, 0], (0.1, 1)),
    ],
)
def test_the_scale_of_sizes_has_powers_of_ten_around_them(sizes, ends):
    seen = made_reading("GRU")
    dh = np.zeros((T, H))
    dh[:, 1] = [*sizes, *sizes, *sizes]
    axes = panel(stage_of(replace(seen, gradients={"h": dh})), "‖dL/dh‖")
    assert axes.get_xlim() == pytest.approx(ends)


def test_states_beyond_1_are_divided_by_the_largest_in_the_map_too():
    seen = made_reading("SimpleRNN")
    stage = stage_of(replace(seen, gates={"h": -5 * seen.gates["h"]}))
    stage.show(5)
    axes = panel(stage, "h, state after row t")
    assert axes.get_title(loc="left") == "h, state after row t ÷ 4.7"
    assert_shows(picture(stage.figure), axes, -seen.gates["h"][:, ORDER] / 0.94, SIGNED, -1, 1)
    ((words, _),) = strips_of(stage)
    assert words == "h  hidden state ÷ 4.7"
