"""Good responses are pulled together, and apart from bad ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from rewardium.rewards.learning.losses import Metrics, Targets, register_loss
from rewardium.rewards.learning.losses._pairs import pairs_of, require_setting

if TYPE_CHECKING:
    from torch import Tensor


@register_loss("win_tie", papers=("B65",))
@dataclass(frozen=True)
class WinTie:
    """Bradley-Terry for wins, and for ties the loss of both directions at once.

    A win costs ``-log sigmoid(r_w - r_l - m)``, smoothed with ``(1 - e)`` of it and ``e`` of its reverse; a tie costs
    ``-log sigmoid(r_1 - r_2 - m) - log sigmoid(r_2 - r_1 - m)``, which is smallest at equal scores. The pass-fail term
    ``outcome_weight * BCE(sigmoid(r), pass)`` is added where scores are known. From "SoliReward: Mitigating
    Susceptibility to Reward Hacking and Annotation Noise in Video Generation Reward Models" (2025), certainty: read in
    code; the default numbers are ours. The builder ``cross_prompt`` makes its pairs.

    Args:
        margin: ``m``, at least 0.
        label_smoothing: ``e`` in [0, 0.5].
        tie_weight: Of the ties, at least 0; at 0, with the other defaults, plain Bradley-Terry without ties.
        outcome_weight: Of the pass-fail term, at least 0.

    Example:
        >>> import torch
        >>> from rewardium.rewards.learning.preference_data.comparison import Comparison
        >>> targets = Targets.of([Comparison.of("2+2=", ["4", "four"], 0.5)])
        >>> round(WinTie()(torch.zeros(1, 2), targets)[0].item(), 4)  # 2 log 2
        1.3863
    """

    margin: float = 0.0
    label_smoothing: float = 0.0
    tie_weight: float = 1.0
    outcome_weight: float = 0.0

    needs: ClassVar[Literal["pairs"]] = "pairs"

    def __post_init__(self) -> None:
        require_setting("win_tie", "margin", self.margin, 0.0)
        require_setting("win_tie", "label_smoothing", self.label_smoothing, 0.0, 0.5)
        require_setting("win_tie", "tie_weight", self.tie_weight, 0.0)
        require_setting("win_tie", "outcome_weight", self.outcome_weight, 0.0)

    def __call__(self, scores: Tensor, targets: Targets) -> tuple[Tensor, Metrics]:
        """Return the loss and the accuracy over decided pairs."""
        import torch
        from torch.nn.functional import softplus

        from rewardium.rewards.learning.losses.outcome_cross_entropy import OutcomeCrossEntropy

        pairs = pairs_of(scores, targets, "half" if self.tie_weight else "skip")
        first, second = softplus(self.margin - pairs.difference), softplus(self.margin + pairs.difference)
        label = pairs.preference + self.label_smoothing * (1.0 - 2.0 * pairs.preference)
        won = label * first + (1.0 - label) * second
        loss = pairs.mean(torch.where(pairs.preference == 0.5, self.tie_weight * (first + second), won))
        if self.outcome_weight:
            loss = loss + self.outcome_weight * OutcomeCrossEntropy()(scores, targets)[0]
        return loss, pairs.metrics()
