"""PSR: reinforcement by right answers alone."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from rewardium.agents.llm.objectives import Answers, register_objective
from rewardium.agents.llm.objectives._signs import check_threshold, signed_weights
from rewardium.agents.llm.objectives.grpo import Grpo


@register_objective("psr", papers=("A26",))
@dataclass(frozen=True)
class Psr(Grpo):
    """Every token of a right answer has advantage 1, and wrong answers are dropped; there is no baseline.

    On the policy's own samples, this is maximum likelihood on the right answers: it raises the success of a single
    answer and, as the paper finds, costs diversity.

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
        >>> Psr().answer_advantage(Answers.of([1.0, 0.0], [0, 0])).tolist()
        [1.0, 0.0]
    """

    threshold: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_threshold("psr", self.threshold)

    def answer_advantage(self, answers: Answers) -> Tensor:
        """Weigh right answers only; see ``AnswerAdvantage``."""
        return signed_weights(answers, self.threshold, 1.0, 0.0)
