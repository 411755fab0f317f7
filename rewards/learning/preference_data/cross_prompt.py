"""Right answers to one prompt against wrong ones to another, and right ones against right ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rewardium.rewards.learning.preference_data import register_step
from rewardium.rewards.learning.preference_data._drawing import require_count, require_range
from rewardium.rewards.learning.preference_data.comparison import Comparison


@register_step("cross_prompt", "builder", papers=("B65",))
@dataclass(frozen=True)
class CrossPrompt:
    """Pairs over prompts from labels of single responses: a pass beats a fail, and two passes are a tie.

    The data of "SoliReward: Mitigating Susceptibility to Reward Hacking and Annotation Noise in Video Generation Reward
    Models" (2025), certainty: read in notes; how many pairs are drawn is ours. Train on them with ``win_tie``.

    Args:
        pairs: Wins for each passed response.
        ties: Ties for each passed response.
        threshold: The least score of a pass.
        seed: Of the draws.

    Example:
        >>> rows = [Comparison.of("1+1=", ["2", "3"], scores=[1, 0]), Comparison.of("2+2=", ["4"], scores=[1])]
        >>> found = CrossPrompt(pairs=1, ties=1)(rows)
        >>> [pair.preference for pair in found], found[2].prompts
        ([1.0, 0.5, 1.0, 0.5], ('2+2=', '1+1='))
    """

    pairs: int = 1
    ties: int = 1
    threshold: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        require_count("cross_prompt", "pairs", self.pairs)
        require_count("cross_prompt", "ties", self.ties)
        require_range("cross_prompt", "threshold", self.threshold, -1e9)

    def __call__(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Build the pairs."""
        generator = np.random.default_rng(self.seed)
        items = [
            (prompt, response, score >= self.threshold)
            for row in comparisons
            for prompt, response, score in zip(row.prompts, row.responses, row.factor("scores"), strict=True)
        ]
        passed = [item for item in items if item[2]]
        failed = [item for item in items if not item[2]]
        found = []
        for own in passed:
            others = [item for item in passed if item is not own] if self.ties else []
            for pool, number, preference in ((failed, self.pairs, 1.0), (others, self.ties, 0.5)):
                for index in generator.choice(len(pool), min(number, len(pool)), replace=False) if pool else ():
                    other = pool[index]
                    found.append(Comparison((own[0], other[0]), (own[1], other[1]), None, preference))
        return found
