"""Which pairs of messages a judge is asked to compare."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np

Pair = tuple[str, str]


def draw_pairs(messages: Sequence[str], number: int, seed: int = 0) -> list[Pair]:
    """Draw distinct pairs of distinct messages, each in an order drawn by chance.

    The order is drawn because judges prefer what they read first, or last.

    Args:
        messages: Length M, distinct.
        number: How many pairs; where fewer exist, all of them.
        seed: Fixes pairs and orders.

    Returns:
        At most ``number`` pairs, none of them twice in either order.

    Example:
        >>> pairs = draw_pairs(["a", "b", "c"], 9)
        >>> sorted("".join(sorted(pair)) for pair in pairs)
        ['ab', 'ac', 'bc']
    """
    rng = np.random.default_rng(seed)
    size = len(messages)
    if number * 2 >= size * (size - 1) // 2:
        every = list(combinations(range(size), 2))
        chosen = [every[index] for index in rng.permutation(len(every))[:number]]
    else:  # few of many: drawing again what was drawn before is rare
        drawn: dict[tuple[int, int], None] = {}
        while len(drawn) < number:
            first, second = sorted(rng.choice(size, size=2, replace=False).tolist())
            drawn[first, second] = None
        chosen = list(drawn)
    flips = rng.random(len(chosen)) < 0.5
    return [
        (messages[b], messages[a]) if flip else (messages[a], messages[b])
        for (a, b), flip in zip(chosen, flips, strict=True)
    ]


class PairDrawer:
    """Pairs each message that is met for the first time with some that were met before.

    Args:
        partners: Pairs a new message.
        capacity: Messages to remember; when it is full, a new one takes the place of one drawn by chance.
        seed: Of the draws.

    Example:
        >>> drawer = PairDrawer(partners=2)
        >>> drawer.draw(["a", "b"]) in ([("a", "b")], [("b", "a")])
        True
        >>> drawer.draw(["a", "b"])
        []
    """

    def __init__(self, partners: int = 4, capacity: int = 10_000, seed: int = 0) -> None:
        self.partners = partners
        self.capacity = capacity
        self._rng = np.random.default_rng(seed)
        self._places: list[str] = []
        self._met: set[str] = set()

    def __len__(self) -> int:
        return len(self._places)

    def draw(self, messages: Iterable[str]) -> list[Pair]:
        """Return the pairs to ask for because these messages were met.

        Args:
            messages: Met now, in any number and order.

        Returns:
            At most ``partners`` pairs for each message that is new.
        """
        pairs: list[Pair] = []
        for message in messages:
            if message not in self._met:
                pairs += self._with_partners(message)
                self._remember(message)
        return pairs

    def _with_partners(self, message: str) -> list[Pair]:
        number = min(self.partners, len(self._places))
        if not number:
            return []
        others = self._rng.choice(len(self._places), size=number, replace=False)
        flips = self._rng.random(number) < 0.5
        partners = [self._places[place] for place in others]
        return [(other, message) if flip else (message, other) for other, flip in zip(partners, flips, strict=True)]

    def _remember(self, message: str) -> None:
        if len(self._places) < self.capacity:
            self._places.append(message)
        else:
            place = int(self._rng.integers(self.capacity))
            self._met.discard(self._places[place])
            self._places[place] = message
        self._met.add(message)


class Waiting:
    """Pairs that were asked for and have no label yet; the oldest are given up when there are too many.

    Args:
        capacity: How many to remember.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._pairs: OrderedDict[Pair, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pairs)

    def add(self, pairs: Iterable[Pair]) -> None:
        """Remember pairs as asked for."""
        for pair in pairs:
            self._pairs[pair] = None
        while len(self._pairs) > self.capacity:
            self._pairs.popitem(last=False)

    def next(self, number: int) -> list[Pair]:
        """Return up to ``number`` pairs, those first that were not returned for longest."""
        chosen = [pair for pair, _ in zip(self._pairs, range(number), strict=False)]
        for pair in chosen:
            self._pairs.move_to_end(pair)
        return chosen

    def remove(self, pairs: Iterable[Pair]) -> None:
        """Forget pairs, e.g. those that have a label now."""
        for pair in pairs:
            self._pairs.pop(pair, None)
