"""NSR: reinforcement by wrong answers alone."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from rewardium.agents.llm.objectives import Answers, register_objective
from rewardium.agents.llm.objectives._signs import check_threshold, signed_weights
from rewardium.agents.llm.objectives.grpo import Grpo


@register_objective("nsr", papers=("A26",))
@dataclass(frozen=True)
class Nsr(Grpo):
    """Every token of a wrong answer has advantage -1, and right answers are dropped; there is no baseline.

    What a wrong answer loses goes to all others in proportion to the probability they have, so that what the policy
    prefers among them stays as it was.

    Source: https://arxiv.org/abs/2506.01347, with PPO's clipped loss and no penalty (certainty: high, its code).

    Args:
        clip_low: As in ``Grpo``.
        clip_high: As in ``Grpo``.
        kl_coefficient: As in ``Grpo``.
        normalisation: As in ``Grpo``.
        threshold: Answers paid more than this are right. The paper's rewards are 0 and 1; the value between is ours.

    Raises:
        RewardiumError: When a value is out of its range.

    Example:
        >>> Nsr().answer_advantage(Answers.of([1.0, 0.0], [0, 0])).tolist()
        [0.0, -1.0]
    """

    threshold: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_threshold("nsr", self.threshold)

    def answer_advantage(self, answers: Answers) -> Tensor:
        """Weigh wrong answers only; see ``AnswerAdvantage``."""
        return signed_weights(answers, self.threshold, 0.0, -1.0)
