"""The best of several responses, or their whole order, by a softmax over their scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.losses import Metrics, Targets, register_loss
from rewardium.rewards.learning.losses._pairs import pairs_of, require_setting

if TYPE_CHECKING:
    from torch import Tensor


@register_loss("listwise")
@dataclass(frozen=True)
class Listwise:
    """Cross-entropy of ``softmax(r / temperature)`` with the best response, or the likelihood of the whole order.

    With ``order="best"`` it is ``-sum_i q_i log softmax(r)_i``, where ``q`` is even over the responses with the largest
    grade. With ``order="all"`` it is the model of Plackett and Luce: the best is chosen from all, the next best from
    those that are left, and so on, divided by the number of choices; equally good responses share a place: each is
    chosen, evenly weighted, from itself, its equals and all that are worse.

    The first is the loss of "You Only Judge Once: Multi-response Reward Modeling in a Single Forward Pass" (2026),
    certainty: read in its README; full rankings are named there too, how ties share is reconstructed. Two responses of
    which one is better give plain Bradley-Terry either way.

    Args:
        order: ``"best"`` or ``"all"``.
        temperature: Above 0.

    Example:
        >>> import torch
        >>> from rewardium.rewards.learning.preference_data.comparison import Comparison
        >>> targets = Targets.of([Comparison.of("2+2=", ["4", "5", "6", "7"], scores=[1, 0, 0, 0])])
        >>> loss, _ = Listwise()(torch.zeros(1, 4), targets)
        >>> round(loss.item(), 4)  # log 4
        1.3863
    """

    order: Literal["best", "all"] = "best"
    temperature: float = 1.0

    needs: ClassVar[Literal["pairs"]] = "pairs"

    def __post_init__(self) -> None:
        if self.order not in ("best", "all"):
            raise RewardiumError(f"loss 'listwise': order must be 'best' or 'all', got {self.order!r}")
        require_setting("listwise", "temperature", self.temperature, 1e-6)

    def __call__(self, scores: Tensor, targets: Targets) -> tuple[Tensor, Metrics]:
        """Return the loss and the accuracy over pairs."""
        import torch

        logits = torch.where(targets.mask, scores / self.temperature, float("-inf"))
        grade = _grades(targets)
        # rivals[b, i, j]: j was still there when i was chosen.
        rivals = targets.mask[:, None, :] & (grade[:, None, :] <= grade[:, :, None])
        left = torch.where(rivals, logits[:, None, :], float("-inf"))
        missing = ~targets.mask
        chosen = torch.where(missing, 0.0, scores / self.temperature)
        per_choice = torch.where(missing[:, :, None], 0.0, left).logsumexp(2) - chosen
        weight = self._weights(grade, targets)
        loss = (torch.where(missing, 0.0, per_choice) * weight).sum(1).mean()
        return loss, pairs_of(scores, targets).metrics()

    def _weights(self, grade: Tensor, targets: Targets) -> Tensor:
        """Return how much each response's choice counts, float32 [B, K]; a row without an order counts nothing."""
        import torch

        best = grade.max(1, keepdim=True).values
        worst = torch.where(targets.mask, grade, float("inf")).min(1, keepdim=True).values
        chosen = (grade == best) if self.order == "best" else targets.mask & (grade > worst)
        chosen = chosen & (best > worst)
        return chosen.float() / chosen.sum(1, keepdim=True).clamp(min=1)


def _grades(targets: Targets) -> Tensor:
    """Return grades, where they are missing the wins, -inf outside of the mask: only their order is read."""
    import torch

    wins = torch.nan_to_num(targets.preference, nan=0.0).sum(2)
    grade = torch.where(targets.grades.isnan(), wins, targets.grades)
    return torch.where(targets.mask, grade, float("-inf"))
