"""GRPO-lambda: a penalty on length where the prompt is mastered."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rewardium.agents.llm.advantage import group_advantage
from rewardium.agents.llm.groups import group_index, group_mean, group_std
from rewardium.agents.llm.objectives import Answers, register_objective
from rewardium.agents.llm.objectives._signs import check_threshold, right_answers
from rewardium.agents.llm.objectives.grpo import Grpo
from rewardium.envs.errors import RewardiumError

# The smallest deviation of lengths that is divided by. Certainty: from notes on the paper.
SMALLEST_DEVIATION = 1e-4


@register_objective("grpo_lambda", papers=("A36",))
@dataclass(frozen=True)
class GrpoLambda(Grpo):
    """GRPO in which right answers are paid less for length, but only in the groups that are right most often.

    The groups of an update are ranked by their share of right answers. In the first ``ceil(top_share * groups)`` a
    right answer of length L is paid ``1 - penalty * sigmoid((L - mean) / deviation)``, with the mean and deviation of
    the group's right answers; elsewhere it is paid 1, and a wrong answer 0. A group without a right answer is never
    among the first. The advantage is that of GRPO on these returns, which stand in for the reward's own.

    Source: Stable Reinforcement Learning for Efficient Reasoning, May 2025, not the method of the same name that
    extends TD(lambda) (certainty: from notes on the paper: the share 0.2 and penalties of 0.2 to 0.6). Rounding up,
    ties in the order of the prompts, and the deviation with n - 1 are ours.

    Args:
        clip_low: As in ``Grpo``.
        clip_high: As in ``Grpo``.
        kl_coefficient: As in ``Grpo``.
        normalisation: As in ``Grpo``.
        top_share: The share of groups whose right answers pay for their length, in [0, 1]; the paper's lambda.
        penalty: What the longest answers pay, in [0, 1]; the paper's alpha.
        threshold: Answers paid more than this are right; ours.

    Raises:
        RewardiumError: When a value is out of its range.

    Example:
        >>> answers = Answers.of([1.0, 1.0, 0.0, 1.0], [0, 0, 1, 1], lengths=[2, 6, 4, 4])
        >>> [round(value, 3) for value in GrpoLambda().shaped_returns(answers).tolist()]
        [0.934, 0.866, 0.0, 1.0]
    """

    top_share: float = 0.2
    penalty: float = 0.2
    threshold: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_threshold("grpo_lambda", self.threshold)
        if not 0.0 <= self.top_share <= 1.0 or not 0.0 <= self.penalty <= 1.0:
            raise RewardiumError(
                f"grpo_lambda needs top_share and penalty in [0, 1], got {self.top_share} and {self.penalty}"
            )

    def answer_advantage(self, answers: Answers) -> Tensor:
        """Compare the shaped returns with those of the group; see ``AnswerAdvantage``."""
        return group_advantage(self.shaped_returns(answers), answers.group, answers.valid)

    def shaped_returns(self, answers: Answers) -> Tensor:
        """Pay right answers, in the best groups by their length.

        Returns:
            float64 [B].
        """
        index = group_index(answers.group)
        right = right_answers(answers, self.threshold).double()
        length = answers.lengths.double()
        mean = group_mean(length[:, None], index, right)[index, 0]
        deviation = group_std(length, index, right)[index].clamp(min=SMALLEST_DEVIATION)
        shorter = right * (1.0 - self.penalty * torch.sigmoid((length - mean) / deviation))
        return torch.where(self._mastered(right, index, answers.valid)[index], shorter, right)

    def _mastered(self, right: Tensor, index: Tensor, valid: Tensor) -> Tensor:
        """Return the groups whose answers pay for their length, bool [G]."""
        accuracy = group_mean(right[:, None], index, valid.double())[:, 0]
        first = accuracy.argsort(descending=True, stable=True)[: math.ceil(self.top_share * len(accuracy))]
        return torch.zeros_like(accuracy, dtype=torch.bool).index_fill(0, first, True) & (accuracy > 0.0)
