"""The items that wait for a judge: newest first, each once."""

from __future__ import annotations

from collections.abc import Iterable

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.annotation.question import Item


class ItemQueue:
    """A bounded queue that gives the newest items first and holds each item once.

    What a policy saw last is what it will see next, so that the newest items are worth most. An item that is asked for
    again becomes the newest again. Items that were taken are *in flight* until ``finish`` or ``put_back``, and are not
    queued a second time meanwhile. Not thread-safe: its owner has a lock.

    Args:
        capacity: Items that may wait; beyond it the oldest is dropped.

    Raises:
        RewardiumError: When the capacity is not positive.

    Example:
        >>> queue = ItemQueue(capacity=2)
        >>> queue.add([("a",), ("b",), ("c",), ("b",)])
        2
        >>> queue.take(5), queue.dropped
        ([('b',), ('c',)], 1)
    """

    def __init__(self, capacity: int) -> None:
        if isinstance(capacity, bool) or not isinstance(capacity, int) or capacity < 1:
            raise RewardiumError(f"a queue's capacity must be a whole number of at least 1, got {capacity!r}")
        self.capacity = capacity
        self.dropped = 0
        self._waiting: dict[Item, None] = {}  # from the oldest to the newest
        self._in_flight: set[Item] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def in_flight(self) -> int:
        """The number of items that were taken and neither finished nor put back."""
        return len(self._in_flight)

    @property
    def empty(self) -> bool:
        """Whether nothing waits and nothing is in flight."""
        return not self._waiting and not self._in_flight

    def add(self, items: Iterable[Item]) -> int:
        """Queue items, the last one as the newest, and return how many wait now."""
        for item in items:
            if item in self._in_flight:
                continue
            self._waiting.pop(item, None)
            self._waiting[item] = None
            if len(self._waiting) > self.capacity:
                del self._waiting[next(iter(self._waiting))]
                self.dropped += 1
        return len(self._waiting)

    def take(self, count: int) -> list[Item]:
        """Return up to ``count`` items, the newest first; they are in flight from now on."""
        taken: list[Item] = []
        while self._waiting and len(taken) < count:
            item, _ = self._waiting.popitem()
            taken.append(item)
        self._in_flight.update(taken)
        return taken

    def finish(self, items: Iterable[Item]) -> None:
        """End the flight of items that need no more asking; those that wait are taken out too."""
        for item in items:
            self._in_flight.discard(item)
            self._waiting.pop(item, None)

    def put_back(self, items: Iterable[Item]) -> None:
        """Queue items in flight again, as the oldest.

        What failed goes behind the rest, so that a few items that a judge cannot take never block the others.
        """
        returned = [item for item in items if item in self._in_flight]
        self._in_flight.difference_update(returned)
        room = max(self.capacity - len(self._waiting), 0)
        self.dropped += max(len(returned) - room, 0)
        kept = [item for item in returned[:room] if item not in self._waiting]
        self._waiting = dict.fromkeys([*reversed(kept), *self._waiting])

    def clear(self) -> None:
        """Forget what waits; what is in flight stays."""
        self._waiting.clear()
