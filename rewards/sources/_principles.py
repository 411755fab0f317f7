"""Principles that a judge is given: subsets and negations; the leading underscore says that this file is no source."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.reward import RewardSource

DEFAULT_PRINCIPLES = (
    "The answer is right.",
    "The steps follow from each other.",
    "The response is short and says nothing twice.",
    "The response answers what was asked, in the form that was asked for.",
)
"""Our own; every paper has others, and they are what a user should write."""


class Principle(NamedTuple):
    """A principle, or its opposite.

    Args:
        text: What is wanted.
        negated: Whether the opposite is wanted.
    """

    text: str
    negated: bool = False


def chosen_principles(
    principles: Sequence[str], negated: Sequence[int], subset: int, negate: float, seed: int, goal: str
) -> tuple[Principle, ...]:
    """Return the principles for a task: a subset in their order, some of them negated.

    The choice follows from seed, task and principle alone, so that all samples of a prompt are judged alike, in every
    process.

    Args:
        principles: All of them.
        negated: The numbers, from 1, of those that are always negated.
        subset: How many are chosen; 0 for all.
        negate: The share that is negated by chance, in [0, 1].
        seed: Makes other choices.
        goal: What the task asks for.

    Returns:
        At least one.

    Example:
        >>> chosen_principles(["Be right.", "Be short."], [2], 0, 0.0, 0, "1 + 1")
        (Principle(text='Be right.', negated=False), Principle(text='Be short.', negated=True))
        >>> {chosen_principles(["Be right.", "Be short."], [], 1, 0.0, 0, str(goal)) for goal in range(20)} == {
        ...     (Principle("Be right."),), (Principle("Be short."),)}
        True
    """
    numbered = list(enumerate(principles, start=1))
    if 0 < subset < len(numbered):
        numbered.sort(key=lambda item: _uniform("chosen", seed, goal, item[1]))
        numbered = sorted(numbered[:subset])
    return tuple(
        Principle(text, (number in negated) != (_uniform("negated", seed, goal, text) < negate))
        for number, text in numbered
    )


def principles_text(principles: Sequence[Principle]) -> str:
    """Write principles as a judge reads them.

    Example:
        >>> print(principles_text([Principle("Be right."), Principle("Be short.", negated=True)]))
        1. Do: Be right.
        2. Avoid: Be short.
    """
    return "\n".join(
        f"{number}. {'Avoid' if one.negated else 'Do'}: {' '.join(one.text.split())}"
        for number, one in enumerate(principles, start=1)
    )


def check_principles(source: RewardSource, principles: Sequence[str], negated: object, subset: object) -> None:
    """Refuse numbers that belong to no principle, and a subset that is none.

    Raises:
        RewardiumError: Naming the parameter.
    """
    whole = isinstance(negated, (list, tuple)) and all(type(number) is int for number in negated)
    if not whole or not set(negated) <= set(range(1, len(principles) + 1)):  # type: ignore[call-overload]
        raise RewardiumError(
            f"{source.registered_name}: 'negated' holds numbers of principles, from 1 to {len(principles)}, "
            f"got {negated!r}"
        )
    if type(subset) is not int or not 0 <= subset <= len(principles):
        raise RewardiumError(
            f"{source.registered_name}: 'subset' is how many of the {len(principles)} principles are chosen, or 0 for "
            f"all, got {subset!r}"
        )
    object.__setattr__(source, "negated", tuple(negated))  # type: ignore[arg-type]


def _uniform(*parts: object) -> float:
    text = repr(parts).encode("utf-8", "backslashreplace")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()[:6]) / 2**48
