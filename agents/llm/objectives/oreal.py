"""OREAL: imitate a right answer, push a wrong one away."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rewardium.agents.llm.advantage import leave_one_out_advantage
from rewardium.agents.llm.objectives import Answers, Totals, register_objective
from rewardium.agents.llm.objectives._selection import group_rank
from rewardium.agents.llm.objectives._signs import check_threshold, right_answers
from rewardium.agents.llm.objectives._tokens import divergence, log_ratio, masked_sum
from rewardium.envs.errors import RewardiumError


@register_objective("oreal", papers=("A43",))
@dataclass(frozen=True)
class Oreal:
    """One right and one wrong answer of each prompt: likelihood for the right, a policy gradient for the wrong.

    With RLOO's advantage A over all answers of the group, the loss is ``mean over right tokens of -A * logp``, plus
    ``negative_weight * mean over wrong tokens of -A * ratio`` (where A < 0), plus ``kl_coefficient`` times the
    divergence k3 from the reference over all tokens. Prompts with only right or only wrong answers are left out. The
    first right and the first wrong answer are taken: answers of a group are drawn alike, so this is a draw.

    Source: https://arxiv.org/abs/2502.06781, ``negative_weight`` 0.5 and ``kl_coefficient`` 0.01 (certainty: high, its
    code). The paper also weighs tokens by a token-level reward model that is trained alongside; here all weights are 1.
    The means are over the tokens of the update: with several minibatches each step's is one up to chance.

    Args:
        negative_weight: Weight of wrong answers, at least 0.
        kl_coefficient: Weight of the divergence, at least 0; 0 needs no reference.
        threshold: Answers paid more than this are right; the value between 0 and 1 is ours.

    Raises:
        RewardiumError: When a value is out of its range.

    Example:
        >>> answers = Answers.of([1.0, 0.0, 0.0], [0, 0, 0])
        >>> Oreal().answer_advantage(answers).tolist()  # 1 and -1/2, each times 3 tokens over 1
        [3.0, -1.5, 0.0]
    """

    negative_weight: float = 0.5
    kl_coefficient: float = 0.01
    threshold: float = 0.5

    def __post_init__(self) -> None:
        check_threshold("oreal", self.threshold)
        if not self.negative_weight >= 0.0 or not self.kl_coefficient >= 0.0:
            raise RewardiumError(
                f"oreal needs negative_weight and kl_coefficient >= 0, got {self.negative_weight} and "
                f"{self.kl_coefficient}"
            )

    @property
    def needs_reference(self) -> bool:
        """Whether there is a penalty."""
        return self.kl_coefficient > 0.0

    @property
    def skips_zero_advantage(self) -> bool:
        """The penalty counts for the answers that were not chosen, too."""
        return not self.needs_reference

    def answer_advantage(self, answers: Answers) -> Tensor:
        """Choose and weigh the answers; see ``AnswerAdvantage``."""
        right = right_answers(answers, self.threshold)
        worth = leave_one_out_advantage(answers.returns, answers.group, answers.valid)
        best = _first(right & (worth > 0), answers.group)
        worst = _first(answers.valid & ~right & (worth < 0), answers.group)
        both = set(answers.group[best].tolist()) & set(answers.group[worst].tolist())
        complete = torch.tensor([group in both for group in answers.group.tolist()], dtype=torch.bool)
        tokens = torch.where(answers.valid, answers.lengths, 0).sum().double()
        advantage = torch.zeros_like(worth)
        for chosen in (best & complete, worst & complete):
            share = torch.where(chosen, answers.lengths, 0).sum().clamp(min=1) / tokens.clamp(min=1)
            advantage = torch.where(chosen, worth / share, advantage)
        return advantage

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
            The loss, and (with a penalty) ``kl``, the mean over the step's tokens.

        Raises:
            RewardiumError: When there is a penalty and no reference.
        """
        totals = totals or Totals.of(mask)
        right = -advantage * torch.where(mask, logp, 0.0)
        wrong = -advantage * log_ratio(logp, logp_old, mask).exp() * self.negative_weight
        loss = masked_sum(torch.where(advantage > 0.0, right, wrong), mask) / totals.tokens
        if not self.needs_reference:
            return loss, {}
        distance = masked_sum(divergence(logp, logp_ref, mask, "oreal with kl_coefficient > 0"), mask) / totals.tokens
        return loss + self.kl_coefficient * distance, {"kl": distance.detach()}


def _first(eligible_B: Tensor, group_B: Tensor) -> Tensor:
    """Return the first eligible answer of each group, bool [B]."""
    return eligible_B & (group_rank(group_B, eligible_B) == 0)
