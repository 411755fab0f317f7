from __future__ import annotations

import math

import numpy as np
import pytest

from rewardium.rewards.learning.bradley_terry import (
    Preference,
    RewardScale,
    bradley_terry_loss,
    pair_accuracy,
    scale_of_pairs,
)


def column(*values):
    return np.array(values, dtype=np.float64)


@pytest.mark.parametrize(
    ("margin", "preference", "loss"),
    [
        (0.0, 1.0, math.log(2)),
        (0.0, 0.5, math.log(2)),
        (2.0, 1.0, math.log1p(math.exp(-2.0))),
        (2.0, 0.0, math.log1p(math.exp(2.0))),
        (2.0, 0.5, 0.5 * (math.log1p(math.exp(-2.0)) + math.log1p(math.exp(2.0)))),
        (1000.0, 1.0, 0.0),
        (-1000.0, 1.0, 1000.0),
    ],
)
def test_loss(margin, preference, loss):
    assert bradley_terry_loss(column(margin), column(0.0), column(preference)) == pytest.approx(loss)
    assert bradley_terry_loss(column(5.0), column(5.0 - margin), column(preference)) == pytest.approx(loss)


def test_a_tie_is_least_where_both_are_equal():
    losses = [bradley_terry_loss(column(margin), column(0.0), column(0.5)) for margin in (-1.0, -0.1, 0.0, 0.1, 1.0)]
    assert min(losses) == losses[2] == pytest.approx(math.log(2))


def test_accuracy_leaves_ties_out_and_counts_equal_rewards_half():
    first, second = column(1.0, 0.0, 3.0, 2.0), column(0.0, 1.0, 3.0, 0.0)
    assert pair_accuracy(first, second, column(1.0, 0.0, 1.0, 0.5)) == pytest.approx(2.5 / 3)
    assert pair_accuracy(first, second, column(0.5, 0.5, 0.5, 0.5)) is None
    assert pair_accuracy(column(), column(), column()) is None


def test_scale_normalises_and_pays_nothing_below_the_quantile():
    scale = RewardScale.of(column(0.0, 2.0, 4.0, 6.0), column(1.0, 1.0, 1.0, 1.0))
    assert (scale.mean, scale.deviation) == (3.0, pytest.approx(math.sqrt(5.0)))
    z = (column(0.0, 2.0, 4.0, 6.0) - 3.0) / math.sqrt(5.0)
    np.testing.assert_allclose(scale.rewards(column(0.0, 2.0, 4.0, 6.0), 0.0), z)
    np.testing.assert_allclose(scale.rewards(column(0.0, 2.0, 4.0, 6.0), 0.5), np.where(z > 0, z, 0.0))
    np.testing.assert_allclose(scale.rewards(column(0.0, 5.9, 6.0, 9.0), 1.0), [0.0, 0.0, z[3], 6 / math.sqrt(5.0)])


def test_rewards_do_not_depend_on_the_rankers_zero_and_unit():
    scores, counts = column(0.3, -1.0, 0.9, 0.1), column(5.0, 1.0, 1.0, 2.0)
    plain = RewardScale.of(scores, counts).rewards(scores, 0.5)
    moved = RewardScale.of(7.0 * scores + 100.0, counts).rewards(7.0 * scores + 100.0, 0.5)
    np.testing.assert_allclose(moved, plain, atol=1e-9)


def test_without_spread_nothing_is_paid():
    assert RewardScale.of(column(2.0, 2.0), column(1.0, 1.0)).rewards(column(2.0, 3.0), 0.5).tolist() == [0.0, 0.0]


def test_the_mean_counts_messages_as_often_as_they_stand_in_pairs():
    pairs = [Preference("a", "b", 1.0), Preference("a", "c", 0.5)]
    scale = scale_of_pairs(["a", "b", "c"], column(4.0, 0.0, 0.0), pairs)
    assert scale.mean == 2.0
    assert scale.quantiles[50] == 0.0
