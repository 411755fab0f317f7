"""How much an agent lives on repeating messages: a probe for message farming."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class MessageFarming(NamedTuple):
    """How much of what was paid was paid for messages that the episode had been paid for before.

    Args:
        paid_steps: Steps that were paid and had a message.
        repeated_share: The share of them whose message was already paid in its episode; 0 where nothing was paid.
        largest_count: The largest number of times that one message was paid in one episode.
        mean_largest_count: The same, averaged over the episodes in which anything was paid; 0 where there are none.
    """

    paid_steps: int
    repeated_share: float
    largest_count: int
    mean_largest_count: float


def message_farming(
    messages: Sequence[str | None], paid: NDArray[Any], episodes: Sequence[Any] | NDArray[Any]
) -> MessageFarming:
    """Measure message farming over steps.

    A reward that pays a message each time invites an agent to bring it up again and again, e.g. by opening and closing
    a door. A share near 0 says that the agent is paid for something new each time, a share near 1 that it farms. Give
    what the source said before a count term divides it (``info["reward_terms"]["oni"]["raw"]``): the probe shows what
    the agent does, and the count term only what it gains from it.

    Args:
        messages: Length T, in any order of the steps; None and "" count nowhere.
        paid: bool or float [T]; a step is paid where it is true or above 0.
        episodes: Length T, what tells the episodes apart, e.g. ``(env, episode)``.

    Returns:
        The measure.

    Example:
        >>> message_farming(["a key", "a key", "a door", "a key"], np.array([1.0, 1.0, 1.0, 0.0]), [0, 0, 0, 1])
        MessageFarming(paid_steps=3, repeated_share=0.3333333333333333, largest_count=2, mean_largest_count=2.0)
    """
    counts: dict[Any, Counter[str]] = {}
    for message, pays, episode in zip(messages, np.asarray(paid) > 0, episodes, strict=True):
        if message and pays:
            counts.setdefault(episode, Counter())[message] += 1
    if not counts:
        return MessageFarming(0, 0.0, 0, 0.0)
    largest = [max(count.values()) for count in counts.values()]
    total = sum(count.total() for count in counts.values())
    repeated = total - sum(len(count) for count in counts.values())
    return MessageFarming(total, repeated / total, max(largest), float(np.mean(largest)))
