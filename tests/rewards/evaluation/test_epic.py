from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.evaluation.epic import (
    Transitions,
    canonical_reward,
    epic_distance,
    of_states,
    pearson_distance,
)

STATES, ACTIONS, GAMMA = 4, 2, 0.9
EVERY = Transitions(*(part.ravel() for part in np.meshgrid(range(STATES), range(ACTIONS), range(STATES))))
NUMBERS = st.integers(-100, 100)
TABLES = st.integers(0, 2**32).map(lambda seed: np.random.default_rng(seed).normal(size=(STATES, ACTIONS, STATES)))
POTENTIALS = arrays(np.float64, STATES, elements=NUMBERS)


def tabular(table):
    return lambda states, actions, next_states: table[states, actions, next_states]


def shaped(table, potential, scale=1.0, shift=0.0):
    difference = GAMMA * potential[None, None, :] - potential[:, None, None]
    return tabular(scale * table + shift + difference)


@given(table=TABLES, potential=POTENTIALS, scale=st.floats(0.1, 10), shift=st.floats(-5, 5))
def test_potentials_positive_scales_and_shifts_change_nothing(table, potential, scale, shift):
    assert epic_distance(tabular(table), shaped(table, potential, scale, shift), EVERY, gamma=GAMMA) < 1e-5


@given(table=TABLES, potential=POTENTIALS)
def test_opposites_are_at_distance_one(table, potential):
    assert epic_distance(tabular(table), shaped(-table, potential), EVERY, gamma=GAMMA) == pytest.approx(1.0, abs=1e-5)


@given(first=TABLES, second=TABLES, third=TABLES)
def test_it_is_a_pseudometric(first, second, third):
    def distance(one, two):
        return epic_distance(tabular(one), tabular(two), EVERY, gamma=GAMMA)

    assert distance(first, second) == pytest.approx(distance(second, first))
    assert distance(first, third) <= distance(first, second) + distance(second, third) + 1e-9


def test_uncorrelated_states_are_half_way_in_the_square():
    one, two = np.array([1.0, -1.0, 1.0, -1.0]), np.array([1.0, 1.0, -1.0, -1.0])
    assert epic_distance(of_states(one), of_states(two), EVERY) == pytest.approx(math.sqrt(0.5))


def test_the_canonical_reward_of_a_state_reward_is_its_distance_from_the_mean():
    values = np.array([1.0, 2.0, 3.0, 6.0])
    canonical = canonical_reward(of_states(values), EVERY, EVERY, GAMMA)
    np.testing.assert_allclose(canonical, (values - 3.0)[EVERY.next_states], atol=1e-12)


def test_a_canonical_reward_by_hand():
    table = np.zeros((2, 1, 2))
    table[0, 0, 1] = 4.0  # paid from 0 to 1 alone
    every = Transitions(np.array([0, 0, 1, 1]), np.zeros(4, dtype=int), np.array([0, 1, 0, 1]))
    # E R(0, A, S') = 2, E R(1, A, S') = 0, E R(S, A, S') = 1
    expected = [0 + 0.5 * 2 - 2 - 0.5, 4 + 0 - 2 - 0.5, 0 + 0.5 * 2 - 0 - 0.5, 0 + 0 - 0 - 0.5]
    np.testing.assert_allclose(canonical_reward(tabular(table), every, every, 0.5), expected)


def test_expectations_do_not_depend_on_how_they_are_cut(monkeypatch):
    from rewardium.rewards.evaluation import epic

    table = np.random.default_rng(0).normal(size=(STATES, ACTIONS, STATES))
    whole = canonical_reward(tabular(table), EVERY, EVERY, GAMMA)
    monkeypatch.setattr(epic, "_PAIRS", 7)
    np.testing.assert_allclose(canonical_reward(tabular(table), EVERY, EVERY, GAMMA), whole)


def test_vectors_as_states():
    draw = np.random.default_rng(0)
    some = Transitions(draw.normal(size=(50, 3)), draw.normal(size=(50, 2)), draw.normal(size=(50, 3)))

    def plain(s, a, t):
        return t[:, 0] - (a**2).sum(axis=1)

    def with_potential(s, a, t):
        return 2.0 * plain(s, a, t) + GAMMA * t[:, 1] ** 2 - s[:, 1] ** 2

    assert epic_distance(plain, with_potential, some, gamma=GAMMA) < 1e-6
    assert epic_distance(plain, lambda s, a, t: t[:, 2], some, gamma=GAMMA) > 0.3


def test_a_constant_has_no_distance():
    assert math.isnan(epic_distance(of_states(np.ones(STATES)), of_states(np.arange(STATES)), EVERY))
    assert math.isnan(pearson_distance(np.full(3, 0.1), np.array([1.0, 2.0, 3.0])))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: epic_distance(of_states(np.ones(4)), of_states(np.ones(4)), EVERY, gamma=1.5), "gamma"),
        (lambda: canonical_reward(of_states(np.ones(4)), EVERY, Transitions(*[np.zeros(0)] * 3)), "samples"),
        (lambda: pearson_distance(np.ones(3), np.ones(4)), "one length"),
        (lambda: pearson_distance(np.array([1.0, np.nan]), np.ones(2)), "finite"),
    ],
    ids=["gamma", "samples", "length", "finite"],
)
def test_clear_errors(call, message):
    with pytest.raises(RewardiumError, match=message):
        call()
