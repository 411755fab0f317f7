from __future__ import annotations

import math

import pytest
import torch

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.losses import Targets, loss_names, make_loss, register_loss
from rewardium.rewards.learning.preference_data.comparison import Comparison

LOG2 = math.log(2.0)
WIN = Comparison.of("2+2=", ["4", "5"], 1.0)
TIE = Comparison.of("2+2=", ["4", "four"], 0.5)
SCORED = Comparison.of("2+2=", ["4", "5"], scores=[1, 0])
LIST = Comparison.of("2+2=", ["4", "5", "6", "four"], scores=[1, 0, 0, 1])
RANKED = Comparison.of("2+2=", ["4", "5", "6"], scores=[2, 1, 0])
ROWS = [SCORED, LIST, RANKED, Comparison.of("?", ["a"], scores=[1])]
NAMES = loss_names()


def value(name, row, scores, **settings):
    rows = row if isinstance(row, list) else [row]
    loss, _ = make_loss(name, settings)(torch.tensor(scores, dtype=torch.float64), Targets.of(rows))
    return loss.item()


def sigmoid(x):
    return 1.0 / (1.0 + math.exp(-x))


EQUAL_SCORES = {
    "margin": math.log1p(math.e),
    "regression": 0.5,
    "smooth_hinge": 0.1,
    "rao_kupper": -math.log(sigmoid(-0.5)),
    "davidson": math.log(3),
}


@pytest.mark.parametrize("name", NAMES)
def test_equal_scores(name):
    assert value(name, SCORED, [[0.0, 0.0]]) == pytest.approx(EQUAL_SCORES.get(name, LOG2))


SAME_AS_BRADLEY_TERRY = [
    ("margin", {"scale": 0.0}),
    ("scaled_bradley_terry", {}),
    ("listwise", {"order": "best"}),
    ("listwise", {"order": "all"}),
    ("positive_mass", {}),
    ("rao_kupper", {"threshold": 0.0}),
    ("davidson", {"tie": 0.0}),
    ("win_tie", {}),
]


@pytest.mark.parametrize(("name", "settings"), SAME_AS_BRADLEY_TERRY)
@pytest.mark.parametrize("distance", [-3.0, 0.0, 0.7, 40.0])
def test_two_responses_are_bradley_terry(name, settings, distance):
    expected = math.log1p(math.exp(-distance))
    assert value("bradley_terry", SCORED, [[distance, 0.0]]) == pytest.approx(expected, abs=1e-12)
    assert value(name, SCORED, [[distance, 0.0]], **settings) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", ["rao_kupper", "davidson"])
def test_probabilities_of_the_three_outcomes_sum_to_one(name):
    lost = Comparison.of("?", ["a", "b"], 0.0)
    for distance in (-2.0, 0.0, 1.3):
        total = sum(math.exp(-value(name, row, [[distance, 0.0]])) for row in (WIN, TIE, lost))
        assert total == pytest.approx(1.0)


@pytest.mark.parametrize(("name", "settings"), [("rao_kupper", {"threshold": 0.0}), ("davidson", {"tie": 0.0})])
def test_ties_count_nothing_where_there_are_none(name, settings):
    assert value(name, TIE, [[3.0, 0.0]], **settings) == 0.0


@pytest.mark.parametrize("name", ["bradley_terry", "rao_kupper", "davidson", "win_tie", "margin", "smooth_hinge"])
def test_a_tie_is_best_at_equal_scores(name):
    losses = [value(name, TIE, [[distance, 0.0]]) for distance in (-4.0, 0.0, 4.0)]
    assert losses[0] == pytest.approx(losses[2])
    assert losses[1] < losses[0]


def test_margin_and_scale():
    strong = Comparison.of("?", ["a", "b"], 1.0, strength=2.0)
    assert value("margin", strong, [[3.0, 0.0]]) == pytest.approx(math.log1p(math.exp(-1.0)))
    assert value("margin", strong, [[3.0, 0.0]], most=1.0) == pytest.approx(math.log1p(math.exp(-2.0)))
    assert value("scaled_bradley_terry", strong, [[0.0, 0.0]]) == pytest.approx(2 * LOG2)
    graded = Comparison.of("?", ["a", "b"], scores=[4, 1])
    assert value("scaled_bradley_terry", graded, [[0.0, 0.0]]) == pytest.approx(3 * LOG2)


def test_soft_labels_and_smoothing():
    soft = Comparison.of("?", ["a", "b"], 0.75)
    expected = -0.75 * math.log(sigmoid(1.0)) - 0.25 * math.log(sigmoid(-1.0))
    assert value("bradley_terry", soft, [[1.0, 0.0]]) == pytest.approx(expected)
    assert value("bradley_terry", WIN, [[1.0, 0.0]], label_smoothing=0.25) == pytest.approx(expected)
    assert value("win_tie", WIN, [[1.0, 0.0]], label_smoothing=0.25) == pytest.approx(expected)


def test_right_and_wrong_responses_are_the_mean_over_their_pairs():
    right, wrong = (1.0, -2.0), (0.5, 0.0)
    pairs = [-math.log(sigmoid(a - b)) for a in right for b in wrong]
    found = value("bradley_terry", LIST, [[right[0], wrong[0], wrong[1], right[1]]], ties="skip")
    assert found == pytest.approx(sum(pairs) / 4)


def test_lists():
    scores = [[1.0, 0.0, -1.0]]
    total, rest = math.e + 1 + 1 / math.e, 1 + 1 / math.e
    best = math.log(total) - 1.0
    assert value("listwise", RANKED, scores) == pytest.approx(best)
    assert value("listwise", RANKED, scores, order="all") == pytest.approx((best + math.log(rest)) / 2)
    shared = [[0.0, 0.0, 0.0, 0.0]]
    assert value("listwise", LIST, shared) == pytest.approx(math.log(4))
    assert value("positive_mass", LIST, shared) == pytest.approx(LOG2)
    assert value("positive_mass", LIST, [[1.0, 0.0, 0.0, -1.0]], temperature=0.5) == pytest.approx(
        math.log(math.exp(2) + math.exp(-2) + 2) - math.log(math.exp(2) + math.exp(-2))
    )


def test_win_tie():
    assert value("win_tie", WIN, [[3.0, 0.0]], margin=1.0) == pytest.approx(math.log1p(math.exp(-2.0)))
    assert value("win_tie", TIE, [[0.0, 0.0]], margin=1.0) == pytest.approx(2 * math.log1p(math.exp(1.0)))
    assert value("win_tie", SCORED, [[0.0, 0.0]], outcome_weight=1.0) == pytest.approx(2 * LOG2)


@pytest.mark.parametrize(("t", "expected"), [(1.0, 0.0), (0.0, 0.1), (-4.0, 2.5), (-6.0, 4.5)])
def test_smooth_hinge(t, expected):
    assert value("smooth_hinge", WIN, [[t, 0.0]]) == pytest.approx(expected)


def test_single_responses():
    one = Comparison.of("?", ["a"], scores=[0.25])
    assert value("outcome_cross_entropy", one, [[2.0]]) == pytest.approx(
        -0.25 * math.log(sigmoid(2.0)) - 0.75 * math.log(sigmoid(-2.0))
    )
    assert value("regression", one, [[2.0]]) == pytest.approx(1.75**2)
    assert value("bradley_terry", one, [[2.0]]) == 0.0


def test_centering():
    assert value("bradley_terry", WIN, [[2.0, 2.0]], centering=0.5) == pytest.approx(LOG2 + 2.0)


@pytest.mark.parametrize("name", NAMES)
def test_gradients(name):
    torch.manual_seed(0)
    scores = torch.randn(len(ROWS), 4, dtype=torch.float64, requires_grad=True)
    loss = make_loss(name)
    targets = Targets.of(ROWS)
    assert torch.autograd.gradcheck(lambda x: loss(x, targets)[0], (scores,))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_missing_is_not_read(name):
    torch.manual_seed(0)
    targets = Targets.of(ROWS)
    scores = torch.randn(len(ROWS), 4)
    spoilt = torch.where(targets.mask, scores, float("nan")).requires_grad_(True)
    clean, _ = make_loss(name)(scores, targets)
    loss, metrics = make_loss(name)(spoilt, targets)
    loss.backward()
    assert loss.item() == pytest.approx(clean.item())
    assert torch.isfinite(spoilt.grad[targets.mask]).all()
    assert (spoilt.grad[~targets.mask] == 0).all()
    assert all(math.isfinite(number) for number in metrics.values())


@pytest.mark.parametrize("name", NAMES)
def test_parts_add_up(name):
    torch.manual_seed(0)
    scores, loss = torch.randn(len(ROWS), 4), make_loss(name)
    whole = loss(scores, Targets.of(ROWS))[0]
    parts = [loss(scores[i : i + 1, : len(row.responses)], Targets.of([row]))[0] for i, row in enumerate(ROWS)]
    assert whole.item() == pytest.approx(torch.stack(parts).mean().item(), rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_responses_does_not_matter(name):
    torch.manual_seed(1)
    scores = torch.randn(1, 4)
    order = [2, 0, 3, 1]
    one = make_loss(name)(scores, Targets.of([LIST]))[0]
    other = make_loss(name)(scores[:, order], Targets.of([LIST.subset(order)]))[0]
    assert one.item() == pytest.approx(other.item(), rel=1e-5)


def test_accuracy():
    _, metrics = make_loss("bradley_terry")(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), Targets.of([WIN, WIN]))
    assert metrics == {"accuracy": 0.5, "margin": 0.0}


WRONG = [
    ("bradley_tery", {}, "did you mean 'bradley_terry'"),
    ("margin", {"size": 1}, "its settings are: scale, most"),
    ("margin", {"scale": -1.0}, "at least 0"),
    ("margin", {"scale": "2"}, "at least 0"),
    ("listwise", {"order": "worst"}, "'best' or 'all'"),
    ("bradley_terry", {"ties": "maybe"}, "'half' or 'skip'"),
    ("bradley_terry", {"label_smoothing": 0.6}, "in \\[0, 0.5\\]"),
    ("davidson", {"tie": float("nan")}, "at least 0"),
]


@pytest.mark.parametrize(("name", "settings", "message"), WRONG)
def test_wrong_settings(name, settings, message):
    with pytest.raises(RewardiumError, match=message):
        make_loss(name, settings)


def test_a_name_is_taken_once():
    with pytest.raises(RewardiumError, match="already taken"):
        register_loss("margin")(lambda: None)
