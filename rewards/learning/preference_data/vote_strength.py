"""How strongly an ensemble of reward models prefers the better response decides what becomes of a pair."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.preference_data import register_step
from rewardium.rewards.learning.preference_data._drawing import better_and_worse, require_range
from rewardium.rewards.learning.preference_data.comparison import Comparison


@register_step("vote_strength", "curator", papers=("A47",))
@dataclass(frozen=True)
class VoteStrength:
    """Turns around the pairs that an ensemble contradicts most, softens those it is unsure of, gives others a margin.

    From "Secrets of RLHF in Large Language Models Part II: Reward Modeling" (2024). With the scores ``r_m`` of M reward
    models the strength of a pair is ``mu = mean_m (r_m(better) - r_m(worse))``. The pairs with the lowest ``flip`` of
    all strengths, where also ``mu < 0``, are turned around; those up to the share ``soften`` get the soft label
    ``sigmoid(mu)``; the others keep their label with ``mu`` as strength, which ``margin`` takes as the adaptive margin.
    The paper takes M = 10 models on resampled data and about the lowest 20% (certainty: recalled; where the soft part
    ends is ours).

    Args:
        voters: Names of the factors that hold the models' scores.
        flip: Share of pairs to turn around at most, in [0, 1].
        soften: Share of pairs up to which labels are soft, in [flip, 1].

    Example:
        >>> pairs = [Comparison.of("?", ["a", "b"], 1.0, factors={"m0": [mu, 0.0]}) for mu in (-2.0, 0.0, 3.0, 4.0)]
        >>> [(pair.preference, pair.strength) for pair in VoteStrength(["m0"], flip=0.25, soften=0.5)(pairs)]
        [(0.0, 2.0), (0.5, 1.0), (1.0, 3.0), (1.0, 4.0)]
    """

    voters: tuple[str, ...]
    flip: float = 0.2
    soften: float = 0.4

    def __post_init__(self) -> None:
        if isinstance(self.voters, str) or not self.voters:
            raise RewardiumError(f"'vote_strength': voters must be a list of factors, got {self.voters!r}")
        object.__setattr__(self, "voters", tuple(self.voters))
        require_range("vote_strength", "flip", self.flip, 0.0, 1.0)
        require_range("vote_strength", "soften", self.soften, self.flip, 1.0)

    def __call__(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Relabel the pairs; ties stay as they are."""
        sides = [better_and_worse("vote_strength", row) for row in comparisons]
        strengths = [self._strength(row, side) for row, side in zip(comparisons, sides, strict=True)]
        decided = sorted((i for i, side in enumerate(sides) if side is not None), key=lambda i: strengths[i])
        place = {index: rank / len(decided) for rank, index in enumerate(decided)}
        return [
            row if side is None else self._relabelled(row, side, strengths[i], place[i])
            for i, (row, side) in enumerate(zip(comparisons, sides, strict=True))
        ]

    def _strength(self, row: Comparison, sides: tuple[int, int] | None) -> float:
        better, worse = sides or (0, 1)
        ahead = [row.factor(name)[better] - row.factor(name)[worse] for name in self.voters]
        return sum(ahead) / len(ahead)

    def _relabelled(self, row: Comparison, sides: tuple[int, int], strength: float, place: float) -> Comparison:
        better, worse = sides
        if place < self.flip and strength < 0.0:
            return row.subset((better, worse), preference=0.0, scores=None, strength=-strength)
        if place < self.soften:
            soft = 1.0 / (1.0 + math.exp(-min(max(strength, -50.0), 50.0)))
            return row.subset((better, worse), preference=soft, scores=None, strength=1.0)
        return row.subset((better, worse), preference=1.0, scores=None, strength=max(strength, 0.0))
