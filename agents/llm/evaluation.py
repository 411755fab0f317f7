"""How often a policy solves its task, with an interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from rewardium.agents.llm.chat import Chat
from rewardium.agents.llm.rollout import Rollout, collect
from rewardium.agents.llm.sampling import Sampler, SamplingSettings
from rewardium.envs.errors import RewardiumError
from rewardium.envs.text import make_text_vec

# The standard normal quantile of a two-sided 95% interval.
_Z95 = 1.959963984540054


@dataclass(frozen=True)
class Evaluation:
    """The outcome of K episodes on each of N tasks.

    Args:
        success: bool [N, K].
        rewards: float64 [N, K], the environment's own return.
        lengths: int64 [N, K], tokens after the prompt.
        episodes: A few episodes as plain values.
    """

    success: NDArray[np.bool_]
    rewards: NDArray[np.float64]
    lengths: NDArray[np.int64]
    episodes: Sequence[Mapping[str, Any]] = ()

    @property
    def success_rate(self) -> float:
        """The mean over tasks and episodes."""
        return float(self.success.mean())

    def summary(self) -> dict[str, Any]:
        """Return the figures as plain values: success with its interval, pass@k, reward and length.

        The interval takes the episodes as independent draws; with several a task it is over the tasks' first ones.

        Example:
            >>> evaluation = Evaluation(np.array([[True], [False]]), np.ones((2, 1)), np.ones((2, 1), dtype=int))
            >>> evaluation.summary()["success"], [round(bound, 3) for bound in evaluation.summary()["interval_95"]]
            (0.5, [0.095, 0.905])
        """
        tasks, samples = self.success.shape
        ks = sorted({k for k in (1, 2, 4, 8, 16, 32, 64, 128) if k < samples} | {samples})
        return {
            "tasks": tasks,
            "samples": samples,
            "success": self.success_rate,
            "interval_95": list(wilson_interval(int(self.success[:, 0].sum()), tasks)),
            "pass_at": {str(k): pass_at_k(self.success, k) for k in ks},
            "reward": float(self.rewards.mean()),
            "length": float(self.lengths.mean()),
        }


def evaluate(
    sampler: Sampler,
    chat: Chat,
    env: str,
    env_kwargs: Mapping[str, Any],
    settings: SamplingSettings,
    *,
    tasks: int,
    samples: int = 1,
    seed: int = 0,
    context_length: int,
    batch_size: int = 1024,
    episodes_kept: int = 4,
) -> Evaluation:
    """Play ``samples`` episodes on each of ``tasks`` tasks.

    Args:
        sampler: Draws the answers.
        chat: Turns text into tokens.
        env: The id of a text environment; its own reward is reported.
        env_kwargs: Its arguments.
        settings: Temperature 0 is greedy.
        tasks: Number of tasks N.
        samples: Episodes a task K.
        seed: Seeds tasks and answers; the tasks do not depend on ``samples`` or ``batch_size``.
        context_length: The largest number of tokens of a conversation.
        batch_size: The largest number of environments at a time.
        episodes_kept: How many episodes are kept to look at.

    Returns:
        The outcomes.

    Raises:
        RewardiumError: When there is nothing to play, or greedy answers are drawn more than once.
    """
    if tasks < 1 or samples < 1:
        raise RewardiumError(f"an evaluation needs at least one task and one sample, got {tasks} and {samples}")
    if samples > 1 and settings.temperature == 0.0:
        raise RewardiumError(f"{samples} greedy answers to one task are all the same; set a temperature above 0")
    task_seeds = np.repeat(derived_seeds(tasks, seed, 0), samples)
    sampling_seeds = derived_seeds(tasks * samples, seed, 1)
    rollouts: list[Rollout] = []
    for start in range(0, len(task_seeds), batch_size):
        part = slice(start, start + batch_size)
        seeds = task_seeds[part]
        venv = make_text_vec(env, len(seeds), autoreset_mode=AutoresetMode.DISABLED, **env_kwargs)
        rollouts.append(
            collect(
                sampler,
                chat,
                venv,
                settings,
                task_seeds=seeds.tolist(),
                sampling_seeds=sampling_seeds[part].tolist(),
                context_length=context_length,
            )
        )
        venv.close()

    def column(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(rollout, name).numpy() for rollout in rollouts]).reshape(tasks, samples)

    return Evaluation(column("success"), column("returns"), column("lengths"), rollouts[0].episodes(episodes_kept))


def greedy(settings: SamplingSettings) -> SamplingSettings:
    """Return the settings with temperature 0 and nothing cut."""
    return replace(settings, temperature=0.0, top_p=1.0, top_k=0)


def derived_seeds(count: int, *key: int) -> NDArray[np.int64]:
    """Return seeds that are a function of a key, such as (seed, update, purpose).

    Args:
        count: How many.
        *key: Integers of at least 0.

    Returns:
        int64 [count] in [0, 2^31), so that every environment takes them. The first ones do not depend on ``count``.

    Example:
        >>> derived_seeds(2, 0, 7).tolist() == derived_seeds(3, 0, 7)[:2].tolist() != derived_seeds(2, 0, 8).tolist()
        True
    """
    return (np.random.SeedSequence(key).generate_state(count, np.uint32) >> 1).astype(np.int64)


def wilson_interval(successes: int, trials: int, z: float = _Z95) -> tuple[float, float]:
    """Return Wilson's score interval for a proportion (Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953).

    Args:
        successes: Number of successes.
        trials: Number of trials, at least 1.
        z: Normal quantile; 1.96 for 95%.

    Returns:
        The bounds, in [0, 1].

    Example:
        >>> [round(bound, 4) for bound in wilson_interval(8, 10)]
        [0.4902, 0.9433]
    """
    p, square = successes / trials, z * z / trials
    centre = p + square / 2
    margin = z * math.sqrt(p * (1 - p) / trials + square / (4 * trials))
    return max((centre - margin) / (1 + square), 0.0), min((centre + margin) / (1 + square), 1.0)


def pass_at_k(success: NDArray[np.bool_], k: int) -> float:
    """Estimate the chance that at least one of k answers is right, without bias (https://arxiv.org/abs/2107.03374).

    Args:
        success: bool [N, K].
        k: At most K.

    Returns:
        The mean over the N tasks of ``1 - C(K - c, k) / C(K, k)`` with c successes.

    Raises:
        RewardiumError: When k is not in 1..K.

    Example:
        >>> pass_at_k(np.array([[True, False, False, False]]), 2)
        0.5
    """
    samples = success.shape[1]
    if not 1 <= k <= samples:
        raise RewardiumError(f"pass@{k} needs at least {max(k, 1)} samples a task and k of at least 1, got {samples}")
    failures = samples - success.sum(axis=1)
    return float(np.mean([1.0 - math.comb(int(count), k) / math.comb(samples, k) for count in failures]))
