"""PRDP: predict the difference of returns by the difference of log-ratios."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rewardium.agents.llm.objectives import Answers, Totals, register_objective
from rewardium.agents.llm.objectives._pairs import reference_log_ratios, unordered_pairs
from rewardium.agents.llm.objectives._tokens import answer_sums, log_ratio
from rewardium.envs.errors import RewardiumError


@register_objective("prdp", papers=("B38",))
@dataclass(frozen=True)
class Prdp:
    """The squared error of ``beta * [log pi(a)/ref(a) - log pi(b)/ref(b)]`` as a prediction of ``r_a - r_b``.

    It is 0 for all pairs exactly where the policy is ``ref * exp(r / beta) / Z``, the optimum of the return penalised
    by the divergence from the reference. Proximal: with each ``log pi - log pi_old`` clipped to ``[-clip, clip]`` the
    error is computed a second time, and the larger of the two counts. The loss is the mean over prompts of the mean
    over their pairs, all of them: also what is paid the same must not drift apart.

    Source: https://arxiv.org/abs/2402.08714 (certainty: recalled; its defaults for images do not carry over, beta and
    clip are ours).

    Args:
        beta: Above 0; returns differ by so much for each nat.
        clip: How far an answer's log-probability may move, above 0; inf is without a bound.

    Raises:
        RewardiumError: When a value is out of its range.

    Example:
        >>> answers, one = Answers.of([1.0, 0.0], [0, 0]), torch.ones(2, 1)
        >>> logp = torch.tensor([[-1.0], [-1.5]])
        >>> loss, _ = Prdp(beta=1.0).group_loss(logp, logp, -one, one, one.bool(), Totals(2.0, 2.0, 1.0), answers)
        >>> float(loss)  # (0.5 - 1)^2
        0.25
    """

    beta: float = 0.1
    clip: float = 0.5

    def __post_init__(self) -> None:
        if not self.beta > 0.0 or not self.clip > 0.0:
            raise RewardiumError(f"prdp needs beta > 0 and clip > 0, got {self.beta} and {self.clip}")

    @property
    def needs_reference(self) -> bool:
        """The loss is one of ratios to the reference."""
        return True

    @property
    def skips_zero_advantage(self) -> bool:
        """Answers that are in no pair teach nothing."""
        return True

    def answer_advantage(self, answers: Answers) -> Tensor:
        """Return 1 for answers that are in a pair, 0 for others."""
        return unordered_pairs(answers).members(len(answers))

    def group_loss(
        self,
        logp: Tensor,
        logp_old: Tensor,
        logp_ref: Tensor | None,
        advantage: Tensor,
        mask: Tensor,
        totals: Totals,
        answers: Answers,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss of some groups; see ``GroupObjective.group_loss``.

        Returns:
            The loss, and ``clip_fraction``, the share of pairs in which the clipped error counts.

        Raises:
            RewardiumError: When there is no reference.
        """
        pairs = unordered_pairs(answers)
        growth = reference_log_ratios(logp, logp_ref, mask, "prdp")
        move = answer_sums(log_ratio(logp, logp_old, mask), mask)
        near = growth - move + move.clamp(-self.clip, self.clip)
        difference = (answers.returns[pairs.first] - answers.returns[pairs.second]).to(growth)
        plain, clipped = (
            (self.beta * (column[pairs.first] - column[pairs.second]) - difference) ** 2 for column in (growth, near)
        )
        weight = pairs.weight.to(growth) / totals.groups
        loss = (weight * torch.maximum(plain, clipped)).sum()
        return loss, {"clip_fraction": (weight * (clipped > plain)).sum()}
