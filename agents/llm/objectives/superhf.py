"""SuperHF: imitate the best answer, near a reference."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from rewardium.agents.llm.objectives import Totals, register_objective
from rewardium.agents.llm.objectives._tokens import divergence, masked_sum
from rewardium.agents.llm.objectives.raft import Raft
from rewardium.envs.errors import RewardiumError


@register_objective("superhf", papers=("B43",))
@dataclass(frozen=True)
class SuperHf(Raft):
    """Maximum likelihood on the best answer, plus the divergence from the reference on its tokens.

    The mean over tokens of ``w * (-logp + kl_coefficient * k3)``, with the weights of ``Raft`` and k3 as in ``Grpo``.

    Source: https://arxiv.org/abs/2310.16763 (certainty: recalled: the best of 16, and a coefficient tuned between 0.02
    and 0.5; 0.1 is ours). k3 is an estimate from the kept tokens, which were chosen and not only drawn, in place of the
    sum over the vocabulary.

    Args:
        keep: As in ``Raft``.
        ranking: As in ``Raft``.
        kl_coefficient: Weight of the divergence, at least 0; 0 is ``Raft`` and needs no reference.

    Raises:
        RewardiumError: When a value is out of its range.

    Example:
        >>> import torch
        >>> one = torch.ones(1, 1)
        >>> loss, metrics = SuperHf().loss(-one, -one, -1.5 * one, 2.0 * one, one.bool())
        >>> round(float(loss), 4)  # 2 (1 + 0.1 k3)
        2.0213
    """

    kl_coefficient: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.kl_coefficient >= 0.0:
            raise RewardiumError(f"superhf needs kl_coefficient >= 0, got {self.kl_coefficient}")

    @property
    def needs_reference(self) -> bool:
        """Whether there is a penalty."""
        return self.kl_coefficient > 0.0

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
            The loss, and (with a penalty) ``kl``, the mean over the step's tokens by their weights.

        Raises:
            RewardiumError: When there is a penalty and no reference.
        """
        totals = totals or Totals.of(mask)
        loss, metrics = super().loss(logp, logp_old, logp_ref, advantage, mask, totals)
        if not self.needs_reference:
            return loss, metrics
        weighted = advantage * divergence(logp, logp_ref, mask, "superhf with kl_coefficient > 0")
        distance = masked_sum(weighted, mask) / totals.tokens
        return loss + self.kl_coefficient * distance, {"kl": distance.detach()}
