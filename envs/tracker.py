"""From what Gymnasium returns to the transitions that rewards score, for one environment or a vector of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import iterate
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import NEEDS, Transition, TransitionBatch, unknown_needs


def autoreset_mode_of(venv: VectorEnv[Any, Any, Any]) -> AutoresetMode:
    """Return how a vector environment resets.

    Gymnasium's vector environments write the mode into a ``metadata`` dict that all environments of one class share,
    so the attribute of the vector environment itself is asked first.

    Args:
        venv: The vector environment.

    Returns:
        The mode; ``NEXT_STEP``, Gymnasium's default, where the environment does not say.
    """
    mode = getattr(venv.unwrapped, "autoreset_mode", None) or venv.metadata.get("autoreset_mode")
    return AutoresetMode.NEXT_STEP if mode is None else AutoresetMode(mode)


class TransitionTracker:
    """Follow the episodes of a vector of environments and build the transitions of each step.

    The tracker hides how a vector environment resets: under ``NEXT_STEP`` the row that only carries a reset is no
    transition; under ``SAME_STEP`` the terminal observation, text and frame come from ``infos["final_obs"]`` and
    ``infos["final_info"]``; under ``DISABLED`` the caller resets with ``options={"reset_mask": ...}``. A single
    environment is a vector of one that never resets by itself.

    Only what ``needs`` names is collected: nothing is rendered or captioned that no source reads.

    Args:
        num_envs: Number of environments N.
        needs: The parts of a transition that some source reads.
        autoreset_mode: How the vector environment resets.
        observation_space: The batched space, needed to take apart observations that are neither arrays nor tuples.
        render: Returns N frames, called once a step where a source needs frames and the infos hold none.
        caption: Returns N texts, called once a step where a source needs text and neither infos nor observations do.
        waits: Returns bool [N] from the actions: the environments that do not take this step.

    Raises:
        RewardiumError: When ``needs`` holds an unknown name.
    """

    def __init__(
        self,
        num_envs: int,
        needs: frozenset[str] = NEEDS,
        *,
        autoreset_mode: AutoresetMode = AutoresetMode.DISABLED,
        observation_space: Any = None,
        render: Callable[[], Sequence[Any] | None] | None = None,
        caption: Callable[[], Sequence[str]] | None = None,
        waits: Callable[[Any], NDArray[np.bool_]] | None = None,
    ) -> None:
        unknown_needs(needs)
        self.num_envs = num_envs
        self.needs = needs
        self.autoreset_mode = autoreset_mode
        self.observation_space = observation_space
        self.render = render
        self.caption = caption
        self.waits = waits
        self.episode: NDArray[np.int64] = np.full(num_envs, -1, dtype=np.int64)
        self.step_number: NDArray[np.int64] = np.zeros(num_envs, dtype=np.int64)
        # Rows whose next step is no transition: it only resets (NEXT_STEP), or the episode is over (DISABLED).
        self._idle: NDArray[np.bool_] = np.zeros(num_envs, dtype=np.bool_)
        self._observations: Any = None
        self._tasks: list[Task | None] = [None] * num_envs
        self._histories: list[tuple[Transition, ...]] = [()] * num_envs

    def reset(self, observations: Any, infos: Mapping[str, Any], mask: NDArray[np.bool_] | None = None) -> None:
        """Begin new episodes.

        Args:
            observations: What ``reset`` returned, batched.
            infos: The infos that ``reset`` returned.
            mask: bool [N], the environments that were reset; all by default.

        Raises:
            RewardiumError: When a source needs the task and the environment gives none.
        """
        rows = np.arange(self.num_envs) if mask is None else np.flatnonzero(mask)
        self._observations = observations
        self._begin(rows, infos)
        self._idle[rows] = False
        if "task" in self.needs and any(self._tasks[row] is None for row in rows):
            raise RewardiumError(
                "a reward source needs the task, but the environment gives none: info['task'] must hold a Task at reset"
            )

    def require_begun(self) -> None:
        """Refuse a step before the first reset.

        Raises:
            RewardiumError: When ``reset`` was never called.
        """
        if self._observations is None:
            raise RewardiumError("step was called before reset")

    def step(
        self,
        actions: Any,
        observations: Any,
        rewards: NDArray[np.float64],
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
        infos: Mapping[str, Any],
    ) -> TransitionBatch:
        """Build the transitions of one step of the vector environment.

        Args:
            actions: Batched actions, length N.
            observations: Batched observations as ``step`` returned them.
            rewards: float [N], extrinsic.
            terminated: bool [N].
            truncated: bool [N].
            infos: The infos as ``step`` returned them.

        Returns:
            The real transitions, at most N; ``batch.env`` says which environments they belong to.

        Raises:
            RewardiumError: When called before ``reset``, or a needed text or frame cannot be had.
        """
        self.require_begun()
        done = np.logical_or(terminated, truncated)
        same_step = self.autoreset_mode is AutoresetMode.SAME_STEP
        ended = np.flatnonzero(done) if same_step else np.zeros(0, dtype=np.int64)
        final_info = infos.get("final_info", {}) if same_step else {}
        final_rows = self._with_rows(observations, infos.get("final_obs"), ended)
        batch = TransitionBatch(
            observations=final_rows,
            previous_observations=self._rows(self._observations),
            actions=actions,
            rewards=np.array(rewards, dtype=np.float64),
            terminated=np.array(terminated, dtype=np.bool_),
            truncated=np.array(truncated, dtype=np.bool_),
            env=np.arange(self.num_envs, dtype=np.int64),
            episode=self.episode.copy(),
            step=self.step_number.copy(),
            texts=self._texts(final_rows, infos, final_info, ended) if "text" in self.needs else None,
            frames=self._frames(infos, final_info, ended) if "frame" in self.needs else None,
            tasks=list(self._tasks) if any(task is not None for task in self._tasks) else None,
            histories=list(self._histories) if "history" in self.needs else None,
        )
        live = ~self._idle if self.waits is None else ~(self._idle | self.waits(actions))
        if not live.all():
            batch = batch.select(np.flatnonzero(live))
        self._advance(batch, observations, infos, done, live, ended)
        return batch

    def _advance(
        self,
        batch: TransitionBatch,
        observations: Any,
        infos: Mapping[str, Any],
        done: NDArray[np.bool_],
        live: NDArray[np.bool_],
        ended: NDArray[np.int64],
    ) -> None:
        self.step_number[live] += 1
        if "history" in self.needs:
            # Histories do not nest, so that memory stays linear.
            for transition in replace(batch, histories=None):
                self._histories[transition.env] += (transition,)
        self._observations = observations
        if self.autoreset_mode is AutoresetMode.NEXT_STEP:
            self._begin(np.flatnonzero(~live), infos)
            self._idle = done & live
        elif self.autoreset_mode is AutoresetMode.DISABLED:
            self._idle = self._idle | done
        else:
            self._begin(ended, infos)

    def _begin(self, rows: NDArray[np.int64], infos: Mapping[str, Any]) -> None:
        self.episode[rows] += 1
        self.step_number[rows] = 0
        tasks = infos.get("task")
        for row in rows:
            self._histories[row] = ()
            self._tasks[row] = None if tasks is None else tasks[row]

    def _rows(self, observations: Any) -> Any:
        """Return the observations as something indexed by environment."""
        if isinstance(observations, (np.ndarray, tuple, list)):
            return observations
        if self.observation_space is None or not self.needs & {"observation", "history"}:
            return [None] * self.num_envs
        return list(iterate(self.observation_space, observations))

    def _with_rows(self, observations: Any, final: Any, ended: NDArray[np.int64]) -> Any:
        """Put the terminal observations where the vector environment already shows the next episode."""
        rows = self._rows(observations)
        if not len(ended) or final is None:
            return rows
        rows = rows.copy() if isinstance(rows, np.ndarray) else list(rows)
        for row in ended:
            rows[row] = final[row]
        return rows

    def _texts(
        self, rows: Any, infos: Mapping[str, Any], final_info: Mapping[str, Any], ended: NDArray[np.int64]
    ) -> list[str | None]:
        texts = infos.get("text")
        if texts is None and "text" not in final_info:
            if len(rows) and isinstance(rows[0], str):
                return list(rows)
            self._require_capture("text")
            if self.caption is None:
                raise RewardiumError(
                    "a reward source needs text, but the environment has none: its observations are no strings, "
                    "info['text'] is missing, and it has no caption() method"
                )
            return list(self.caption())
        return _merged(texts, final_info.get("text"), ended, self.num_envs)

    def _frames(self, infos: Mapping[str, Any], final_info: Mapping[str, Any], ended: NDArray[np.int64]) -> list[Any]:
        if "frame" not in infos and "frame" not in final_info:
            self._require_capture("frame")
            frames = None if self.render is None else self.render()
            if frames is None:
                raise RewardiumError(
                    "a reward source needs frames, but the environment renders none: "
                    "make it with render_mode='rgb_array'"
                )
            return list(frames)
        return _merged(infos.get("frame"), final_info.get("frame"), ended, self.num_envs)

    def _require_capture(self, name: str) -> None:
        # Said at the first step, although it only matters at the first episode's end, which may be hours away.
        if self.autoreset_mode is AutoresetMode.SAME_STEP:
            raise RewardiumError(
                f"a reward source needs the {name} of the terminal step, but under AutoresetMode.SAME_STEP the "
                f"environment has already been reset: wrap each sub-environment in rewardium.envs.capture.Capture, "
                "or use AutoresetMode.NEXT_STEP"
            )


def _merged(current: Any, final: Any, ended: NDArray[np.int64], num_envs: int) -> list[Any]:
    column = [None] * num_envs if current is None else list(current)
    if final is not None:
        for row in ended:
            column[row] = final[row]
    return column
