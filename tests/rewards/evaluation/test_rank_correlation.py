from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.evaluation import rank_correlation
from rewardium.rewards.evaluation.rank_correlation import kendall, ranks, spearman

COLUMNS = st.integers(2, 40).flatmap(
    lambda size: st.tuples(*[st.lists(st.integers(-5, 5).map(float), min_size=size, max_size=size)] * 2)
)


@given(columns=COLUMNS)
def test_they_agree_with_scipy(columns):
    stats = pytest.importorskip("scipy.stats")
    one, two = map(np.array, columns)
    if len(set(columns[0])) == 1 or len(set(columns[1])) == 1:
        assert math.isnan(spearman(one, two))
        assert math.isnan(kendall(one, two))
        return
    assert spearman(one, two) == pytest.approx(stats.spearmanr(one, two).statistic, abs=1e-9)
    assert kendall(one, two) == pytest.approx(stats.kendalltau(one, two).statistic, abs=1e-9)


@pytest.mark.parametrize(
    ("one", "two", "rho", "tau"),
    [
        ([1, 2, 3, 4], [1, 4, 9, 16], 1.0, 1.0),
        ([1, 2, 3, 4], [4, 3, 2, 1], -1.0, -1.0),
        ([1, 2, 3, 4], [1, 2, 4, 3], 0.8, 2 / 3),
        ([1, 1, 2, 2], [1, 2, 1, 2], 0.0, 0.0),
    ],
)
def test_known_orders(one, two, rho, tau):
    assert spearman(np.array(one), np.array(two)) == pytest.approx(rho)
    assert kendall(np.array(one), np.array(two)) == pytest.approx(tau)


def test_long_columns_are_compared_in_parts(monkeypatch):
    draw = np.random.default_rng(0)
    one, two = draw.normal(size=(2, 100))
    whole = kendall(one, two)
    monkeypatch.setattr(rank_correlation, "_ROWS", 7)
    assert kendall(one, two) == whole


def test_ranks_share_ties():
    assert ranks(np.array([5.0, 5.0, 1.0])).tolist() == [2.5, 2.5, 1.0]


@pytest.mark.parametrize("measure", [spearman, kendall])
def test_clear_errors(measure):
    with pytest.raises(RewardiumError, match="one length"):
        measure(np.ones(2), np.ones(3))
    with pytest.raises(RewardiumError, match="finite"):
        measure(np.array([1.0, np.inf]), np.ones(2))
