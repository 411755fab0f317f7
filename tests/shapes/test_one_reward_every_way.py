"""One reward, applied in every way to every shape of environment, pays the same."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from rewardium import rewards
from tests.shapes import ways
from tests.shapes.sources import registered_test_sources

NUM_ENVS, EPISODES = 3, 4
# Weighted, shaped, gated and only logged terms, nodes that remember, and a source that sometimes has no score.
REWARDS = {
    "single-turn text": (
        "0.5 * extrinsic + gate(extrinsic, test_named, otherwise=-0.5) - 0.25 * clip_delta(test_action_size, eta=0.7)"
        "+ count_decay(test_action_size(smallest=0.6)) + 0.0 * length(maximum=16)"
    ),
    "multi-turn text": (
        "extrinsic + 0.1 * count_decay(test_keyword(word='lower'), beta=1) + potential(test_place, gamma=0.9)"
        "+ 0.5 * gate(test_keyword(word='higher'), delta(test_action_size)) - 0.1 * test_remembered"
    ),
    "discrete with messages": (
        "extrinsic + 2.0 * count_decay(test_keyword(word='You')) + potential(test_place) + clip_delta(test_keyword)"
        "+ gate(test_action_size(smallest=1.0), delta(test_place), threshold=1.5)"
    ),
    "continuous with frames": (
        "0.5 * extrinsic + clip_delta(test_brightness(dark=0.045), eta=0.047) + 0.1 * delta(test_action_size)"
        "+ potential(test_brightness(dark=0.0455), gamma=0.95)"
        "+ 0.1 * gate(test_brightness, test_remembered, threshold=0.0465)"
    ),
}


@pytest.fixture(autouse=True)
def _sources():
    with registered_test_sources():
        yield


@pytest.fixture(params=list(ways.SHAPES))
def name(request):
    return request.param


@pytest.fixture
def shape(name):
    return ways.SHAPES[name]


@pytest.fixture
def reward(name):
    return rewards.parse(REWARDS[name] + "+ 0.01 * test_clock")


@pytest.fixture
def at_once(shape, reward):
    return ways.scalar(shape, reward, NUM_ENVS, EPISODES)


def test_the_record_is_worth_comparing(at_once, reward):
    assert len({paid.reward for paid in at_once.values()}) > 3
    assert {key[:2] for key in at_once} == {(env, episode) for env in range(NUM_ENVS) for episode in range(EPISODES)}
    terms = [term for paid in at_once.values() for term in paid.terms.values()]
    assert {valid for *_, valid in terms} == {True, False}
    for index, name in enumerate(next(iter(at_once.values())).terms):
        assert len({list(paid.terms.values())[index][:2] for paid in at_once.values()}) > 1, name
    for paid in at_once.values():
        total = sum(weight * shaped for _, shaped, weight, valid in paid.terms.values() if valid)
        assert paid.reward == pytest.approx(total, abs=1e-5)


def test_the_record_is_right(shape):
    """What sources were shown agrees with episodes played without any wrapper."""
    reward = rewards.parse("test_clock + test_remembered + test_place + extrinsic")
    record = ways.scalar(shape, reward, NUM_ENVS, EPISODES)
    for row in range(NUM_ENVS):
        env = shape.make()
        for episode in range(EPISODES):
            env.reset(seed=row if episode == 0 else None)
            done, step, remembered = False, 0, 0.0
            while not done:
                observation, extrinsic, terminated, truncated, _ = env.step(shape.action(row, episode, step))
                terms = record.pop((row, episode, step)).terms
                place = -len(observation) / 8 if isinstance(observation, str) else -np.abs(observation).sum()
                raw = [terms[f"test_{name}"][0] for name in ("clock", "remembered", "place")]
                assert raw == pytest.approx([100 * episode + step, remembered, place], abs=1e-6)
                assert terms["extrinsic"][0] == pytest.approx(extrinsic)
                done, step, remembered = terminated or truncated, step + 1, remembered + 1 + extrinsic
    assert not record


@pytest.mark.parametrize("mode", list(AutoresetMode), ids=str)
def test_vector_equals_scalar(shape, reward, at_once, mode):
    assert ways.vector(shape, reward, NUM_ENVS, EPISODES, mode) == at_once


@pytest.mark.parametrize("mode", list(AutoresetMode), ids=str)
@pytest.mark.parametrize("every", [4, 10_000])
def test_deferred_equals_scalar(shape, reward, at_once, mode, every):
    assert ways.deferred(shape, reward, NUM_ENVS, EPISODES, mode, every=every) == at_once


def test_processes_equal_scalar(shape, reward, at_once):
    assert ways.vector(shape, reward, NUM_ENVS, EPISODES, AutoresetMode.SAME_STEP, processes=True) == at_once


@pytest.mark.parametrize("mode", list(AutoresetMode), ids=str)
def test_statistics_over_all_environments_are_the_same_deferred(shape, reward, mode):
    normalized = rewards.make("normalize", reward)
    at_once = ways.vector(shape, normalized, NUM_ENVS, EPISODES, mode)
    assert ways.deferred(shape, normalized, NUM_ENVS, EPISODES, mode, every=5) == at_once
    assert at_once != ways.vector(shape, reward, NUM_ENVS, EPISODES, mode)


def test_one_environment_whose_every_row_resets(shape, reward, at_once):
    alone = {key: paid for key, paid in at_once.items() if key[0] == 0}
    assert ways.vector(shape, reward, 1, EPISODES, AutoresetMode.NEXT_STEP) == alone
    assert ways.deferred(shape, reward, 1, EPISODES, AutoresetMode.NEXT_STEP, every=1) == alone
