"""GRPO-S: advantages scaled by how far apart the answers to a prompt are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rewardium.agents.llm.advantage import group_advantage, has_variance
from rewardium.agents.llm.groups import group_index, group_mean, group_sum
from rewardium.agents.llm.objectives import Answers, register_objective
from rewardium.agents.llm.objectives.grpo import Grpo
from rewardium.envs.errors import RewardiumError


@register_objective("grpo_s", papers=("B54",))
@dataclass(frozen=True)
class GrpoS(Grpo):
    """GRPO whose advantages are multiplied, after the division by the deviation, by the prompt's responsiveness.

    ``A_i = alpha * (r_i - mean) / std`` with ``alpha = sigmoid(gap of the prompt) / sigmoid(mean gap)``. The gap of a
    prompt is how much more its answers above the group's mean are paid than those below; the mean gap is that of the
    update's prompts. Gaps further than ``outlier`` deviations from the mean are left out of it, and their prompts have
    ``alpha = 1``. Being applied after the division, the factor is not cancelled by it.

    Source: DR-IRL, Inverse Reinforcement Learning with Dynamic Reward Scaling, March 2025. Certainty: the product and
    the sigmoids, from notes with its equations; the gap within a group in place of that of a labelled pair, and the
    outliers, reconstructed. Two things are not here: the paper's second factor, which compares embedded clauses of two
    answers, and its categories of prompts. As printed, prompts whose answers are easily told apart get more, while the
    paper's text says that hard ones do: ``invert`` turns the factor over.

    Args:
        clip_low: As in ``Grpo``.
        clip_high: As in ``Grpo``.
        kl_coefficient: As in ``Grpo``.
        normalisation: As in ``Grpo``.
        invert: Whether to divide by alpha.
        outlier: How many deviations from the mean gap a gap may be; above 0.

    Raises:
        RewardiumError: When a value is out of its range.

    Example:
        >>> answers = Answers.of([3.0, 0.0, 1.0, 0.0], [0, 0, 1, 1])
        >>> [round(value, 3) for value in GrpoS().factors(answers).tolist()]  # gaps 3 and 1, mean gap 2
        [1.081, 1.081, 0.83, 0.83]
    """

    invert: bool = False
    outlier: float = 3.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.outlier > 0.0:
            raise RewardiumError(f"grpo_s needs outlier > 0, got {self.outlier}")

    def answer_advantage(self, answers: Answers) -> Tensor:
        """Scale the group's advantage by the prompt's factor; see ``AnswerAdvantage``."""
        factor = self.factors(answers)
        plain = group_advantage(answers.returns, answers.group, answers.valid)
        return plain / factor if self.invert else plain * factor

    def factors(self, answers: Answers) -> Tensor:
        """Return each answer's alpha, float64 [B]; 1 in groups whose answers are paid the same."""
        index = group_index(answers.group)
        varied = answers.valid & has_variance(answers.returns, answers.group, answers.valid)
        known = group_sum(varied.double()[:, None], index)[:, 0] > 0
        if not bool(known.any()):
            return torch.ones_like(answers.returns)
        gap = self._gaps(answers, index)
        near = (gap - gap[known].mean()).abs() <= self.outlier * gap[known].std(correction=0) + 1e-12
        used = known & near
        usual = gap[used].mean() if bool(used.any()) else gap[known].mean()
        return torch.where(used, torch.sigmoid(gap) / torch.sigmoid(usual), 1.0)[index]

    def _gaps(self, answers: Answers, index: Tensor) -> Tensor:
        """Return what the answers above the group's mean are paid more than those below, float64 [G]."""
        returns = torch.where(answers.valid, answers.returns, 0.0)[:, None]
        distance = returns - group_mean(returns, index, answers.valid.double())[index]
        above, below = ((answers.valid & (side[:, 0] > 0.0)).double() for side in (distance, -distance))
        return (group_mean(returns, index, above) - group_mean(returns, index, below))[:, 0]
