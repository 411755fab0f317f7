"""A composed reward on one environment."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import RecordConstructorArgs

from rewardium.envs.errors import RewardiumError
from rewardium.envs.tracker import TransitionTracker
from rewardium.rewards.ledger import scalar_entries
from rewardium.rewards.registry import build
from rewardium.rewards.reward import Reward
from rewardium.rewards.state import RewardState


def check_frames(reward: Reward, render_mode: str | None) -> None:
    """Refuse an environment that renders no frames where a source needs them.

    Raises:
        RewardiumError: When the reward needs frames and ``render_mode`` is not ``"rgb_array"``.
    """
    if "frame" in reward.needs and render_mode != "rgb_array":
        needing = sorted({str(source) for source in reward.sources() if "frame" in source.needs})
        raise RewardiumError(
            f"{', '.join(needing)} needs frames: make the environment with render_mode='rgb_array', not {render_mode!r}"
        )


class DenseReward(gym.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    r"""Replace an environment's reward by a composed one, and keep every term in ``info``.

    ``info`` gains ``extrinsic_reward`` (the environment's own reward, untouched), ``reward_valid`` (whether any term
    had a score), ``reward_terms`` (for each term raw, shaped, weight and valid) and, where some source gives credit
    inside a text action, ``reward_segments``. A step without any score pays 0.0 and says ``reward_valid=False``.

    Args:
        env: The environment.
        reward: A reward, or an expression or config that builds one.

    Raises:
        RewardiumError: When the reward cannot be built, or needs what the environment cannot give.

    Example:
        >>> import rewardium.envs
        >>> env = DenseReward(gym.make("rewardium/RandomCalculation-v0", num_steps=1), "0.5 * verify + 0.5 * format")
        >>> _, info = env.reset(seed=0)
        >>> _, reward, terminated, _, info = env.step(f"It is \\boxed{{{info['task'].reference}}}")
        >>> reward, info["reward_terms"]["verify"]["weight"]
        (1.0, 0.5)
    """

    def __init__(self, env: gym.Env[Any, Any], reward: Reward | Any) -> None:
        self.reward = build(reward)
        # The expression, not the object: env.spec stays small and JSON-able, and no model is ever copied.
        RecordConstructorArgs.__init__(self, reward=str(self.reward))
        super().__init__(env)
        check_frames(self.reward, env.render_mode)
        self.state = RewardState()
        # Bound methods and not lambdas: a copied or pickled wrapper must look at its own environment.
        caption = self._captions if hasattr(env.unwrapped, "caption") else None
        self._tracker = TransitionTracker(1, self.reward.needs, render=self._frames, caption=caption)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset the environment; the reward begins a new episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._tracker.reset([observation], {"task": [info["task"]]} if "task" in info else {})
        return observation, info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Step the environment and pay the composed reward."""
        self._tracker.require_begun()
        observation, extrinsic, terminated, truncated, info = self.env.step(action)
        batch = self._tracker.step(
            [action],
            [observation],
            np.array([extrinsic], dtype=np.float64),
            np.array([terminated], dtype=np.bool_),
            np.array([truncated], dtype=np.bool_),
            {key: [info[key]] for key in ("text", "frame") if key in info},
        )
        if not len(batch):
            raise RewardiumError("step was called after the episode's end; call reset first")
        outcome = self.reward.evaluate(batch, self.state)
        info = {**info, **scalar_entries(outcome, float(extrinsic))}
        return observation, float(outcome.value[0]), terminated, truncated, info

    def _frames(self) -> list[Any]:
        return [self.env.render()]

    def _captions(self) -> list[str]:
        return [self.env.unwrapped.caption()]  # type: ignore[attr-defined]
