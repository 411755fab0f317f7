"""The share of all good responses together in a softmax over the scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from rewardium.rewards.learning.losses import Metrics, Targets, register_loss
from rewardium.rewards.learning.losses._pairs import pairs_of, require_setting

if TYPE_CHECKING:
    from torch import Tensor


@register_loss("positive_mass", papers=("B6",))
@dataclass(frozen=True)
class PositiveMass:
    """``-log(sum_{i good} exp(r_i / temperature) / sum_j exp(r_j / temperature))`` over the responses to a prompt.

    The listwise loss of "OneSearch" (2025), certainty: read in notes of the paper; a response counts as good there
    where a customer did something with what was shown, graded from 0 (not shown) to 2 (bought). Unlike ``listwise`` it
    does not care how the mass is spread over the good ones. A row in which all are good, or none is, counts nothing.

    Args:
        threshold: The least grade of a good response.
        temperature: Above 0.

    Example:
        >>> import torch
        >>> from rewardium.rewards.learning.preference_data.comparison import Comparison
        >>> targets = Targets.of([Comparison.of("2+2=", ["4", "four", "6", "7"], scores=[1, 1, 0, 0])])
        >>> loss, _ = PositiveMass()(torch.zeros(1, 4), targets)
        >>> round(loss.item(), 4)  # log 2
        0.6931
    """

    threshold: float = 0.5
    temperature: float = 1.0

    needs: ClassVar[Literal["scores"]] = "scores"

    def __post_init__(self) -> None:
        require_setting("positive_mass", "threshold", self.threshold, -1e9)
        require_setting("positive_mass", "temperature", self.temperature, 1e-6)

    def __call__(self, scores: Tensor, targets: Targets) -> tuple[Tensor, Metrics]:
        """Return the loss and the accuracy over pairs."""
        import torch

        good = targets.mask & (targets.grades >= self.threshold)
        mixed = good.any(1) & (targets.mask & ~good).any(1)
        logits = torch.where(targets.mask, scores / self.temperature, float("-inf"))[mixed]
        among_good = torch.where(good[mixed], logits, float("-inf"))
        loss = (logits.logsumexp(1) - among_good.logsumexp(1)).sum() / len(scores)
        return loss, pairs_of(scores, targets).metrics()
