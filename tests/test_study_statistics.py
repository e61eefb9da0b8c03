"""Intervals, scales and corrections against hand-made numbers and published examples."""

import numpy as np
import pandas as pd
import pytest
from answered import results, study

from mvsd.study.agreement import krippendorff_alpha
from mvsd.study.answers import tidy_answers as answers_of
from mvsd.study.bootstrap import resampled_sums
from mvsd.study.bradley_terry import bradley_terry, strengths
from mvsd.study.holm import holm
from mvsd.study.mixed_model import mixed_model
from mvsd.study.side import balanced_share, side_effect
from mvsd.study.simulate_answers import Design, World
from mvsd.study.two_way import Grid, grid_of, two_way, two_way_share, wilson

PUBLISHED = pd.DataFrame(  # Krippendorff 2011, section C: four observers, twelve units
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, np.nan, np.nan, np.nan],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, np.nan, 3],
        [np.nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, np.nan],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, np.nan],
    ]
).T


def full(sums) -> Grid:
    sums = np.asarray(sums, float)
    return Grid(sums, np.ones_like(sums))


def test_the_two_way_interval_of_two_listeners_who_never_agree_is_as_wide_as_by_hand():
    got = two_way(full([[1, 1], [0, 0]]), 0.5)  # variance (4 + 0 - 4/3, at least 4) / 16, one degree of freedom
    assert (got.high - got.low) / 2 == pytest.approx(12.7062 * 0.5, rel=1e-4)
    assert got.p == 1


def test_with_clusters_of_one_way_alone_the_interval_is_that_of_their_means():
    rng = np.random.default_rng(0)
    means = rng.normal(size=8)
    got = two_way(full(np.repeat(means[:, None], 200, axis=1)), 0.0)
    assert (got.high - got.low) / 2 == pytest.approx(2.3646 * means.std(ddof=1) / np.sqrt(8), rel=1e-3)


def test_several_answers_to_one_item_by_one_listener_count_as_one_cluster():
    once, thrice = full([[1, 0, 1], [1, 1, 0], [0, 1, 1]]), np.array([[1, 0, 1], [1, 1, 0], [0, 1, 1]])
    tripled = Grid(3.0 * thrice, np.full((3, 3), 3.0))
    assert two_way(tripled, 0.5).high == pytest.approx(two_way(once, 0.5).high)


def test_where_all_agree_the_interval_is_that_of_as_many_answers_as_listeners():
    got = two_way_share(full(np.ones((15, 30))))
    low, high = wilson(1.0, 15, 2.1448)
    assert (got.low, got.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high))


def test_listeners_who_all_take_the_left_do_not_make_the_share_exact():
    """Every sum is then half: no variance by listener or item."""
    halved = full(np.add.outer(np.arange(12), np.arange(30)) % 2)
    got = two_way_share(halved)
    low, high = wilson(0.5, 359, 2.2010)  # 12 listeners; 360 answers, one degree of freedom less
    assert (got.low, got.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (0, 0)])
def test_one_listener_or_one_item_gives_no_interval(shape):
    got = two_way_share(full(np.ones(shape)))
    assert np.isnan([got.low, got.high, got.p]).all()


def test_wilson_is_the_published_interval():
    assert wilson(0.8, 10, 1.959964) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))


def test_holm_is_the_textbook_example():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, np.nan, 0.03, 0.005])), [0.03, 0.06, np.nan, 0.06, 0.02])


@pytest.mark.parametrize(("scale", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_that_of_the_published_example(scale, alpha):
    assert krippendorff_alpha(PUBLISHED, scale) == pytest.approx(alpha, abs=5e-4)


def test_alpha_is_1_for_perfect_agreement_and_none_where_nothing_varies():
    assert krippendorff_alpha(pd.DataFrame([[1, 1], [0, 0], [1, 1]])) == 1
    assert np.isnan(krippendorff_alpha(pd.DataFrame([[1, 1], [1, 1]])))
    assert np.isnan(krippendorff_alpha(pd.DataFrame([[1, np.nan], [np.nan, 0]])))


def test_bradley_terry_finds_the_strengths_that_made_the_wins():
    true = np.array([1.0, 0.2, -1.2])
    wins = 1e6 / (1 + np.exp(-(true[:, None] - true)))
    np.fill_diagonal(wins, 0)
    np.testing.assert_allclose(strengths(wins), true, atol=1e-4)


def test_bradley_terry_brackets_the_strengths_and_leaves_out_what_nothing_joins():
    rng = np.random.default_rng(0)
    rows = [(f"l{a}", f"i{b}", *pair[:: 1 if rng.random() < 0.7 else -1])
            for a in range(12) for b in range(12) for pair in (("ours", "blind"), ("blind", "input"))]  # fmt: skip
    answers = pd.DataFrame([*rows, ("l0", "i0", "x", "y")], columns=["listener", "item", "winner", "loser"])
    table = bradley_terry(answers, rng, draws=300)
    assert list(table["method"]) == ["ours", "blind", "input"]
    assert ((table["low"] < table["log_strength"]) & (table["log_strength"] < table["high"])).all()
    assert table["low"][0] < np.log(0.7 / 0.3) < table["high"][0]


def test_the_bootstrap_is_the_mean_with_at_least_the_spread_of_both_ways():
    values = np.random.default_rng(1).normal(size=(20, 1)) + np.random.default_rng(2).normal(size=(1, 30))
    (sums,) = resampled_sums([values], np.random.default_rng(0))
    assert sums.mean() / 600 == pytest.approx(values.mean(), abs=0.03)
    expected = np.sqrt(values.mean(1).var() / 20 + values.mean(0).var() / 30)
    assert sums.std() / 600 == pytest.approx(expected, rel=0.1)


def test_a_listener_who_always_takes_the_left_counts_50_percent():
    world = World(0.65, 0, 0, always_left=1)
    answers = answers_of(results(Design(8, 30), world), study(30))
    lefty = answers[answers["listener"] == "L1"]
    assert lefty["value"].mean() == 0.5
    unbalanced = lefty[lefty["is_left"] | (lefty["item"] == "i1")]
    assert unbalanced["value"].mean() > 0.9
    assert balanced_share(unbalanced) == 0.5


def test_a_pull_to_the_left_is_found_and_leaves_the_share_alone():
    answers = answers_of(results(Design(20, 30), World(0.5, 0.2, 0.2, left_pull=0.62)), study(30))
    effect = side_effect(answers, np.random.default_rng(0))
    assert 0.5 < effect.low < 0.65 < effect.high
    share = two_way_share(grid_of(answers["value"], answers["listener"], answers["item"]))
    assert share.low < 0.5 < share.high
    assert effect.balanced_share == pytest.approx(float(share.mean), abs=1e-9)


def test_the_mixed_model_finds_preference_side_and_spreads():
    answers = answers_of(results(Design(40, 40), World(0.65, 1.0, 0.7, left_pull=0.4), seed=3), study(40))
    fit = mixed_model(answers)
    assert fit.preference_logit == pytest.approx(0.8, abs=0.35)
    assert fit.side_logit == pytest.approx(0.8, abs=0.25)
    assert fit.listener_sd == pytest.approx(1.0, abs=0.3)
    assert fit.item_sd == pytest.approx(0.7, abs=0.3)
