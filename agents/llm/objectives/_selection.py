"""Which answers are learnt from: ranks within groups."""

from __future__ import annotations

import torch
from torch import Tensor

from rewardium.agents.llm.groups import group_index


def group_rank(group_B: Tensor, valid_B: Tensor, *keys: Tensor) -> Tensor:
    """Number the answers of each group from 0; ties keep their order.

    Args:
        group_B: int64 [B].
        valid_B: bool [B]; what is not valid comes last.
        *keys: Each [B]; smaller comes first, and the first key matters most.

    Returns:
        int64 [B].

    Example:
        >>> valid = torch.tensor([True, True, True, False])
        >>> group_rank(torch.tensor([0, 0, 1, 0]), valid, torch.tensor([5.0, 3.0, 9.0, 1.0])).tolist()
        [1, 0, 0, 2]
    """
    index_B = group_index(group_B)
    order_B = torch.arange(len(group_B), device=group_B.device)
    for key_B in (*reversed(keys), (~valid_B).long(), index_B):
        order_B = order_B[key_B[order_B].argsort(stable=True)]
    size_G = torch.bincount(index_B)
    start_G = size_G.cumsum(0) - size_G
    rank_B = torch.empty_like(order_B)
    rank_B[order_B] = torch.arange(len(order_B), device=group_B.device) - start_G[index_B[order_B]]
    return rank_B


def kept_weights(kept_B: Tensor, group_B: Tensor, valid_B: Tensor) -> Tensor:
    """Weigh the kept answers so that the mean weight over the valid answers of their group is 1.

    Args:
        kept_B: bool [B], only valid answers.
        group_B: int64 [B].
        valid_B: bool [B].

    Returns:
        float64 [B]; 0 for all others.

    Example:
        >>> kept, valid = torch.tensor([True, False, False]), torch.ones(3, dtype=torch.bool)
        >>> kept_weights(kept, torch.zeros(3, dtype=int), valid).tolist()
        [3.0, 0.0, 0.0]
    """
    index_B = group_index(group_B)
    size_B = torch.bincount(index_B, weights=valid_B.double())[index_B]
    count_B = torch.bincount(index_B, weights=kept_B.double())[index_B]
    return torch.where(kept_B, size_B / count_B.clamp(min=1.0), 0.0)
