"""DPO: preferences between the answers of a group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from torch import Tensor

from rewardium.agents.llm.objectives import Answers, Totals, register_objective
from rewardium.agents.llm.objectives._pairs import Choice, Pairs, preference_loss, preferences
from rewardium.agents.llm.objectives._tokens import answer_sums, log_ratio, required_reference
from rewardium.envs.errors import RewardiumError


@register_objective("dpo", papers=("B58",))
@dataclass(frozen=True)
class Dpo:
    """The logistic loss of the better answer's growth in likelihood over the worse one's, online.

    A pair's loss is ``-log sigmoid(beta * [log pi(w)/ref(w) - log pi(l)/ref(l)])``, with sums over the sampled tokens;
    the loss is the mean over prompts of the mean over their pairs. The pairs are answers that the policy has just given
    to one prompt, ordered by their returns; a prompt whose answers are paid the same has none. The gradient of a pair
    is ``-beta * sigmoid(-beta * margin)`` times the difference of the answers' scores.

    Source: https://arxiv.org/abs/2305.18290, equation 7, beta 0.1 (certainty: high); pairs drawn from the policy itself
    are the online variant of https://arxiv.org/abs/2402.04792, with a reward in place of a judge.

    Args:
        beta: Above 0; the smaller, the further from the reference.
        pairs: ``"extremes"`` pairs the best with the worst answer of a prompt; ``"all"`` all that differ.

    Raises:
        RewardiumError: When a value is out of its range.

    Example:
        >>> import torch
        >>> answers, one = Answers.of([1.0, 0.0], [0, 0]), torch.ones(2, 1)
        >>> logp = torch.tensor([[-1.0], [-2.0]])
        >>> loss, _ = Dpo(beta=1.0).group_loss(logp, logp, -one, one, one.bool(), Totals(2.0, 2.0, 1.0), answers)
        >>> round(float(loss), 4)  # log(1 + e^-1)
        0.3133
    """

    beta: float = 0.1
    pairs: Choice = "extremes"

    def __post_init__(self) -> None:
        if not self.beta > 0.0:
            raise RewardiumError(f"beta must be above 0, got {self.beta}")
        if self.pairs not in get_args(Choice):
            raise RewardiumError(f"pairs must be 'extremes' or 'all', got {self.pairs!r}")

    @property
    def needs_reference(self) -> bool:
        """The loss is one of ratios to the reference."""
        return True

    @property
    def skips_zero_advantage(self) -> bool:
        """Answers that are in no pair teach nothing."""
        return True

    def answer_advantage(self, answers: Answers) -> Tensor:
        """Return 1 for answers that are in a pair, 0 for others; which is the better, the loss knows."""
        return preferences(answers, self.pairs).members(len(answers))

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
            The loss, ``preference_accuracy`` and ``pairs``, the share of prompts with a pair.

        Raises:
            RewardiumError: When there is no reference.
        """
        growth = log_ratio(logp, required_reference(logp_ref, "a loss over preferences"), mask)
        pairs = preferences(answers, self.pairs)
        return self.pairs_loss(growth, mask, pairs, self.strength(answers, pairs).to(growth), totals)

    def pairs_loss(
        self, growth: Tensor, mask: Tensor, pairs: Pairs, strength: Tensor, totals: Totals
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss of some pairs.

        Args:
            growth: float [B, T], the log-ratio of each token to the reference, 0 outside of the mask.
            mask: bool [B, T].
            pairs: N preferences.
            strength: float [N], beta of each.
            totals: The size of the whole step.

        Returns:
            What ``group_loss`` returns.
        """
        return preference_loss(answer_sums(growth, mask), pairs, strength, totals)

    def strength(self, answers: Answers, pairs: Pairs) -> Tensor:
        """Return beta of each pair, float64 [N]."""
        return pairs.weight.new_full(pairs.weight.shape, self.beta)
