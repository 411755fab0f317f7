"""What a reward remembers between steps, kept outside the reward."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch


class RewardState:
    """The memory of a reward tree: one dict a node, in the shape of the tree.

    Whoever applies a reward (a wrapper, a trainer, a test) owns one state. A node finds its own memory through
    ``memory`` and hands ``child(i)`` to its i-th child. Values are numpy arrays, numbers, strings, lists and dicts, so
    that ``state_dict`` can be written as JSON.

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
        """Return the memory of the whole tree as plain JSON values."""
        return {
            "memory": _to_plain(self.memory),
            "children": {str(index): child.state_dict() for index, child in self._children.items()},
        }

    @classmethod
    def from_state_dict(cls, plain: dict[str, Any]) -> RewardState:
        """Rebuild a state from what ``state_dict`` returned."""
        state = cls()
        state.memory = _from_plain(plain["memory"])
        state._children = {int(index): cls.from_state_dict(child) for index, child in plain["children"].items()}
        return state


# Keys that the plain form gives a meaning to: a dict that has one of its own is wrapped.
_MARKERS = {"__array__", "__dict__"}


def _to_plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return {"__array__": value.dtype.str, "data": value.tolist()}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        plain = {key: _to_plain(item) for key, item in value.items()}
        return {"__dict__": plain} if plain.keys() & _MARKERS else plain
    return [_to_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _from_plain(value: Any) -> Any:
    if isinstance(value, dict):
        if "__array__" in value:
            return np.array(value["data"], dtype=value["__array__"])
        if "__dict__" in value:
            return {key: _from_plain(item) for key, item in value["__dict__"].items()}
        return {key: _from_plain(item) for key, item in value.items()}
    return [_from_plain(item) for item in value] if isinstance(value, list) else value
