"""Labels with which models agree; contradicted ones are turned around or dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.preference_data import register_step
from rewardium.rewards.learning.preference_data._drawing import better_and_worse, require_range
from rewardium.rewards.learning.preference_data.comparison import Comparison


@register_step("agreement", "curator", papers=("B31",))
@dataclass(frozen=True)
class Agreement:
    """Keeps pairs whose label enough voters share, turns around what enough contradict by far, drops the rest.

    The second stage of "Skywork-Reward-V2: Scaling Preference Data Curation via Human-AI Synergy" (2025): keep a pair
    with whose label the best reward model so far agrees, and recycle confidently contradicted ones the other way round
    (certainty: outline recalled, thresholds ours). A voter is a factor: a reward model's scores (``score_with``), a
    judge's, another model's.

    Args:
        voters: Names of factors.
        share: The least share of voters that agree for a pair to be kept, in (0, 1].
        flip_above: Turn a pair around where all voters prefer the other side by at least this; 0 for never.

    Example:
        >>> rows = [Comparison.of("2+2=", ["5", "4"], 1.0, factors={"model": [-2.0, 3.0]})]
        >>> len(Agreement()(rows)), Agreement(flip_above=4.0)(rows)[0].preference
        (0, 0.0)
    """

    voters: tuple[str, ...] = ("model",)
    share: float = 0.5
    flip_above: float = 0.0

    def __post_init__(self) -> None:
        if isinstance(self.voters, str) or not self.voters:
            raise RewardiumError(f"'agreement': voters must be a list of factors, got {self.voters!r}")
        object.__setattr__(self, "voters", tuple(self.voters))
        require_range("agreement", "share", self.share, 1e-9, 1.0)
        require_range("agreement", "flip_above", self.flip_above, 0.0)

    def __call__(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Keep, turn around or drop each pair; ties are kept."""
        return [kept for row in comparisons for kept in self._decide(row)]

    def _decide(self, row: Comparison) -> list[Comparison]:
        sides = better_and_worse("agreement", row)
        if sides is None:
            return [row]
        better, worse = sides
        ahead = [row.factor(name)[better] - row.factor(name)[worse] for name in self.voters]
        if sum(distance > 0.0 for distance in ahead) >= self.share * len(ahead):
            return [row]
        if self.flip_above and all(distance <= -self.flip_above for distance in ahead):
            return [row.replaced(preference=float(row.wins()[1, 0]), scores=None)]
        return []
