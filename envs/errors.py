"""The exceptions of the suite."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class RewardiumError(Exception):
    """Base class of every error that the suite raises on bad input."""


class MissingExtraError(RewardiumError, ImportError):
    """An optional package is not installed; the message names the extra that brings it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package!r} is not installed. It comes with the extra: pip install 'rewardium[{extra}]'")
        self.package = package
        self.extra = extra


def unknown_name_message(kind: str, name: str, known: Iterable[str]) -> str:
    """Say that a name is unknown, and which known names are near.

    Args:
        kind: What the name stands for, e.g. ``"reward"``.
        name: The name that was asked for.
        known: Every name that exists.

    Returns:
        One line that names the near matches, or all names where none is near.

    Example:
        >>> unknown_name_message("reward", "verfy", ["verify", "format"])
        "unknown reward 'verfy'; did you mean 'verify'?"
    """
    known = sorted(known)
    near = get_close_matches(name, known, n=3, cutoff=0.6)
    if near:
        return f"unknown {kind} {name!r}; did you mean {' or '.join(repr(match) for match in near)}?"
    return f"unknown {kind} {name!r}; known: {', '.join(known) or 'none'}"
