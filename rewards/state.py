"""What a reward remembers between steps, kept outside the reward."""

from __future__ import annotations

import base64
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch


class RewardState:
    """The memory of a reward tree: one dict a node, in the shape of the tree.

    Whoever applies a reward (a wrapper, a trainer, a test) owns one state. A node finds its own memory through
    ``memory`` and hands ``child(i)`` to its i-th child. Values are numpy arrays of numbers or booleans, numbers,
    strings, lists and dicts, so that ``state_dict`` can be written as JSON.

    Example:
        >>> state = RewardState()
        >>> state.child(0).memory["count"] = 3
        >>> copy = RewardState.from_state_dict(state.state_dict())
        >>> copy.child(0).memory["count"]
        3
    """

    def __init__(self) -> None:
        self.memory: dict[str, Any] = {}
        self._children: dict[int, RewardState] = {}

    def child(self, index: int) -> RewardState:
        """Return the state of the node's child with this index, empty at first."""
        if index not in self._children:
            self._children[index] = RewardState()
        return self._children[index]

    def episode_arrays(self, batch: TransitionBatch, **initial: float) -> dict[str, NDArray[np.float64]]:
        """Return arrays indexed by environment, set to their initial value wherever a new episode has begun.

        Ask for all arrays in one call a step: the second call no longer sees that an episode has begun.

        Args:
            batch: The transitions of one time step, at most one an environment.
            **initial: The name of each array and its value at an episode's start.

        Returns:
            For each name a float64 array long enough to be indexed by ``batch.env``; change it in place to remember.

        Raises:
            RewardiumError: When an environment occurs twice in the batch; score several steps with
                ``Reward.evaluate_rollout``.

        Example:
            >>> from rewardium.envs.transition import Transition
            >>> state = RewardState()
            >>> for step, episode in [(0, 0), (1, 0), (0, 1)]:
            ...     batch = TransitionBatch.from_transitions([Transition("", "", "", episode=episode, step=step)])
            ...     total = state.episode_arrays(batch, total=0.0)["total"]
            ...     total[batch.env] += 1.0
            ...     print(total)
            [1.]
            [2.]
            [1.]
        """
        began = self._begin_episodes(batch, "array_episodes")
        arrays = self.memory.setdefault("arrays", {})
        size = len(self.memory["array_episodes"])
        for name, value in initial.items():
            array = arrays.get(name)
            if array is None or len(array) < size:
                grown = np.full(size, value, dtype=np.float64)
                grown[: 0 if array is None else len(array)] = 0.0 if array is None else array
                arrays[name] = array = grown
            array[began] = value
        return {name: arrays[name] for name in initial}

    def episode_dicts(self, batch: TransitionBatch) -> list[dict[str, Any]]:
        """Return one dict a row of the batch, emptied wherever a new episode has begun.

        Args:
            batch: The transitions of one time step, at most one an environment.

        Returns:
            Length B; change a dict in place to remember.
        """
        dicts = self.memory.setdefault("dicts", {})
        for env in self._begin_episodes(batch, "dict_episodes").tolist():
            dicts[str(env)] = {}
        return [dicts.setdefault(str(env), {}) for env in batch.env.tolist()]

    def _begin_episodes(self, batch: TransitionBatch, key: str) -> NDArray[np.int64]:
        """Return the environments of the batch that are in another episode than when they were last seen."""
        if len(batch) > 1 and len(np.unique(batch.env)) < len(batch):
            raise RewardiumError(
                "a reward that remembers takes one transition an environment at a time; "
                "score several steps with Reward.evaluate_rollout"
            )
        episode = self.memory.get(key)
        size = int(batch.env.max(initial=-1)) + 1
        if episode is None or len(episode) < size:
            grown = np.full(size, -1, dtype=np.int64)
            grown[: 0 if episode is None else len(episode)] = [] if episode is None else episode
            self.memory[key] = episode = grown
        began: NDArray[np.int64] = batch.env[episode[batch.env] != batch.episode]
        episode[batch.env] = batch.episode
        return began

    def state_dict(self) -> dict[str, Any]:
        """Return the memory of the whole tree as plain JSON values.

        Returns:
            ``memory`` and ``children``. An array is ``{"__array__": dtype, "shape": [...], "base64": text}`` with its
            bytes in little-endian and C order, so that it is read back bit for bit, at a fraction of a list's size.

        Raises:
            RewardiumError: When a node remembers an array of something else than numbers and booleans.
        """
        return {
            "memory": _to_plain(self.memory),
            "children": {str(index): child.state_dict() for index, child in self._children.items()},
        }

    @classmethod
    def from_state_dict(cls, plain: dict[str, Any]) -> RewardState:
        """Rebuild a state from what ``state_dict`` returned.

        Args:
            plain: The plain values; those in which arrays are lists of numbers, as they once were, are read too.

        Returns:
            The state; nothing in it is shared with ``plain``.

        Raises:
            RewardiumError: When it is no such state, or a value in it is garbled.
        """
        try:
            return cls._read(plain)
        except RecursionError:
            raise RewardiumError("the state of a reward is nested too deeply to be one") from None

    @classmethod
    def _read(cls, plain: Any) -> RewardState:
        if not isinstance(plain, dict) or not plain.keys() >= {"memory", "children"}:
            raise RewardiumError("the state of a reward is a mapping with 'memory' and 'children'")
        memory, children = _from_plain(plain["memory"]), plain["children"]
        if not isinstance(memory, dict) or not isinstance(children, dict):
            raise RewardiumError("in the state of a reward 'memory' and 'children' must be mappings")
        if not all(isinstance(index, str) and _INDEX.fullmatch(index) for index in children):
            raise RewardiumError("in the state of a reward the children are named by their index")
        state = cls()
        state.memory = memory
        state._children = {int(index): cls._read(child) for index, child in children.items()}
        return state


# Keys that the plain form gives a meaning to: a dict that has one of its own is wrapped.
_MARKERS = {"__array__", "__dict__"}
_INDEX = re.compile(r"[0-9]{1,9}")
# Booleans, integers, floats and complex numbers. NumPy reads far more from a text than the name of a type.
_DTYPE = re.compile(r"[<>|=]?[biufc][0-9]{1,2}")


def _to_plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _array_to_plain(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        plain = {key: _to_plain(item) for key, item in value.items()}
        return {"__dict__": plain} if plain.keys() & _MARKERS else plain
    return [_to_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _from_plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_from_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "__array__" in value:
        return _array_from_plain(value)
    inner = value.get("__dict__", value)
    if not isinstance(inner, dict):
        raise RewardiumError("in the state of a reward '__dict__' must hold a mapping")
    return {key: _from_plain(item) for key, item in inner.items()}


def _array_to_plain(array: NDArray[Any]) -> dict[str, Any]:
    if not _DTYPE.fullmatch(array.dtype.str):
        raise RewardiumError(f"a reward can remember arrays of numbers and booleans, not of {array.dtype}")
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    text = base64.b64encode(little.tobytes()).decode("ascii")
    return {"__array__": little.dtype.str, "shape": list(array.shape), "base64": text}


def _array_from_plain(plain: dict[str, Any]) -> NDArray[Any]:
    """Read an array into memory of its own, in the machine's byte order."""
    name = plain["__array__"]
    if not isinstance(name, str) or not _DTYPE.fullmatch(name):
        raise RewardiumError(f"the state of a reward holds an array of an unknown type: {str(name)[:50]!r}")
    try:
        stored = np.dtype(name)
        dtype = stored.newbyteorder("=")
        if "base64" not in plain:
            return np.array(plain["data"], dtype=dtype)
        flat = np.frombuffer(base64.b64decode(plain["base64"], validate=True), dtype=stored)
        if stored.kind == "b" and flat.view(np.uint8).max(initial=0) > 1:
            raise ValueError("a boolean is 0 or 1")
        return flat.astype(dtype).reshape(_shape(plain["shape"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise RewardiumError(f"the state of a reward holds an array that cannot be read: {str(error)[:200]}") from error


def _shape(shape: Any) -> tuple[int, ...]:
    """Check a shape: a -1, which NumPy would replace by whatever fits, is none."""
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError(f"its shape must be a list of sizes, got {str(shape)[:50]!r}")
    return tuple(shape)
