"""The metrics of a run whose rewards are known later than its steps."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from gymnasium.vector import VectorEnv, VectorWrapper
from numpy.typing import NDArray

from rewardium.agents.control.metrics import EpisodeRecorder
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.deferred import DeferredRewards
from rewardium.rewards.ledger import vector_entries


class _Step(NamedTuple):
    """What an ``EpisodeRecorder`` reads of a step, but for the rewards."""

    extrinsic: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    infos: dict[str, Any]


class DeferredRecorder(VectorWrapper):
    """Keep what metrics need of each step, and hand it to an ``EpisodeRecorder`` once the rewards are known.

    A run that scores later therefore logs the very figures that it would have logged had it scored at once: streams,
    terms, farming and success belong to the same steps and episodes.

    Args:
        env: A ``DeferredVectorReward``, or a wrapper around one.
        success_return: See ``EpisodeRecorder``.

    Example:
        >>> from rewardium.agents.control.environments import make_venv
        >>> from rewardium.rewards.deferred import DeferredVectorReward
        >>> paying = DeferredVectorReward(make_venv("CartPole-v1", 2), "2.0 * extrinsic")
        >>> recorder = DeferredRecorder(paying)
        >>> _ = recorder.reset(seed=0)
        >>> for _ in range(20):
        ...     _ = recorder.step(np.array([1, 1]))
        >>> recorder.episodes.metrics()["episodes"]
        0.0
        >>> recorder.settle(paying.score())
        >>> metrics = recorder.episodes.metrics()
        >>> metrics["reward/paid"] == 2.0 * metrics["reward/extrinsic"], metrics["episodes"]
        (True, 4.0)
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], success_return: float | None = None) -> None:
        super().__init__(env)
        self._playback = _Playback(env)
        self.episodes = EpisodeRecorder(self._playback, success_return)
        self._waiting: deque[_Step | None] = deque()  # None is a reset

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Reset the environments; episodes at work are not counted."""
        self._waiting.append(None)
        return self.env.reset(**kwargs)

    def step(  # type: ignore[override]
        self, actions: Any
    ) -> tuple[Any, Any, NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Step the environments and keep what metrics need."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        extrinsic = np.array(infos["extrinsic_reward"], dtype=np.float64)
        self._waiting.append(_Step(extrinsic, np.array(terminated), np.array(truncated), _read_later(infos)))
        return observations, rewards, terminated, truncated, infos

    def settle(self, scored: DeferredRewards) -> None:
        """Count the oldest steps that wait, whose rewards these are.

        Args:
            scored: What ``DeferredVectorReward.score`` returned.

        Raises:
            RewardiumError: When these are the rewards of other steps.
        """
        waiting = len(self._waiting) - self._waiting.count(None)
        if len(scored.outcomes) != waiting:
            raise RewardiumError(f"rewards of {len(scored.outcomes)} steps, but {waiting} wait for theirs")
        for rewards, batch, outcome in zip(scored.rewards, scored.batches, scored.outcomes, strict=True):
            while (step := self._waiting.popleft()) is None:
                self.episodes.reset()
            ledger = vector_entries(outcome, batch.env, self.num_envs, step.extrinsic)
            self._playback.now = (None, rewards, step.terminated, step.truncated, {**step.infos, **ledger})
            self.episodes.step(None)


class _Playback(VectorWrapper):
    """Shows steps that were made before."""

    now: tuple[Any, Any, NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        return None, {}

    def step(  # type: ignore[override]
        self, actions: Any
    ) -> tuple[Any, Any, NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        return self.now


def _read_later(infos: Mapping[str, Any]) -> dict[str, Any]:
    """Keep texts and successes: frames stay out, they would fill the memory."""
    kept: dict[str, Any] = {"text": infos["text"]} if "text" in infos else {}
    if "final_info" in infos:
        final = infos["final_info"]
        kept["final_info"] = {name: final[name] for name in ("success", "_success", "text") if name in final}
    return kept
