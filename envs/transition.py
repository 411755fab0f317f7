"""What one step of an environment shows to a reward."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import starmap
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task

Need = Literal["observation", "action", "text", "frame", "task", "history"]
"""A part of a transition that a source can ask for."""

NEEDS: frozenset[str] = frozenset({"observation", "action", "text", "frame", "task", "history"})


def unknown_needs(needs: frozenset[str]) -> None:
    """Refuse a need that no transition has.

    Raises:
        RewardiumError: Naming the needs that do not exist.

    Example:
        >>> unknown_needs(frozenset({"pixels"}))
        Traceback (most recent call last):
        ...
        rewardium.envs.errors.RewardiumError: unknown needs ['pixels']; a source may need: action, frame, ...
    """
    if needs - NEEDS:
        raise RewardiumError(f"unknown needs {sorted(needs - NEEDS)}; a source may need: {', '.join(sorted(NEEDS))}")


@dataclass(frozen=True, slots=True)
class Transition:
    """One step of one environment.

    Args:
        observation: What the environment returned after the action (at an episode's end, the terminal observation).
        previous_observation: What the agent saw when it chose the action.
        action: The action; for a text environment the response, a str.
        text: Message, caption, tool result or chat turn of this step, where some source needs it.
        frame: uint8 [height, width, 3], where some source needs it.
        task: Goal and reference, where the environment gives them.
        reward: The environment's own (extrinsic) reward, untouched.
        terminated: Whether the task ended.
        truncated: Whether a limit ended the episode.
        env: Index of the environment in its vector.
        episode: Number of the episode within this environment, from 0.
        step: Number of this step within the episode, from 0.
        history: The episode's earlier transitions, oldest first, where some source needs them.
    """

    observation: Any
    previous_observation: Any
    action: Any
    text: str | None = None
    frame: NDArray[np.uint8] | None = None
    task: Task | None = None
    reward: float = 0.0
    terminated: bool = False
    truncated: bool = False
    env: int = 0
    episode: int = 0
    step: int = 0
    history: tuple[Transition, ...] = ()


@dataclass(frozen=True, slots=True)
class TransitionBatch(Sequence[Transition]):
    """Transitions as columns: what a source scores.

    A batch is the environments of a vector env, a GRPO batch, or a whole rollout scored later. Reading a column costs
    nothing; ``batch[i]`` and iteration build single transitions; ``batch[indices]`` is a smaller batch.

    Args:
        observations: Sequence or array of length B.
        previous_observations: Sequence or array of length B.
        actions: Sequence or array of length B.
        rewards: float64 [B], extrinsic.
        terminated: bool [B].
        truncated: bool [B].
        env: int64 [B], index of the environment in its vector.
        episode: int64 [B].
        step: int64 [B].
        texts: length B, or None where no source needs text.
        frames: length B of uint8 [height, width, 3], or None where no source needs frames.
        tasks: length B, or None where the environment has none.
        histories: length B, or None where no source needs them.

    Example:
        >>> batch = TransitionBatch.from_transitions([Transition("b", "a", "4", reward=1.0, terminated=True)])
        >>> len(batch), batch.actions, batch[0].reward
        (1, ['4'], 1.0)
    """

    observations: Any
    previous_observations: Any
    actions: Any
    rewards: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    env: NDArray[np.int64]
    episode: NDArray[np.int64]
    step: NDArray[np.int64]
    texts: Sequence[str | None] | None = None
    frames: Any = None
    tasks: Sequence[Task | None] | None = None
    histories: Sequence[tuple[Transition, ...]] | None = None

    @classmethod
    def from_transitions(cls, transitions: Sequence[Transition]) -> TransitionBatch:
        """Turn single transitions into columns; a column that is None in every row is None."""
        rows = list(transitions)

        def column(name: str) -> list[Any] | None:
            values = [getattr(row, name) for row in rows]
            return None if all(value is None for value in values) else values

        return cls(
            observations=[row.observation for row in rows],
            previous_observations=[row.previous_observation for row in rows],
            actions=[row.action for row in rows],
            rewards=np.array([row.reward for row in rows], dtype=np.float64),
            terminated=np.array([row.terminated for row in rows], dtype=np.bool_),
            truncated=np.array([row.truncated for row in rows], dtype=np.bool_),
            env=np.array([row.env for row in rows], dtype=np.int64),
            episode=np.array([row.episode for row in rows], dtype=np.int64),
            step=np.array([row.step for row in rows], dtype=np.int64),
            texts=column("text"),
            frames=column("frame"),
            tasks=column("task"),
            histories=[row.history for row in rows] if any(row.history for row in rows) else None,
        )

    @classmethod
    def concatenate(cls, batches: Sequence[TransitionBatch]) -> TransitionBatch:
        """Join batches, e.g. the steps of a rollout, into one batch in the same order.

        Raises:
            RewardiumError: When there is no batch to join.
        """
        if not batches:
            raise RewardiumError("TransitionBatch.concatenate needs at least one batch, got none")

        def join(name: str) -> list[Any] | None:
            columns = [getattr(batch, name) for batch in batches]
            if all(column is None for column in columns):
                return None
            filled = (
                [None] * len(batch) if column is None else column
                for batch, column in zip(batches, columns, strict=True)
            )
            return [item for column in filled for item in column]

        def array(name: str) -> NDArray[Any]:
            return np.concatenate([getattr(batch, name) for batch in batches])

        return cls(
            observations=join("observations"),
            previous_observations=join("previous_observations"),
            actions=join("actions"),
            rewards=array("rewards"),
            terminated=array("terminated"),
            truncated=array("truncated"),
            env=array("env"),
            episode=array("episode"),
            step=array("step"),
            texts=join("texts"),
            frames=join("frames"),
            tasks=join("tasks"),
            histories=join("histories"),
        )

    def __len__(self) -> int:
        return len(self.rewards)

    @property
    def dones(self) -> NDArray[np.bool_]:
        """Bool [B]: whether the episode ended with this step, for either reason."""
        return self.terminated | self.truncated

    @overload
    def __getitem__(self, index: int) -> Transition: ...
    @overload
    def __getitem__(self, index: slice) -> TransitionBatch: ...
    def __getitem__(self, index: int | slice) -> Transition | TransitionBatch:
        if isinstance(index, slice):
            return self.select(np.arange(len(self))[index])
        row = range(len(self))[index]
        return Transition(
            observation=self.observations[row],
            previous_observation=self.previous_observations[row],
            action=self.actions[row],
            text=None if self.texts is None else self.texts[row],
            frame=None if self.frames is None else self.frames[row],
            task=None if self.tasks is None else self.tasks[row],
            reward=float(self.rewards[row]),
            terminated=bool(self.terminated[row]),
            truncated=bool(self.truncated[row]),
            env=int(self.env[row]),
            episode=int(self.episode[row]),
            step=int(self.step[row]),
            history=() if self.histories is None else self.histories[row],
        )

    def __iter__(self) -> Iterator[Transition]:
        """Build the transitions one after the other; faster than asking for each by its index."""
        absent = [None] * len(self)
        columns = zip(
            self.observations,
            self.previous_observations,
            self.actions,
            absent if self.texts is None else self.texts,
            absent if self.frames is None else self.frames,
            absent if self.tasks is None else self.tasks,
            self.rewards.tolist(),
            self.terminated.tolist(),
            self.truncated.tolist(),
            self.env.tolist(),
            self.episode.tolist(),
            self.step.tolist(),
            [()] * len(self) if self.histories is None else self.histories,
            strict=True,
        )
        return starmap(Transition, columns)

    def copied(self, *columns: str) -> TransitionBatch:
        """Return the batch with columns of its own, to be scored later: an environment may reuse its arrays.

        Args:
            *columns: Names of columns, e.g. ``"frames"``.

        Returns:
            A batch whose other columns are shared with this one.
        """
        return replace(self, **{name: deepcopy(getattr(self, name)) for name in columns})

    def select(self, rows: NDArray[np.int64]) -> TransitionBatch:
        """Return the batch of the given rows, in the given order.

        Args:
            rows: int64 [B'], indices into this batch.

        Returns:
            A batch of B' transitions.
        """

        def take(column: Any) -> Any:
            if column is None or isinstance(column, np.ndarray):
                return column if column is None else column[rows]
            return [column[row] for row in rows]

        return TransitionBatch(
            observations=take(self.observations),
            previous_observations=take(self.previous_observations),
            actions=take(self.actions),
            rewards=self.rewards[rows],
            terminated=self.terminated[rows],
            truncated=self.truncated[rows],
            env=self.env[rows],
            episode=self.episode[rows],
            step=self.step[rows],
            texts=take(self.texts),
            frames=take(self.frames),
            tasks=take(self.tasks),
            histories=take(self.histories),
        )
