"""How often a control policy solves its task, by the environment's own reward and truth alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv, unwrap_vec_normalize

from rewardium.agents.control.algorithms import make_model
from rewardium.agents.control.checkpoint import load_policy, scales_of, set_scales
from rewardium.agents.control.config import ControlConfig
from rewardium.agents.control.environments import Wrapper, adapted, make_venv
from rewardium.agents.control.random_state import derived_seed, own_randomness
from rewardium.envs.errors import RewardiumError

# The standard normal quantile of a two-sided 95% interval.
_Z95 = 1.959963984540054


@dataclass(frozen=True)
class Evaluation:
    """The outcome of N episodes.

    Args:
        success: bool [N], or None where the environment does not say what a success is.
        returns: float64 [N], the environment's own return.
        lengths: int64 [N], steps.
    """

    success: NDArray[np.bool_] | None
    returns: NDArray[np.float64]
    lengths: NDArray[np.int64]

    @property
    def success_rate(self) -> float:
        """The share of successes, not a number where it is unknown."""
        return math.nan if self.success is None else float(self.success.mean())

    def summary(self) -> dict[str, Any]:
        """Return the figures as plain values: success with Wilson's interval, return with the normal one, and length.

        Example:
            >>> evaluation = Evaluation(np.array([True] * 8 + [False] * 2), np.ones(10), np.full(10, 20))
            >>> evaluation.summary()["success"], [round(bound, 4) for bound in evaluation.summary()["success_95"]]
            (0.8, [0.4902, 0.9433])
        """
        count = len(self.returns)
        spread = _Z95 * float(self.returns.std(ddof=1)) / math.sqrt(count) if count > 1 else math.nan
        mean = float(self.returns.mean())
        known: dict[str, Any] = {"success": None, "success_95": None}
        if self.success is not None:
            known = {
                "success": self.success_rate,
                "success_95": list(proportion_interval(int(self.success.sum()), count)),
            }
        return {
            "episodes": count,
            **known,
            "return": mean,
            "return_95": [mean - spread, mean + spread] if count > 1 else None,
            "length": float(self.lengths.mean()),
        }


def proportion_interval(successes: int, trials: int) -> tuple[float, float]:
    """Return Wilson's 95% interval for a proportion (Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953).

    Args:
        successes: How many trials succeeded, at most ``trials``.
        trials: At least 1.

    Returns:
        The two bounds in [0, 1].

    Example:
        >>> [round(bound, 4) for bound in proportion_interval(0, 20)]
        [0.0, 0.1611]
    """
    share, square = successes / trials, _Z95 * _Z95
    centre = (share + square / (2 * trials)) / (1 + square / trials)
    half = _Z95 * math.sqrt(share * (1 - share) / trials + square / (4 * trials * trials)) / (1 + square / trials)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def evaluation_env(
    config: ControlConfig, num_envs: int, *, like: VecEnv | None = None, wrappers: Sequence[Wrapper] = (), **kwargs: Any
) -> VecEnv:
    """Make environments to evaluate in: as in training, but without the trained reward.

    Args:
        config: What the run is.
        num_envs: How many.
        like: The environment in which the policy is trained, whose scales of observations are taken over.
        wrappers: Wrappers around each environment.
        **kwargs: Arguments of the environment that differ from the config's.

    Returns:
        The environments; looking at more observations does not change their scale.
    """
    venv = make_venv(config.env, num_envs, {**config.env_kwargs, **kwargs}, wrappers=wrappers)
    env = adapted(venv, config)
    normalize = _normalize_of(env)
    if normalize is not None:
        normalize.training = False
        set_scales(normalize, None if like is None else scales_of(_normalize_of(like)))
    return env


def _normalize_of(env: VecEnv) -> Any:
    return unwrap_vec_normalize(env)


def evaluate(
    model: BaseAlgorithm,
    env: VecEnv,
    *,
    episodes: int,
    greedy: bool,
    seed: int,
    success_return: float | None = None,
) -> Evaluation:
    """Play episodes and look at the task's own reward.

    Each environment plays its share of the episodes, so that those which end early are not counted more often than
    those which take long. The global random generators are as before when it returns.

    Args:
        model: Whose policy acts.
        env: What ``evaluation_env`` returned.
        episodes: How many episodes N, at least 1.
        greedy: Whether the likeliest action is taken, or one is drawn.
        seed: Seeds environments and draws.
        success_return: The return from which an episode is a success, where the environment does not say.

    Returns:
        The outcomes, environment by environment.

    Raises:
        RewardiumError: When there is nothing to play.
    """
    if episodes < 1:
        raise RewardiumError(f"an evaluation needs at least one episode, got {episodes}")
    shares = [len(range(row, episodes, env.num_envs)) for row in range(env.num_envs)]
    ended: list[list[dict[str, Any]]] = [[] for _ in shares]
    with own_randomness(seed):
        env.seed(derived_seed(seed))
        observations: Any = env.reset()
        state, starts = None, np.ones(env.num_envs, dtype=np.bool_)
        while any(len(rows) < share for rows, share in zip(ended, shares, strict=True)):
            actions, state = model.predict(observations, state=state, episode_start=starts, deterministic=greedy)
            observations, _, starts, infos = env.step(actions)
            for row in np.flatnonzero(starts).tolist():
                if len(ended[row]) < shares[row]:
                    ended[row].append(dict(infos[row]))
    return _outcome([info for rows in ended for info in rows], success_return)


def _outcome(infos: Sequence[dict[str, Any]], success_return: float | None) -> Evaluation:
    returns = np.array([info["episode"]["r"] for info in infos], dtype=np.float64)
    lengths = np.array([info["episode"]["l"] for info in infos], dtype=np.int64)
    success: NDArray[np.bool_] | None = None
    if all("is_success" in info for info in infos):
        success = np.array([info["is_success"] for info in infos], dtype=np.bool_)
    elif success_return is not None:
        success = returns >= success_return
    return Evaluation(success, returns, lengths)


def load_model(config: ControlConfig, checkpoint: Path) -> tuple[BaseAlgorithm, int]:
    """Build a run's policy from a checkpoint, to act and not to train.

    Args:
        config: What the run is.
        checkpoint: The checkpoint's folder.

    Returns:
        The algorithm, and the environment steps after which it was saved.

    Raises:
        RewardiumError: When environment or checkpoint are not what the config says.
    """
    # A replay buffer is of no use here, and that of a long run would fill the memory.
    small = {"buffer_size": config.num_envs} if config.algorithm in ("dqn", "sac") else {}
    env = evaluation_env(config, config.num_envs)
    model = make_model(replace(config, algorithm_kwargs={**config.algorithm_kwargs, **small}), env)
    return model, load_policy(checkpoint, model)
