"""The environments of a training run: from an id and a reward to what Stable-Baselines3 steps."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import load_env_creator
from gymnasium.vector import AutoresetMode, VectorEnv
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.vec_env import VecEnv, VecFrameStack, VecNormalize, VecTransposeImage

import rewardium.envs  # noqa: F401  - registers the suite's environments
from rewardium.agents.control.config import ControlConfig
from rewardium.agents.control.discrete_actions import DiscreteActions
from rewardium.agents.control.networks import has_planes, is_planes
from rewardium.agents.control.vec_env import GymnasiumVecEnv
from rewardium.envs.capture import Capture
from rewardium.envs.errors import RewardiumError

Wrapper = Callable[[gym.Env[Any, Any]], gym.Env[Any, Any]]


def make_venv(
    name: str,
    num_envs: int,
    env_kwargs: Mapping[str, Any] | None = None,
    *,
    needs: frozenset[str] = frozenset(),
    wrappers: Sequence[Wrapper] = (),
) -> VectorEnv[Any, Any, Any]:
    """Make environments that are stepped side by side and reset within the step.

    Environments of the suite that can show several things, such as NetHack's, show ``map_features`` (a map and a
    vector) unless the arguments say else. Each is wrapped in ``Capture`` for just the text and the frames that a reward
    needs, so that the reward sees those of a terminal step too.

    Args:
        name: The environment's id.
        num_envs: How many.
        env_kwargs: The environment's arguments.
        needs: ``reward.needs``.
        wrappers: More wrappers around each environment, the innermost first.

    Returns:
        A vector environment with ``AutoresetMode.SAME_STEP``.

    Raises:
        RewardiumError: When there is no such environment, something it needs is not installed, or it does not take the
            arguments.

    Example:
        >>> venv = make_venv("CartPole-v1", 2)
        >>> venv.reset(seed=0)[0].shape
        (2, 4)
    """
    kwargs = {**_readable(name), **(env_kwargs or {})}
    if "frame" in needs:
        kwargs.setdefault("render_mode", "rgb_array")
    around: list[Any] = [partial(_captured, frame="frame" in needs, text="text" in needs), *wrappers]
    mode = {"autoreset_mode": AutoresetMode.SAME_STEP}
    how: dict[str, Any] = {"vectorization_mode": "sync", "vector_kwargs": mode, "wrappers": around}
    if not wrappers and _renders_together(name, needs):
        how = {"vectorization_mode": "vector_entry_point", **mode}
    try:
        return gym.make_vec(name, num_envs=num_envs, **how, **kwargs)
    except RewardiumError:
        raise
    except Exception as error:  # an environment's constructor may raise anything
        said = f"{type(error).__name__}: {error}"
        raise RewardiumError(f"cannot make the environment {name!r} with {kwargs}: {said}") from error


def _readable(name: str) -> dict[str, Any]:
    """Return what makes an environment of the suite show what a policy can read, where it can show several things."""
    spec = gym.registry.get(name)
    if spec is None or spec.namespace != "rewardium" or "observation" in spec.kwargs or spec.entry_point is None:
        return {}
    entry = spec.entry_point
    creator = load_env_creator(entry) if isinstance(entry, str) else entry
    return {"observation": "map_features"} if "observation" in inspect.signature(creator).parameters else {}


def _renders_together(name: str, needs: frozenset[str]) -> bool:
    """Say whether frames are all that is captured, and the environment has a vector that renders them side by side."""
    spec = gym.registry.get(name)
    return "frame" in needs and "text" not in needs and spec is not None and spec.vector_entry_point is not None


def first_frame(venv: VectorEnv[Any, Any, Any]) -> Any:
    """Reset a vector environment and return a frame as sources will see it, uint8 [height, width, 3]."""
    _, infos = venv.reset()
    frames = infos["frame"] if "frame" in infos else venv.render()
    return None if frames is None else frames[0]


def _captured(env: gym.Env[Any, Any], frame: bool, text: bool) -> gym.Env[Any, Any]:
    # An environment without captions may still write info["text"] itself, or have texts as observations.
    text = text and hasattr(env.unwrapped, "caption")
    return Capture(env, frame=frame, text=text) if frame or text else env


def adapted(venv: VectorEnv[Any, Any, Any], config: ControlConfig) -> VecEnv:
    """Show a vector environment to Stable-Baselines3, with what the config says of memory and scale.

    Args:
        venv: A vector environment with ``AutoresetMode.SAME_STEP``.
        config: Its ``algorithm``, ``action_levels``, ``memory``, ``stacked`` and ``normalize`` are read.

    Returns:
        The environment: stacked first, then scaled.

    Raises:
        RewardiumError: When the observations are nothing that a policy of Stable-Baselines3 reads, or cannot be
            stacked or scaled.
    """
    check_observations(venv.single_observation_space)
    if config.algorithm == "dqn" and isinstance(venv.single_action_space, spaces.Box):
        venv = DiscreteActions(venv, config.action_levels)
    env: VecEnv = GymnasiumVecEnv(venv)
    if config.memory == "stack":
        env = VecFrameStack(env, config.stacked, channels_order=_channels(venv.single_observation_space))  # type: ignore[arg-type]
    if has_planes(env.observation_space) and _looks_like_picture(env.observation_space):
        # Stable-Baselines3 would take planes whose grid is small for pictures with the channels last, and turn them.
        env = VecTransposeImage(env, skip=True)
    if config.normalize:
        space = env.observation_space
        keys = None if isinstance(space, spaces.Box) else vector_keys(space)
        if keys == [] or not (keys or _is_vector(space)):
            raise RewardiumError(f"normalize scales vectors of floats, and the observations hold none: {space}")
        env = VecNormalize(env, norm_reward=False, norm_obs_keys=keys)
    return env


def check_observations(space: spaces.Space[Any]) -> None:
    """Refuse observations that no policy of Stable-Baselines3 reads.

    Raises:
        RewardiumError: When the space is something else than numbers, or a mapping of them.
    """
    simple = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)
    parts = space.values() if isinstance(space, spaces.Dict) else (space,)
    wrong = next((part for part in parts if not isinstance(part, simple)), None)
    if wrong is not None:
        hint = "; scripts/train_llm.py trains policies that read text" if isinstance(wrong, spaces.Text) else ""
        raise RewardiumError(f"a control policy observes numbers or a mapping of them, not {wrong}{hint}")


def _looks_like_picture(space: spaces.Space[Any]) -> bool:
    return any(is_image_space(part) for part in (space.values() if isinstance(space, spaces.Dict) else (space,)))


def vector_keys(space: spaces.Space[Any]) -> list[str]:
    """Return the keys of a mapping's vectors of floats."""
    return [key for key, part in space.items() if _is_vector(part)] if isinstance(space, spaces.Dict) else []


def _is_vector(space: spaces.Space[Any]) -> bool:
    return isinstance(space, spaces.Box) and len(space.shape) == 1 and np.issubdtype(space.dtype, np.floating)


def _channels(space: spaces.Space[Any]) -> Any:
    """Say along which axis observations are stacked: left to itself, Stable-Baselines3 takes planes for vectors."""
    parts = space.spaces if isinstance(space, spaces.Dict) else {"": space}
    if not all(isinstance(part, spaces.Box) for part in parts.values()):
        raise RewardiumError(f"memory 'stack' needs observations that are boxes of numbers, not {space}; try lstm")
    orders = {key: "first" if is_planes(part) else None for key, part in parts.items()}
    return orders if isinstance(space, spaces.Dict) else orders[""]
