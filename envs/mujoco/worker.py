"""A process that steps and draws some environments of a vector: ``python -m rewardium.envs.mujoco.worker FD FD``.

It is told over a pipe what to do; numbers and pictures go through shared memory. It ends when the pipe closes, or when
its parent is gone.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.mujoco.environment import MujocoTaskEnv
from rewardium.envs.mujoco.shared_arrays import Layout, map_arrays

_PARENT_CHECK_SECONDS = 2.0


@dataclass(frozen=True)
class Assignment:
    """What a worker does.

    Args:
        entry_point: The environment's class, ``"module:Class"``.
        arguments: The class's arguments.
        rows: Which rows of the vector are this worker's.
        layout: The arrays in shared memory.
        autoreset_mode: The value of Gymnasium's ``AutoresetMode``.
        capture: Whether each step is drawn.
        path: Where Python looks for modules.
    """

    entry_point: str
    arguments: Mapping[str, Any]
    rows: tuple[int, ...]
    layout: Layout
    autoreset_mode: str
    capture: bool
    path: tuple[str, ...] = ()


@dataclass
class Rows:
    """Some rows of a vector environment.

    Args:
        assignment: What they are.
        arrays: The shared memory.
    """

    assignment: Assignment
    arrays: dict[str, NDArray[Any]]
    envs: dict[int, MujocoTaskEnv] = field(init=False)
    ended: set[int] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        module, name = self.assignment.entry_point.split(":")
        creator: Callable[..., MujocoTaskEnv] = getattr(import_module(module), name)
        self.mode = AutoresetMode(self.assignment.autoreset_mode)
        self.envs = {row: creator(**self.assignment.arguments) for row in self.assignment.rows}

    def reset(self, seeds: Mapping[int, int | None], options: Any) -> dict[int, Any]:
        """Reset the rows that have a seed or None in ``seeds``; return their infos."""
        return {row: self._reset(row, seed, options) for row, seed in seeds.items()}

    def _reset(self, row: int, seed: int | None = None, options: Any = None) -> dict[str, Any]:
        observation, info = self.envs[row].reset(seed=seed, options=options)
        self.ended.discard(row)
        self.arrays["observations"][row] = observation
        self._draw(row, "frames")
        return info

    def _draw(self, row: int, name: str) -> None:
        if self.assignment.capture:
            self.envs[row].draw(self.arrays[name][row])

    def step(self) -> dict[int, Any]:
        """Step all rows by the actions in shared memory.

        Returns:
            By row an info, or a pair of the last info of an episode and the first of the next.
        """
        return {row: self._step(row, env) for row, env in self.envs.items()}

    def _step(self, row: int, env: MujocoTaskEnv) -> Any:
        arrays = self.arrays
        if row in self.ended:
            if self.mode is AutoresetMode.DISABLED:
                raise RewardiumError(
                    f"environment {row} has ended and is stepped again: under AutoresetMode.DISABLED reset it first, "
                    "with options={'reset_mask': ...}"
                )
            arrays["rewards"][row], arrays["terminated"][row], arrays["truncated"][row] = 0.0, False, False
            return self._reset(row)
        observation, reward, terminated, truncated, info = env.step(arrays["actions"][row])
        arrays["rewards"][row], arrays["terminated"][row], arrays["truncated"][row] = reward, terminated, truncated
        is_over = terminated or truncated
        if is_over and self.mode is AutoresetMode.SAME_STEP:
            arrays["final_observations"][row] = observation
            self._draw(row, "final_frames")
            return info, self._reset(row)
        if is_over:
            self.ended.add(row)
        arrays["observations"][row] = observation
        self._draw(row, "frames")
        return info

    def render(self) -> None:
        """Draw all rows."""
        for row, env in self.envs.items():
            env.draw(self.arrays["frames"][row])

    def call(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[int, Any]:
        """Return an attribute of each environment, or what its method returns."""
        found = {row: getattr(env, name) for row, env in self.envs.items()}
        return {row: value(*args, **kwargs) if callable(value) else value for row, value in found.items()}

    def assign(self, name: str, values: Mapping[int, Any]) -> None:
        """Set an attribute of each environment."""
        for row, value in values.items():
            setattr(self.envs[row], name, value)

    def spaces(self) -> tuple[Any, Any, dict[str, Any]]:
        """Return the spaces and the metadata of the first environment."""
        env = next(iter(self.envs.values()))
        return env.observation_space, env.action_space, env.metadata

    def close(self) -> None:
        """Close the environments."""
        for env in self.envs.values():
            env.close()


def serve(pipe: Connection, descriptor: int) -> None:
    """Do what the pipe says until it closes; an error is told and leaves the worker as it is.

    Args:
        pipe: To the process that steps the vector.
        descriptor: The shared memory.
    """
    assignment: Assignment = pipe.recv()
    sys.path[:] = [*assignment.path]
    if 0 not in assignment.rows:
        logging.getLogger("rewardium.envs.mujoco.gl").setLevel(logging.ERROR)  # one worker's warning is enough
    rows: Rows | None = None
    while True:
        try:
            if rows is None:
                arrays = map_arrays(descriptor, assignment.layout)
                os.close(descriptor)
                rows = Rows(assignment, arrays)
                answer: Any = rows.spaces()
            else:
                command, arguments = pipe.recv()
                answer = getattr(rows, command)(*arguments)
            pipe.send((True, answer))
        except EOFError:
            break
        except Exception as error:  # an environment may raise anything, and the parent says what
            trace = "" if isinstance(error, RewardiumError) else f"\n{traceback.format_exc()}"
            pipe.send((False, f"{type(error).__name__}: {error}{trace}"))
            if rows is None:
                break
    if rows is not None:
        rows.close()


def _end_with_parent(parent: int) -> None:
    """End this process when its parent has gone, also where the parent was killed and others hold its pipe."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_CHECK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main(arguments: Sequence[str]) -> None:
    """Serve the descriptors that the command line names: pipe, shared memory, and the parent's process id."""
    pipe, memory, parent = (int(text) for text in arguments)
    _end_with_parent(parent)
    with suppress(BrokenPipeError, ConnectionResetError):  # the parent is gone, or no longer cares
        serve(Connection(pipe), memory)


if __name__ == "__main__":
    main(sys.argv[1:])
