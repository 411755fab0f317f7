"""Short keys for the states that steps lead to: equal where two states count as the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Literal

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.shaping.texts import text_keys

StateKey = Literal["message", "position", "observation", "caption"]
"""What makes two states the same: the game's message, the place on the map, everything observed, or the whole text."""

# The places in NLE's "blstats": x, y, depth, dungeon number, level number.
_X, _Y, _DEPTH, _DUNGEON, _LEVEL = 0, 1, 12, 23, 24
_STATUS = re.compile(r"^Status:[ \t]*(.{0,1000})$", re.MULTILINE)
_PLACE = re.compile(r"\b(?:position|place|at|x, ?y)[ :=]{0,3}\(?(-?\d{1,6}) ?[, ] ?(-?\d{1,6})\)?", re.IGNORECASE)
_X_AND_Y = re.compile(r"\bx[ :=]{0,3}(-?\d{1,6}),? ?y[ :=]{0,3}(-?\d{1,6})\b", re.IGNORECASE)
_LEVEL_WORDS = re.compile(r"\b(depth|dungeon|level|dlvl)[ :=]{0,3}(\d{1,6})\b", re.IGNORECASE)

_MISSING = {
    "message": "the environment gives no text: put it into info['text'], or give it a method caption()",
    "caption": "the environment gives no text: put it into info['text'], or give it a method caption()",
    "position": "neither does the observation hold 'blstats' or 'position', nor does the caption's Status line name a "
    "place such as 'position 12,5': observe those keys (observation='dict'), or count another key",
    "observation": "the transitions hold no observations",
}


def needs_of(key: StateKey) -> frozenset[str]:
    """Return the parts of a transition from which a key is made.

    Example:
        >>> sorted(needs_of("position")), sorted(needs_of("message"))
        (['observation', 'text'], ['text'])
    """
    if key == "observation":
        return frozenset({"observation"})
    return frozenset({"observation", "text"}) if key == "position" else frozenset({"text"})


def state_keys(batch: TransitionBatch, key: StateKey) -> list[str | None]:
    """Return the key of the state that each step leads to.

    A place is (dungeon, level, x, y) of an observation's ``blstats``, or what an observation calls ``position``, or
    else what the Status line of the caption says of it. ``observation`` takes every number of the observation: use it
    where states come again exactly, not where a clock or a noisy sensor is observed.

    Args:
        batch: B transitions.
        key: What makes two states the same.

    Returns:
        Length B, hexadecimal digests; None where a row has no such key.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> places = [np.array([4, 2]), np.array([4, 2]), np.array([5, 2])]
        >>> rows = [Transition({"position": place, "clock": time}, None, 0) for time, place in enumerate(places)]
        >>> first, second, third = state_keys(TransitionBatch.from_transitions(rows), "position")
        >>> first == second, first == third
        (True, False)
    """
    if key in ("message", "caption"):
        return text_keys(batch, "message" if key == "message" else "text")
    if key == "observation":
        return observation_keys(batch.observations, len(batch))
    texts = [None] * len(batch) if batch.texts is None else batch.texts
    observations = [None] * len(batch) if batch.observations is None else batch.observations
    places = [
        position_of(observation) or position_in(text) for observation, text in zip(observations, texts, strict=True)
    ]
    return [None if place is None else digest(place) for place in places]


def observation_keys(observations: Any, length: int) -> list[str | None]:
    """Return a digest of each observation; None where there is none.

    Args:
        observations: A sequence or array of that length, or None.
        length: The number of rows.
    """
    if observations is None:
        return [None] * length
    return [None if observation is None else digest(observation) for observation in observations]


def position_of(observation: Any) -> tuple[int, ...] | None:
    """Return the place that an observation names, or None.

    Args:
        observation: Anything; a mapping may hold ``blstats`` of NLE or ``position``, whole numbers.

    Example:
        >>> blstats = np.zeros(27, dtype=np.int64)
        >>> blstats[[0, 1, 12, 23, 24]] = 30, 7, 2, 0, 2
        >>> position_of({"blstats": blstats})
        (0, 2, 30, 7)
        >>> position_of(np.zeros(3)) is None
        True
    """
    if not isinstance(observation, Mapping):
        return None
    stats = observation.get("blstats")
    if stats is not None:
        values = np.asarray(stats).reshape(-1)
        if values.dtype.kind in "iu" and len(values) > _LEVEL:
            return tuple(int(values[index]) for index in (_DUNGEON, _LEVEL, _X, _Y))
        if values.dtype.kind in "iu" and len(values) > _DEPTH:
            return tuple(int(values[index]) for index in (_DEPTH, _X, _Y))
    place = observation.get("position")
    if place is None:
        return None
    values = np.asarray(place).reshape(-1)
    whole = values.dtype.kind in "iu" and 0 < len(values) <= 8
    return tuple(int(value) for value in values) if whole else None


def position_in(text: str | None) -> tuple[str, ...] | None:
    """Return the place that the Status line of a caption names, with its level, or None.

    Args:
        text: A caption.

    Example:
        >>> position_in("Message: (none)\\nStatus: HP 12/12, depth 1, position 30,7, turn 34")
        ('depth 1', '30', '7')
        >>> position_in("Message: You are at 3, 4.") is None
        True
    """
    status = None if text is None else _STATUS.search(text)
    if status is None:
        return None
    line = status.group(1)
    found = _X_AND_Y.search(line) or _PLACE.search(line)
    if found is None:
        return None
    levels = [f"{word.lower()} {number}" for word, number in _LEVEL_WORDS.findall(line)]
    return (*levels, found.group(1), found.group(2))


def digest(value: Any) -> str:
    """Return a short digest of an observation, equal for equal values of equal types and shapes.

    Args:
        value: Numbers, texts, arrays, and mappings and sequences of them.

    Returns:
        32 hexadecimal digits.

    Example:
        >>> digest({"a": np.zeros(2), "b": 1}) == digest({"b": 1, "a": np.zeros(2)})
        True
        >>> digest(np.zeros(2)) == digest(np.zeros((2, 1)))
        False
    """
    return blake2b(_bytes(value), digest_size=16).hexdigest()


def _bytes(value: Any) -> bytes:
    """Write a value so that different values differ: every part carries its type and its length."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray) and value.dtype != np.object_:
        body = f"{value.dtype.str}{value.shape}".encode() + value.tobytes()
    elif isinstance(value, Mapping):
        parts = sorted((_bytes(key), _bytes(item)) for key, item in value.items())
        body = b"{" + b"".join(key + item for key, item in parts)
    elif isinstance(value, (list, tuple, np.ndarray)):
        body = b"[" + b"".join(_bytes(item) for item in value)
    else:
        body = f"{type(value).__name__} {value!r}".encode("utf-8", "backslashreplace")
    return len(body).to_bytes(8, "big") + body


def require_some(name: str, key: StateKey, keys: list[str | None], memory: dict[str, Any]) -> None:
    """Refuse, at the first step, an environment from which the key cannot be had.

    Args:
        name: The reward's registered name.
        key: What makes two states the same.
        keys: The keys of the step's rows.
        memory: The reward's memory, in which the first step is noted.

    Raises:
        RewardiumError: When no row of the first step has a key. From then on a row without one is merely invalid.
    """
    if memory.get("begun") or not keys:
        return
    if all(found is None for found in keys):
        raise RewardiumError(f"{name}: no key {key!r} at the first step: {_MISSING[key]}")
    memory["begun"] = True
