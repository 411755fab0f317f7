"""Pairwise-RL: an answer is worth how surely it beats the other answers to its prompt."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rewardium.agents.llm.advantage import has_variance
from rewardium.agents.llm.groups import group_index, group_sum
from rewardium.agents.llm.objectives import Answers, register_objective
from rewardium.agents.llm.objectives._pairs import unordered_pairs
from rewardium.agents.llm.objectives.grpo import Grpo
from rewardium.envs.errors import RewardiumError


@register_objective("pairwise_rl", papers=("B63",))
@dataclass(frozen=True)
class PairwiseRl(Grpo):
    """PPO's clipped loss with the mean win over the group: ``A_i = mean_{j != i} p(i > j) - 1/2``.

    Of a pair, the one answer gets ``p(i > j) - 1/2`` and the other its negative, so that the advantages of a group sum
    to 0, lie in [-1/2, 1/2], and do not change when all rewards of a prompt are moved by one number: rewards need not
    be calibrated across prompts. With rewards in place of a model of pairs,
    ``p(i > j) = sigmoid(slope * (r_i - r_j))``.

    Source: "A Unified Pairwise Framework for RLHF: Bridging Generative Reward Modeling and Policy Optimization",
    arXiv 2504.04950, April 2025. Certainty: the idea, from the abstract; the formula is reconstructed and the slope is
    ours. Its generative model of pairs is the source ``judge_preference``, which compares with an anchor.

    Args:
        clip_low: As in ``Grpo``.
        clip_high: As in ``Grpo``.
        kl_coefficient: As in ``Grpo``.
        normalisation: As in ``Grpo``.
        slope: How sure a lead of 1 makes, above 0; infinity counts wins.

    Raises:
        RewardiumError: When a value is out of its range.

    Example:
        >>> found = PairwiseRl(slope=1.0).answer_advantage(Answers.of([9.0, 8.0], [0, 0]))  # sigmoid(1) - 1/2
        >>> [round(value, 4) for value in found.tolist()]
        [0.2311, -0.2311]
    """

    slope: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.slope > 0.0:
            raise RewardiumError(f"pairwise_rl needs slope > 0, got {self.slope}")

    def answer_advantage(self, answers: Answers) -> Tensor:
        """Compare each answer with the others of its group; see ``AnswerAdvantage``."""
        pairs = unordered_pairs(answers)
        lead = answers.returns[pairs.first].double() - answers.returns[pairs.second].double()
        steep = torch.where(lead == 0.0, 0.0, self.slope * lead)  # infinity times 0 is not a number
        win = torch.sigmoid(steep) - 0.5
        total = torch.zeros(len(answers), dtype=torch.float64, device=answers.returns.device)
        total = total.index_add(0, pairs.first, win).index_add(0, pairs.second, -win)
        index = group_index(answers.group)
        others = group_sum(answers.valid.double()[:, None], index)[index, 0] - 1.0
        compared = answers.valid & has_variance(answers.returns, answers.group, answers.valid)
        return torch.where(compared, total / others.clamp(min=1.0), 0.0)
