"""Remember what was computed of objects that cannot be hashed, as long as these very objects come again."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class IdentityCache(Generic[Value]):
    """Values by the identity of objects, and by further keys; the objects are kept, so that no other takes their place.

    The objects must not be changed. When the cache is full it begins anew.

    Args:
        capacity: Entries at most.

    Example:
        >>> cache = IdentityCache[int](capacity=100)
        >>> numbers = [1, 2, 3]
        >>> cache.get((numbers,), "sum", lambda: sum(numbers)), cache.get((numbers,), "sum", lambda: 0)
        (6, 6)
        >>> cache.get(([1, 2, 3],), "sum", lambda: 0)
        0
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: dict[tuple[Hashable, ...], tuple[tuple[object, ...], Value]] = {}

    def get(self, objects: tuple[object, ...], key: Hashable, compute: Callable[[], Value]) -> Value:
        """Return the value of these objects and this key, computed where it is not known."""
        place = (key, *map(id, objects))
        entry = self._entries.get(place)
        if entry is not None:
            return entry[1]
        value = compute()
        if len(self._entries) >= self._capacity:
            self._entries.clear()
        self._entries[place] = (objects, value)
        return value
