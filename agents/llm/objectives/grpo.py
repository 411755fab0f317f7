"""Group relative policy optimisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from torch import Tensor

from rewardium.agents.llm.objectives import Totals, register_objective
from rewardium.agents.llm.objectives._tokens import (
    Normalisation,
    clipped_surrogate,
    divergence,
    log_ratio,
    masked_sum,
    mean_over,
)
from rewardium.envs.errors import RewardiumError


@register_objective("grpo")
@dataclass(frozen=True)
class Grpo:
    """The clipped policy-gradient loss of GRPO, with the penalty on the distance to a reference.

    A token's loss is ``-min(r * A, clip(r, 1 - clip_low, 1 + clip_high) * A) + kl_coefficient * k3`` with the ratio
    ``r = exp(logp - logp_old)`` and ``k3 = exp(logp_ref - logp) - (logp_ref - logp) - 1``, which is never negative and
    unbiased for the divergence from the policy to the reference when the tokens are the policy's own.

    Source: DeepSeekMath, https://arxiv.org/abs/2402.03300, equations 3 and 4 (certainty: high). ``"constant"`` is
    Dr. GRPO, https://arxiv.org/abs/2503.20783. A larger ``clip_high`` is DAPO, https://arxiv.org/abs/2503.14476.

    Args:
        clip_low: How far the ratio may fall below 1; 0.2 is PPO's value (https://arxiv.org/abs/1707.06347).
        clip_high: How far it may rise above 1.
        kl_coefficient: Weight of the penalty; 0 needs no reference.
        normalisation: ``"token"`` is the mean over all tokens of the step; ``"sequence"`` the mean of the answers'
            means, as in the original, under which the tokens of long answers count less; ``"constant"`` the sum over
            the tokens divided by the number of answers times the largest length.

    Raises:
        RewardiumError: When a value is out of its range.

    Example:
        >>> import torch
        >>> one = torch.ones(1, 1)
        >>> loss, metrics = Grpo().loss(one * 0.5, one * 0.0, None, one * 2.0, one.bool())
        >>> round(float(loss), 3), float(metrics["clip_fraction"])  # e^0.5 is clipped to 1.2
        (-2.4, 1.0)
    """

    clip_low: float = 0.2
    clip_high: float = 0.2
    kl_coefficient: float = 0.0
    normalisation: Normalisation = "token"

    def __post_init__(self) -> None:
        if not 0.0 <= self.clip_low <= 1.0 or not self.clip_high >= 0.0 or not self.kl_coefficient >= 0.0:
            raise RewardiumError(
                f"grpo needs clip_low in [0, 1], clip_high >= 0 and kl_coefficient >= 0, got {self.clip_low}, "
                f"{self.clip_high} and {self.kl_coefficient}"
            )
        if self.normalisation not in get_args(Normalisation):
            raise RewardiumError(f"normalisation must be 'token', 'sequence' or 'constant', got {self.normalisation!r}")

    @property
    def needs_reference(self) -> bool:
        """Whether there is a penalty."""
        return self.kl_coefficient > 0.0

    @property
    def skips_zero_advantage(self) -> bool:
        """Only the penalty teaches something where there is no advantage."""
        return not self.needs_reference

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
            The loss, and ``clip_fraction`` and (with a penalty) ``kl``, both means over the step's tokens.

        Raises:
            RewardiumError: When there is a penalty and no reference.
        """
        totals = totals or Totals.of(mask)
        ratio = log_ratio(logp, logp_old, mask).exp()
        per_token, clipped = clipped_surrogate(ratio, advantage, self.clip_low, self.clip_high)
        metrics = {"clip_fraction": masked_sum(clipped.float(), mask) / totals.tokens}
        if self.needs_reference:
            distance = divergence(logp, logp_ref, mask, "grpo with kl_coefficient > 0")
            per_token = per_token + self.kl_coefficient * distance
            metrics["kl"] = masked_sum(distance.detach(), mask) / totals.tokens
        return mean_over(per_token, mask, totals, self.normalisation), metrics
