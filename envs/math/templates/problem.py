"""What a template makes, and where its randomness comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np

T = TypeVar("T")


class Problem(NamedTuple):
    r"""A problem with its answer.

    Args:
        problem: What is asked: English, with LaTeX between dollar signs.
        answer: The answer in LaTeX, without dollar signs, right by construction.
        level: How hard it is, from 1 (mental arithmetic) to 5 (several steps of university entrance).
        subject: E.g. ``"algebra"``.
        form: What the answer looks like, e.g. ``"fraction"`` or ``"interval"``.
    """

    problem: str
    answer: str
    level: int
    subject: str
    form: str


class Dice:
    """Random choices of a template.

    All of them come from ``Generator.random``, the stream of doubles of the bit generator, so that a seed gives the
    same problems with every version of NumPy.

    Args:
        random: Where the randomness comes from.

    Example:
        >>> dice = Dice(np.random.default_rng(0))
        >>> dice.integer(1, 6), dice.pick("abc"), dice.sample(range(10), 3)
        (4, 'a', [0, 1, 8])
    """

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random

    def integer(self, low: int, high: int) -> int:
        """Return an integer from low to high, inclusive."""
        return low + int(self._random.random() * (high - low + 1))

    def nonzero(self, low: int, high: int) -> int:
        """Return an integer from low to high, inclusive, but never 0; both bounds must not be 0."""
        while not (value := self.integer(low, high)):
            pass
        return value

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options."""
        return options[self.integer(0, len(options) - 1)]

    def sample(self, options: Sequence[T], count: int) -> list[T]:
        """Return some of the options, each at most once, in random order."""
        left = list(options)
        return [left.pop(self.integer(0, len(left) - 1)) for _ in range(count)]
