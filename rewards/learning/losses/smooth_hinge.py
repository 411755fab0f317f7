"""Pairs in the right order by more than a margin cost nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from rewardium.rewards.learning.losses import Metrics, Targets, register_loss
from rewardium.rewards.learning.losses._pairs import pairs_of, require_setting

if TYPE_CHECKING:
    from torch import Tensor


def smooth_hinge(distance: Tensor, gamma: float) -> Tensor:
    """Return the rounded hinge of each distance; see ``SmoothHinge``.

    Args:
        distance: float, any shape: by how much the better is ahead.
        gamma: The width of the rounded part, above 0.

    Returns:
        Of that shape, at least 0.
    """
    import torch

    round_part = (1.0 - distance).clamp(min=0.0).square() / (2.0 * gamma)
    return torch.where(distance >= 1.0 - gamma, round_part, 1.0 - gamma / 2.0 - distance)


@register_loss("smooth_hinge")
@dataclass(frozen=True)
class SmoothHinge:
    """The hinge of the distance ``t = r_w - r_l``, rounded at its corner.

    ``0`` for ``t >= 1``; ``(1 - t)^2 / (2 gamma)`` for ``1 - gamma <= t < 1``; ``1 - gamma / 2 - t`` below. The loss
    that the code of "PAL: Pluralistic Alignment Framework for Learning from Heterogeneous Preferences" (2024) takes
    (certainty: high for the form; 5 is the ``gamma`` of its configurations), here on scalar scores in place of its
    distances to ideal points. A soft preference weighs both directions.

    Args:
        gamma: The width of the rounded part, above 0.

    Example:
        >>> import torch
        >>> from rewardium.rewards.learning.preference_data.comparison import Comparison
        >>> targets = Targets.of([Comparison.of("2+2=", ["4", "5"], 1.0)])
        >>> [SmoothHinge(gamma=1.0)(torch.tensor([[t, 0.0]]), targets)[0].item() for t in (2.0, 0.0, -1.0)]
        [0.0, 0.5, 1.5]
    """

    gamma: float = 5.0

    needs: ClassVar[Literal["pairs"]] = "pairs"

    def __post_init__(self) -> None:
        require_setting("smooth_hinge", "gamma", self.gamma, 1e-6)

    def __call__(self, scores: Tensor, targets: Targets) -> tuple[Tensor, Metrics]:
        """Return the loss and the accuracy."""
        pairs = pairs_of(scores, targets)
        first, second = smooth_hinge(pairs.difference, self.gamma), smooth_hinge(-pairs.difference, self.gamma)
        return pairs.mean(pairs.preference * first + (1.0 - pairs.preference) * second), pairs.metrics()
