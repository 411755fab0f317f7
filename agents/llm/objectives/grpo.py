"""Group relative policy optimisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from rewardium.agents.llm.objectives import Totals, register_objective
from rewardium.envs.errors import RewardiumError

Normalisation = Literal["token", "sequence", "constant"]


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
        if self.normalisation not in ("token", "sequence", "constant"):
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
        ratio = (torch.where(mask, logp - logp_old, 0.0)).exp()
        clipped = ratio.clamp(1.0 - self.clip_low, 1.0 + self.clip_high)
        per_token = -torch.minimum(ratio * advantage, clipped * advantage)
        metrics = {"clip_fraction": _sum((clipped * advantage < ratio * advantage).float(), mask) / totals.tokens}
        if self.needs_reference:
            if logp_ref is None:
                raise RewardiumError("grpo with kl_coefficient > 0 needs the reference's log-probabilities")
            difference = torch.where(mask, logp_ref - logp, 0.0)
            divergence = difference.exp() - difference - 1.0
            per_token = per_token + self.kl_coefficient * divergence
            metrics["kl"] = _sum(divergence.detach(), mask) / totals.tokens
        return self._normalised(per_token, mask, totals), metrics

    def _normalised(self, per_token: Tensor, mask: Tensor, totals: Totals) -> Tensor:
        if self.normalisation == "token":
            return _sum(per_token, mask) / totals.tokens
        if self.normalisation == "constant":
            return _sum(per_token, mask) / (totals.sequences * totals.max_tokens)
        means = torch.where(mask, per_token, 0.0).sum(1) / mask.sum(1).clamp(min=1)
        return means.sum() / totals.sequences


def _sum(values: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask, values, 0.0).sum()
