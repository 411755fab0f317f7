"""The environment's own reward, as a term beside others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.source import Score


@register("extrinsic")
@dataclass(frozen=True)
class Extrinsic(RewardSource):
    """The reward that the environment itself paid, untouched: ``r = r_env``.

    A composed reward replaces the environment's own; this source brings it back as one term, for instance the sparse
    success that a dense reward is added to.

    Score: value float32 [B] of any range, valid bool [B], False where the environment's reward is not finite.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> rows = [Transition("", "", "north", reward=reward) for reward in (0.0, 2.5)]
        >>> Extrinsic().score(TransitionBatch.from_transitions(rows)).value.tolist()
        [0.0, 2.5]
    """

    needs: ClassVar[frozenset[str]] = frozenset()

    def score(self, batch: TransitionBatch) -> Score:
        """Return the extrinsic rewards of B transitions."""
        return Score.of(batch.rewards)
