"""Wrong labels on purpose, to see what they do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewardium.rewards.learning.preference_data import register_step
from rewardium.rewards.learning.preference_data._drawing import better_and_worse, generator_for, require_range
from rewardium.rewards.learning.preference_data.comparison import Comparison


@register_step("flip_noise", "curator")
@dataclass(frozen=True)
class FlipNoise:
    """Turns a share of the pairs around: a probe of what noise does to a reward model.

    Which pairs are turned depends on their texts and the seed alone.

    Args:
        share: In [0, 1].
        seed: Of the draws.

    Example:
        >>> FlipNoise(share=1.0)([Comparison.of("2+2=", ["4", "5"], 1.0)])[0].preference
        0.0
    """

    share: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        require_range("flip_noise", "share", self.share, 0.0, 1.0)

    def __call__(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Turn some pairs around."""
        found = []
        for row in comparisons:
            better_and_worse("flip_noise", row)
            flip = generator_for(self.seed, row).random() < self.share
            found.append(row.replaced(preference=float(row.wins()[1, 0]), scores=None) if flip else row)
        return found
