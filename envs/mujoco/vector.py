"""A vector of environments that are stepped and drawn in several processes."""

from __future__ import annotations

import os
import subprocess
import sys
import weakref
from collections.abc import Mapping, Sequence
from multiprocessing import Pipe
from typing import Any, ClassVar

import numpy as np
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.mujoco.environment import MujocoTaskEnv
from rewardium.envs.mujoco.gl import load_mujoco
from rewardium.envs.mujoco.shared_arrays import Layout, layout_size, map_arrays, open_memory
from rewardium.envs.mujoco.worker import Assignment

_CLOSE_SECONDS = 5.0


class MujocoVectorEnv(VectorEnv[NDArray[np.float32], NDArray[np.float32], NDArray[Any]]):
    """N environments of one class, in worker processes with one GL context each.

    It gives to the last bit what Gymnasium's ``SyncVectorEnv`` of the same environments gives: the same seeds (an int
    counts up), observations, rewards, infos and pictures, in all three autoreset modes. Observations, rewards and
    pictures come through shared memory, which has no name and so is freed however the processes end.

    Where steps are captured, ``infos["frame"]`` holds the picture of each step, as a vector of environments wrapped in
    ``Capture`` gives it; under ``SAME_STEP`` an episode's last picture is ``infos["final_info"]["frame"]``.

    Args:
        num_envs: Number of environments N.
        autoreset_mode: How an environment that has ended begins again.
        render_mode: ``"rgb_array"`` or None.
        capture: Whether each step is drawn and its picture put into the infos. By default where pictures can be had
            and the mode is ``SAME_STEP``, since the picture of an episode's end cannot be had later. Else ``render``
            draws when it is called.
        workers: Number of processes; by default as many as there are cores, and at most N.
        **arguments: Those of the environment.

    Raises:
        RewardiumError: When an argument is wrong, or an environment cannot be made.

    Example:
        >>> import gymnasium as gym, rewardium.envs
        >>> venv = gym.make_vec("rewardium/PendulumUpright-v0", num_envs=3, workers=1)
        >>> observations, infos = venv.reset(seed=0)
        >>> observations.shape, infos["task"][0].goal
        ((3, 4), 'an inverted pendulum standing upright')
        >>> venv.close()
    """

    env_class: ClassVar[type[MujocoTaskEnv]]
    """The class of the environments."""

    copy = True  # what is returned belongs to the caller

    def __init__(
        self,
        num_envs: int = 1,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        capture: bool | None = None,
        workers: int | None = None,
        **arguments: Any,
    ) -> None:
        self.closed = True  # until there is something to close
        self.num_envs = _positive("num_envs", num_envs)
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.render_mode = render_mode
        same_step = self.autoreset_mode is AutoresetMode.SAME_STEP
        self.capture = render_mode is not None and same_step if capture is None else bool(capture)
        if self.capture and render_mode != "rgb_array":
            raise RewardiumError(f"capture=True needs render_mode='rgb_array', got {render_mode!r}")
        count = min(len(_cores()) if workers is None else _positive("workers", workers), self.num_envs)
        # Made here too: a wrong argument is told at once, and the spaces are those of the workers' environments.
        first = self.env_class(render_mode=render_mode, **arguments)
        self._set_spaces(first)
        self._layout = _layout(self.num_envs, first, self.capture)
        first.close()
        self._begun: NDArray[np.bool_] = np.zeros(self.num_envs, dtype=np.bool_)  # which rows were ever reset
        self._has_frames = False  # whether the frames in shared memory are those of the present states
        self._start(count, {"render_mode": render_mode, **arguments})

    def _set_spaces(self, env: MujocoTaskEnv) -> None:
        self.single_observation_space, self.single_action_space = env.observation_space, env.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.metadata = {**env.metadata, "autoreset_mode": self.autoreset_mode}

    def _start(self, count: int, arguments: dict[str, Any]) -> None:
        memory = open_memory(layout_size(self._layout))
        self._arrays = map_arrays(memory, self._layout)
        self._rows = [tuple(range(self.num_envs))[index::count] for index in range(count)]
        self._workers: list[_Worker] = []
        self.closed = False
        self._finalizer = weakref.finalize(self, _end_all, self._workers, os.getpid())
        entry_point = f"{self.env_class.__module__}:{self.env_class.__qualname__}"
        try:
            for rows in self._rows:
                self._workers.append(_Worker(memory, count))
                mode = self.autoreset_mode.value
                path = tuple(sys.path)
                assignment = Assignment(entry_point, arguments, rows, self._layout, mode, self.capture, path)
                self._workers[-1].send(assignment)
            self._receive()
        except BaseException:
            self.close()
            raise
        finally:
            os.close(memory)

    # What a vector environment does

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin episodes in all environments, or in those of ``options["reset_mask"]``.

        Args:
            seed: An int (environment i gets ``seed + i``), one int or None an environment, or None.
            options: ``"reset_mask"``, bool [N]; there are no others.

        Returns:
            Observations float32 [N, D] and the infos of the environments that were reset.

        Raises:
            RewardiumError: When seeds or mask do not fit the number of environments.
        """
        mask = self._mask(options)
        seeds = _seeds(seed, self.num_envs)
        rest = {key: value for key, value in (options or {}).items() if key != "reset_mask"} or None
        asked = [{row: seeds[row] for row in rows if mask[row]} for rows in self._rows]
        answers = self._ask("reset", [(some, rest) for some in asked])
        self._begun |= mask
        infos: dict[str, Any] = {}
        for row in np.flatnonzero(mask).tolist():
            infos = self._add_info(infos, self._with_frame(answers[row], row, "frames"), row)
        self._has_frames = self.capture and bool(self._begun.all())
        return self._arrays["observations"].copy(), infos

    def step(
        self, actions: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Step all environments, and reset those that ended, as the autoreset mode says.

        Args:
            actions: float32 [N, A].

        Returns:
            Observations float32 [N, D], rewards float64 [N], terminated bool [N], truncated bool [N], and the infos.

        Raises:
            gymnasium.error.ResetNeeded: When an environment was never reset.
            RewardiumError: When the actions have another shape, or an environment fails.
        """
        if not self._begun.all():
            raise ResetNeeded(f"step was called before reset in {np.flatnonzero(~self._begun).tolist()}")
        values = np.asarray(actions, dtype=np.float32)
        if values.shape != self._arrays["actions"].shape:
            raise RewardiumError(f"actions must be {list(self._arrays['actions'].shape)}, got {list(values.shape)}")
        self._arrays["actions"][...] = values
        answers = self._ask("step", [()] * len(self._workers))
        infos: dict[str, Any] = {}
        for row in range(self.num_envs):
            info = answers[row]
            if isinstance(info, tuple):
                last, info = info
                final = self._arrays["final_observations"][row].copy()
                last = self._with_frame(last, row, "final_frames")
                infos = self._add_info(infos, {"final_obs": final, "final_info": last}, row)
            infos = self._add_info(infos, self._with_frame(info, row, "frames"), row)
        self._has_frames = self.capture
        arrays = self._arrays
        steps = (arrays[name].copy() for name in ("observations", "rewards", "terminated", "truncated"))
        return (*steps, infos)  # type: ignore[return-value]

    def _with_frame(self, info: dict[str, Any], row: int, name: str) -> dict[str, Any]:
        return {**info, "frame": self._arrays[name][row]} if self.capture else info

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:  # type: ignore[override]
        """Return N pictures uint8 [size, size, 3] of the present states, or None without a render mode."""
        if self.render_mode is None:
            return None
        if not self._has_frames:
            self._ask("render", [()] * len(self._workers))
        return tuple(self._arrays["frames"].copy())

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Return an attribute of each environment, or what its method returns for some arguments."""
        self._has_frames = False  # the method may have changed the states
        answers = self._ask("call", [(name, args, kwargs)] * len(self._workers))
        return tuple(answers[row] for row in range(self.num_envs))

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """Return an attribute of each environment."""
        return self.call(name)

    def set_attr(self, name: str, values: Any) -> None:
        """Set an attribute of each environment: from a list or tuple of N, or to one value for all."""
        if not isinstance(values, (list, tuple)):
            values = [values] * self.num_envs
        if len(values) != self.num_envs:
            raise RewardiumError(f"set_attr needs {self.num_envs} values, got {len(values)}")
        self._has_frames = False
        self._ask("assign", [(name, {row: values[row] for row in rows}) for rows in self._rows])

    def close_extras(self, **_: Any) -> None:
        """End the workers."""
        self._finalizer()

    # Workers

    def _ask(self, command: str, arguments: Sequence[tuple[Any, ...]]) -> dict[int, Any]:
        """Send a command to each worker, and return the answers of all rows."""
        if self.closed:
            raise ClosedEnvironmentError(f"{command} was called after close")
        try:
            for worker, own in zip(self._workers, arguments, strict=True):
                worker.send((command, own))
            answers = self._receive()
        except BaseException:  # also Ctrl-C: what was asked and not heard would be taken for the next answer
            self.close()
            raise
        return {row: value for answer in answers if isinstance(answer, dict) for row, value in answer.items()}

    def _receive(self) -> list[Any]:
        answers, failure = [], None
        for worker in self._workers:
            succeeded, answer = worker.receive()
            if succeeded:
                answers.append(answer)
            elif failure is None:
                failure = answer
        if failure is not None:
            raise RewardiumError(f"an environment of the vector failed: {failure}")
        return answers

    def _mask(self, options: Mapping[str, Any] | None) -> NDArray[np.bool_]:
        given = (options or {}).get("reset_mask")
        if given is None:
            return np.ones(self.num_envs, dtype=np.bool_)
        mask = np.asarray(given)
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_ or not mask.any():
            raise RewardiumError(f"options['reset_mask'] must be bool [{self.num_envs}] with one True, got {given!r}")
        return mask


class _Worker:
    """A worker process and the pipe to it."""

    def __init__(self, memory: int, count: int) -> None:
        self.pipe, child = Pipe()
        with child:
            handed = (child.fileno(), memory)
            command = [sys.executable, "-m", "rewardium.envs.mujoco.worker", *map(str, handed), str(os.getpid())]
            self.process = subprocess.Popen(
                command,
                pass_fds=handed,
                env=_environment(count),
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for the parent, which then closes the pipe
            )

    def send(self, message: Any) -> None:
        try:
            self.pipe.send(message)
        except (BrokenPipeError, ConnectionResetError):
            raise self._lost() from None

    def receive(self) -> tuple[bool, Any]:
        try:
            answer: tuple[bool, Any] = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            raise self._lost() from None
        return answer

    def _lost(self) -> RewardiumError:
        try:
            status: int | str = self.process.wait(_CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            status = "unknown"
        return RewardiumError(
            f"a worker process of the vector has ended (exit status {status}); what it said before is on stderr"
        )


def _environment(count: int) -> dict[str, str]:
    """Return the environment of a worker: its share of the cores, for drawing in software too."""
    share = max(1, len(_cores()) // count)
    load_mujoco()  # sets MUJOCO_GL, so that all processes draw by the same GL
    return {"LP_NUM_THREADS": str(share if share > 1 else 0), **os.environ}


def _end_all(workers: list[_Worker], owner: int) -> None:
    """Close the pipes, which ends the workers, and wait for them; a worker that does not end is killed."""
    if os.getpid() != owner:
        return  # a fork: the workers are its parent's
    for worker in workers:
        worker.pipe.close()
    for worker in workers:
        try:
            worker.process.wait(_CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()


def _layout(num_envs: int, env: MujocoTaskEnv, capture: bool) -> Layout:
    size = env.render_settings.size
    (width,), (controls,) = env.observation_space.shape, env.action_space.shape  # type: ignore[misc]
    frames = ((num_envs if env.render_mode else 0, size, size, 3), "uint8")
    return {
        "actions": ((num_envs, controls), "float32"),
        "observations": ((num_envs, width), "float32"),
        "final_observations": ((num_envs, width), "float32"),
        "rewards": ((num_envs,), "float64"),
        "terminated": ((num_envs,), "bool"),
        "truncated": ((num_envs,), "bool"),
        "frames": frames,
        "final_frames": frames if capture else ((0, size, size, 3), "uint8"),
    }


def _cores() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


def _positive(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise RewardiumError(f"{name} must be an int of at least 1, got {value!r}")
    return value


def _seeds(seed: int | Sequence[int | None] | None, num_envs: int) -> list[int | None]:
    if seed is None:
        return [None] * num_envs
    if isinstance(seed, (int, np.integer)):
        return [int(seed) + row for row in range(num_envs)]
    if len(seed) != num_envs:
        raise RewardiumError(f"reset needs {num_envs} seeds, got {len(seed)}")
    return list(seed)
