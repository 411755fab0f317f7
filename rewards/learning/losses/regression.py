"""The score is the grade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from rewardium.rewards.learning.losses import Metrics, Targets, register_loss
from rewardium.rewards.learning.losses._pairs import pairs_of

if TYPE_CHECKING:
    from torch import Tensor


@register_loss("regression", papers=("A15",))
@dataclass(frozen=True)
class Regression:
    """The squared distance of score and grade, the mean over a row's graded responses.

    One of the two losses that "HelpSteer2-Preference: Complementing Ratings with Preferences" (2024) compares and then
    combines: grades from 0 to 4 (certainty: recalled).

    Example:
        >>> import torch
        >>> from rewardium.rewards.learning.preference_data.comparison import Comparison
        >>> targets = Targets.of([Comparison.of("2+2=", ["4", "5"], scores=[4, 1])])
        >>> Regression()(torch.tensor([[3.0, 1.0]]), targets)[0].item()
        0.5
    """

    needs: ClassVar[Literal["scores"]] = "scores"

    def __call__(self, scores: Tensor, targets: Targets) -> tuple[Tensor, Metrics]:
        """Return the loss, and the accuracy over pairs."""
        import torch

        known = targets.mask & ~targets.grades.isnan()
        error = torch.where(known, scores, 0.0) - torch.where(known, targets.grades, 0.0)
        loss = (error.square().sum(1) / known.sum(1).clamp(min=1)).mean()
        return loss, pairs_of(scores, targets).metrics()
