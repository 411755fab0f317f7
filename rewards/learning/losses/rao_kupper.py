"""Ties by a threshold: responses whose scores are near are tied."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from rewardium.rewards.learning.losses import Metrics, Targets, register_loss
from rewardium.rewards.learning.losses._pairs import pairs_of, require_setting

if TYPE_CHECKING:
    from torch import Tensor


@register_loss("rao_kupper")
@dataclass(frozen=True)
class RaoKupper:
    """The likelihood of wins and ties in the model of Rao and Kupper.

    With ``D = r_1 - r_2``: ``P(1 wins) = sigmoid(D - threshold)``, ``P(2 wins) = sigmoid(-D - threshold)`` and
    ``P(tie) = (exp(2 threshold) - 1) P(1 wins) P(2 wins)``. From "Ties in Paired-Comparison Experiments: A
    Generalization of the Bradley-Terry Model" (1967), certainty: high; the default threshold is ours. At 0 there are no
    ties: tied pairs count nothing, and the rest is plain Bradley-Terry.

    Args:
        threshold: At least 0. A soft preference is weighted as two outcomes, a preference of 0.5 is a tie.

    Example:
        >>> import torch
        >>> from rewardium.rewards.learning.preference_data.comparison import Comparison
        >>> targets = Targets.of([Comparison.of("2+2=", ["4", "four"], 0.5)])
        >>> near, far = (RaoKupper()(torch.tensor([[d, 0.0]]), targets)[0].item() for d in (0.0, 3.0))
        >>> near < far
        True
    """

    threshold: float = 0.5

    needs: ClassVar[Literal["pairs"]] = "pairs"

    def __post_init__(self) -> None:
        require_setting("rao_kupper", "threshold", self.threshold, 0.0, 100.0)

    def __call__(self, scores: Tensor, targets: Targets) -> tuple[Tensor, Metrics]:
        """Return the loss and the accuracy over decided pairs."""
        import torch
        from torch.nn.functional import softplus

        pairs = pairs_of(scores, targets, "half" if self.threshold else "skip")
        first, second = softplus(self.threshold - pairs.difference), softplus(self.threshold + pairs.difference)
        won = pairs.preference * first + (1.0 - pairs.preference) * second
        tied = first + second - math.log(math.expm1(2.0 * self.threshold)) if self.threshold else won
        return pairs.mean(torch.where(pairs.preference == 0.5, tied, won)), pairs.metrics()
