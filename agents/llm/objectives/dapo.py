"""DAPO: decoupled clipping and dynamic sampling."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rewardium.agents.llm.advantage import group_advantage, has_variance
from rewardium.agents.llm.objectives import Answers, register_objective
from rewardium.agents.llm.objectives.grpo import Grpo


@register_objective("dapo")
@dataclass(frozen=True)
class Dapo(Grpo):
    """GRPO with more room above than below, the mean over tokens, and groups without variance left out of it.

    The paper samples prompts until a batch holds only groups whose answers differ. Here prompts are not replaced: the
    mean is taken over the tokens of the groups that differ, so that a step is as long as if the others had never been
    sampled; the batch is smaller by them. To compute that mean, the advantages of an update are multiplied by the
    number of its tokens over the number of those that count. The paper's penalty for overlong answers is a reward, not
    part of the objective.

    Source: https://arxiv.org/abs/2503.14476, equations 8 to 12, ``clip_low = 0.2`` and ``clip_high = 0.28``, no penalty
    on the distance to a reference (certainty: high).

    Args:
        clip_low: As in ``Grpo``.
        clip_high: As in ``Grpo``.
        kl_coefficient: As in ``Grpo``.
        normalisation: As in ``Grpo``; ``"token"`` is the paper's.

    Raises:
        RewardiumError: When a value is out of its range.

    Example:
        >>> advantage = Dapo().answer_advantage(Answers.of([1.0, 0.0, 1.0, 1.0], [0, 0, 1, 1]))
        >>> [round(value, 3) for value in advantage.tolist()]  # twice 1 / sqrt(2): half of the tokens count
        [1.414, -1.414, 0.0, 0.0]
    """

    clip_high: float = 0.28

    def answer_advantage(self, answers: Answers) -> Tensor:
        """Scale the group's advantage to a mean over the groups that differ; see ``AnswerAdvantage``."""
        columns = (answers.returns, answers.group, answers.valid)
        counts = answers.valid & has_variance(*columns)
        tokens = torch.where(answers.valid, answers.lengths, 0).sum().double()
        share = torch.where(counts, answers.lengths, 0).sum().clamp(min=1) / tokens.clamp(min=1)
        return group_advantage(*columns) / share
