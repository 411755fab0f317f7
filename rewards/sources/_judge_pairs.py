"""Comparing a response with reference responses, in both orders; no source, as the underscore says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rewardium.rewards.models.text_questions import A_B_TIE, Blocks, TextQuestion, ask
from rewardium.rewards.sources._judged_text import Judged, Settled, without_thought

NO_RESPONSES = "the task has no reference responses"


def reference_responses(row: Judged, field: str, most: int) -> list[str]:
    """Return the responses that a task brings to be compared with, without their thoughts.

    Args:
        row: The row.
        field: The name of the task's field, a list of texts or one text.
        most: How many are read at most.

    Returns:
        Possibly none.

    Example:
        >>> from rewardium.envs.task import Task
        >>> row = Judged("1 + 1", "2", "2", Task("1 + 1", "2", {"written": ["<think>so</think>3", 4, ""]}))
        >>> reference_responses(row, "written", 2)
        ['3']
    """
    value = row.task.fields.get(field)
    texts = [value] if isinstance(value, str) else value if isinstance(value, (list, tuple)) else []
    shown = [without_thought(text).strip() for text in texts[:most] if isinstance(text, str)]
    return [text for text in shown if text]


def settle_pairs(row: Judged, field: str, most: int) -> Settled | None:
    """Settle a row whose task has nothing to compare with."""
    return None if reference_responses(row, field, most) else Settled(None, NO_RESPONSES)


def in_both_orders(row: Judged, other: str) -> list[list[tuple[str, str]]]:
    """Return the blocks of a comparison: first with the response as ``a``, then as ``b``."""
    question = ("question", row.question)
    return [
        [question, ("response a", row.response), ("response b", other)],
        [question, ("response a", other), ("response b", row.response)],
    ]


def comparisons(
    row: Judged, others: Iterable[str], instruction: str, question: str, *, blocks: Blocks = (), first: str = ""
) -> list[TextQuestion]:
    """Ask which of two responses is better, once in each order for each of M others.

    Args:
        row: The row.
        others: The responses that it is compared with.
        instruction: What the judge is to do.
        question: What is asked.
        blocks: What the judge is shown besides.
        first: What it writes before its answer.

    Returns:
        2 M questions, for ``preference``.
    """
    return [
        ask(instruction, [*pair, *blocks], question, A_B_TIE, first=first)
        for other in others
        for pair in in_both_orders(row, other)
    ]


def preference(values: Sequence[float]) -> float:
    """Return how far the row's response is preferred, from the answers to ``comparisons``.

    A judge that always prefers what stands first comes out at 1/2; and where response and other change places, the
    result becomes one minus itself.

    Args:
        values: 2 M answers: how far ``a`` is preferred, with the response as ``a`` and as ``b`` in turns.

    Returns:
        In [0, 1].

    Example:
        >>> preference([1.0, 0.0]), preference([1.0, 1.0]), preference([0.5, 0.0])
        (1.0, 0.5, 0.75)
    """
    turned = [1.0 - value if place % 2 else value for place, value in enumerate(values)]
    return sum(turned) / len(turned)
