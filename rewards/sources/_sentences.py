"""Sentences as parameters of sources; the leading underscore says that this file is no source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rewardium.envs.errors import RewardiumError


def sentences(parameter: str, values: Any, most: int) -> tuple[str, ...]:
    """Return a parameter as a tuple of sentences; YAML and expressions give lists, and one sentence may stand alone.

    Args:
        parameter: Its name, for the error.
        values: A text, or several.
        most: The largest number of sentences.

    Returns:
        The sentences, without the blanks around them.

    Raises:
        RewardiumError: When something else stands there, a sentence is empty, or one stands there twice.

    Example:
        >>> sentences("goals", ["open the door ", "pick up the key"], 10)
        ('open the door', 'pick up the key')
    """
    given: Sequence[Any] = (values,) if isinstance(values, str) else values
    if not isinstance(given, (list, tuple)) or not all(isinstance(value, str) and value.strip() for value in given):
        raise RewardiumError(f"{parameter} must be a list of sentences, got {values!r}")
    stripped = tuple(value.strip() for value in given)
    if len(stripped) > most or len(set(stripped)) < len(stripped):
        raise RewardiumError(f"{parameter} must be at most {most} sentences, each different, got {len(stripped)}")
    return stripped
