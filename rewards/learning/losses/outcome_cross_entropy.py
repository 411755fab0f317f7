"""Is a response good? One label a response, and no pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from rewardium.rewards.learning.losses import Metrics, Targets, register_loss
from rewardium.rewards.learning.losses._pairs import pairs_of

if TYPE_CHECKING:
    from torch import Tensor


@register_loss("outcome_cross_entropy", papers=("A11",))
@dataclass(frozen=True)
class OutcomeCrossEntropy:
    """``-(l log sigmoid(r) + (1 - l) log(1 - sigmoid(r)))`` with the label ``l``, the grade cut to [0, 1].

    With the head ``log_ratio`` it is the loss of "Free Process Rewards without Process Labels" (2024), which the
    authors' code has (certainty: high): the reward of a response is ``beta log pi(y) / pi_ref(y)``, and its tokens'
    rewards then come for free. With a scalar head and soft labels of steps it is the loss of "Towards Hierarchical
    Multi-Step Reward Models for Enhanced Reasoning in Large Language Models" (2025), whose data ``hierarchical_steps``
    makes. It learns from single responses, also where all are right or wrong.

    Example:
        >>> import torch
        >>> from rewardium.rewards.learning.preference_data.comparison import Comparison
        >>> targets = Targets.of([Comparison.of("2+2=", ["4"], scores=[1])])
        >>> round(OutcomeCrossEntropy()(torch.tensor([[0.0]]), targets)[0].item(), 4)
        0.6931
    """

    needs: ClassVar[Literal["scores"]] = "scores"

    def __call__(self, scores: Tensor, targets: Targets) -> tuple[Tensor, Metrics]:
        """Return the loss and the accuracy over pairs."""
        import torch
        from torch.nn.functional import softplus

        known = targets.mask & ~targets.grades.isnan()
        label = torch.where(known, targets.grades, 0.0).clamp(0.0, 1.0)
        logit = torch.where(known, scores, 0.0)
        each = torch.where(known, label * softplus(-logit) + (1.0 - label) * softplus(logit), 0.0)
        loss = (each.sum(1) / known.sum(1).clamp(min=1)).mean()
        right = torch.where(known, ((logit > 0) == (label > 0.5)).float(), 0.0).sum() / known.sum().clamp(min=1)
        return loss, {"label_accuracy": float(right), **pairs_of(scores, targets).metrics()}
