"""What the losses over sampled tokens are made of: ratios, clipping, the penalty, and the ways to take a mean."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from rewardium.agents.llm.objectives import Totals
from rewardium.envs.errors import RewardiumError

Normalisation = Literal["token", "sequence", "constant"]


def masked_sum(values_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """Add up the values where the mask holds; all else is never read.

    Example:
        >>> float(masked_sum(torch.tensor([[1.0, float("nan")]]), torch.tensor([[True, False]])))
        1.0
    """
    return torch.where(mask_BT, values_BT, 0.0).sum()


def log_ratio(logp_BT: Tensor, other_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """Return ``logp - other``, float [B, T]; 0 outside of the mask.

    Example:
        >>> one = torch.ones(1, 2)
        >>> log_ratio(one, one * 0.25, torch.tensor([[True, False]])).tolist()
        [[0.75, 0.0]]
    """
    return torch.where(mask_BT, logp_BT - other_BT, 0.0)


def clipped_surrogate(ratio: Tensor, advantage: Tensor, low: float, high: float) -> tuple[Tensor, Tensor]:
    """Return PPO's loss ``-min(r A, clip(r, 1 - low, 1 + high) A)`` and where clipping took the gradient away.

    Source: https://arxiv.org/abs/1707.06347, equation 7 (certainty: high).

    Args:
        ratio: float, any shape, of new to old probability.
        advantage: float, of the same shape.
        low: How far the ratio may fall below 1, in [0, 1]; 1 is without a bound.
        high: How far it may rise above 1; inf is without a bound.

    Returns:
        float and bool of that shape.

    Example:
        >>> loss, clipped = clipped_surrogate(torch.tensor([1.5, 1.5]), torch.tensor([1.0, -1.0]), 0.2, 0.25)
        >>> loss.tolist(), clipped.tolist()
        ([-1.25, 1.5], [True, False])
    """
    plain, bounded = ratio * advantage, ratio.clamp(1.0 - low, 1.0 + high) * advantage
    return -torch.minimum(plain, bounded), bounded < plain


def divergence(logp_BT: Tensor, logp_ref_BT: Tensor | None, mask_BT: Tensor, name: str) -> Tensor:
    """Estimate the divergence from the policy to the reference at each token.

    ``k3 = exp(d) - d - 1`` with ``d = logp_ref - logp``: never negative, and unbiased where the tokens are the policy's
    own. Source: DeepSeekMath, https://arxiv.org/abs/2402.03300, equation 4 (certainty: high).

    Args:
        logp_BT: float [B, T].
        logp_ref_BT: float [B, T]; None is an error.
        mask_BT: bool [B, T].
        name: The objective, for the error.

    Returns:
        float [B, T]; 0 outside of the mask.

    Raises:
        RewardiumError: When there is no reference.

    Example:
        >>> one = torch.ones(1, 1)
        >>> round(float(divergence(-one, -1.5 * one, one.bool(), "grpo")), 4)  # e^-0.5 + 0.5 - 1
        0.1065
    """
    difference_BT = log_ratio(required_reference(logp_ref_BT, name), logp_BT, mask_BT)
    return difference_BT.exp() - difference_BT - 1.0


def required_reference(logp_ref_BT: Tensor | None, name: str) -> Tensor:
    """Return the reference's log-probabilities.

    Raises:
        RewardiumError: When there are none.
    """
    if logp_ref_BT is None:
        raise RewardiumError(f"{name} needs the reference's log-probabilities")
    return logp_ref_BT


def mean_over(per_token_BT: Tensor, mask_BT: Tensor, totals: Totals, normalisation: Normalisation) -> Tensor:
    """Take the mean of a loss over the tokens of a step.

    Args:
        per_token_BT: float [B, T].
        mask_BT: bool [B, T].
        totals: The size of the whole step.
        normalisation: ``"token"`` is the mean over all tokens of the step; ``"sequence"`` the mean of the answers'
            means; ``"constant"`` the sum divided by the number of answers times the largest length.

    Returns:
        float [].

    Example:
        >>> ones, mask = torch.ones(2, 2), torch.tensor([[True, False], [True, True]])
        >>> names = ("token", "sequence", "constant")
        >>> [float(mean_over(ones, mask, Totals(3.0, 2.0, 4.0), name)) for name in names]
        [1.0, 1.0, 0.375]
    """
    if normalisation == "token":
        return masked_sum(per_token_BT, mask_BT) / totals.tokens
    if normalisation == "constant":
        return masked_sum(per_token_BT, mask_BT) / (totals.sequences * totals.max_tokens)
    return answer_means(per_token_BT, mask_BT).sum() / totals.sequences


def answer_sums(values_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """Add up each answer's sampled tokens, float [B].

    Example:
        >>> answer_sums(torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([[True, False, True]])).tolist()
        [5.0]
    """
    return torch.where(mask_BT, values_BT, 0.0).sum(1)


def answer_means(values_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """Take the mean over each answer's sampled tokens, float [B]; 0 for an answer without any.

    Example:
        >>> answer_means(torch.tensor([[1.0, 2.0, 4.0]]), torch.tensor([[True, False, True]])).tolist()
        [2.5]
    """
    return answer_sums(values_BT, mask_BT) / mask_BT.sum(1).clamp(min=1)
