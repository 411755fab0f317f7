"""Ties by a third outcome whose worth is the geometric mean of both."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from rewardium.rewards.learning.losses import Metrics, Targets, register_loss
from rewardium.rewards.learning.losses._pairs import pairs_of, require_setting

if TYPE_CHECKING:
    from torch import Tensor


@register_loss("davidson")
@dataclass(frozen=True)
class Davidson:
    """The likelihood of wins and ties in the model of Davidson.

    ``P(1 wins) : P(2 wins) : P(tie) = exp(r_1) : exp(r_2) : tie exp((r_1 + r_2) / 2)``. From "On Extending the
    Bradley-Terry Model to Accommodate Ties in Paired Comparison Experiments" (1970), certainty: high; the default is
    ours. At 0 there are no ties: tied pairs count nothing, and the rest is plain Bradley-Terry.

    Args:
        tie: At least 0; at equal scores a tie is ``tie`` times as likely as either win.

    Example:
        >>> import torch
        >>> from rewardium.rewards.learning.preference_data.comparison import Comparison
        >>> targets = Targets.of([Comparison.of("2+2=", ["4", "four"], 0.5)])
        >>> loss, _ = Davidson(tie=2.0)(torch.zeros(1, 2), targets)
        >>> round(loss.item(), 4)  # log 2: 1 : 1 : 2
        0.6931
    """

    tie: float = 1.0

    needs: ClassVar[Literal["pairs"]] = "pairs"

    def __post_init__(self) -> None:
        require_setting("davidson", "tie", self.tie, 0.0)

    def __call__(self, scores: Tensor, targets: Targets) -> tuple[Tensor, Metrics]:
        """Return the loss and the accuracy over decided pairs."""
        import torch

        pairs = pairs_of(scores, targets, "half" if self.tie else "skip")
        half = pairs.difference / 2.0
        worths = [half, -half] + ([torch.full_like(half, math.log(self.tie))] if self.tie else [])
        total = torch.stack(worths).logsumexp(0)
        won = pairs.preference * (total - half) + (1.0 - pairs.preference) * (total + half)
        tied = total - math.log(self.tie) if self.tie else won
        return pairs.mean(torch.where(pairs.preference == 0.5, tied, won)), pairs.metrics()
