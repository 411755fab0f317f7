"""Better and worse lie at least a margin apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from rewardium.rewards.learning.losses import Metrics, Targets, register_loss
from rewardium.rewards.learning.losses._pairs import pairs_of, require_setting

if TYPE_CHECKING:
    from torch import Tensor


@register_loss("margin", papers=("A15", "A47"))
@dataclass(frozen=True)
class Margin:
    """``-log sigmoid(r_w - r_l - m)`` with a margin ``m = scale * strength`` for each pair.

    One of the losses compared in "HelpSteer2-Preference: Complementing Ratings with Preferences" (2024); with the mean
    difference of an ensemble as strength (the curator ``vote_strength``) the adaptive margin of "Secrets of RLHF in
    Large Language Models Part II" (2024). Certainty: recalled for both; ``scale`` and ``most`` are ours. With soft
    labels each direction is weighted by its probability, and has the margin. A tie has no margin.

    Args:
        scale: At least 0; 0 is plain Bradley-Terry.
        most: The largest margin, above which strengths are cut off.

    Example:
        >>> import torch
        >>> from rewardium.rewards.learning.preference_data.comparison import Comparison
        >>> targets = Targets.of([Comparison.of("2+2=", ["4", "5"], 1.0, strength=2.0)])
        >>> loss, _ = Margin()(torch.tensor([[2.0, 0.0]]), targets)
        >>> round(loss.item(), 4)
        0.6931
    """

    scale: float = 1.0
    most: float = 10.0

    needs: ClassVar[Literal["pairs"]] = "pairs"

    def __post_init__(self) -> None:
        require_setting("margin", "scale", self.scale, 0.0)
        require_setting("margin", "most", self.most, 0.0)

    def __call__(self, scores: Tensor, targets: Targets) -> tuple[Tensor, Metrics]:
        """Return the loss and the accuracy."""
        import torch
        from torch.nn.functional import softplus

        pairs = pairs_of(scores, targets)
        margin = torch.where(pairs.preference == 0.5, 0.0, (self.scale * pairs.strength).clamp(max=self.most))
        first, second = softplus(margin - pairs.difference), softplus(margin + pairs.difference)
        return pairs.mean(pairs.preference * first + (1.0 - pairs.preference) * second), pairs.metrics()
