"""The model of Bradley and Terry: the better response has the larger score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from rewardium.rewards.learning.losses import Metrics, Targets, register_loss
from rewardium.rewards.learning.losses._pairs import Ties, pairs_of, require_setting, require_ties

if TYPE_CHECKING:
    from torch import Tensor


@register_loss("bradley_terry", papers=("A3", "A47"))
@dataclass(frozen=True)
class BradleyTerry:
    """``-log sigmoid(r_w - r_l)``, the mean over all compared pairs of a prompt.

    With soft labels ``p`` it is the cross-entropy ``-p log sigmoid(D) - (1 - p) log sigmoid(-D)`` of ``D = r_1 - r_2``.
    Rows of several responses that are right or wrong with ``ties="skip"`` are the listwise loss of "Qwen2.5-Math"
    (2024), ``-1 / (k (n - k)) sum log sigmoid(r_right - r_wrong)`` over the pairs of k right and n - k wrong responses
    (certainty: recalled). Plain pairs are the loss of "BaseReward" (2025), whose notes find that a penalty on scores
    far from 0 hurts, so that ``centering`` is 0 by default; of "MusicRL" (2024), and of many more. Label smoothing is
    in "Secrets of RLHF in Large Language Models Part II" (2024), its size is not taken from there.

    Args:
        label_smoothing: In [0, 0.5]; the share by which each label is moved to its opposite.
        centering: At least 0; times the mean square of the scores, added.
        ties: ``"half"``: a tie counts half as a win of each side; ``"skip"``: it counts nothing.

    Example:
        >>> import torch
        >>> from rewardium.rewards.learning.preference_data.comparison import Comparison
        >>> targets = Targets.of([Comparison.of("2+2=", ["4", "5"], 1.0)])
        >>> loss, metrics = BradleyTerry()(torch.tensor([[0.0, 0.0]]), targets)
        >>> round(loss.item(), 4)
        0.6931
    """

    label_smoothing: float = 0.0
    centering: float = 0.0
    ties: Ties = "half"

    needs: ClassVar[Literal["pairs"]] = "pairs"

    def __post_init__(self) -> None:
        require_setting("bradley_terry", "label_smoothing", self.label_smoothing, 0.0, 0.5)
        require_setting("bradley_terry", "centering", self.centering, 0.0)
        require_ties("bradley_terry", self.ties)

    def __call__(self, scores: Tensor, targets: Targets) -> tuple[Tensor, Metrics]:
        """Return the loss and the accuracy."""
        import torch
        from torch.nn.functional import softplus

        pairs = pairs_of(scores, targets, self.ties)
        label = pairs.preference + self.label_smoothing * (1.0 - 2.0 * pairs.preference)
        loss = pairs.mean(label * softplus(-pairs.difference) + (1.0 - label) * softplus(pairs.difference))
        if self.centering:
            square = torch.where(targets.mask, scores, 0.0).square().sum(1) / targets.mask.sum(1)
            loss = loss + self.centering * square.mean()
        return loss, pairs.metrics()
