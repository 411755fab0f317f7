"""REINFORCE with the mean of the other answers as baseline."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from rewardium.agents.llm.advantage import leave_one_out_advantage
from rewardium.agents.llm.objectives import Answers, register_objective
from rewardium.agents.llm.objectives._tokens import Normalisation
from rewardium.agents.llm.objectives.grpo import Grpo


@register_objective("rloo")
@dataclass(frozen=True)
class Rloo(Grpo):
    """The policy gradient of whole answers: ``A_i = r_i - mean of r_j, j != i``, no clipping, no division.

    Source: Back to Basics, https://arxiv.org/abs/2402.14740, equation 8 (certainty: high). The paper pays the distance
    to the reference as part of the reward; here ``kl_coefficient`` is a penalty of the loss, as in GRPO. The paper sums
    over the tokens of an answer, which ``"constant"`` does up to a constant factor.

    Args:
        clip_low: As in ``Grpo``; 1 is without a bound.
        clip_high: As in ``Grpo``; inf is without a bound.
        kl_coefficient: As in ``Grpo``.
        normalisation: As in ``Grpo``.

    Raises:
        RewardiumError: When a value is out of its range.

    Example:
        >>> Rloo().answer_advantage(Answers.of([1.0, 0.0], [0, 0])).tolist()
        [1.0, -1.0]
    """

    clip_low: float = 1.0
    clip_high: float = math.inf
    normalisation: Normalisation = "constant"

    def answer_advantage(self, answers: Answers) -> Tensor:
        """Compare with the others of the group; see ``AnswerAdvantage``."""
        return leave_one_out_advantage(answers.returns, answers.group, answers.valid)
