"""CRew-DPO: preferences for confident right over unsure wrong answers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rewardium.agents.llm.objectives import Answers, Totals, register_objective
from rewardium.agents.llm.objectives._pairs import Pairs, preference_loss, reference_log_ratios, strongest
from rewardium.agents.llm.objectives._signs import check_threshold, right_answers
from rewardium.agents.llm.objectives._tokens import answer_means
from rewardium.envs.errors import RewardiumError


@register_objective("crew_dpo", papers=("A42",))
@dataclass(frozen=True)
class CrewDpo:
    """DPO on the pairs of a right and a wrong answer in which confidence speaks most for the right one.

    All right answers of a prompt are paired with all wrong ones, and the ``pairs`` with the largest
    ``confidence(right) - confidence(wrong)`` are kept; confidence is the mean probability, not log-probability, of an
    answer's tokens under the policy that sampled it.

    Source: Confidence as a Reward, October 2025. Certainty: the pairs and their choice high; how many are kept, beta
    and the threshold are ours. The paper takes the tokens within the final box: ``tail`` takes the last ones instead.

    Args:
        beta: As in ``Dpo``, above 0.
        pairs: How many pairs are kept for each prompt, at least 1.
        tail: How many of an answer's last sampled tokens are its final answer, at least 1; None is all of them.
        threshold: Answers paid more than this are right.

    Raises:
        RewardiumError: When a value is out of its range.

    Example:
        >>> CrewDpo().answer_advantage(Answers.of([1.0, 0.0, 0.0, 1.0, 1.0], [0, 0, 0, 1, 1])).tolist()
        [1.0, 1.0, 1.0, 0.0, 0.0]
        >>> logp, mask = torch.tensor([[0.5, 0.5, 0.2]]).log(), torch.ones(1, 3, dtype=torch.bool)
        >>> round(float(CrewDpo(tail=1).confidence(logp, mask)), 3), round(float(CrewDpo().confidence(logp, mask)), 3)
        (0.2, 0.4)
    """

    beta: float = 0.1
    pairs: int = 4
    tail: int | None = None
    threshold: float = 0.5

    def __post_init__(self) -> None:
        check_threshold("crew_dpo", self.threshold)
        if not self.beta > 0.0:
            raise RewardiumError(f"beta must be above 0, got {self.beta}")
        if not self.pairs >= 1 or (self.tail is not None and not self.tail >= 1):
            raise RewardiumError(f"crew_dpo needs pairs and tail of at least 1, got {self.pairs} and {self.tail}")

    @property
    def needs_reference(self) -> bool:
        """The loss is one of ratios to the reference."""
        return True

    @property
    def skips_zero_advantage(self) -> bool:
        """Prompts with only right or only wrong answers teach nothing."""
        return True

    def answer_advantage(self, answers: Answers) -> Tensor:
        """Return 1 for the answers to prompts that have right and wrong ones, 0 for others."""
        return self._candidates(answers).members(len(answers))

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
        candidates, confidence = self._candidates(answers), self.confidence(logp_old.detach(), mask)
        lead = confidence[candidates.first] - confidence[candidates.second]
        pairs = strongest(candidates, lead, answers.group, self.pairs)
        return preference_loss(reference_log_ratios(logp, logp_ref, mask, "crew_dpo"), pairs, self.beta, totals)

    def confidence(self, logp: Tensor, mask: Tensor) -> Tensor:
        """Return the mean probability of the tokens of each final answer, float [B]."""
        places_left = mask.flip(1).cumsum(1).flip(1)
        final = mask if self.tail is None else mask & (places_left <= self.tail)
        return answer_means(torch.where(final, logp, 0.0).exp(), final)

    def _candidates(self, answers: Answers) -> Pairs:
        right = right_answers(answers, self.threshold)
        same = answers.group[:, None] == answers.group[None, :]
        return Pairs.where(same & right[:, None] & (answers.valid & ~right)[None, :], answers.group)
