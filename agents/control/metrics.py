"""What a run says of its episodes: the task's own reward and the paid one apart, and what was paid again and again."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv, VectorWrapper
from numpy.typing import NDArray

from rewardium.envs.caption import message_of
from rewardium.rewards.ledger import LedgerSummary

WINDOW = 100
"""Episodes over which the recent success is taken."""
SOLVED = 0.8
"""The recent success from which a task counts as learned."""


class EpisodeRecorder(VectorWrapper):
    """Follow the episodes of a ``DenseVectorReward``, and sum up what happened since the last look.

    Everything is read from batched infos, once a step for all environments.

    Args:
        env: A vector environment with ``AutoresetMode.SAME_STEP`` whose infos hold the reward's ledger.
        success_return: The extrinsic return from which an episode is a success, where the environment does not say.

    Example:
        >>> from rewardium.agents.control.environments import make_venv
        >>> from rewardium.rewards.vector import DenseVectorReward
        >>> recorder = EpisodeRecorder(DenseVectorReward(make_venv("CartPole-v1", 2), "2.0 * extrinsic"))
        >>> _ = recorder.reset(seed=0)
        >>> for _ in range(20):
        ...     _ = recorder.step(np.array([1, 1]))
        >>> metrics = recorder.metrics()
        >>> metrics["reward/paid"] == 2.0 * metrics["reward/extrinsic"], metrics["episodes"]
        (True, 4.0)
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], success_return: float | None = None) -> None:
        super().__init__(env)
        self.success_return = success_return
        self.steps = 0
        self.recent: deque[bool] = deque(maxlen=WINDOW)
        self.solved_at: int | None = None
        self._farming = Farming(env.num_envs)
        self._streams = np.zeros((3, env.num_envs))  # extrinsic, intrinsic, paid
        self._lengths: NDArray[np.int64] = np.zeros(env.num_envs, dtype=np.int64)
        self._forget()

    def _forget(self) -> None:
        self._episodes: list[tuple[float, float, float, float, float]] = []  # the streams, length, success
        self._ledger = LedgerSummary()
        self._paid, self._valid, self._rows = 0.0, 0.0, 0
        self._farming.forget()

    def reset(self, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Reset the environments; episodes at work are not counted."""
        self._streams[:] = 0.0
        self._lengths[:] = 0
        self._farming.begin(np.ones(self.num_envs, dtype=np.bool_))
        return self.env.reset(**kwargs)

    def step(  # type: ignore[override]
        self, actions: Any
    ) -> tuple[Any, Any, NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Step the environments and note what they paid."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        dones = np.logical_or(terminated, truncated)
        extrinsic = np.asarray(infos["extrinsic_reward"], dtype=np.float64)
        paid = np.asarray(rewards, dtype=np.float64)
        intrinsic = intrinsic_share(infos["reward_terms"], self.num_envs)
        self.steps += self.num_envs
        self._streams += np.stack([extrinsic, intrinsic, paid])
        self._lengths += 1
        self._ledger.add_infos(infos)
        self._paid += float(paid.sum())
        self._valid += float(np.sum(infos["reward_valid"]))
        self._rows += self.num_envs
        self._farming.add(intrinsic, texts_of(infos, dones))
        if dones.any():
            self._end(np.flatnonzero(dones).tolist(), infos.get("final_info", {}))
            self._farming.begin(dones)
        return observations, rewards, terminated, truncated, infos

    def _end(self, rows: Sequence[int], final: Mapping[str, Any]) -> None:
        for row in rows:
            success = self._success(row, final)
            self._episodes.append((*self._streams[:, row].tolist(), float(self._lengths[row]), success))
            if not math.isnan(success):
                self.recent.append(bool(success))
                if self.solved_at is None and len(self.recent) == WINDOW and np.mean(self.recent) >= SOLVED:
                    self.solved_at = self.steps
            self._streams[:, row] = 0.0
            self._lengths[row] = 0

    def _success(self, row: int, final: Mapping[str, Any]) -> float:
        if "success" in final and final.get("_success", np.ones(row + 1, dtype=np.bool_))[row]:
            return float(bool(final["success"][row]))
        if self.success_return is None:
            return math.nan
        return float(self._streams[0, row] >= self.success_return)

    def metrics(self) -> dict[str, float]:
        """Return what happened since the last call; a mean over no episode is not a number.

        Returns:
            ``success``, ``reward/extrinsic``, ``reward/intrinsic`` (all that was paid but for extrinsic terms),
            ``reward/paid`` and ``length``: means over the episodes that ended; ``recent/success`` over the last 100;
            ``episodes``; ``step/paid`` and ``step/valid``, means over steps; ``farming/...``, see ``Farming``;
            ``terms/...``, see ``LedgerSummary``; ``solved/steps``, the steps until the recent success first was 80%.
        """
        columns = np.array(self._episodes, dtype=np.float64).reshape(-1, 5)
        names = ("reward/extrinsic", "reward/intrinsic", "reward/paid", "length", "success")
        means = {name: _mean(column) for name, column in zip(names, columns.T, strict=True)}
        metrics = {
            "success": means.pop("success"),
            "recent/success": _mean(np.array(self.recent, dtype=np.float64)),
            **means,
            "episodes": float(len(columns)),
            "step/paid": self._paid / self._rows if self._rows else math.nan,
            "step/valid": self._valid / self._rows if self._rows else math.nan,
            **self._farming.metrics(),
            **self._ledger.metrics(),
            **({} if self.solved_at is None else {"solved/steps": float(self.solved_at)}),
        }
        self._forget()
        return metrics

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run goes on with, as plain values."""
        return {"steps": self.steps, "recent": list(self.recent), "solved_at": self.solved_at}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``state_dict`` returned."""
        self.steps = int(state["steps"])
        self.recent = deque(state["recent"], maxlen=WINDOW)
        self.solved_at = None if state["solved_at"] is None else int(state["solved_at"])


class Farming:
    """Count how much intrinsic reward is paid for messages that were paid before in the same episode.

    ``farming/steps`` is the share of the paid steps whose message had been paid before, ``farming/reward`` the share of
    the reward that they got. An agent that learns to call up one well-paid message drives the first up; a shaping such
    as ``count_decay`` keeps the second down. Steps on which nothing was said are left out.

    Args:
        num_envs: Number of environments N.

    Example:
        >>> farming = Farming(1)
        >>> for reward in (0.5, 0.25, 0.25):
        ...     farming.add(np.array([reward]), ["You see a key."])
        >>> farming.metrics()
        {'farming/steps': 0.6666666666666666, 'farming/reward': 0.5}
    """

    def __init__(self, num_envs: int) -> None:
        self._messages: list[set[str]] = [set() for _ in range(num_envs)]
        self.forget()

    def forget(self) -> None:
        """Begin to count anew; episodes go on."""
        self._steps, self._repeated = 0, 0
        self._reward, self._repeated_reward = 0.0, 0.0

    def begin(self, rows: NDArray[np.bool_]) -> None:
        """Begin new episodes where ``rows``, bool [N], is True."""
        for row in np.flatnonzero(rows).tolist():
            self._messages[row] = set()

    def add(self, intrinsic: NDArray[np.float64], texts: Sequence[str | None] | None) -> None:
        """Count a step.

        Args:
            intrinsic: float64 [N], what was paid beside the task's own reward.
            texts: Length N, the captions; None where no source reads text.
        """
        if texts is None:
            return
        for row in np.flatnonzero(intrinsic > 0.0).tolist():
            text = texts[row]
            if text is None:
                continue
            message, paid = message_of(text), float(intrinsic[row])
            if not message:
                continue
            repeated = message in self._messages[row]
            self._messages[row].add(message)
            self._steps += 1
            self._repeated += repeated
            self._reward += paid
            self._repeated_reward += paid if repeated else 0.0

    def metrics(self) -> dict[str, float]:
        """Return the two shares, none where nothing was paid."""
        if not self._steps:
            return {}
        return {
            "farming/steps": self._repeated / self._steps,
            "farming/reward": self._repeated_reward / self._reward,
        }


def intrinsic_share(terms: Mapping[str, Any], num_envs: int) -> NDArray[np.float64]:
    """Return what all terms of a ledger but the extrinsic ones added to each reward.

    Args:
        terms: ``infos["reward_terms"]`` of a vector environment.
        num_envs: N.

    Returns:
        float64 [N].
    """
    share = np.zeros(num_envs)
    for name, term in terms.items():
        if not name.startswith("_") and name.split("#")[0] != "extrinsic":
            share += np.where(term["valid"], term["weight"] * term["shaped"], 0.0)
    return share


def texts_of(infos: Mapping[str, Any], dones: NDArray[np.bool_]) -> list[str | None] | None:
    """Return each environment's text of a step: where the episode ended, that of its last step.

    Args:
        infos: Batched infos under ``AutoresetMode.SAME_STEP``.
        dones: bool [N].

    Returns:
        Length N, or None where there are no texts.
    """
    final = infos.get("final_info", {})
    if "text" not in infos and "text" not in final:
        return None
    texts: list[str | None] = list(infos.get("text", [None] * len(dones)))
    for row in np.flatnonzero(dones).tolist():
        texts[row] = final["text"][row] if "text" in final else None
    return texts


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan
