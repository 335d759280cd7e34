"""The statistics of a study: spread, equivalence, how many seeds would decide; and its tables."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from keras_reference.study.plan import read_plan
from keras_reference.study.statistics import LEVEL, POWER, equivalence, pairs_needed, power, spread
from keras_reference.study.summary import summarize
from keras_reference.study.tables import more_seeds, pair_rows, spread_rows, tables

STUDY = Path(__file__).parents[1] / "benchmarks" / "results" / "accuracy" / "study"


# Spread and equivalence ----------------------------------------------------------------------------------


def test_a_spread_has_the_deviation_of_a_sample():
    assert spread([96.0, 98.0, 97.0, 99.0]) == {
        "mean": 97.5,
        "sd": pytest.approx(np.sqrt(5 / 3)),
        "least": 96,
        "median": 97.5,
        "most": 99,
    }


def test_one_value_has_no_deviation():
    assert spread([96.0])["sd"] is None


def test_small_differences_around_zero_are_equivalent():
    result = equivalence([0.1, -0.1, 0.2, -0.2, 0.0], 0.3)
    # Error sqrt(0.025 / 5), t = 0.3 / 0.0707 = 4.243 with 4 degrees of freedom: as in printed tables.
    assert result["mean"] == pytest.approx(0, abs=1e-15)
    assert result["sd"] == pytest.approx(np.sqrt(0.025))
    assert result["p"] == pytest.approx(0.0066, abs=1e-4)
    assert result["high"] == pytest.approx(2.776 * 0.0707, abs=1e-3)
    assert result["low"] == pytest.approx(-result["high"])


@pytest.mark.parametrize("sign", [1, -1])
def test_equivalence_is_two_one_sided_tests_of_which_the_worse_counts(sign):
    differences = sign * np.array([0.11, -0.07, 0.23, 0.05, 0.16, -0.02])
    result = equivalence(differences, 0.25)
    # By hand: mean 0.0767, error 0.11237 / sqrt(6) = 0.045874, 5 degrees of freedom; the nearer margin is
    # (0.25 - 0.0767) / 0.045874 = 3.7785 errors away.
    assert result["mean"] == pytest.approx(sign * 0.0766667, rel=1e-5)
    assert result["p"] == pytest.approx(stats.t.sf(3.7785, 5), rel=1e-3)
    reach = stats.t.ppf(0.975, 5) * 0.045874
    interval = result["mean"] - reach, result["mean"] + reach
    assert (result["low"], result["high"]) == pytest.approx(interval, rel=1e-4)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_difference_beyond_the_margin_is_not_equivalent_on_either_side(sign):
    assert equivalence(sign * np.array([0.39, 0.4, 0.41]), 0.3)["p"] > 0.99


@pytest.mark.parametrize(("difference", "p"), [(0.0, 0), (0.2, 0), (-0.3, 1), (0.4, 1)])
def test_equal_differences_have_no_spread_to_test_with(difference, p):
    result = equivalence(np.full(5, difference), 0.3)
    assert result == {"mean": difference, "sd": 0, "low": difference, "high": difference, "p": p}


def test_the_published_study_is_complete_and_its_tests_are_those_of_its_runs():
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in (STUDY / "jobs").iterdir()]
    summary = json.loads((STUDY / "summary.json").read_text(encoding="utf-8"))
    margin = summary["margin"]
    for row in summary["rows"]:
        of_row = [run for run in runs if (run["series"], run["cell"]) == (row["recipe"], row["cell"])]
        assert sorted(run["seed"] for run in of_row) == row["seeds"] == list(range(len(row["seeds"])))
        right = {
            model: np.array([run["models"][model]["right"] for run in of_row]) for model in row["spread"]
        }
        for model, spread_of_model in row["spread"].items():
            assert spread_of_model["mean"] == pytest.approx(right[model].mean() / 100)
            assert spread_of_model["sd"] == pytest.approx(right[model].std(ddof=1) / 100)
        difference = (right["scratch_rnn"] - right["Keras"]) / 100
        sides = [
            stats.ttest_1samp(difference, end, alternative=on)
            for end, on in ((-margin, "greater"), (margin, "less"))
        ]
        assert row["pairs"]["p"] == pytest.approx(max(side.pvalue for side in sides), rel=1e-6, abs=1e-300)
        assert row["pairs"]["mean"] == pytest.approx(difference.mean())
        reach = stats.t.ppf(0.975, len(difference) - 1) * difference.std(ddof=1) / len(difference) ** 0.5
        assert row["pairs"]["high"] - row["pairs"]["mean"] == pytest.approx(reach, abs=1e-9)
        assert row["pairs"]["mean"] - row["pairs"]["low"] == pytest.approx(reach, abs=1e-9)
    plan = read_plan(STUDY.parents[2] / "studies" / "accuracy.json")
    asked = {(name, cell): len(of) for name, one in plan.series.items() for cell, of in one.seeds.items()}
    seeds = {(row["recipe"], row["cell"]): len(row["seeds"]) for row in summary["rows"]}
    assert seeds == asked
    assert min(seeds["adam", cell] for cell in ("gru", "lstm")) >= 20
    assert seeds["adam", "simple_rnn"] >= 40
    assert min(seeds["default", cell] for cell in ("simple_rnn", "gru", "lstm")) >= 5


# How many seeds would decide -----------------------------------------------------------------------------


def exact_power(pairs, mean, sd, margin):
    """The power of TOST: over every deviation that a sample may have, the chance of a mean that decides."""
    critical, root = stats.t.ppf(0.95, pairs - 1), np.sqrt(pairs)
    chances = (np.arange(20000) + 0.5) / 20000
    sample_sd = sd * np.sqrt(stats.chi2.ppf(chances, pairs - 1) / (pairs - 1))
    reach = np.maximum(margin - critical * sample_sd / root, 0)
    low, high = ((end - mean) * root / sd for end in (-reach, reach))
    return np.mean(stats.norm.cdf(high) - stats.norm.cdf(low))


@pytest.mark.parametrize(
    ("pairs", "mean", "sd"), [(8, 0.0, 0.25), (24, 0.05, 0.4), (40, 0.09, 0.5), (450, -0.256, 0.378)]
)
def test_the_power_is_that_of_the_integral_over_all_samples(pairs, mean, sd):
    assert power(pairs, mean, sd, 0.3) == pytest.approx(exact_power(pairs, mean, sd, 0.3), abs=0.01)


def test_too_few_pairs_have_no_power_at_all():
    assert power(3, 0.0, 2.0, 0.3) == 0


@pytest.mark.parametrize(("mean", "sd"), [(0.0, 0.2), (0.2, 0.4), (-0.25, 0.1), (0.1, 1.3)])
def test_the_number_of_pairs_is_the_least_that_has_the_power(mean, sd):
    pairs = pairs_needed(mean, sd, 0.3)
    assert power(pairs - 1, mean, sd, 0.3) < POWER <= power(pairs, mean, sd, 0.3)


def test_near_one_side_of_the_margin_the_number_is_that_of_one_test():
    # Normal approximation: ((1.6449 + 0.8416) * 0.4 / (0.3 - 0.2))² = 98.9, and two more for the t-test.
    assert pairs_needed(0.2, 0.4, 0.3) in range(99, 103)


@pytest.mark.parametrize("mean", [0.3, -0.3, 0.9])
def test_no_number_decides_for_a_mean_outside_the_margin(mean):
    assert pairs_needed(mean, 0.1, 0.3) is None


def test_a_number_that_nobody_can_run_is_none():
    assert pairs_needed(0.29999, 5.0, 0.3) is None


def test_differences_without_a_spread_need_two_pairs():
    assert pairs_needed(0.0, 0.0, 0.3) == 2


def test_what_has_not_decided_needs_more_pairs_than_there_are(rng):
    undecided = 0
    for pairs in (2, 3, 6, 15):
        for mean in (0.0, 0.1, 0.25):
            differences = rng.normal(mean, 0.5, pairs)
            tested = equivalence(differences, 0.3)
            needed = pairs_needed(tested["mean"], tested["sd"], 0.3)
            if tested["p"] >= LEVEL and needed is not None:
                undecided += 1
                assert needed > pairs
    assert undecided > 3


# Summary and tables --------------------------------------------------------------------------------------


def run(cell, seed, ours, theirs=None, series="adam"):
    """Return what a job has returned, with so many right answers of 1,000."""
    rights = {"scratch_rnn": ours} | ({} if theirs is None else {"Keras": theirs})
    return {
        "series": series,
        "cell": cell,
        "seed": seed,
        "models": {model: {"right": right} for model, right in rights.items()},
        "digits": {"train": 5400, "validation": 600, "test": 1000},
        "agreement": 0.9 + seed / 100,
    }


IDENTITY = {"keras": True, "margin": 0.3, "recipes": {"best": {}, "adam": {}}, "versions": {}}
PAIRS = [
    run("gru", 0, 970, 965),
    run("lstm", 0, 985, 910),
    run("gru", 2, 966, 955),
    run("gru", 1, 950, 949),
    run("lstm", 1, 975, 940),
    run("simple_rnn", 0, 910, 920),
]


def test_a_summary_has_a_row_a_recipe_and_cell_with_its_runs_in_the_order_of_seeds():
    rows = summarize(IDENTITY, [*PAIRS, run("gru", 7, 990, 991, "best")])["rows"]
    assert [(row["recipe"], row["cell"], row["seeds"]) for row in rows] == [
        ("best", "gru", [7]),
        ("adam", "simple_rnn", [0]),
        ("adam", "gru", [0, 1, 2]),
        ("adam", "lstm", [0, 1]),
    ]
    gru = next(row for row in rows if row["recipe"] == "adam" and row["cell"] == "gru")
    assert gru["accuracies"] == {"scratch_rnn": [97.0, 95.0, 96.6], "Keras": [96.5, 94.9, 95.5]}
    assert gru["agreement"] == [0.9, 0.91, 0.92]
    assert gru["spread"]["Keras"]["mean"] == pytest.approx(95.6333333)
    assert gru["pairs"]["differences"] == [0.5, 0.1, 1.1]
    assert gru["pairs"]["mean"] == pytest.approx(1.7 / 3)


def test_one_pair_and_runs_without_a_twin_are_not_tested():
    one, alone = summarize(IDENTITY, [run("gru", 0, 970, 965)]), summarize(IDENTITY, [run("gru", 0, 970)] * 2)
    assert "pairs" not in one["rows"][0]
    assert "pairs" not in alone["rows"][0]
    assert "agreement" not in alone["rows"][0]


def test_equal_differences_of_counts_have_no_spread():
    pairs = summarize(IDENTITY, [run("gru", seed, 971 + seed, 970 + seed) for seed in range(5)])["rows"][0]
    assert pairs["pairs"]["sd"] == 0


def test_the_rows_of_a_table_have_ours_first():
    rows = [row for row in summarize(IDENTITY, PAIRS)["rows"] if row["cell"] == "gru"]
    assert spread_rows(rows) == [
        ("GRU", "scratch_rnn", "3", "96.20", "1.06", "95.00", "96.60", "97.00"),
        ("GRU", "Keras", "3", "95.63", "0.81", "94.90", "95.50", "96.50"),
    ]
    ((cell, pairs, mean, interval, p, more, same),) = pair_rows(rows)
    assert (cell, pairs, mean) == ("GRU", "3", "+0.567")
    assert interval == "-0.684 to +1.817"  # 0.5667 ± 4.3027 * 0.50332 / sqrt(3)
    assert float(p) == pytest.approx(stats.t.sf((0.3 - 1.7 / 3) / (0.50332 / np.sqrt(3)), 2), abs=0.01)
    assert (more, same) == ("none would", "90.0 to 92.0%")


@pytest.mark.parametrize(
    ("p", "needed", "words"),
    [(0.049, 7, "decided"), (0.05, 1234, "1,231"), (0.4, None, "none would"), (0.05, 3, "1")],
)
def test_how_many_seeds_more_would_decide_in_words(p, needed, words):
    assert more_seeds({"seeds": [4, 5, 6], "pairs": {"p": p, "pairs_needed": needed}}) == words


def test_a_recipe_without_runs_has_no_table():
    assert [table.title for table in tables(summarize(IDENTITY, PAIRS))] == [
        "adam: test accuracy in percent",
        "adam: scratch_rnn minus Keras, in points",
    ]
