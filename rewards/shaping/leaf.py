"""A leaf that remembers: what it pays for a step depends on the steps before, so it is no source."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.shaper import Shaped, add_term, payable
from rewardium.rewards.source import Score
from rewardium.rewards.state import RewardState


class Leaf(Reward):
    """A reward without children that pays from what it has seen, e.g. a bonus for what is new.

    A source scores the same transition always the same, in any order, and may score a rollout at once. A leaf of this
    kind is computed while the tree is folded, one time step after the other, and its memory is the ``RewardState``. It
    therefore pays the same at once and deferred. A concrete leaf is a frozen dataclass, says in ``own_needs`` what it
    reads, and writes ``pay``.
    """

    @abstractmethod
    def pay(self, batch: TransitionBatch, state: RewardState) -> Shaped:
        """Pay for one time step.

        Args:
            batch: The transitions, at most one an environment.
            state: What this leaf remembers; changed in place.

        Returns:
            Value and validity of the batch.
        """

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Pay, and write the ledger: one term under the leaf's registered name."""
        shaped = self.pay(batch, state)
        known = shaped.valid & payable(shaped.value)
        raw = np.where(known, shaped.value, 0.0).astype(np.float32)
        return add_term(self.registered_name, (), raw, shaped)


def require_whole(leaf: Leaf, name: str, at_least: int = 1) -> None:
    """Refuse a parameter that is no whole number of at least ``at_least``.

    Raises:
        RewardiumError: Naming the field and its value.
    """
    value = getattr(leaf, name)
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise RewardiumError(
            f"{leaf.registered_name}: {name!r} must be a whole number of at least {at_least}, got {value!r}"
        )
