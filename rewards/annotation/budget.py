"""What a judge may cost: items, calls, tokens and seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from rewardium.envs.errors import RewardiumError


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits on what one annotator asks of its judge; None is no limit.

    A budget holds for one annotator in one process; labels from a cache cost nothing. The limits on items and calls
    are exact. Tokens and seconds are known after a batch only: the last batch is made as small as the average so far
    suggests, and may still go beyond the limit.

    Args:
        items: Items put to the judge.
        calls: Prompts sent; an item whose first answer could not be read is sent twice.
        tokens: Tokens read and written, as the judge counts them; a judge that does not count is not limited.
        seconds: Time spent waiting for the judge.

    Raises:
        RewardiumError: When a limit is negative or no number.

    Example:
        >>> Budget(items=100).minus(Spent(items=98, calls=120)).room(64)
        2
    """

    items: int | None = None
    calls: int | None = None
    tokens: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for limit in fields(self):
            value = getattr(self, limit.name)
            kinds = (int, float) if limit.name == "seconds" else (int,)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, kinds) or not math.isfinite(value) or value < 0:
                raise RewardiumError(f"budget: {limit.name} must be None or a number of at least 0, got {value!r}")

    def minus(self, spent: Spent) -> Budget:
        """Return what is left after some spending, nowhere below 0."""
        return Budget(
            *(
                None if (limit := getattr(self, item.name)) is None else max(limit - getattr(spent, item.name), 0)
                for item in fields(self)
            )
        )

    def room(self, wanted: int, spent: Spent | None = None) -> int:
        """Return how many items this budget allows to ask about next.

        Args:
            wanted: The number of items that there are, at least 0.
            spent: What was spent so far, from which the cost of an item is estimated.

        Returns:
            At most ``wanted``; 0 where some limit is used up.
        """
        spent = spent or Spent()
        room = wanted
        for exact in (self.items, self.calls):
            room = room if exact is None else min(room, exact)
        for limit, used in ((self.tokens, spent.tokens), (self.seconds, spent.seconds)):
            if limit is not None and limit <= 0:
                return 0
            if limit is not None and used and spent.items:
                room = min(room, max(int(limit * spent.items / used), 1))
        return room

    @property
    def exhausted(self) -> bool:
        """Whether some limit is used up."""
        return self.room(1) == 0


@dataclass(slots=True)
class Spent:
    """What was spent so far, in the units of a budget."""

    items: int = 0
    calls: int = 0
    tokens: int = 0
    seconds: float = 0.0
