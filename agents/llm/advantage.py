"""Advantages of a group of answers to one prompt: pure functions of rewards."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from rewardium.agents.llm.groups import group_extreme, group_index, group_mean, group_range, group_std, group_sum
from rewardium.envs.errors import RewardiumError

Scale = Literal["std", "none"]
Baseline = Literal["batch", "group"]
TokenCredit = Literal["episode", "reward_to_go"]
# Two credit whole turns of a conversation, turn_credit.py and turn_critic.py; the last has a value of each token.
Credit = Literal["episode", "reward_to_go", "turn", "turn_critic", "value_head"]

# Keeps the quotient finite; groups that differ less than TOLERANCE are set to 0 before. Certainty: conventional.
EPSILON = 1e-6
# Two returns this near, relative to their size, are one return up to rounding in float32. Certainty: by reasoning.
TOLERANCE = 1e-6


def group_advantage(returns_B: Tensor, group_B: Tensor, valid_B: Tensor, *, scale: Scale = "std") -> Tensor:
    """Compare each return with the mean of its group (GRPO, https://arxiv.org/abs/2402.03300).

    Args:
        returns_B: float [B].
        group_B: int64 [B], equal for the answers to one prompt.
        valid_B: bool [B]; a return that could not be had is in no mean and gets advantage 0.
        scale: ``"std"`` divides by the group's standard deviation (with n - 1), as the paper does; ``"none"`` does not,
            since the division weighs prompts that are nearly always or never solved too high (Dr. GRPO,
            https://arxiv.org/abs/2503.20783).

    Returns:
        float64 [B]; exactly 0 in a group whose valid returns are all equal, or in which only one is valid.

    Example:
        >>> returns = torch.tensor([1.0, 0.0, 5.0])
        >>> valid = torch.tensor([True, True, False])
        >>> group_advantage(returns, torch.zeros(3, dtype=int), valid, scale="none").tolist()
        [0.5, -0.5, 0.0]
    """
    returns_B = returns_B.double()
    index_B, weight_B = group_index(group_B), valid_B.double()
    advantage_B = returns_B - group_mean(returns_B[:, None], index_B, weight_B)[index_B, 0]
    if scale == "std":
        advantage_B = advantage_B / (group_std(returns_B, index_B, weight_B)[index_B] + EPSILON)
    return torch.where(valid_B & has_variance(returns_B, group_B, valid_B), advantage_B, 0.0)


def leave_one_out_advantage(returns_B: Tensor, group_B: Tensor, valid_B: Tensor) -> Tensor:
    """Compare each return with the mean of the others of its group (RLOO, https://arxiv.org/abs/2402.14740).

    ``A_i = r_i - mean of r_j, j != i``, which is ``n / (n - 1)`` times the distance to the mean of all n. The baseline
    does not depend on the answer, so that the gradient is unbiased for any n.

    Args:
        returns_B: float [B].
        group_B: int64 [B].
        valid_B: bool [B].

    Returns:
        float64 [B]; 0 where ``group_advantage`` is 0.

    Example:
        >>> group, valid = torch.zeros(3, dtype=int), torch.ones(3, dtype=torch.bool)
        >>> leave_one_out_advantage(torch.tensor([3.0, 1.0, 2.0]), group, valid).tolist()
        [1.5, -1.5, 0.0]
    """
    index_B = group_index(group_B)
    count_B = group_sum(valid_B.double()[:, None], index_B)[index_B, 0]
    centred_B = group_advantage(returns_B, group_B, valid_B, scale="none")
    return centred_B * count_B / (count_B - 1.0).clamp(min=1.0)


def batch_advantage(
    returns_B: Tensor, group_B: Tensor, valid_B: Tensor, *, baseline: Baseline = "group", scale: Scale = "std"
) -> Tensor:
    """Compare returns with one standard deviation for the whole batch (REINFORCE++, https://arxiv.org/abs/2501.03262).

    ``"batch"`` is ``(r - mean) / std`` over the batch; ``"group"`` takes the mean of the group away first and divides
    by the standard deviation of what is left. Certainty of both: high; that the deviation has n - 1 is conventional.

    Args:
        returns_B: float [B].
        group_B: int64 [B].
        valid_B: bool [B].
        baseline: Which mean is taken away.
        scale: ``"none"`` does not divide.

    Returns:
        float64 [B]; 0 in rows that are not valid, and everywhere in a batch without variance.

    Raises:
        RewardiumError: When ``baseline`` is neither.

    Example:
        >>> group, valid = torch.tensor([0, 0, 1, 1]), torch.ones(4, dtype=torch.bool)
        >>> returns = torch.tensor([0.0, 2.0, 4.0, 6.0])
        >>> batch_advantage(returns, group, valid, scale="none", baseline="batch").tolist()
        [-3.0, -1.0, 1.0, 3.0]
        >>> [round(value, 3) for value in batch_advantage(returns, group, valid).tolist()]
        [-0.866, 0.866, -0.866, 0.866]
    """
    if baseline not in get_args(Baseline):
        raise RewardiumError(f"baseline must be 'batch' or 'group', got {baseline!r}")
    everyone_B = torch.zeros_like(group_B)
    compared_B = everyone_B if baseline == "batch" else group_B
    centred_B = group_advantage(returns_B, compared_B, valid_B, scale="none")
    if scale == "none":
        return centred_B
    return centred_B / (group_std(centred_B, everyone_B, valid_B.double())[everyone_B] + EPSILON)


def token_advantage(
    rewards_BT: Tensor,
    mask_BT: Tensor,
    group_B: Tensor,
    valid_B: Tensor,
    *,
    credit: TokenCredit = "episode",
    scale: Scale = "std",
) -> Tensor:
    """Give each sampled token its advantage.

    ``"episode"`` gives every token the advantage of the whole return. ``"reward_to_go"`` compares what a token still
    earned, the sum of the rewards at and after it, with the mean over the group at the same index among the sampled
    tokens; an answer that has ended keeps the value of its last token. When all reward comes with the last token, the
    two are the same. Certainty: the first is GRPO; the second is its counterpart of the policy gradient theorem's
    reward-to-go with a baseline that depends on the index only, sound by reasoning and measured here only.

    Args:
        rewards_BT: float [B, T], each reward at the token that earned it; 0 outside of the mask.
        mask_BT: bool [B, T], the sampled tokens.
        group_B: int64 [B].
        valid_B: bool [B].
        credit: How rewards are attributed to tokens.
        scale: As in ``group_advantage``; the standard deviation is that of the returns.

    Returns:
        float32 [B, T]; 0 outside of the mask, in rows that are not valid, and in groups without variance.

    Raises:
        RewardiumError: When ``credit`` is neither.

    Example:
        >>> rewards = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
        >>> mask, group, valid = torch.ones(2, 2, dtype=bool), torch.zeros(2, dtype=int), torch.ones(2, dtype=bool)
        >>> token_advantage(rewards, mask, group, valid, credit="reward_to_go", scale="none").tolist()
        [[0.5, 0.0], [-0.5, 0.0]]
    """
    rewards_BT = rewards_BT.double() * mask_BT
    returns_B = rewards_BT.sum(1)
    if credit == "episode":
        advantage_B = group_advantage(returns_B, group_B, valid_B, scale=scale)
        return (advantage_B[:, None] * mask_BT).float()
    if credit != "reward_to_go":
        raise RewardiumError(f"credit must be 'episode' or 'reward_to_go', got {credit!r}")
    index_B, weight_B = group_index(group_B), valid_B.double()
    order_BT = (mask_BT.cumsum(1) - 1).clamp(min=0)  # each token's index among its row's sampled tokens
    to_go_BT = reward_to_go(rewards_BT, mask_BT)
    advantage_BT = to_go_BT - group_mean(to_go_BT, index_B, weight_B)[index_B]
    spread_GT = group_range(to_go_BT, index_B, valid_B)
    differs_BT = (spread_GT > TOLERANCE * to_go_BT.abs().max().clamp(min=1.0))[index_B]
    if scale == "std":
        advantage_BT = advantage_BT / (group_std(returns_B, index_B, weight_B)[index_B, None] + EPSILON)
        differs_BT = differs_BT & has_variance(returns_B, group_B, valid_B)[:, None]
    advantage_BT = torch.where(differs_BT & valid_B[:, None], advantage_BT, 0.0)
    return (advantage_BT.gather(1, order_BT) * mask_BT).float()


def reward_to_go(rewards_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """Sum the rewards at and after each sampled token.

    Args:
        rewards_BT: float [B, T].
        mask_BT: bool [B, T].

    Returns:
        float [B, T], indexed by the order among the row's sampled tokens; after a row's last token, that token's value.

    Example:
        >>> reward_to_go(torch.tensor([[9.0, 1.0, 2.0, 0.0]]), torch.tensor([[False, True, True, False]])).tolist()
        [[3.0, 2.0, 2.0, 2.0]]
    """
    order_BT = (mask_BT.cumsum(1) - 1).clamp(min=0)
    compact_BT = torch.zeros_like(rewards_BT).scatter_add(1, order_BT, rewards_BT * mask_BT)
    to_go_BT = compact_BT.flip(1).cumsum(1).flip(1)
    last_B1 = (mask_BT.sum(1, keepdim=True) - 1).clamp(min=0)
    place_T = torch.arange(rewards_BT.shape[1], device=rewards_BT.device)
    return to_go_BT.gather(1, torch.minimum(place_T, last_B1))


def has_variance(returns_B: Tensor, group_B: Tensor, valid_B: Tensor) -> Tensor:
    """Say for each row whether the valid returns of its group differ.

    Args:
        returns_B: float [B].
        group_B: int64 [B].
        valid_B: bool [B].

    Returns:
        bool [B]; a group without it teaches nothing.
    """
    returns_B1, index_B = returns_B.double()[:, None], group_index(group_B)
    size_G = group_extreme(returns_B1.abs(), index_B, valid_B, "amax", 0.0)[:, 0]
    return (group_range(returns_B1, index_B, valid_B)[:, 0] > TOLERANCE * size_G.clamp(min=1e-30))[index_B]
