"""Which texts share a pass through a language model, so that little is padded and memory stays bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

Texts = Sequence[tuple[tuple[int, ...], tuple[int, ...]]]

# Two passes in place of one, and keys and values that are copied: sharing must save a good part of the work.
_WORTH_SHARING = 0.8


class Pass(NamedTuple):
    """One pass.

    Args:
        rows: The rows that are read.
        shared: Whether each context is read once and the rows attend to it.
    """

    rows: list[int]
    shared: bool


def cheapest_plan(texts: Texts, budget: int, positions: int, *, sharing: bool) -> list[Pass]:
    """Divide texts into passes; sharing contexts only where fewer tokens are read that way.

    Args:
        texts: B pairs of the tokens of a context and of a target, at least one token each.
        budget: Tokens that a pass may read, padding counted; with a shared context each row counts in full, because it
            keeps its own copy of the keys and values.
        positions: Tokens of targets that a pass may have.
        sharing: Whether the model can share contexts at all.

    Returns:
        The passes. A text that is above the budget alone has a pass of its own.

    Example:
        >>> context = tuple(range(50))
        >>> [(len(part.rows), part.shared) for part in cheapest_plan([(context, (1, 2))] * 5, 200, 100, sharing=True)]
        [(3, True), (2, True)]
        >>> cheapest_plan([((1,), (2,)), ((1,), (2, 3, 4))], 200, 100, sharing=True)
        [Pass(rows=[0, 1], shared=False)]
    """
    plain = _plain_plan(texts, budget, positions)
    heads = {context for context, _ in texts}
    if not sharing or 2 * len(heads) > len(texts) or any(len(context) < 2 for context in heads):
        return plain
    shared = _shared_plan(texts, budget, positions)
    cost = sum(_shared_cost([texts[row] for row in part.rows]) for part in shared)
    worth = cost < _WORTH_SHARING * sum(_plain_cost([texts[row] for row in part.rows]) for part in plain)
    return shared if worth else plain


def _plain_plan(texts: Texts, budget: int, positions: int) -> list[Pass]:
    order = sorted(range(len(texts)), key=lambda row: _length(*texts[row]))
    groups = _grouped(order, texts, positions, lambda rows, width: rows * width <= budget)
    return [Pass(rows, shared=False) for rows in groups]


def _shared_plan(texts: Texts, budget: int, positions: int) -> list[Pass]:
    order = sorted(range(len(texts)), key=lambda row: (len(texts[row][0]), texts[row][0], len(texts[row][1])))
    groups = _grouped(order, texts, positions, lambda rows, width: rows * width <= budget)
    return [Pass(rows, shared=True) for rows in groups]


def _grouped(order: Iterable[int], texts: Texts, positions: int, fits: Callable[[int, int], bool]) -> list[list[int]]:
    """Put texts into groups in order, as long as the number of rows and the longest of them fit."""
    groups: list[list[int]] = []
    width = wanted = 0
    for row in order:
        length, count = _length(*texts[row]), len(texts[row][1])
        if not groups or not fits(len(groups[-1]) + 1, max(width, length)) or wanted + count > positions:
            groups.append([])
            width = wanted = 0
        groups[-1].append(row)
        width, wanted = max(width, length), wanted + count
    return groups


def _length(context: tuple[int, ...], target: tuple[int, ...]) -> int:
    return len(context) + len(target) - 1  # nothing follows the last token that would have to be predicted


def _plain_cost(texts: Texts) -> int:
    return len(texts) * max(_length(*text) for text in texts)


def _shared_cost(texts: Texts) -> int:
    heads = {context for context, _ in texts}
    return len(heads) * max(map(len, heads)) + len(texts) * max(len(target) for _, target in texts)
