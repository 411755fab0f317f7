"""Which factor matters most: pairs by the first factor that tells two responses apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.preference_data import register_step
from rewardium.rewards.learning.preference_data._drawing import (
    generator_for,
    pair_of,
    require_count,
    require_range,
    some_of,
)
from rewardium.rewards.learning.preference_data.comparison import Comparison


@register_step("lexicographic", "builder", papers=("B48",))
@dataclass(frozen=True)
class Lexicographic:
    """Pairs decided by the most important factor in which two responses differ by more than its margin.

    The decision tree of HERON, "Deep Reinforcement Learning from Hierarchical Weak Preference Feedback" (2023): at
    level l, the first wins where its factor is larger by more than ``delta_l``, the second where its is; otherwise the
    next level decides, and a pair that no level decides is dropped. ``delta_l`` is a multiple of the factor's standard
    deviation over all responses; the authors' code for MountainCar takes 0 at the top level (certainty: high for the
    tree, the multiples are settings there).

    Args:
        factors: Names, the most important first; a name that begins with ``-`` is better when smaller.
        margins: One multiple of the standard deviation a factor; one for all of them where there is one.
        pairs: At most so many of a prompt; 0 for all.
        seed: Of the draws.

    Example:
        >>> rows = [Comparison.of("?", ["a", "b", "c"], scores=[1, 1, 0], factors={"length": [9, 3, 1]})]
        >>> [pair.responses for pair in Lexicographic(factors=["scores", "-length"], margins=[0.0])(rows)]
        [('b', 'a'), ('a', 'c'), ('b', 'c')]
    """

    factors: tuple[str, ...] = ("scores",)
    margins: tuple[float, ...] = (0.0,)
    pairs: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("factors", "margins"):
            value = getattr(self, name)
            if isinstance(value, str) or not isinstance(value, Sequence) or not value:
                raise RewardiumError(f"'lexicographic': {name} must be a list, got {value!r}")
            object.__setattr__(self, name, tuple(value))
        for margin in self.margins:
            require_range("lexicographic", "margins", margin, 0.0)
        if len(self.margins) not in (1, len(self.factors)):
            raise RewardiumError(f"'lexicographic': needs one margin or {len(self.factors)}, got {len(self.margins)}")
        require_count("lexicographic", "pairs", self.pairs)

    def __call__(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Build the pairs."""
        columns = [[self._signed(row, name) for name in self.factors] for row in comparisons]
        margins = self._margins(columns)
        return [
            pair for row, levels in zip(comparisons, columns, strict=True) for pair in self._pairs(row, levels, margins)
        ]

    @staticmethod
    def _signed(row: Comparison, name: str) -> NDArray[np.float64]:
        sign = -1.0 if name.startswith("-") else 1.0
        return sign * np.array(row.factor(name.removeprefix("-")))

    def _margins(self, columns: list[list[NDArray[np.float64]]]) -> list[float]:
        multiples = self.margins * (len(self.factors) if len(self.margins) == 1 else 1)
        if not columns:
            return list(multiples)
        return [
            multiple * float(np.concatenate([levels[level] for levels in columns]).std())
            for level, multiple in enumerate(multiples)
        ]

    def _pairs(self, row: Comparison, levels: list[NDArray[np.float64]], margins: list[float]) -> list[Comparison]:
        decided = []
        for i in range(len(row.responses)):
            for j in range(i + 1, len(row.responses)):
                side = first_difference([level[i] - level[j] for level in levels], margins)
                if side:
                    decided.append((i, j) if side > 0 else (j, i))
        return [pair_of(row, i, j) for i, j in some_of(decided, self.pairs, generator_for(self.seed, row))]


def first_difference(differences: Sequence[float], margins: Sequence[float]) -> int:
    """Return the sign of the first difference that is larger than its margin, 0 where none is.

    Example:
        >>> first_difference([0.1, -3.0], [0.5, 0.0])
        -1
    """
    for difference, margin in zip(differences, margins, strict=True):
        if abs(difference) > margin:
            return 1 if difference > 0 else -1
    return 0
