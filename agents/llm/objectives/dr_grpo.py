"""Dr. GRPO: GRPO done right."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from rewardium.agents.llm.advantage import group_advantage
from rewardium.agents.llm.objectives import Answers, register_objective
from rewardium.agents.llm.objectives._tokens import Normalisation
from rewardium.agents.llm.objectives.grpo import Grpo


@register_objective("dr_grpo")
@dataclass(frozen=True)
class DrGrpo(Grpo):
    """GRPO without its two divisions: ``A_i = r_i - mean(r)``, and a sum over tokens divided by a constant.

    Dividing by the standard deviation weighs prompts that are nearly always or never solved too high, and dividing by
    an answer's length makes long wrong answers cheap. With the first alone gone, this is also the advantage of HARMO
    (https://arxiv.org/abs/2510.05283).

    Source: https://arxiv.org/abs/2503.20783 (certainty: high).

    Args:
        clip_low: As in ``Grpo``.
        clip_high: As in ``Grpo``.
        kl_coefficient: As in ``Grpo``.
        normalisation: As in ``Grpo``; ``"constant"`` is the paper's.

    Raises:
        RewardiumError: When a value is out of its range.

    Example:
        >>> DrGrpo().answer_advantage(Answers.of([1.0, 0.0, 0.0, 0.0], [0, 0, 0, 0])).tolist()
        [0.75, -0.25, -0.25, -0.25]
    """

    normalisation: Normalisation = "constant"

    def answer_advantage(self, answers: Answers) -> Tensor:
        """Compare with the mean of the group; see ``AnswerAdvantage``."""
        return group_advantage(answers.returns, answers.group, answers.valid, scale="none")
