"""Advantages of the turns of a conversation: pure functions of what each turn was paid.

A turn is what the policy says between two texts of the environment. It is found by the number that the rollout gave to
its tokens, never by its reward: a turn that was paid nothing is a turn, and has a return and a baseline like any other.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rewardium.agents.llm.advantage import EPSILON, TOLERANCE, Scale
from rewardium.agents.llm.groups import group_extreme, group_index, group_mean, group_range, group_sum


@dataclass(frozen=True)
class TurnTable:
    """What the turns of B episodes were paid; K is the largest number of turns.

    Args:
        rewards: float64 [B, K], the sum over a turn's tokens; 0 where there is no such turn.
        exists: bool [B, K], whether the episode has the turn.
        scored: bool [B, K], whether the turn's reward could be had.
    """

    rewards: Tensor
    exists: Tensor
    scored: Tensor

    @classmethod
    def of(cls, rewards_BT: Tensor, turns_BT: Tensor, scored_BT: Tensor) -> TurnTable:
        """Add up the tokens of each turn.

        Args:
            rewards_BT: float [B, T], each reward at the token that earned it.
            turns_BT: int64 [B, T], the number of the turn a sampled token belongs to, from 0; -1 elsewhere.
            scored_BT: bool [B, T], whether the reward of a sampled token's turn could be had.

        Returns:
            The table.

        Example:
            >>> rewards, turns = torch.tensor([[1.0, 2.0, 0.0, 0.0]]), torch.tensor([[0, 0, -1, 1]])
            >>> table = TurnTable.of(rewards, turns, turns >= 0)
            >>> table.rewards.tolist(), table.exists.tolist()
            ([[3.0, 0.0]], [[True, True]])
        """
        count = int(turns_BT.max()) + 1 if turns_BT.numel() else 0
        own = [turns_BT == turn for turn in range(count)]
        none = turns_BT.new_zeros(len(turns_BT), 0)
        if not own:
            return cls(none.double(), none.bool(), none.bool())
        return cls(
            torch.stack([(rewards_BT.double() * tokens).sum(1) for tokens in own], dim=1),
            torch.stack([tokens.any(1) for tokens in own], dim=1),
            torch.stack([(tokens & scored_BT).any(1) for tokens in own], dim=1),
        )

    @property
    def known(self) -> Tensor:
        """Whether anything that a turn still earned could be scored, bool [B, K]; what could not be had is not 0."""
        return self.scored.flip(1).int().cummax(1).values.flip(1).bool() & self.exists

    def returns(self, discount: float) -> Tensor:
        """Return what each turn and those after it were paid, discounted; see ``discounted_returns``."""
        return discounted_returns(self.rewards, discount)


def discounted_returns(rewards_BK: Tensor, discount: float) -> Tensor:
    """Add up what each turn and those after it were paid: ``G_k = r_k + discount * G_{k+1}``.

    Each reward enters once, as it was paid. The discount is applied here and nowhere else, so the rewards must not be
    discounted already.

    Args:
        rewards_BK: float [B, K], 0 after an episode's last turn.
        discount: In [0, 1].

    Returns:
        float [B, K].

    Example:
        >>> discounted_returns(torch.tensor([[1.0, 0.0, 4.0]]), 0.5).tolist()
        [[2.0, 2.0, 4.0]]
    """
    returns_BK = rewards_BK.clone()
    for turn in range(rewards_BK.shape[1] - 2, -1, -1):
        returns_BK[:, turn] += discount * returns_BK[:, turn + 1]
    return returns_BK


def turn_advantage(returns_BK: Tensor, known_BK: Tensor, group_B: Tensor, *, scale: Scale = "std") -> Tensor:
    """Compare what each turn still earned with the turns of the same number in its group.

    The baseline of turn k is the mean over those episodes of the group that have a k-th turn: an episode that has ended
    says nothing about what could still be earned. Where only one episode goes on that long there is nothing to compare
    with, and its turn keeps the baseline of the last turn that several have. The baseline depends on the turn's
    number only, so that it changes the variance of the gradient and, beyond the share that a turn has in its own mean,
    not its direction. With one turn an episode this is ``group_advantage``.

    Certainty: returns per turn against a baseline per turn are the policy gradient theorem with turns as actions; what
    happens in episodes of unequal length, and the pooled standard deviation, are ours.

    Args:
        returns_BK: float [B, K], what ``discounted_returns`` gave.
        known_BK: bool [B, K], the turns that exist and whose return could be had. If a turn is known, so are those
            before it.
        group_B: int64 [B].
        scale: ``"std"`` divides by the standard deviation around the baselines, pooled over the group's turns (with
            n - 1 for the n turns of one number); one divisor a group, so that turns keep their relative size.
            ``"none"`` does not divide.

    Returns:
        float64 [B, K]; exactly 0 for turns that are not known, whose returns do not differ within the group, or whose
        group has one episode only.

    Example:
        >>> returns = torch.tensor([[1.0, 1.0], [0.0, 0.0], [2.0, 0.0]])
        >>> known = torch.tensor([[True, True], [True, True], [True, False]])
        >>> turn_advantage(returns, known, torch.zeros(3, dtype=int), scale="none").tolist()
        [[0.0, 0.5], [-1.0, -0.5], [1.0, 0.0]]
    """
    returns_BK = torch.where(known_BK, returns_BK.double(), 0.0)
    index_B, weight_BK = group_index(group_B), known_BK.double()
    count_GK = group_sum(weight_BK, index_B)
    several_GK = count_GK >= 2.0
    last_G1 = several_GK.sum(1, keepdim=True) - 1  # those who have a k-th turn have all before it
    place_GK = torch.arange(returns_BK.shape[1], device=returns_BK.device).minimum(last_G1.clamp(min=0))
    advantage_BK = returns_BK - group_mean(returns_BK, index_B, weight_BK).gather(1, place_GK)[index_B]
    size_G1 = group_extreme(returns_BK.abs(), index_B, known_BK, "amax", 0.0).amax(1, keepdim=True)
    noise_G1 = TOLERANCE * size_G1.clamp(min=1e-30)
    differs_GK = group_range(returns_BK, index_B, known_BK) > noise_G1
    alone_BK = (~several_GK & (last_G1 >= 0))[index_B] & (advantage_BK.abs() > noise_G1[index_B])
    if scale == "std":
        # A turn that is alone took no mean from its own number, so its distance counts whole.
        freedom_G = torch.where(several_GK, count_GK - 1.0, count_GK).sum(1).clamp(min=1.0)
        squares_G = group_sum(advantage_BK**2 * weight_BK, index_B).sum(1)
        advantage_BK = advantage_BK / ((squares_G / freedom_G).sqrt()[index_B, None] + EPSILON)
    return torch.where(known_BK & (differs_GK[index_B] | alone_BK), advantage_BK, 0.0)


def to_tokens(values_BK: Tensor, turns_BT: Tensor) -> Tensor:
    """Give each sampled token the value of its turn.

    Args:
        values_BK: float [B, K].
        turns_BT: int64 [B, T], numbers of turns; -1 outside of them.

    Returns:
        float [B, T]; 0 for what was not sampled.

    Example:
        >>> to_tokens(torch.tensor([[5.0, 7.0]]), torch.tensor([[0, 0, -1, 1]])).tolist()
        [[5.0, 5.0, 0.0, 7.0]]
    """
    if values_BK.shape[1] == 0:
        return values_BK.new_zeros(turns_BT.shape)
    return torch.where(turns_BT >= 0, values_BK.gather(1, turns_BT.clamp(min=0)), 0.0)


def mixed(turn_BT: Tensor, episode_BT: Tensor, episode_weight: float) -> Tensor:
    """Mix the advantages of turns and of whole episodes: ``(1 - w) * turn + w * episode``.

    Written as a step from the one to the other, so that where they are equal the mixture is equal to both, to the bit.

    Example:
        >>> mixed(torch.tensor([1.0]), torch.tensor([3.0]), 0.25).tolist()
        [1.5]
    """
    return turn_BT + episode_weight * (episode_BT - turn_BT)
