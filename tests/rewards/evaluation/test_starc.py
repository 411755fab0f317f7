"""STARC: what must not matter does not, what is opposite is at the largest distance, and regret follows it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.evaluation.epic import Transitions, epic_distance, of_states
from rewardium.rewards.evaluation.rank_correlation import spearman
from rewardium.rewards.evaluation.starc import policy_values, reward_table, starc_canonical, starc_distance

GAMMA = 0.9
FORMS = ("value", "minimal")


def world(seed, states=5, actions=3):
    rng = np.random.default_rng(seed)
    return rng, rng.dirichlet(np.full(states, 0.5), (states, actions)), rng.normal(size=(states, actions, states))


def shaped(reward, potential, gamma=GAMMA):
    return reward + gamma * potential - potential[:, None, None]


def redistributed(reward, dynamics, rng):
    """Another reward with the same mean over the next states of every action."""
    other = rng.normal(size=reward.shape)
    return reward + other - np.einsum("sat,sat->sa", dynamics, other)[:, :, None]


@pytest.mark.parametrize("form", FORMS)
@given(seed=st.integers(0, 10_000), scale=st.floats(1e-3, 1e3), size=st.floats(0.0, 100.0))
def test_shaping_scaling_and_redistribution_do_not_matter(form, seed, scale, size):
    rng, dynamics, reward = world(seed)
    other = scale * redistributed(shaped(reward, size * rng.normal(size=5)), dynamics, rng)
    assert starc_distance(reward, other, dynamics, GAMMA, canonical=form) == pytest.approx(0.0, abs=1e-6)
    assert starc_distance(reward, -other, dynamics, GAMMA, canonical=form) == pytest.approx(1.0)


@pytest.mark.parametrize("form", FORMS)
def test_it_is_a_pseudometric(form):
    rng, dynamics, _ = world(1)
    rewards = [rng.normal(size=(5, 3, 5)) for _ in range(4)]

    def distance(first, second):
        return starc_distance(first, second, dynamics, GAMMA, canonical=form)

    for first in rewards:
        for second in rewards:
            assert distance(first, second) == pytest.approx(distance(second, first))
            for third in rewards:
                assert distance(first, third) <= distance(first, second) + distance(second, third) + 1e-9


@pytest.mark.parametrize("form", FORMS)
def test_a_pure_potential_is_nothing(form):
    rng, dynamics, reward = world(2)
    nothing = shaped(np.zeros_like(reward), rng.normal(size=5))
    np.testing.assert_allclose(starc_canonical(nothing, dynamics, GAMMA, canonical=form), 0.0, atol=1e-9)
    assert starc_distance(nothing, reward, dynamics, GAMMA, canonical=form) == 0.5
    assert starc_distance(nothing, 3.0 * nothing, dynamics, GAMMA, canonical=form) == 0.0


def test_the_canonical_form_is_the_advantage_of_the_policy():
    """Under the policy of the form every state is worth 0, and what is left are its advantages."""
    _, dynamics, reward = world(3)
    policy = np.full((5, 3), 1 / 3)
    found = starc_canonical(reward, dynamics, GAMMA)
    np.testing.assert_allclose(policy_values(found, dynamics, GAMMA, policy), 0.0, atol=1e-12)
    expected = np.einsum("sat,sat->sa", dynamics, reward)
    values = policy_values(expected, dynamics, GAMMA, policy)
    np.testing.assert_allclose(found, expected + GAMMA * dynamics @ values - values[:, None])


def test_the_minimal_form_is_the_shortest():
    rng, dynamics, reward = world(4)
    least = np.linalg.norm(starc_canonical(reward, dynamics, GAMMA, canonical="minimal"))
    for _ in range(20):
        other = shaped(reward, rng.normal(size=5))
        assert np.linalg.norm(np.einsum("sat,sat->sa", dynamics, other)) >= least


def returns(reward, dynamics, policies):
    expected = np.einsum("sat,sat->sa", dynamics, reward)
    return np.array([policy_values(expected, dynamics, GAMMA, policy).mean() for policy in policies])


def test_larger_distances_go_with_larger_regret():
    rng, dynamics, truth = world(5)
    policies = rng.dirichlet(np.full(3, 0.3), (200, 5))
    true_returns = returns(truth, dynamics, policies)
    distances, regrets = [], []
    for weight in np.linspace(0.0, 1.0, 60):
        proxy = (1 - weight) * truth + weight * rng.normal(size=truth.shape)
        proxy_returns = returns(proxy, dynamics, policies)
        best, chosen = true_returns.max(), true_returns[proxy_returns.argmax()]
        regrets.append((best - chosen) / np.ptp(true_returns))
        distances.append(starc_distance(truth, proxy, dynamics, GAMMA))
    assert spearman(np.array(distances), np.array(regrets)) > 0.5


def test_it_knows_of_dynamics_what_epic_does_not():
    """An unreachable state is paid much: no policy can tell, EPIC over all transitions can."""
    dynamics = np.zeros((3, 2, 3))
    dynamics[:, 0, 0] = dynamics[:, 1, 1] = 1.0
    plain, tempting = np.array([0.0, 1.0, 0.0]), np.array([0.0, 1.0, 50.0])
    tables = [reward_table(of_states(values), 3, 2) for values in (plain, tempting)]
    assert starc_distance(*tables, dynamics, GAMMA) == pytest.approx(0.0, abs=1e-9)
    s, a, t = (column.ravel() for column in np.indices((3, 2, 3)))
    assert epic_distance(of_states(plain), of_states(tempting), Transitions(s, a, t), gamma=GAMMA) > 0.3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gamma": 1.0}, "gamma"), ({"canonical": "other"}, "canonical"), ({"policy": np.ones((5, 3))}, "policy"),
        ({"policy": np.ones((2, 2))}, "policy"), ({"dynamics": np.ones((5, 3, 5))}, "dynamics"),
        ({"dynamics": np.ones((5, 3))}, "shape"), ({"reward": np.full((5, 3, 5), np.inf)}, "finite"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(change, message):
    _, dynamics, reward = world(0)
    arguments = {"reward": reward, "dynamics": dynamics, "gamma": GAMMA, **change}
    with pytest.raises(RewardiumError, match=message):
        starc_canonical(arguments.pop("reward"), arguments.pop("dynamics"), arguments.pop("gamma"), **arguments)
