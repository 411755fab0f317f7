"""Statistics of the groups that advantages are taken in: pure functions of columns and group numbers."""

from __future__ import annotations

import torch
from torch import Tensor


def group_index(group_B: Tensor) -> Tensor:
    """Number the groups from 0, in the order of their own numbers.

    Example:
        >>> group_index(torch.tensor([7, 3, 7])).tolist()
        [1, 0, 1]
    """
    index_B: Tensor = torch.unique(group_B, return_inverse=True)[1]  # type: ignore[no-untyped-call]
    return index_B


def group_sum(values_BT: Tensor, index_B: Tensor) -> Tensor:
    """Add up the rows of each group.

    Args:
        values_BT: float [B, T].
        index_B: int64 [B], what ``group_index`` returned; G groups.

    Returns:
        float [G, T].

    Example:
        >>> group_sum(torch.tensor([[1.0], [2.0], [4.0]]), torch.tensor([1, 0, 1])).tolist()
        [[2.0], [5.0]]
    """
    groups = int(index_B.max()) + 1 if len(index_B) else 0
    return values_BT.new_zeros(groups, values_BT.shape[1]).index_add(0, index_B, values_BT)


def group_mean(values_BT: Tensor, index_B: Tensor, weight_B: Tensor) -> Tensor:
    """Return the weighted means [G, T]; 0 for a group without weight.

    Args:
        values_BT: float [B, T].
        index_B: int64 [B].
        weight_B: float [B], or [B, T] where each column has weights of its own.

    Returns:
        float [G, T].

    Example:
        >>> group_mean(torch.tensor([[1.0], [3.0], [9.0]]), torch.zeros(3, dtype=int), torch.tensor([1.0, 1.0, 0.0]))
        tensor([[2.]])
    """
    weight_BT = weight_B if weight_B.ndim == 2 else weight_B[:, None]
    return group_sum(values_BT * weight_BT, index_B) / group_sum(weight_BT, index_B).clamp(min=1.0)


def group_std(values_B: Tensor, index_B: Tensor, weight_B: Tensor) -> Tensor:
    """Return the standard deviations with n - 1 [G]; 0 for a group of fewer than two.

    Args:
        values_B: float [B].
        index_B: int64 [B].
        weight_B: float [B], 0 or 1.

    Returns:
        float [G].

    Example:
        >>> group_std(torch.tensor([1.0, 3.0]), torch.zeros(2, dtype=int), torch.ones(2))
        tensor([1.4142])
    """
    distance_B1 = values_B[:, None] - group_mean(values_B[:, None], index_B, weight_B)[index_B]
    freedom_G1 = (group_sum(weight_B[:, None], index_B) - 1.0).clamp(min=1.0)
    return (group_sum(distance_B1**2 * weight_B[:, None], index_B) / freedom_G1).sqrt()[:, 0]


def group_range(values_BT: Tensor, index_B: Tensor, valid_B: Tensor) -> Tensor:
    """Return the largest minus the smallest valid value [G, T]; -inf for a group without one.

    Args:
        values_BT: float [B, T].
        index_B: int64 [B].
        valid_B: bool [B] or [B, T].

    Returns:
        float [G, T].
    """
    highest_GT = group_extreme(values_BT, index_B, valid_B, "amax", -torch.inf)
    return highest_GT - group_extreme(values_BT, index_B, valid_B, "amin", torch.inf)


def group_extreme(values_BT: Tensor, index_B: Tensor, valid_B: Tensor, reduce: str, empty: float) -> Tensor:
    """Return the largest (``"amax"``) or smallest (``"amin"``) valid value [G, T]; ``empty`` where there is none."""
    valid_BT = valid_B if valid_B.ndim == 2 else valid_B[:, None]
    groups = int(index_B.max()) + 1 if len(index_B) else 0
    known_BT = values_BT.masked_fill(~valid_BT, empty)
    start_GT = values_BT.new_full((groups, values_BT.shape[1]), empty)
    return start_GT.scatter_reduce(0, index_B[:, None].expand_as(known_BT), known_BT, reduce)
