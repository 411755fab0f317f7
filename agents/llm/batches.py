"""How a rollout is cut: into minibatches, one an optimiser step, and into microbatches that fit the memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from rewardium.agents.llm.rollout import Rollout


def minibatches(rollout: Rollout, count: int, key: tuple[int, ...]) -> list[Tensor]:
    """Deal the groups of a rollout into minibatches; groups stay whole.

    Args:
        rollout: B episodes.
        count: Number of minibatches, at most the number of groups.
        key: What the order is drawn from.

    Returns:
        ``count`` tensors of int64 row numbers; every row is in one of them.
    """
    groups = sorted(set(rollout.group.tolist()))
    order = np.random.default_rng(np.random.SeedSequence(key)).permutation(groups)
    return [
        torch.isin(rollout.group, torch.from_numpy(order[start::count])).nonzero().squeeze(1) for start in range(count)
    ]


def microbatches(rollout: Rollout, rows: Tensor, budget: int) -> list[Tensor]:
    """Cut rows into parts that fit the memory, so that little is computed twice or for nothing.

    Rows of one group read their prompt once if they are in one part; rows of one length need no padding. Which matters
    more depends on the lengths, so both orders are tried.

    Args:
        rollout: The episodes.
        rows: int64 [R], the rows to cut.
        budget: The largest number of tokens of a part, distinct prompts and padding included; a row that is longer is
            a part of its own.

    Returns:
        int64 tensors of row numbers; every given row is in one of them.
    """
    lengths, groups = rollout.lengths.tolist(), rollout.group.tolist()
    longest: dict[int, int] = {}
    for row in rows.tolist():
        longest[groups[row]] = max(longest.get(groups[row], 0), lengths[row])
    by_length = sorted(rows.tolist(), key=lambda row: (lengths[row], groups[row]))
    by_group = sorted(rows.tolist(), key=lambda row: (longest[groups[row]], groups[row]))
    cuts = [_cut(rollout, order, budget) for order in (by_length, by_group)]
    return [torch.tensor(part) for part in min(cuts, key=lambda cut: cut[1])[0]]


def group_microbatches(rollout: Rollout, rows: Tensor, budget: int) -> list[Tensor]:
    """Cut rows into parts as ``microbatches`` does, without cutting a group.

    Args:
        rollout: The episodes.
        rows: int64 [R], the rows to cut.
        budget: The largest number of tokens of a part; a group that is longer is a part of its own.

    Returns:
        int64 tensors of row numbers; every given row is in one of them, with all given rows of its group.
    """
    members: dict[int, list[int]] = {}
    for row in rows.tolist():
        members.setdefault(int(rollout.group[row]), []).append(row)
    by_length = sorted(members.values(), key=lambda group: int(rollout.lengths[group].max()))
    parts: list[list[int]] = []
    for group in by_length:
        if parts and _cost(rollout, parts[-1] + group) <= budget:
            parts[-1].extend(group)
        else:
            parts.append(list(group))
    return [torch.tensor(part) for part in parts]


def _cost(rollout: Rollout, rows: list[int]) -> int:
    """Count the tokens of one part, distinct prompts and padding included."""
    prompts = len(set(rollout.group[rows].tolist())) * max(len(rollout.prompt_ids[row]) for row in rows)
    return prompts + len(rows) * int(rollout.lengths[rows].max())


def _cut(rollout: Rollout, order: list[int], budget: int) -> tuple[list[list[int]], int]:
    """Fill parts in the given order; returns them, and the number of tokens of all of them."""
    lengths, groups = rollout.lengths.tolist(), rollout.group.tolist()
    parts: list[list[int]] = []
    costs: list[int] = []
    prompts: set[int] = set()  # of the part at work
    width = prompt_width = 0
    for row in order:
        width, prompt_width = max(width, lengths[row]), max(prompt_width, len(rollout.prompt_ids[row]))
        prompts.add(groups[row])
        size = len(parts[-1]) + 1 if parts else 1
        cost = len(prompts) * prompt_width + size * width
        if parts and cost <= budget:
            parts[-1].append(row)
            costs[-1] = cost
        else:
            prompts, width, prompt_width = {groups[row]}, lengths[row], len(rollout.prompt_ids[row])
            parts.append([row])
            costs.append(width + prompt_width)
    return parts, sum(costs)


def parts_by_length(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Cut rows, sorted by length, into parts of at most ``budget`` tokens with their padding, and at least one row.

    Example:
        >>> list(parts_by_length([5, 1, 2, 9], budget=6))
        [[1, 2], [0], [3]]
    """
    part: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: lengths[row]):
        if part and (len(part) + 1) * lengths[row] > budget:
            yield part
            part = []
        part.append(row)
    if part:
        yield part
