"""Times of day."""

from __future__ import annotations

import re

from rewardium.envs.math.verify.tree import Words

_NAMED = {"noon": "12:00", "midday": "12:00", "midnight": "0:00"}
_CLOCK = re.compile(
    r"([0-9]{1,2})(?:\s*+:\s*+([0-9]{2}))?(?:\s*+:\s*+([0-9]{2}))?\s*+(?:\\text\s*+\{)?\s*+([ap])\.?\s?m\.?\s*+\}?",
    re.IGNORECASE,
)


def read_clock(text: str) -> Words | None:
    """Read a time of day with a.m. or p.m., as words that are the same for every way to write it.

    Args:
        text: A normalised answer.

    Returns:
        The time on a clock of 24 hours, or None where the text is no such time.

    Example:
        >>> read_clock("3:30 PM"), read_clock("12:05 a.m."), read_clock("3:30")
        (Words(text='clock 15:30'), Words(text='clock 0:05'), None)
    """
    named = _NAMED.get(text.strip().lower())
    if named is not None:
        return Words(f"clock {named}")
    found = _CLOCK.fullmatch(text)
    if found is None:
        return None
    hour, minute, second = (int(part or 0) for part in found.groups()[:3])
    if not 1 <= hour <= 12 or minute > 59 or second > 59:
        return None
    hour = hour % 12 + 12 * (found[4].lower() == "p")
    return Words(f"clock {hour}:{minute:02}" + (f":{second:02}" if second else ""))
