"""GSPO: one ratio for a whole answer."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from rewardium.agents.llm.objectives import Totals, register_objective
from rewardium.agents.llm.objectives._tokens import answer_means, clipped_surrogate, log_ratio
from rewardium.envs.errors import RewardiumError


@register_objective("gspo")
@dataclass(frozen=True)
class Gspo:
    """The clipped loss of GRPO with the ratio of whole answers: the unit that is paid is the unit that is corrected.

    An answer's loss is ``-min(s A, clip(s, 1 - clip_low, 1 + clip_high) A)`` with
    ``s = exp(mean over its tokens of logp - logp_old)``, the geometric mean of its tokens' ratios, and ``A`` the mean
    of its tokens' advantages; the loss is the mean over answers. At the sampling policy the gradient is that of GRPO
    with ``"sequence"``.

    Source: https://arxiv.org/abs/2507.18071, equations 5 to 7 (certainty: high); the bounds, 3e-4 and 4e-4, are those
    of section 5.1 of its second version (certainty: high). They are narrow since ``s`` is a mean over tokens.

    Args:
        clip_low: How far the ratio may fall below 1, in [0, 1].
        clip_high: How far it may rise above 1.

    Raises:
        RewardiumError: When a value is out of its range.

    Example:
        >>> import torch
        >>> logp = torch.tensor([[0.2, -0.2], [0.4, 0.0]])  # mean ratios 1 and e^0.2
        >>> mask, advantage = torch.ones(2, 2).bool(), torch.ones(2, 2)
        >>> loss, metrics = Gspo(clip_high=0.1).loss(logp, torch.zeros(2, 2), None, advantage, mask)
        >>> round(float(loss), 3), float(metrics["clip_fraction"])
        (-1.05, 0.5)
    """

    clip_low: float = 3e-4
    clip_high: float = 4e-4

    def __post_init__(self) -> None:
        if not 0.0 <= self.clip_low <= 1.0 or not self.clip_high >= 0.0:
            raise RewardiumError(
                f"gspo needs clip_low in [0, 1] and clip_high >= 0, got {self.clip_low} and {self.clip_high}"
            )

    @property
    def needs_reference(self) -> bool:
        """There is no penalty on the distance to a reference."""
        return False

    @property
    def skips_zero_advantage(self) -> bool:
        """Answers without an advantage have no gradient."""
        return True

    def loss(
        self,
        logp: Tensor,
        logp_old: Tensor,
        logp_ref: Tensor | None,
        advantage: Tensor,
        mask: Tensor,
        totals: Totals | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss of some rows; see ``Objective.loss``.

        Returns:
            The loss, and ``clip_fraction``, the share of the step's answers whose ratio was clipped.
        """
        totals = totals or Totals.of(mask)
        ratio_B = answer_means(log_ratio(logp, logp_old, mask), mask).exp()
        loss_B, clipped_B = clipped_surrogate(ratio_B, answer_means(advantage, mask), self.clip_low, self.clip_high)
        return loss_B.sum() / totals.sequences, {"clip_fraction": clipped_B.float().sum() / totals.sequences}
