"""Pairs of answers to one prompt, and the losses over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from rewardium.agents.llm.advantage import TOLERANCE
from rewardium.agents.llm.groups import group_index
from rewardium.agents.llm.objectives import Answers, Totals
from rewardium.agents.llm.objectives._selection import group_rank
from rewardium.agents.llm.objectives._tokens import answer_sums, log_ratio, required_reference

Choice = Literal["extremes", "all"]


@dataclass(frozen=True)
class Pairs:
    """N pairs of rows.

    Args:
        first: int64 [N]; the better answer, where the pairs are preferences.
        second: int64 [N].
        weight: float64 [N]; adds up to 1 over the pairs of a group.
    """

    first: Tensor
    second: Tensor
    weight: Tensor

    @classmethod
    def where(cls, holds_BB: Tensor, group_B: Tensor) -> Pairs:
        """Return the pairs (i, j) for which a bool [B, B] holds, those of a group weighed alike."""
        first, second = holds_BB.nonzero(as_tuple=True)
        index_N = group_index(group_B)[first]
        count_N = torch.bincount(index_N)[index_N]
        return cls(first, second, 1.0 / count_N.double())

    def members(self, count: int) -> Tensor:
        """Return 1 for the rows that are in a pair and 0 for all others, float64 [count]."""
        member_B = torch.zeros(count, dtype=torch.float64, device=self.first.device)
        member_B[self.first] = 1.0
        member_B[self.second] = 1.0
        return member_B


def preferences(answers: Answers, choice: Choice) -> Pairs:
    """Pair answers with those of their group that were paid less.

    Args:
        answers: B answers; those that are not valid are in no pair.
        choice: ``"extremes"`` pairs the first of the best with the first of the worst; ``"all"`` pairs all.

    Returns:
        The pairs; a group whose answers are all paid the same has none.

    Example:
        >>> pairs = preferences(Answers.of([0.0, 1.0, 0.5], [0, 0, 0]), "all")
        >>> list(zip(pairs.first.tolist(), pairs.second.tolist()))
        [(1, 0), (1, 2), (2, 0)]
        >>> pairs = preferences(Answers.of([0.0, 1.0, 0.5], [0, 0, 0]), "extremes")
        >>> list(zip(pairs.first.tolist(), pairs.second.tolist()))
        [(1, 0)]
    """
    holds_BB = _together(answers) & _more(answers.returns)
    if choice == "extremes":
        best_B = group_rank(answers.group, answers.valid, -answers.returns) == 0
        worst_B = group_rank(answers.group, answers.valid, answers.returns) == 0
        holds_BB = holds_BB & best_B[:, None] & worst_B[None, :]
    return Pairs.where(holds_BB, answers.group)


def unordered_pairs(answers: Answers) -> Pairs:
    """Pair each two valid answers of a group once.

    Example:
        >>> pairs = unordered_pairs(Answers.of([0.0, 0.0, 5.0], [0, 0, 1]))
        >>> list(zip(pairs.first.tolist(), pairs.second.tolist()))
        [(0, 1)]
    """
    return Pairs.where(_together(answers).triu(diagonal=1), answers.group)


def _together(answers: Answers) -> Tensor:
    same_BB = answers.group[:, None] == answers.group[None, :]
    return same_BB & answers.valid[:, None] & answers.valid[None, :]


def _more(returns_B: Tensor) -> Tensor:
    """Say which returns are above which, bool [B, B], but for rounding."""
    size_BB = torch.maximum(returns_B.abs()[:, None], returns_B.abs()[None, :])
    return returns_B[:, None] - returns_B[None, :] > TOLERANCE * size_BB.clamp(min=1e-30)


def reference_log_ratios(logp: Tensor, logp_ref: Tensor | None, mask: Tensor, name: str) -> Tensor:
    """Return how much likelier each answer is than under the reference, float [B], in nats.

    Raises:
        RewardiumError: When there is no reference.
    """
    return answer_sums(log_ratio(logp, required_reference(logp_ref, name), mask), mask)


def preference_loss(
    log_ratio_B: Tensor, pairs: Pairs, strength: float | Tensor, totals: Totals
) -> tuple[Tensor, dict[str, Tensor]]:
    """Compute DPO's loss of the pairs, ``-log sigmoid(beta * (log_ratio_first - log_ratio_second))``.

    Source: https://arxiv.org/abs/2305.18290, equation 7 (certainty: high).

    Args:
        log_ratio_B: float [B], with gradient.
        pairs: N preferences.
        strength: beta, above 0, or float [N].
        totals: The size of the whole step.

    Returns:
        The mean over groups of the mean over their pairs (a group without pairs counts 0), and the metrics
        ``preference_accuracy``, how often the better answer is the one that became likelier, and ``pairs``, the share
        of groups that have a pair.

    Example:
        >>> pairs = preferences(Answers.of([1.0, 0.0], [0, 0]), "all")
        >>> loss, metrics = preference_loss(torch.tensor([0.5, -0.5]), pairs, 2.0, Totals(2.0, 2.0, 1.0))
        >>> round(float(loss), 4), float(metrics["preference_accuracy"])  # log(1 + e^-2)
        (0.1269, 1.0)
    """
    margin_N = log_ratio_B[pairs.first] - log_ratio_B[pairs.second]
    weight_N = pairs.weight.to(margin_N) / totals.groups
    loss = -(weight_N * torch.nn.functional.logsigmoid(strength * margin_N)).sum()
    right = (weight_N * (margin_N.detach() > 0)).sum()
    return loss, {"preference_accuracy": right, "pairs": weight_N.sum()}


def strongest(pairs: Pairs, score_N: Tensor, group_B: Tensor, count: int) -> Pairs:
    """Keep the pairs of each group with the highest scores.

    Args:
        pairs: N pairs.
        score_N: float [N].
        group_B: int64 [B], of the rows.
        count: How many are kept in each group.

    Returns:
        At most ``count`` pairs a group, weighed alike.

    Example:
        >>> pairs = preferences(Answers.of([0.0, 1.0, 1.0], [0, 0, 0]), "all")
        >>> strongest(pairs, torch.tensor([0.1, 0.2]), torch.zeros(3, dtype=int), 1).first.tolist()
        [2]
    """
    if not len(pairs.first):
        return pairs
    group_N = group_B[pairs.first]
    everything_N = torch.ones_like(group_N, dtype=torch.bool)
    kept = group_rank(group_N, everything_N, -score_N) < count
    index = group_index(group_N[kept])
    return Pairs(pairs.first[kept], pairs.second[kept], 1.0 / torch.bincount(index)[index].double())
