"""W-REINFORCE: wrong answers in full, right ones a little."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from rewardium.agents.llm.objectives import Answers, register_objective
from rewardium.agents.llm.objectives._signs import check_threshold, signed_weights
from rewardium.agents.llm.objectives.grpo import Grpo
from rewardium.envs.errors import RewardiumError


@register_objective("w_reinforce", papers=("A26",))
@dataclass(frozen=True)
class WReinforce(Grpo):
    """Every token of a right answer has advantage ``positive_weight``, of a wrong one -1; there is no baseline.

    Source: https://arxiv.org/abs/2506.01347, ``positive_weight`` (its lambda) 0.1, PPO's clipped loss and no penalty
    (certainty: high, its code). With weight 1 it is REINFORCE on rewards 1 and -1, and the sum of ``psr`` and ``nsr``.

    Args:
        clip_low: As in ``Grpo``.
        clip_high: As in ``Grpo``.
        kl_coefficient: As in ``Grpo``.
        normalisation: As in ``Grpo``.
        positive_weight: Advantage of a right answer, at least 0.
        threshold: Answers paid more than this are right. The paper's rewards are 0 and 1; the value between is ours.

    Raises:
        RewardiumError: When a value is out of its range.

    Example:
        >>> WReinforce().answer_advantage(Answers.of([1.0, 0.0], [0, 0])).tolist()
        [0.1, -1.0]
    """

    positive_weight: float = 0.1
    threshold: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_threshold("w_reinforce", self.threshold)
        if not self.positive_weight >= 0.0:
            raise RewardiumError(f"w_reinforce needs positive_weight >= 0, got {self.positive_weight}")

    def answer_advantage(self, answers: Answers) -> Tensor:
        """Weigh right and wrong answers; see ``AnswerAdvantage``."""
        return signed_weights(answers, self.threshold, self.positive_weight, -1.0)
