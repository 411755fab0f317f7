"""Short keys for the states that steps lead to: equal where two states count as the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.shaping.texts import text_keys

StateKey = Literal["message", "position", "observation", "caption"]
"""What makes two states the same: the game's message, the place on the map, everything observed, or the whole text."""

# The places in NLE's "blstats": x, y, depth, dungeon number, level number.
_X, _Y, _DEPTH, _DUNGEON, _LEVEL = 0, 1, 12, 23, 24
_LONGEST_POSITION = 8
_STATUS = re.compile(r"^Status:[ \t]*(.{0,1000})$", re.MULTILINE)
_PLACE = re.compile(r"\b(?:position|place|at|x, ?y)[ :=]{0,3}\(?(-?\d{1,6}) ?[, ] ?(-?\d{1,6})\)?", re.IGNORECASE)
_X_AND_Y = re.compile(r"\bx[ :=]{0,3}(-?\d{1,6}),? ?y[ :=]{0,3}(-?\d{1,6})\b", re.IGNORECASE)
_DEPTH_WORDS = re.compile(r"\b(depth|dlvl)[ :=]{0,3}(\d{1,6})\b", re.IGNORECASE)

# Depth, column and row in the "features" that NetHack environments show beside an "image", and their divisors.
_FEATURES, _FEATURE_SCALES, _FEATURE_SIZE = [7, 0, 1], np.array([50.0, 78.0, 20.0]), 100

_MISSING = {
    "message": "the environment gives no text: put it into info['text'], or give it a method caption()",
    "caption": "the environment gives no text: put it into info['text'], or give it a method caption()",
    "position": "the observation holds neither 'blstats' nor 'position' nor the features of a NetHack environment, nor "
    "is it a caption whose Status line says 'position 12,5': choose observation='dict' or 'map_features', or count "
    "another key",
    "observation": "the transitions hold no observations",
}


def needs_of(key: StateKey) -> frozenset[str]:
    """Return the parts of a transition from which a key is made.

    Example:
        >>> sorted(needs_of("position")), sorted(needs_of("message"))
        (['observation'], ['text'])
    """
    return frozenset({"observation" if key in ("position", "observation") else "text"})


def state_keys(batch: TransitionBatch, key: StateKey) -> list[str | None]:
    """Return the key of the state that each step leads to.

    A place is what ``position_of`` finds in the observation. ``observation`` takes every number of the observation: use
    it where states come again exactly, not where a clock or a noisy sensor is observed.

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
    return keys_of_observations(batch.observations, len(batch), key)


def keys_of_observations(observations: Any, length: int, key: StateKey) -> list[str | None]:
    """Return the keys of observations, by what they show or by the place that they name.

    Args:
        observations: A sequence or array of that length, or None.
        length: The number of rows.
        key: "observation" or "position".

    Returns:
        Length B; None where there is no observation, or no place in it.
    """
    if observations is None:
        return [None] * length
    found = [position_of(observation) for observation in observations] if key == "position" else observations
    return [None if item is None else digest(item) for item in found]


def position_of(observation: Any) -> tuple[Any, ...] | None:
    """Return the place that an observation names, or None.

    Args:
        observation: Anything. A mapping may hold ``blstats`` of NLE, ``position`` (whole numbers), or ``image`` and
            ``features`` of the NetHack environments; a caption may name the place in its Status line.

    Returns:
        (dungeon, level, x, y), (depth, x, y) or the position as it stands.

    Example:
        >>> blstats = np.zeros(27, dtype=np.int64)
        >>> blstats[[0, 1, 12, 23, 24]] = 30, 7, 2, 0, 2
        >>> position_of({"blstats": blstats})
        (0, 2, 30, 7)
        >>> position_of(np.zeros(3)) is None
        True
    """
    if isinstance(observation, str):
        return _in_status(observation)
    if not isinstance(observation, Mapping):
        return None
    for name, read in (("blstats", _in_blstats), ("position", _in_position), ("features", _in_features)):
        place = read(np.asarray(observation[name]).reshape(-1)) if name in observation else None
        if place is not None and (name != "features" or "image" in observation):
            return place
    return None


def _in_blstats(values: NDArray[Any]) -> tuple[int, ...] | None:
    if values.dtype.kind not in "iu" or len(values) <= _DEPTH:
        return None
    places = (_DUNGEON, _LEVEL, _X, _Y) if len(values) > _LEVEL else (_DEPTH, _X, _Y)
    return tuple(int(values[place]) for place in places)


def _in_position(values: NDArray[Any]) -> tuple[int, ...] | None:
    whole = values.dtype.kind in "iu" and 0 < len(values) <= _LONGEST_POSITION
    return tuple(int(value) for value in values) if whole else None


def _in_features(values: NDArray[Any]) -> tuple[int, ...] | None:
    if values.dtype != np.float32 or len(values) < _FEATURE_SIZE:
        return None
    place = np.rint(np.nan_to_num(values[_FEATURES].astype(np.float64)) * _FEATURE_SCALES)
    return tuple(int(value) for value in place)


def _in_status(text: str) -> tuple[str, ...] | None:
    status = _STATUS.search(text)
    if status is None:
        return None
    line = status.group(1)
    found = _X_AND_Y.search(line) or _PLACE.search(line)
    if found is None:
        return None
    depth = [number for _, number in _DEPTH_WORDS.findall(line)]
    return (*depth, found.group(1), found.group(2))


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
