"""Generalised advantage estimation on cases that can be worked out by hand, and on a small decision process."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardium.agents.llm.advantage import reward_to_go
from rewardium.agents.llm.generalised_advantage import generalised_advantage


def columns(seed, rows=3, width=7):
    generator = torch.Generator().manual_seed(seed)
    mask = torch.rand(rows, width, generator=generator) < 0.6
    rewards = torch.randn(rows, width, generator=generator).double() * mask
    return rewards, torch.randn(rows, width, generator=generator).double() * mask, mask


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_it_is_the_sum_of_its_definition(seed, discount, decay):
    rewards, values, mask = columns(seed)
    found = generalised_advantage(rewards, values, mask, discount=discount, decay=decay)
    for row in range(len(rewards)):
        places = mask[row].nonzero().flatten().tolist()
        reward, value = rewards[row, places].tolist(), [*values[row, places].tolist(), 0.0]
        delta = [reward[t] + discount * value[t + 1] - value[t] for t in range(len(places))]
        for t, place in enumerate(places):
            wanted = sum((discount * decay) ** (s - t) * delta[s] for s in range(t, len(places)))
            assert float(found[row, place]) == pytest.approx(wanted, abs=1e-9)
    assert not found[~mask].any()


@pytest.mark.parametrize("seed", range(3))
def test_without_decay_it_is_the_reward_to_go_less_the_value(seed):
    rewards, values, mask = columns(seed)
    order = (mask.cumsum(1) - 1).clamp(min=0)
    wanted = (reward_to_go(rewards, mask).gather(1, order) - values) * mask
    torch.testing.assert_close(generalised_advantage(rewards, values, mask, decay=1.0), wanted)


def test_nothing_at_all():
    empty = torch.zeros(2, 0)
    assert generalised_advantage(empty, empty, empty.bool()).shape == (2, 0)
    none = torch.zeros(2, 3)
    assert not generalised_advantage(none + 1.0, none, none.bool()).any()


def chain(policy, rewards):
    """Three steps with two actions each, the reward of a step depending on it and the action before: all paths."""
    for path in itertools.product((0, 1), repeat=3):
        paid = [rewards[step][path[step - 1] if step else 0][action] for step, action in enumerate(path)]
        chance = np.prod([policy[step][path[step - 1] if step else 0][action] for step, action in enumerate(path)])
        yield path, paid, float(chance)


@pytest.mark.parametrize("decay", [0.0, 0.5, 1.0])
def test_with_exact_values_its_mean_is_the_advantage_and_gives_the_gradient(decay):
    """For any decay E[A | s, a] = Q - V, and E[A grad log pi] is the gradient of the return."""
    generator = torch.Generator().manual_seed(7)
    logits = torch.randn(3, 2, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    rewards = torch.randn(3, 2, 2, generator=generator, dtype=torch.float64)
    pi = logits.softmax(-1)
    # Backwards: Q of (step, action before, action), V of (step, action before).
    q, v = torch.zeros(3, 2, 2, dtype=torch.float64), torch.zeros(4, 2, dtype=torch.float64)
    for step in reversed(range(3)):
        q[step] = rewards[step] + v[step + 1][None, :]
        v[step] = (pi[step] * q[step]).sum(-1).detach()
    expected_return = (pi[0, 0] * (rewards[0, 0] + _return_after(pi, rewards))).sum()
    (exact,) = torch.autograd.grad(expected_return, logits, retain_graph=True)
    means, chances, estimate = {}, {}, torch.zeros((), dtype=torch.float64)
    for path, paid, chance in chain(pi.detach().tolist(), rewards.tolist()):
        before = [0, *path[:2]]
        values = torch.stack([v[step, before[step]] for step in range(3)])[None]
        advantage = generalised_advantage(
            torch.tensor([paid], dtype=torch.float64), values, torch.ones(1, 3).bool(), decay=decay
        )[0]
        for step in range(3):
            place = (step, before[step], path[step])
            means[place] = means.get(place, 0.0) + chance * float(advantage[step])
            chances[place] = chances.get(place, 0.0) + chance
            estimate = estimate + chance * float(advantage[step]) * pi[place].log()
    for place, chance in chances.items():
        assert means[place] / chance == pytest.approx(float(q[place] - v[place[0], place[1]]), abs=1e-9)
    (gradient,) = torch.autograd.grad(estimate, logits)
    torch.testing.assert_close(gradient, exact)


def _return_after(pi, rewards):
    """Return what is earned after the first step, by its action, with gradients."""
    last = (pi[2] * rewards[2]).sum(-1)
    return (pi[1] * (rewards[1] + last[None, :])).sum(-1)
