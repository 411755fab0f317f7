"""What every comparison ends in, and how the comparisons of parts are joined."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

Status = Literal["equal", "different", "unknown"]

EQUAL: Final = "equal"
DIFFERENT: Final = "different"
UNKNOWN: Final = "unknown"


class Identity(NamedTuple):
    """What a comparison says.

    Args:
        status: ``"equal"``, ``"different"`` or ``"unknown"``.
        reason: Why, in words.
    """

    status: Status
    reason: str


def all_of(results: Iterable[Identity], reason: str) -> Identity:
    """Join the comparisons of the parts: one that differs decides, then one that is unknown.

    Example:
        >>> all_of([Identity("equal", ""), Identity("unknown", "?")], "all parts are equal").status
        'unknown'
    """
    unknown = None
    for result in results:
        if result.status == DIFFERENT:
            return result
        if result.status == UNKNOWN:
            unknown = unknown or result
    return unknown or Identity(EQUAL, reason)
