"""RAFT: imitate the best answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from rewardium.agents.llm.advantage import has_variance
from rewardium.agents.llm.objectives import Answers, Totals, register_objective
from rewardium.agents.llm.objectives._selection import group_rank, kept_weights
from rewardium.agents.llm.objectives._tokens import masked_sum
from rewardium.envs.errors import RewardiumError

Ranking = Literal["prompt", "batch"]


@register_objective("raft", papers=("B41",))
@dataclass(frozen=True)
class Raft:
    """Maximum likelihood on the best of K answers: the mean over tokens of ``-w * logp``.

    ``w`` is 0 for answers that are not kept; the weights of all answers that compete have mean 1. Where no answer is
    paid more than another nothing is kept: with a verifier all of them may be wrong. Of answers paid the same the first
    is taken. There is no importance ratio: several epochs are several epochs of fine-tuning.

    Source: https://arxiv.org/abs/2304.06767 (certainty: recalled, K of 8 to 32; leaving out ties is ours). Its optional
    penalty on the distance to a reference inside the ranked score is not here; ``superhf`` has one in the loss. With a
    direction of preference in the prompt and in the reward, this is the learning step of DPA
    (https://arxiv.org/abs/2402.18571).

    Args:
        keep: How many answers are kept for each prompt, at least 1.
        ranking: ``"prompt"`` keeps the best of each prompt; ``"batch"`` as many in all, the best of the whole update.

    Raises:
        RewardiumError: When a value is out of its range.

    Example:
        >>> answers = Answers.of([0.2, 0.9, 0.5, 0.6], [0, 0, 1, 1])
        >>> Raft().answer_advantage(answers).tolist()
        [0.0, 2.0, 0.0, 2.0]
        >>> Raft(ranking="batch", keep=1).answer_advantage(Answers.of([0.9, 0.8, 0.1, 0.2], [0, 0, 1, 1])).tolist()
        [2.0, 2.0, 0.0, 0.0]
    """

    keep: int = 1
    ranking: Ranking = "prompt"

    def __post_init__(self) -> None:
        if not self.keep >= 1:
            raise RewardiumError(f"keep must be at least 1, got {self.keep}")
        if self.ranking not in get_args(Ranking):
            raise RewardiumError(f"ranking must be 'prompt' or 'batch', got {self.ranking!r}")

    @property
    def needs_reference(self) -> bool:
        """There is no penalty on the distance to a reference."""
        return False

    @property
    def skips_zero_advantage(self) -> bool:
        """Answers that are not kept teach nothing."""
        return True

    def answer_advantage(self, answers: Answers) -> Tensor:
        """Weigh the best answers; see ``AnswerAdvantage``."""
        count, pool = self.keep, answers.group
        if self.ranking == "batch":
            count, pool = self.keep * len(set(answers.group.tolist())), torch.zeros_like(answers.group)
        rank = group_rank(pool, answers.valid, -answers.returns)
        kept = answers.valid & (rank < count) & has_variance(answers.returns, pool, answers.valid)
        return kept_weights(kept, pool, answers.valid)

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
            The loss, and no metrics.
        """
        totals = totals or Totals.of(mask)
        return masked_sum(-advantage * torch.where(mask, logp, 0.0), mask) / totals.tokens, {}
