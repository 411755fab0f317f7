"""Right answers against the wrong ones that are scored above them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewardium.rewards.learning.preference_data import register_step
from rewardium.rewards.learning.preference_data._drawing import pair_of, require_range
from rewardium.rewards.learning.preference_data.comparison import Comparison


@register_step("hard_negatives", "builder", papers=("B20",))
@dataclass(frozen=True)
class HardNegatives:
    """Of each prompt whose best-ranked response is wrong, the best right one against the best-ranked wrong one.

    The self-refinement preference learning of "MotionRFT: Unified Reinforcement Fine-Tuning for Text-to-Motion
    Generation" (2026), on texts: the model's own ranking of k candidates; where the truth does not stand first, the
    pair of truth and hardest negative, otherwise nothing (certainty: notes of an earlier paper for the rule).
    ``score_with`` writes a model's scores into a factor.

    Args:
        by: The factor that holds the model's scores.
        threshold: The least score of a right response.

    Example:
        >>> rows = [Comparison.of("2+2=", ["4", "5", "6"], scores=[1, 0, 0], factors={"model": [0.2, 0.7, 0.1]})]
        >>> HardNegatives()(rows)[0].responses
        ('4', '5')
    """

    by: str = "model"
    threshold: float = 0.5

    def __post_init__(self) -> None:
        require_range("hard_negatives", "threshold", self.threshold, -1e9)

    def __call__(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Build at most one pair a prompt."""
        found = []
        for row in comparisons:
            ranked, right = row.factor(self.by), [score >= self.threshold for score in row.factor("scores")]
            good = max((i for i, is_right in enumerate(right) if is_right), key=lambda i: ranked[i], default=None)
            bad = max((i for i, is_right in enumerate(right) if not is_right), key=lambda i: ranked[i], default=None)
            if good is not None and bad is not None and ranked[bad] >= ranked[good]:
                found.append(pair_of(row, good, bad))
        return found
