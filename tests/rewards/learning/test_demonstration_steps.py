from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.demonstration_steps import (
    StepModel,
    cut_points,
    discriminability,
    learn_steps,
    mean_squares,
    segment_spread,
    step_rewards,
    weighted_steps,
)


def spread_of(features, cuts):
    return sum(features[a:b].std(axis=0).mean() for a, b in pairwise(cuts))


@given(st.integers(0, 1000), st.integers(2, 4), st.integers(1, 2))
def test_the_cuts_are_the_best_there_are(seed, segments, shortest):
    features = np.random.default_rng(seed).normal(size=(9, 3))
    cuts = cut_points(features, segments, shortest)
    assert cuts[0] == 0
    assert cuts[-1] == 9
    assert min(np.diff(cuts)) >= shortest
    every = [
        [0, *inner, 9] for inner in combinations(range(1, 9), segments - 1) if min(np.diff([0, *inner, 9])) >= shortest
    ]
    assert spread_of(features, cuts) == pytest.approx(min(spread_of(features, other) for other in every))


def test_spreads_are_standard_deviations():
    features = np.random.default_rng(0).normal(size=(6, 4)) + 100.0
    spread = segment_spread(features, 1)
    for start in range(6):
        for end in range(start + 1, 7):
            assert spread[start, end] == pytest.approx(features[start:end].std(axis=0).mean(), abs=1e-9)


def test_a_demonstration_that_is_too_short():
    with pytest.raises(RewardiumError, match="of 5 frames cannot be cut into 3 steps of 2"):
        cut_points(np.zeros((5, 2)), 3)


def test_discriminative_features_are_kept():
    rng = np.random.default_rng(0)
    noise = rng.normal(scale=0.5, size=(3, 12, 6))
    for part in noise:
        part[:4, 2] += 8.0  # feature 2 tells the first step, feature 5 the last
        part[8:, 5] += 8.0
    model = learn_steps(list(noise), 3, kept=1)
    assert model.features[[0, 2], 0].tolist() == [2, 5]
    inside, outside = np.concatenate(noise[:, :4]), np.concatenate(noise[:, 4:])
    by_hand = 5 * abs(inside[:, 2].mean() - outside[:, 2].mean()) - inside[:, 2].std() - outside[:, 2].std()
    assert discriminability(inside, outside, 5.0)[2] == pytest.approx(by_hand)
    np.testing.assert_allclose(model.mean[0], inside[:, 2].mean())


def test_scores_have_their_closed_form():
    model = StepModel(
        features=np.array([[0, 1], [1, 2]]),
        mean=np.array([[0.0, 1.0], [2.0, 0.0]]),
        deviation=np.array([[1.0, 2.0], [1.0, 1.0]]),
        farthest=np.array([4.0, 10.0]),
    )
    frame = np.array([[2.0, 3.0, 1.0]])
    np.testing.assert_allclose(mean_squares(frame, model), [[(4 + 1) / 2, (1 + 1) / 2]])
    np.testing.assert_allclose(step_rewards(frame, model), [[np.exp(-1.25), np.exp(-0.5)]])
    np.testing.assert_allclose(step_rewards(frame, model, "linear"), [[1 - 2.5 / 4, 0.9]])
    np.testing.assert_allclose(weighted_steps(np.array([[1.0, 0.5, 0.25]])), [(2 * 0.5 + 4 * 0.25) / 6])


def test_rewards_rise_along_a_demonstration_that_was_held_out():
    rng = np.random.default_rng(1)
    directions = rng.normal(size=(4, 16))

    def demonstration(length):
        stage = np.repeat(np.arange(4), length)
        return directions[stage] + rng.normal(scale=0.15, size=(4 * length, 16)), stage

    model = learn_steps([demonstration(length)[0] for length in (5, 6, 7)], 4, kept=8)
    frames, stage = demonstration(6)
    rewards = weighted_steps(step_rewards(frames, model))
    assert ((rewards >= 0) & (rewards <= 1)).all()
    means = [rewards[stage == index].mean() for index in range(4)]
    assert means == sorted(means)
    assert means[3] - means[0] > 0.2
    linear = step_rewards(frames, model, "linear")
    assert ((linear >= 0) & (linear <= 1)).all()
    assert (linear.argmax(axis=1) == stage).mean() > 0.9
