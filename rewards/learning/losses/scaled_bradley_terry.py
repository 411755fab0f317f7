"""Stronger preferences count more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from rewardium.rewards.learning.losses import Metrics, Targets, register_loss
from rewardium.rewards.learning.losses._pairs import pairs_of, require_setting

if TYPE_CHECKING:
    from torch import Tensor


@register_loss("scaled_bradley_terry", papers=("A15", "B6"))
@dataclass(frozen=True)
class ScaledBradleyTerry:
    """``-m log sigmoid(r_w - r_l)`` with ``m = scale * strength`` for each pair.

    From "HelpSteer2-Preference: Complementing Ratings with Preferences" (2024), with strengths 1, 2 and 3 for slightly
    better, better and much better (certainty: recalled). Its best recipe trains on grades first (``regression``), goes
    on from there with this loss, and extrapolates the weights (``extrapolate`` of ``reward_model``). With the
    difference of graded outcomes as strength it is the weighting of pairs in "OneSearch" (2025), which is
    reconstructed.

    Args:
        scale: Above 0.
        most: The largest weight.

    Example:
        >>> import torch
        >>> from rewardium.rewards.learning.preference_data.comparison import Comparison
        >>> targets = Targets.of([Comparison.of("2+2=", ["4", "5"], 1.0, strength=3.0)])
        >>> loss, _ = ScaledBradleyTerry()(torch.tensor([[0.0, 0.0]]), targets)
        >>> round(loss.item() / 3, 4)
        0.6931
    """

    scale: float = 1.0
    most: float = 10.0

    needs: ClassVar[Literal["pairs"]] = "pairs"

    def __post_init__(self) -> None:
        require_setting("scaled_bradley_terry", "scale", self.scale, 1e-6)
        require_setting("scaled_bradley_terry", "most", self.most, 1e-6)

    def __call__(self, scores: Tensor, targets: Targets) -> tuple[Tensor, Metrics]:
        """Return the loss and the accuracy."""
        from torch.nn.functional import softplus

        pairs = pairs_of(scores, targets)
        strength = (self.scale * pairs.strength).clamp(max=self.most)
        first, second = softplus(-pairs.difference), softplus(pairs.difference)
        loss = pairs.mean(strength * (pairs.preference * first + (1.0 - pairs.preference) * second))
        return loss, pairs.metrics()
