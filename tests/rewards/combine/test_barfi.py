"""BARFI: the implicit gradient against finite differences, and a blend that finds out what helps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rewardium.envs.errors import RewardiumError
from rewardium.rewards import RewardState
from rewardium.rewards.combine.barfi import Barfi
from rewardium.rewards.learning.implicit_gradient import group_implicit_gradient, implicit_gradient

GAMMA, PENALTY = 0.8, 0.3


class SmallWorld:
    """Three states, two actions, a primary and an auxiliary reward; all returns in closed form."""

    def __init__(self):
        generator = torch.Generator().manual_seed(0)
        self.dynamics = torch.rand(3, 2, 3, dtype=torch.float64, generator=generator)
        self.dynamics /= self.dynamics.sum(-1, keepdim=True)
        self.rewards = torch.randn(2, 3, 2, dtype=torch.float64, generator=generator)

    def value(self, theta, reward):
        policy = theta.softmax(-1)
        moves = torch.einsum("sa,sat->st", policy, self.dynamics)
        paid = (policy * reward).sum(-1)
        return torch.linalg.solve(torch.eye(3, dtype=torch.float64) - GAMMA * moves, paid).mean()

    def update(self, theta, phi):
        blended = self.rewards[0] + phi * self.rewards[1]
        (ascent,) = torch.autograd.grad(self.value(theta, blended), theta, create_graph=True)
        return ascent - PENALTY * theta

    def fixed_point(self, phi):
        theta = torch.zeros(3, 2, dtype=torch.float64)
        for _ in range(400):
            theta = (theta + 0.5 * self.update(theta.requires_grad_(), phi)).detach()
        return theta

    def outer(self, theta):
        theta = theta.requires_grad_()
        return torch.autograd.grad(self.value(theta, self.rewards[0]), theta)[0]


def test_the_implicit_gradient_is_that_of_finite_differences():
    world, phi, small = SmallWorld(), torch.tensor([0.7], dtype=torch.float64), 1e-4
    theta = world.fixed_point(phi)
    assert world.update(theta.clone().requires_grad_(), phi).abs().max() < 1e-10
    found = implicit_gradient(world.update, theta, phi, world.outer(theta), rate=0.5, terms=200)
    ends = [world.value(world.fixed_point(phi + step), world.rewards[0]) for step in (small, -small)]
    assert abs(float(found)) > 1e-4
    assert float(found) == pytest.approx(float(ends[0] - ends[1]) / (2 * small), rel=1e-4)
    few = implicit_gradient(world.update, theta, phi, world.outer(theta), rate=0.5, terms=5)
    assert 0.0 < float(few / found) <= 1.0  # a shorter step the same way


def test_the_covariance_is_the_implicit_gradient_of_a_free_policy():
    generator = torch.Generator().manual_seed(1)
    primary, auxiliary = torch.randn(5, dtype=torch.float64, generator=generator), None
    auxiliary = torch.randn(2, 5, dtype=torch.float64, generator=generator)
    phi, temperature = torch.tensor([0.5, -0.25], dtype=torch.float64), 0.7

    def update(theta, blend):
        chances = theta.softmax(0)
        divergence = (chances * (chances.log() + np.log(5.0))).sum()
        gain = (chances * (primary + blend @ auxiliary)).sum() - temperature * divergence
        return torch.autograd.grad(gain, theta, create_graph=True)[0]

    theta = (primary + phi @ auxiliary) / temperature  # the fixed point
    chances = theta.softmax(0)
    outer = chances * (primary - (chances * primary).sum())
    assert update(theta.clone().requires_grad_(), phi).abs().max() < 1e-12
    found = implicit_gradient(update, theta, phi, outer, rate=2.0, terms=3000)
    closed = group_implicit_gradient(primary.numpy(), auxiliary.numpy(), phi.numpy(), temperature)
    np.testing.assert_allclose(found.numpy(), closed, rtol=1e-6)


def test_a_blend_keeps_what_helps_and_drops_what_misleads(rig):
    """A policy that answers by softmax of the blended reward: four answers, one of them right."""
    reward = Barfi(rig.Column(0), (rig.Column(1), rig.Column(2), rig.Column(3)), rate=0.5)
    right, helps, misleads, useless = [1.0, 0.0, 0.0, 0.0], [0.5, 0.1, 0.0, 0.1], [-2.0, 0.0, 1.0, 0.5], [0.7] * 4
    state = RewardState()
    for _ in range(150):
        rig.play(reward, rig.rollout([right], [helps], [misleads], [useless], tasks=["2 + 2"] * 4), state)
    assert state.memory["blend"][1] == 0.0
    assert state.memory["blend"][0] > 1.05
    assert state.memory["blend"][2] == pytest.approx(1.0)
    paid = rig.play(reward, rig.rollout([right], [helps], [misleads], [useless], tasks=["2 + 2"] * 4), state)
    assert paid[0].argmax() == 0
    assert np.argmax(np.add(right, misleads)) == 2  # what the plain sum would have paid most


def test_it_pays_before_it_learns_and_is_resumed(rig):
    reward = Barfi(rig.Column(0), (rig.Column(1),), rate=1.0, start=0.5)
    state = RewardState()
    steps = rig.rollout([[1.0, 0.0]], [[0.0, 2.0]], tasks=["q", "q"])
    np.testing.assert_allclose(rig.play(reward, steps, state), [[1.0, 1.0]])
    assert state.memory["blend"].tolist() == [0.0]  # the blend was even, and the covariance -1/2
    resumed = RewardState.from_state_dict(state.state_dict())
    np.testing.assert_allclose(rig.play(reward, steps, resumed), [[1.0, 0.0]])


def test_groups_of_one_and_missing_terms_teach_nothing(rig):
    reward, state = Barfi(rig.Column(0), (rig.Column(1),)), RewardState()
    columns = ([[1.0, 0.0, 1.0, None]], [[5.0, 1.0, None, 1.0]])
    paid = rig.play(reward, rig.rollout(*columns, tasks=["a", "b", "c", "c"]), state)
    np.testing.assert_array_equal(paid, [[6.0, 1.0, 1.0, np.nan]])
    rig.play(reward, rig.rollout([[1.0, 0.0]], [[1.0, 0.0]]), state)  # no tasks, no groups
    assert state.memory["blend"].tolist() == [1.0]


def test_segments_are_weighed_as_their_terms(rig):
    reward = Barfi(rig.Column(0), (rig.Column(1),), start=0.5)
    outcome = reward.evaluate(rig.rollout([[1.0]], [[(2.0, 4.0)]], tasks=["q"])[0], RewardState())
    assert outcome.value.tolist() == [4.0]
    assert [part.value for part in outcome.segments[0]] == [1.0, 2.0]


@pytest.mark.parametrize(
    "change", [{"rate": 0.0}, {"temperature": -1.0}, {"low": 1.5}, {"high": 0.5}, {"start": np.nan}]
)
def test_numbers_out_of_range(rig, change):
    with pytest.raises(RewardiumError, match=next(iter(change))):
        Barfi(rig.Column(0), (rig.Column(1),), **change)


def test_an_update_must_depend_on_the_blend():
    theta, phi = torch.ones(2), torch.ones(1)
    with pytest.raises(RewardiumError, match="depend"):
        implicit_gradient(lambda theta, phi: -theta, theta, phi, theta)
    with pytest.raises(RewardiumError, match="rate"):
        implicit_gradient(lambda theta, phi: phi - theta, theta, phi, theta, rate=0.0)
