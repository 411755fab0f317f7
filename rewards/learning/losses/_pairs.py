"""The pairs among the responses of each row, flat; the leading underscore says that this file is no loss."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

from rewardium.envs.errors import RewardiumError

if TYPE_CHECKING:
    from torch import Tensor

    from rewardium.rewards.learning.losses import Metrics, Targets

Ties = Literal["half", "skip"]


class Pairs(NamedTuple):
    """P compared pairs of responses.

    Args:
        difference: float32 [P], the score of the first minus that of the second, with gradients.
        preference: float32 [P] in [0, 1], the probability that the first is better.
        strength: float32 [P], at least 0.
        weight: float32 [P]; each row's weights sum to 1 / B, whatever its number of pairs.
    """

    difference: Tensor
    preference: Tensor
    strength: Tensor
    weight: Tensor

    def mean(self, per_pair: Tensor) -> Tensor:
        """Return the mean over rows of the mean over a row's pairs."""
        return (self.weight * per_pair).sum()

    def metrics(self) -> Metrics:
        """Return the share of decided pairs in the right order and the mean distance of better and worse.

        Both are sums over rows divided by the rows that have a decided pair, so that rows without one do not count.
        """
        difference, preference = self.difference.detach(), self.preference
        decided = preference != 0.5
        total = float(self.weight[decided].sum())
        if total == 0.0:
            return {}
        side = (preference - 0.5).sign()
        right = 0.5 + 0.5 * (difference * side).sign()
        return {
            "accuracy": float((self.weight * right)[decided].sum()) / total,
            "margin": float((self.weight * difference * side)[decided].sum()) / total,
        }


def pairs_of(scores: Tensor, targets: Targets, ties: Ties = "half") -> Pairs:
    """Return every compared pair once.

    Args:
        scores: float32 [B, K].
        targets: What is known.
        ties: ``"skip"`` leaves out pairs with the preference 0.5.

    Returns:
        The pairs, in the order of rows.
    """
    import torch

    K = scores.shape[1]
    above = torch.ones(K, K, dtype=torch.bool, device=scores.device).triu(diagonal=1)
    both = targets.mask[:, :, None] & targets.mask[:, None, :]
    known = both & above & ~targets.preference.isnan()
    if ties == "skip":
        known = known & (targets.preference != 0.5)
    count = known.sum((1, 2)).clamp(min=1)
    row, first, second = known.nonzero(as_tuple=True)
    return Pairs(
        scores[row, first] - scores[row, second],
        targets.preference[row, first, second],
        targets.strength[row, first, second],
        1.0 / (count[row].to(scores.dtype) * len(scores)),
    )


def require_setting(loss: str, name: str, value: object, low: float, high: float = math.inf) -> None:
    """Refuse a setting that is no finite number in its range.

    Raises:
        RewardiumError: Naming the setting.
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not low <= float(value) <= high:  # type: ignore[arg-type]
        bounds = f"at least {low:g}" if math.isinf(high) else f"in [{low:g}, {high:g}]"
        raise RewardiumError(f"loss {loss!r}: {name} must be {bounds}, got {value!r}")


def require_ties(loss: str, value: object) -> None:
    """Refuse a way to treat ties that is not known."""
    if value not in ("half", "skip"):
        raise RewardiumError(f"loss {loss!r}: ties must be 'half' or 'skip', got {value!r}")
