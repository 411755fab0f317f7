"""Rows of a fixed number of responses, right and wrong ones mixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewardium.rewards.learning.preference_data import register_step
from rewardium.rewards.learning.preference_data._drawing import generator_for, require_count, require_range
from rewardium.rewards.learning.preference_data.comparison import Comparison


@register_step("verified_groups", "builder", papers=("A3",))
@dataclass(frozen=True)
class VerifiedGroups:
    """Of each prompt a row of so many responses, among them right and wrong ones.

    The data of the listwise reward model of "Qwen2.5-Math" (2024): six responses a prompt, of which k are right
    (certainty: recalled); which six of a larger group are taken is ours: as even a mixture as there is. Train on them
    with ``bradley_terry`` and ``ties="skip"``.

    Args:
        responses: Of a row, at least 2; a prompt with fewer gives a row with what it has.
        threshold: The least score of a right response.
        seed: Of the draws.

    Example:
        >>> rows = [Comparison.of("2+2=", ["5", "4", "6", "7"], scores=[0, 1, 0, 0])]
        >>> VerifiedGroups(responses=3)(rows)[0].scores
        (1.0, 0.0, 0.0)
    """

    responses: int = 6
    threshold: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        require_count("verified_groups", "responses", self.responses, 2)
        require_range("verified_groups", "threshold", self.threshold, -1e9)

    def __call__(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Build the rows; a prompt whose responses are all right or all wrong has none."""
        return [group for row in comparisons for group in self._group(row)]

    def _group(self, row: Comparison) -> list[Comparison]:
        generator = generator_for(self.seed, row)
        right = [score >= self.threshold for score in row.factor("scores")]
        good = generator.permutation([i for i, is_right in enumerate(right) if is_right]).tolist()
        bad = generator.permutation([i for i, is_right in enumerate(right) if not is_right]).tolist()
        if not good or not bad:
            return []
        half = self.responses // 2
        number = min(len(good), max(half, self.responses - len(bad)))
        chosen = sorted(map(int, good[:number] + bad[: self.responses - number]))
        return [row.subset(chosen, scores=tuple(float(right[i]) for i in chosen))]
