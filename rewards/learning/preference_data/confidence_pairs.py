"""Right answers said with confidence against wrong ones said without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewardium.rewards.learning.preference_data import register_step
from rewardium.rewards.learning.preference_data._drawing import pair_of, require_count, require_range
from rewardium.rewards.learning.preference_data.comparison import Comparison


@register_step("confidence_pairs", "builder", papers=("A42",))
@dataclass(frozen=True)
class ConfidencePairs:
    """All pairs of a right and a wrong response, of which those with the largest distance of confidence are kept.

    The data of CRew-DPO, "Confidence as a Reward: Transforming LLMs into Reward Models" (2025): "top K by
    ``c_chosen - c_rejected``" over all correct-wrong pairs (certainty: the paper's text; that K counts a prompt's pairs
    is our reading). The confidence is a factor of the responses, the mean probability of the answer's tokens there.

    Args:
        keep: K, the pairs kept of a prompt.
        confidence: The name of the factor.
        threshold: The least score of a right response.

    Example:
        >>> rows = [Comparison.of("2+2=", ["4", "5", "6"], scores=[1, 0, 0], factors={"confidence": [0.9, 0.8, 0.2]})]
        >>> [pair.responses for pair in ConfidencePairs(keep=1)(rows)]
        [('4', '6')]
    """

    keep: int = 4
    confidence: str = "confidence"
    threshold: float = 0.5

    def __post_init__(self) -> None:
        require_count("confidence_pairs", "keep", self.keep, 1)
        require_range("confidence_pairs", "threshold", self.threshold, -1e9)

    def __call__(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Build the pairs, those with the largest distance first."""
        return [pair for row in comparisons for pair in self._pairs(row)]

    def _pairs(self, row: Comparison) -> list[Comparison]:
        confidence, right = row.factor(self.confidence), [s >= self.threshold for s in row.factor("scores")]
        every = [(i, j) for i, good in enumerate(right) if good for j, other in enumerate(right) if not other]
        every.sort(key=lambda pair: confidence[pair[1]] - confidence[pair[0]])
        return [pair_of(row, i, j) for i, j in every[: self.keep]]
