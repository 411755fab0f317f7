from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.classification_metrics import (
    METRICS,
    Confusion,
    bootstrap_interval,
    confusion,
    precision_at_rate,
)


@pytest.mark.parametrize(
    ("counts", "accuracy", "precision", "recall", "f1"),
    [
        ((3, 1, 2, 4), 0.7, 0.75, 0.6, 2 / 3),
        ((5, 0, 0, 5), 1.0, 1.0, 1.0, 1.0),
        ((0, 5, 5, 0), 0.0, 0.0, 0.0, 0.0),
        ((0, 0, 0, 9), 1.0, None, None, None),
        ((0, 0, 4, 4), 0.5, None, 0.0, 0.0),
        ((0, 3, 0, 1), 0.25, 0.0, None, 0.0),
        ((0, 0, 0, 0), None, None, None, None),
    ],
)
def test_rates_by_hand(counts, accuracy, precision, recall, f1):
    table = Confusion(*counts)
    expected = {"accuracy": accuracy, "precision": precision, "recall": recall, "f1": f1}
    for name, value in expected.items():
        rate = METRICS[name](table)
        assert rate is None if value is None else rate == pytest.approx(value), name


def test_unknown_verdicts_enter_no_rate():
    table = confusion([True, True, False, False, True], [1.0, None, None, 0.0, False])
    assert table == Confusion(1, 0, 1, 1, 1, 1)
    assert table.unknown == 2
    assert table.coverage == pytest.approx(0.6)
    assert table.recall == pytest.approx(0.5)
    assert table.accuracy == pytest.approx(2 / 3)


def test_a_verdict_a_truth():
    with pytest.raises(RewardiumError, match="2 truths and 1 verdicts"):
        confusion([True, False], [True])


verdicts = st.lists(st.tuples(st.booleans(), st.one_of(st.none(), st.booleans())), max_size=30)


@given(verdicts)
def test_f1_is_the_harmonic_mean_and_counts_add_up(rows):
    table = confusion([truth for truth, _ in rows], [verdict for _, verdict in rows])
    assert table.known + table.unknown == len(rows)
    if table.precision and table.recall:
        assert table.f1 == pytest.approx(2 / (1 / table.precision + 1 / table.recall))
    half = len(rows) // 2
    parts = [confusion([t for t, _ in part], [v for _, v in part]) for part in (rows[:half], rows[half:])]
    assert parts[0] + parts[1] == table


@given(st.integers(0, 20), st.integers(0, 20), st.integers(1, 20), st.integers(1, 20))
def test_precision_at_the_rate_of_the_sample_is_its_precision(tp, fp, fn, tn):
    table = Confusion(tp, fp, fn, tn)
    rate = (tp + fn) / table.known
    at_rate = precision_at_rate(table.recall, table.false_positive_rate, rate)
    assert at_rate is None if table.precision is None else at_rate == pytest.approx(table.precision)


def test_precision_falls_with_the_rate():
    assert precision_at_rate(1.0, 0.0, 0.001) == 1.0
    assert precision_at_rate(0.5, 0.5, 0.3) == pytest.approx(0.3)
    assert precision_at_rate(0.0, 0.0, 0.3) is None


def test_the_interval_of_a_certain_rate_is_a_point():
    assert bootstrap_interval([Confusion(2, 0, 0, 3)] * 5, METRICS["f1"]) == (1.0, 1.0)


def test_the_interval_is_the_binomial_one():
    # 100 rows, half of them right: the standard error of the share is 0.05.
    rows = [Confusion(1)] * 50 + [Confusion(0, 0, 1)] * 50
    low, high = bootstrap_interval(rows, METRICS["recall"], samples=4000)
    assert low == pytest.approx(0.402, abs=0.015)
    assert high == pytest.approx(0.598, abs=0.015)


def test_rows_that_belong_together_widen_the_interval():
    single = [Confusion(1)] * 50 + [Confusion(0, 0, 1)] * 50
    grouped = [Confusion(10)] * 5 + [Confusion(0, 0, 10)] * 5
    widths = [high - low for low, high in (bootstrap_interval(rows, METRICS["recall"]) for rows in (single, grouped))]
    assert widths[1] > 2 * widths[0]


def test_the_seed_fixes_the_interval():
    rows = [Confusion(1)] * 7 + [Confusion(0, 1)] * 3
    assert bootstrap_interval(rows, METRICS["precision"], seed=3) == bootstrap_interval(
        rows, METRICS["precision"], seed=3
    )


def test_nothing_defines_the_rate():
    assert bootstrap_interval([], METRICS["f1"]) is None
    assert bootstrap_interval([Confusion(true_negatives=3)], METRICS["recall"]) is None


@pytest.mark.parametrize(("samples", "level"), [(0, 0.95), (10, 0.0), (10, 1.0)])
def test_settings_of_the_bootstrap(samples, level):
    with pytest.raises(RewardiumError, match="bootstrap"):
        bootstrap_interval([Confusion(1)], METRICS["f1"], samples=samples, level=level)
