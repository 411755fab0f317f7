from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardium.agents.llm.advantage import (
    EPSILON,
    batch_advantage,
    group_advantage,
    has_variance,
    leave_one_out_advantage,
    reward_to_go,
    token_advantage,
)
from rewardium.envs.errors import RewardiumError

GROUP = torch.tensor([7, 7, 7, 3, 3, 3])
RETURNS = torch.tensor([1.0, 0.0, 0.0, 2.0, 2.0, 2.0])
VALID = torch.ones(6, dtype=torch.bool)


def test_group_advantage_in_closed_form():
    third = 1.0 / 3.0
    plain = group_advantage(RETURNS, GROUP, VALID, scale="none")
    torch.testing.assert_close(plain, torch.tensor([2 * third, -third, -third, 0, 0, 0], dtype=torch.float64))
    scaled = group_advantage(RETURNS, GROUP, VALID)
    torch.testing.assert_close(scaled, plain / (third**0.5 + EPSILON))  # the sample variance of (1, 0, 0) is 1/3
    assert scaled[3:].tolist() == [0.0, 0.0, 0.0]


def test_what_is_not_valid_is_in_no_mean_and_gets_nothing():
    valid = torch.tensor([True, True, False, True, False, False])
    returns = torch.tensor([1.0, 0.0, 99.0, 5.0, float("nan"), 99.0])
    assert group_advantage(returns, GROUP, valid, scale="none").tolist() == [0.5, -0.5, 0.0, 0.0, 0.0, 0.0]
    assert not group_advantage(returns, GROUP, torch.zeros(6, dtype=torch.bool)).any()


@pytest.mark.parametrize("value", [0.1, 1e-8, -3.3, 1e6])
def test_no_variance_is_exactly_zero(value):
    # 0.1 + 0.2 and 0.3 differ in their last bit.
    returns = torch.tensor([value, value, value, 0.1 + 0.2, 0.3, 0.3], dtype=torch.float64)
    for scale in ("std", "none"):
        assert group_advantage(returns, GROUP, VALID, scale=scale).tolist() == [0.0] * 6
    assert not has_variance(returns, GROUP, VALID).any()


@pytest.mark.parametrize("scale", ["std", "none"])
def test_small_returns_are_not_taken_for_noise(scale):
    returns = torch.tensor([1e-5, 2e-5, 3e-5, 0.0, 0.0, 1e-9], dtype=torch.float64)
    assert has_variance(returns, GROUP, VALID).all()
    assert (group_advantage(returns, GROUP, VALID, scale=scale)[[0, 2, 3, 5]] != 0).all()


def test_reward_to_go_in_closed_form():
    """Two answers of lengths 3 and 1: where the second has ended, it keeps the value of its last token."""
    rewards = torch.tensor([[1.0, 0.0, 2.0], [4.0, 0.0, 0.0]])
    mask = torch.tensor([[True, True, True], [True, False, False]])
    arguments = (torch.zeros(2, dtype=torch.int64), torch.ones(2, dtype=torch.bool))
    found = token_advantage(rewards, mask, *arguments, credit="reward_to_go", scale="none")
    # G of the first: 3, 2, 2; of the second: 4, then 4 kept. Baselines: 3.5, 3, 3.
    assert found.tolist() == [[-0.5, -1.0, -1.0], [0.5, 0.0, 0.0]]
    scaled = token_advantage(rewards, mask, *arguments, credit="reward_to_go")
    torch.testing.assert_close(scaled, found / (0.5**0.5 + EPSILON))  # returns 3 and 4: sample variance 1/2


def test_reward_to_go_counts_sampled_tokens_only():
    """A reply between two answers moves nothing: tokens are compared by their index among the sampled ones."""
    rewards = torch.tensor([[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0]])
    mask = torch.tensor([[True, False, False, True], [True, True, False, False]])
    packed = token_advantage(
        torch.tensor([[1.0, 1.0], [0.0, 1.0]]),
        torch.ones(2, 2, dtype=torch.bool),
        torch.zeros(2, dtype=torch.int64),
        torch.ones(2, dtype=torch.bool),
        credit="reward_to_go",
    )
    found = token_advantage(
        rewards, mask, torch.zeros(2, dtype=torch.int64), torch.ones(2, dtype=torch.bool), credit="reward_to_go"
    )
    torch.testing.assert_close(found[mask], packed.flatten())
    assert not found[~mask].any()


@st.composite
def rollouts(draw, terminal_only=False):
    rows, width = draw(st.integers(1, 8)), draw(st.integers(1, 6))
    lengths = torch.tensor(draw(st.lists(st.integers(1, width), min_size=rows, max_size=rows)))
    mask = torch.arange(width) < lengths[:, None]
    values = draw(st.lists(st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0]), min_size=rows * width, max_size=rows * width))
    rewards = torch.tensor(values).view(rows, width) * mask
    if terminal_only:
        rewards = rewards * (torch.arange(width) == lengths[:, None] - 1)
    group = torch.tensor(draw(st.lists(st.integers(0, 2), min_size=rows, max_size=rows)))
    valid = torch.tensor(draw(st.lists(st.booleans(), min_size=rows, max_size=rows)))
    return rewards, mask, group, valid


@settings(deadline=None)
@given(rollouts(terminal_only=True), st.sampled_from(["std", "none"]))
def test_with_terminal_rewards_both_credits_are_the_same(rollout, scale):
    episode = token_advantage(*rollout, credit="episode", scale=scale)
    to_go = token_advantage(*rollout, credit="reward_to_go", scale=scale)
    torch.testing.assert_close(to_go, episode)


@settings(deadline=None)
@given(rollouts(), st.sampled_from(["std", "none"]), st.sampled_from(["episode", "reward_to_go"]), st.randoms())
def test_the_order_of_the_episodes_does_not_matter(rollout, scale, credit, random):
    order = list(range(len(rollout[0])))
    random.shuffle(order)
    found = token_advantage(*rollout, credit=credit, scale=scale)
    shuffled = token_advantage(*(column[order] for column in rollout), credit=credit, scale=scale)
    torch.testing.assert_close(shuffled, found[order])
    assert torch.isfinite(found).all()
    assert not found[~rollout[3]].any()
    assert not found[~rollout[1]].any()


@settings(deadline=None)
@given(rollouts())
def test_advantages_of_a_group_add_up_to_nothing(rollout):
    rewards, _, group, valid = rollout
    advantage = group_advantage(rewards.sum(1), group, valid, scale="none")
    for member in group.unique():
        assert abs(float(advantage[group == member].sum())) < 1e-9


def test_reward_to_go_of_one_row():
    rewards, mask = torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([[True, False, True]])
    assert reward_to_go(rewards * mask, mask).tolist() == [[5.0, 4.0, 4.0]]


def test_unknown_credit():
    with pytest.raises(RewardiumError, match="credit must be"):
        token_advantage(torch.ones(1, 1), torch.ones(1, 1).bool(), GROUP[:1], VALID[:1], credit="segment")


@settings(deadline=None)
@given(rollouts())
def test_leaving_one_out_compares_with_the_mean_of_the_others(rollout):
    rewards, _, group, valid = rollout
    returns = rewards.sum(1).double()
    found = leave_one_out_advantage(returns, group, valid)
    for row in range(len(returns)):
        others = [other for other in range(len(returns)) if other != row and group[other] == group[row]]
        known = [float(returns[other]) for other in others if valid[other]]
        expected = float(returns[row]) - sum(known) / len(known) if known and valid[row] else 0.0
        assert float(found[row]) == pytest.approx(expected, abs=1e-9)


def test_one_deviation_for_the_whole_batch():
    returns = torch.tensor([1.0, 0.0, 8.0, 6.0, 99.0], dtype=torch.float64)
    group, valid = torch.tensor([0, 0, 1, 1, 1]), torch.tensor([True, True, True, True, False])
    known = returns[:4]
    whole = batch_advantage(returns, group, valid, baseline="batch")
    torch.testing.assert_close(whole[:4], (known - known.mean()) / (known.std() + EPSILON))
    centred = torch.tensor([0.5, -0.5, 1.0, -1.0], dtype=torch.float64)
    found = batch_advantage(returns, group, valid, baseline="group")
    torch.testing.assert_close(found[:4], centred / (centred.std() + EPSILON))
    assert whole[4] == found[4] == 0.0
    assert batch_advantage(torch.full((5,), 0.1), group, valid, baseline="batch").tolist() == [0.0] * 5
    with pytest.raises(RewardiumError, match="baseline must be"):
        batch_advantage(returns, group, valid, baseline="world")
