"""docs/optimizers.md: what it claims of the optimizers, what its blocks print, and its figure."""

import re
import runpy
from functools import partial

import numpy as np
import pytest
import valley
from helpers import ROOT, printed_and_shown, random_arrays

from scratch_rnn import SGD, Adagrad, Adam, AdamW, Nadam, RMSprop

PAGE = (ROOT / "docs" / "optimizers.md").read_text(encoding="utf-8")


def steps(optimizer, gradients, w=0.0):
    """Return by how much the weight changes at each step by these gradients."""
    weight, changes = np.array([w]), []
    for gradient in gradients:
        before = weight.copy()
        optimizer.apply([np.array([gradient])], [weight])
        changes.append((weight - before).item())
    return np.array(changes)


def test_what_the_page_shows_is_what_its_code_prints():
    pairs = printed_and_shown(PAGE)
    assert len(pairs) == PAGE.count("```python")
    for printed, shown in pairs:
        assert printed == shown


# Section 2 -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.45, 0.6])
def test_in_a_bowl_a_step_of_descent_keeps_one_minus_rate_times_curvature(rate):
    w, optimizer, curvature = np.array([1.0]), SGD(rate), 4.0
    for step in range(1, 6):
        optimizer.apply([curvature * w], [w])
        assert w.item() == pytest.approx((1 - rate * curvature) ** step, rel=1e-12)


def test_the_table_of_the_valley_is_what_the_script_prints():
    for name, make in valley.OPTIMIZERS.items():
        here, turned = (valley.share_left(valley.path(make(), degrees))[-1] for degrees in (0, 45))
        assert f"| {name} | {valley.in_percent(here)} | {valley.in_percent(turned)} |\n" in PAGE
    table = valley.as_table()
    assert list(table.columns[0].cells) == list(valley.OPTIMIZERS)
    assert list(table.columns[-1].cells) == re.findall(
        r"^\| .*, rate .* \| (.+) \|$", PAGE, flags=re.MULTILINE
    )


@pytest.mark.parametrize("options", [{}, {"momentum": 0.8}, {"momentum": 0.8, "nesterov": True}])
def test_descent_and_momentum_do_not_know_where_the_axes_are(options):
    straight, turned = (valley.path(SGD(0.05, **options), degrees) for degrees in (0, 45))
    np.testing.assert_allclose(turned, straight, rtol=0, atol=1e-12)


def test_the_figure_shows_each_path_under_its_name():
    paths = {name: valley.path(make()) for name, make in valley.OPTIMIZERS.items()}
    figure = valley.drawn(paths)
    assert [axes.get_title(loc="left") for axes in figure.axes] == list(paths)
    for axes, points in zip(figure.axes, paths.values(), strict=True):
        np.testing.assert_array_equal(axes.lines[1].get_xydata(), points)
        assert axes.get_title(loc="right") == f"{valley.in_percent(valley.share_left(points)[-1])} left"
        (low, high), (lowest, highest) = axes.get_xlim(), axes.get_ylim()
        assert low < points[:, 0].min() and points[:, 0].max() < high
        assert lowest < points[:, 1].min() and points[:, 1].max() < highest


def test_the_script_writes_the_figure(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("sys.argv", ["valley.py"])
    monkeypatch.setattr("interleave.FIGURES", tmp_path)
    runpy.run_path(valley.__file__, run_name="__main__")
    assert (tmp_path / "valley.png").stat().st_size > 10_000
    assert "what is left of the loss" in capsys.readouterr().out


# Sections 3 and 4 ------------------------------------------------------------------------------------------


def test_with_momentum_steps_add_up_where_gradients_agree_and_shrink_where_they_alternate():
    same = steps(SGD(0.1, momentum=0.9), np.full(300, 2.0))
    alternating = steps(SGD(0.1, momentum=0.9), 2.0 * (-1.0) ** np.arange(300))
    assert same[-1] == pytest.approx(-0.1 * 2 / (1 - 0.9), rel=1e-9)
    assert abs(alternating[-1]) == pytest.approx(0.1 * 2 / (1 + 0.9), rel=1e-9)


def test_a_new_learning_rate_leaves_the_velocity_as_it_is():
    optimizer = SGD(0.1, momentum=0.5)
    (first,) = steps(optimizer, [1.0])
    optimizer.learning_rate = 0.001
    assert steps(optimizer, [0.0]) == pytest.approx([0.5 * first])


# Sections 5 and 6 ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_steps_of_adagrad_fall_with_the_root_of_their_number_whatever_the_gradient(size):
    changes = steps(Adagrad(0.1, initial_accumulator_value=0, epsilon=0), np.full(20, size))
    np.testing.assert_allclose(-changes, 0.1 / np.sqrt(np.arange(1, 21)), rtol=1e-12)


def test_the_first_step_of_rmsprop_is_longer_than_its_rate_and_later_ones_are_as_long():
    changes = steps(RMSprop(0.1, epsilon=0), np.full(200, 5.0))
    assert -changes[0] == pytest.approx(0.1 / np.sqrt(1 - 0.9), rel=1e-12)
    assert -changes[0] / 0.1 == pytest.approx(3.2, abs=0.05)
    assert -changes[-1] == pytest.approx(0.1, rel=1e-6)


def test_a_gradient_far_below_the_root_of_epsilon_is_followed_as_by_plain_descent():
    gradient = 1e-7
    assert steps(RMSprop(0.1), [gradient]) == pytest.approx(
        steps(SGD(0.1 / np.sqrt(1e-7)), [gradient]), rel=1e-6
    )


def test_centered_steps_are_longer_where_gradients_agree_and_the_same_where_they_are_noise():
    rng = np.random.default_rng(0)
    lengths = {}
    for kind, gradients in (("agree", 1 + 0.1 * rng.normal(size=500)), ("noise", rng.normal(size=500))):
        plain, centered = (steps(RMSprop(0.1, 0.99, centered=c), gradients) for c in (False, True))
        lengths[kind] = np.abs(centered[400:]).mean() / np.abs(plain[400:]).mean()
    assert lengths["agree"] > 5
    assert lengths["noise"] == pytest.approx(1, abs=0.05)


# Section 7 -------------------------------------------------------------------------------------------------


def test_averages_that_begin_with_zero_are_too_small_by_one_minus_the_power():
    """The expectation over many weights, whose gradients are random with mean 3 and mean square 10."""
    rng, optimizer, w = np.random.default_rng(0), Adam(), np.zeros(200_000)
    for t in range(1, 6):
        optimizer.apply([rng.normal(3, 1, w.size)], [w])
        (kept,) = optimizer.slots
        assert kept["mean"].mean() == pytest.approx((1 - 0.9**t) * 3, rel=0.005)
        assert kept["mean_square"].mean() == pytest.approx((1 - 0.999**t) * 10, rel=0.005)


def test_uncorrected_steps_of_adam_would_be_too_long_at_first_and_longer_still():
    t = np.arange(1, 21)
    corrected = steps(Adam(0.1, epsilon=0), np.full(20, 3.0))
    uncorrected = corrected * (1 - 0.9**t) / np.sqrt(1 - 0.999**t)  # (E14) taken back
    np.testing.assert_allclose(corrected, -0.1, rtol=1e-12)
    assert -uncorrected[0] / 0.1 == pytest.approx(3.2, abs=0.05)
    assert (np.diff(-uncorrected[:10]) > 0).all()


def test_epsilon_counts_in_keras_form_as_a_larger_one_counts_in_algorithm_1():
    gradients, epsilon = [0.5, -0.25, 0.125], 0.01
    w, m, v, expected = 2.0, 0.0, 0.0, []
    for t, g in enumerate(gradients, 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        larger = epsilon / np.sqrt(1 - 0.999**t)
        expected.append(-0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + larger))
    assert steps(Adam(0.1, epsilon=epsilon), gradients, w) == pytest.approx(expected, rel=1e-12)
    assert 1 / np.sqrt(1 - 0.999) == pytest.approx(32, abs=0.5)


def test_steps_of_adam_are_short_where_gradients_are_noise():
    agree = steps(Adam(0.1), np.full(500, 1.0))
    noise = steps(Adam(0.1), np.random.default_rng(0).normal(size=500))
    assert np.abs(noise[100:]).mean() < 0.3 * np.abs(agree[100:]).mean()


# Sections 8 and 9 ------------------------------------------------------------------------------------------


def test_in_plain_descent_decay_is_the_gradient_of_a_square():
    w, other = np.array([2.0, -3.0]), np.array([2.0, -3.0])
    decayed, l2 = SGD(0.1, weight_decay=0.5), SGD(0.1)
    for g in random_arrays((2,), (2,), (2,)):
        decayed.apply([g], [w])
        l2.apply([g + 0.5 * other], [other])
    np.testing.assert_allclose(w, other, rtol=1e-14)


def test_nadam_with_a_constant_gradient_nears_the_rate_from_both_sides():
    means = -steps(Nadam(1.0, epsilon=0), np.ones(100))
    assert [f"{means[t - 1]:.2f}" for t in (1, 4, 100)] == ["1.06", "0.70", "1.00"]
    momenta = [Nadam()._momentum(t) / 0.9 for t in (100, 101)]
    assert all(0.99 < momentum < 1 for momentum in momenta)


# Sections 10 to 12 -----------------------------------------------------------------------------------------


def test_the_variances_that_the_page_quotes_are_those_of_its_formula():
    for rate, quoted in ((0.1, "0.0526"), (0.01, "0.0050")):
        assert f"{rate / (2 - rate):.4f}" == quoted
        assert quoted in PAGE


WITHOUT_EPSILON = {
    "Adagrad": partial(Adagrad, 0.1, initial_accumulator_value=0, epsilon=0),
    "RMSprop": partial(RMSprop, 0.1, epsilon=0),
    "centered with momentum": partial(RMSprop, 0.1, epsilon=1e-300, centered=True, momentum=0.9),
    "Adam": partial(Adam, 0.1, epsilon=0),
    "AdamW": partial(AdamW, 0.1, epsilon=0),
    "Nadam": partial(Nadam, 0.1, epsilon=0),
}


@pytest.mark.parametrize("make", WITHOUT_EPSILON.values(), ids=WITHOUT_EPSILON)
def test_where_the_rate_is_in_units_of_a_weight_another_unit_of_the_loss_changes_no_bit(make):
    gradients = np.random.default_rng(0).normal(size=20)
    scaled = 2.0**10 * gradients  # a power of two is rounded nowhere
    np.testing.assert_array_equal(steps(make(), gradients, 2.0), steps(make(), scaled, 2.0))


def test_in_plain_descent_the_unit_of_the_loss_goes_into_the_rate():
    gradients = np.random.default_rng(0).normal(size=20)
    np.testing.assert_array_equal(steps(SGD(0.1), gradients), steps(SGD(0.1 / 128), 128 * gradients))


def test_one_exploding_gradient_nearly_stops_adam_for_thousands_of_steps_unless_it_is_clipped():
    gradients = [1e4, *np.ones(2000)]
    plain, clipped = (steps(Adam(1.0, clipnorm=norm), gradients) for norm in (None, 1.0))
    assert np.abs(plain[100:]).max() < 0.01
    np.testing.assert_allclose(clipped, -1, rtol=1e-5)


KEPT = {
    "`SGD`": SGD(),
    "`SGD` with momentum": SGD(momentum=0.9),
    "`Adagrad`": Adagrad(),
    "`RMSprop`": RMSprop(centered=True, momentum=0.9),
    "`Adam`, `AdamW`": AdamW(),
    "`Nadam`": Nadam(),
    "with `use_ema`": SGD(use_ema=True),
}


def test_the_table_of_what_is_kept_names_what_is_kept():
    rows = re.findall(r"^\| (.+) \| (.*) \| (.+) \|$", PAGE.split("## 12.")[1], flags=re.MULTILINE)
    named = {optimizer: set(re.findall(r"`(\w+)`", kept)) for optimizer, kept, _ in rows[1:]}
    named.pop("---", None)
    for optimizer in KEPT.values():
        steps(optimizer, [1.0])
    numbers = {name: set(optimizer.slots[0]) - {"momenta"} for name, optimizer in KEPT.items()}
    assert named == numbers
