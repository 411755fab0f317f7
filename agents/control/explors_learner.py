"""The learner of one ExploRS leaf: it gathers episodes, and moves the leaf's parameters after some of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rewardium.agents.control.explors_updates import (
    Episode,
    ExplorsSettings,
    FloatArray,
    update_network,
    update_table,
)
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.shaping.explors_exploit import LONGEST_TRACE, ExplorsExploit
from rewardium.rewards.state import RewardState


class ExploitLearner:
    """Learns what one ``explors_exploit`` leaf pays; all that it knows is in the leaf's memory.

    Args:
        leaf: The leaf.
        state: The leaf's own part of the reward's state (see ``leaves_of``).
        settings: How to learn.

    Example:
        >>> state = RewardState()
        >>> learner = ExploitLearner(ExplorsExploit(), state, ExplorsSettings(every=1, rate=1.0))
        >>> learner.add(Episode(["s"], np.array([1]), np.full((1, 2), 0.5), np.array([1.0])))
        True
        >>> state.memory["table"]
        {'s': [-0.25, 0.25]}
    """

    def __init__(
        self,
        leaf: ExplorsExploit,
        state: RewardState,
        settings: ExplorsSettings | None = None,
    ) -> None:
        self.leaf = leaf
        self.memory = state.memory
        self.settings = settings or ExplorsSettings()

    def begin(self) -> None:
        """Have the leaf note its steps from now on; those that were never given probabilities are forgotten.

        What is left of an episode then begins in its middle, which changes no return: a return looks forward.
        """
        trace = self.memory.setdefault("trace", {})
        for env, steps in trace.items():
            if any("probabilities" not in step for step in steps):
                trace[env] = []

    def label(self, probabilities: FloatArray) -> int:
        """Give the noted steps their probabilities, and learn from the episodes that have ended.

        Args:
            probabilities: float64 [T, N, A], the policy's at each of the last T steps of N environments.

        Returns:
            The number of updates that were made.

        Raises:
            RewardiumError: When an environment has noted another number of steps.
        """
        trace = self.memory.setdefault("trace", {})
        length = len(probabilities)
        finished: list[tuple[int, list[dict[str, Any]]]] = []
        for env in range(probabilities.shape[1]):
            steps = trace.get(str(env), [])
            if sum("probabilities" not in step for step in steps) != length:
                raise RewardiumError(
                    f"explors_exploit did not note the {length} steps of environment {env} in this rollout: the "
                    "environments must reset within the step (AutoresetMode.SAME_STEP), nothing else may step them, "
                    f"and a rollout may have at most {LONGEST_TRACE} steps an environment"
                )
            new = steps[len(steps) - length :]
            for step, row in zip(new, probabilities[:, env].tolist(), strict=True):
                step["probabilities"] = row
            trace[str(env)], ended = _cut(steps)
            finished += zip((time for time, step in enumerate(new) if step["ended"]), ended, strict=True)
        finished.sort(key=lambda item: item[0])  # as they ended; those that ended together by environment
        episodes = [_episode_of(steps) for _, steps in finished]
        return sum(self.add(episode) for episode in episodes if episode is not None)

    def add(self, episode: Episode) -> bool:
        """Take in a finished episode, and learn from the last ones where enough are new.

        Args:
            episode: The episode.

        Returns:
            Whether phi was updated.
        """
        episodes = self.memory.setdefault("episodes", [])
        episodes.append(_plain(episode))
        del episodes[: -self.settings.buffer]
        self.memory["finished"] = int(self.memory.get("finished", 0)) + 1
        if self.memory["finished"] % self.settings.every:
            return False
        self._learn([_from_plain(item) for item in episodes])
        return True

    def _learn(self, episodes: list[Episode]) -> None:
        settings = self.settings
        if self.leaf.model == "network":
            update_network(
                self.memory,
                episodes,
                gamma=settings.gamma,
                rate=settings.rate or 1e-3,
                value_rate=settings.value_rate or 5e-3,
                hidden=settings.hidden,
                seed=settings.seed,
            )
            return
        update_table(
            self.memory.setdefault("table", {}),
            self.memory.setdefault("values", {}),
            episodes,
            gamma=settings.gamma,
            rate=settings.rate or 0.01,
            value_rate=settings.value_rate or 0.01,
            limit=self.leaf.limit,
            capacity=settings.capacity,
        )


def _cut(steps: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[list[dict[str, Any]]]]:
    """Split a trace into the unfinished rest and the finished episodes."""
    ended, begin = [], 0
    for place, step in enumerate(steps):
        if step["ended"]:
            ended.append(steps[begin : place + 1])
            begin = place + 1
    return steps[begin:], ended


def _episode_of(steps: list[dict[str, Any]]) -> Episode | None:
    """Return the steps as an episode, or None where the state of one is not known."""
    if any(step["state"] is None for step in steps):
        return None
    first = steps[0]["state"]
    states: Any = [step["state"] for step in steps]
    if isinstance(first, Mapping):
        states = {name: np.stack([state[name] for state in states]) for name in first}
    return Episode(
        states,
        np.array([step["action"] for step in steps], dtype=np.int64),
        np.array([step["probabilities"] for step in steps], dtype=np.float64),
        np.array([step["reward"] for step in steps], dtype=np.float64),
    )


def _plain(episode: Episode) -> dict[str, Any]:
    states = dict(episode.states) if isinstance(episode.states, Mapping) else list(episode.states)
    return {
        "states": states,
        "actions": episode.actions,
        "probabilities": episode.probabilities,
        "rewards": episode.rewards,
    }


def _from_plain(plain: Mapping[str, Any]) -> Episode:
    return Episode(plain["states"], plain["actions"], plain["probabilities"], plain["rewards"])
