"""The best response against the worst one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewardium.rewards.learning.preference_data import register_step
from rewardium.rewards.learning.preference_data._drawing import pair_of, require_range
from rewardium.rewards.learning.preference_data.comparison import Comparison


@register_step("best_worst", "builder", papers=("A7", "A21"))
@dataclass(frozen=True)
class BestWorst:
    """Of each prompt the pair of the responses with the largest and the smallest score.

    How "Aligning Language Models Using Follow-up Likelihood as Reward Signal" (2024) and "CDR: Customizable Density
    Ratios of Strong-over-weak LLMs for Preference Annotation" (2024) turn a likelihood reward into preferences
    (certainty: high): sample some responses, score them (``score_with`` or any source), take the ends.

    Args:
        by: ``"scores"`` or the name of a factor.
        least: The least distance of both scores; a prompt with less gives no pair.

    Example:
        >>> rows = [Comparison.of("2+2=", ["5", "4", "6"], scores=[0.1, 2.0, -1.0])]
        >>> BestWorst()(rows)[0].responses
        ('4', '6')
    """

    by: str = "scores"
    least: float = 0.0

    def __post_init__(self) -> None:
        require_range("best_worst", "least", self.least, 0.0)

    def __call__(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Build one pair a prompt; where all scores are equal there is none."""
        return [pair for row in comparisons for pair in self._pair(row)]

    def _pair(self, row: Comparison) -> list[Comparison]:
        scores = row.factor(self.by)
        best, worst = scores.index(max(scores)), scores.index(min(scores))
        distance = scores[best] - scores[worst]
        return [pair_of(row, best, worst, distance)] if distance > 0.0 and distance >= self.least else []
