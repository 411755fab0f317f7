"""The algorithms of Stable-Baselines3 that a control run can use, with settings for several environments at once.

The settings of PPO are for sparse tasks of some hundred steps with discrete actions and eight environments. They are
ours and no paper's; ``algorithm_kwargs`` replaces any of them.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.vec_env import VecEnv

from rewardium.agents.control.config import ControlConfig
from rewardium.agents.control.networks import GridExtractor, has_planes
from rewardium.envs.errors import MissingExtraError, RewardiumError, unknown_name_message

_DISCRETE = (spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)
# What the config or this module decides.
_TAKEN = {"policy", "env", "seed", "device", "verbose", "tensorboard_log", "stats_window_size", "_init_setup_model"}


@dataclass(frozen=True)
class Algorithm:
    """An algorithm that can be named in a config.

    Args:
        place: ``"module.Class"``.
        recurrent_place: The same for its recurrent twin, where it has one.
        actions: The action spaces that it takes.
        greedy: Whether its policies are usually evaluated by their likeliest action.
        settings: From the config to the settings that differ from Stable-Baselines3's.
    """

    place: str
    actions: tuple[type[spaces.Space[Any]], ...]
    greedy: bool
    settings: Callable[[ControlConfig], dict[str, Any]]
    recurrent_place: str | None = None


def _ppo(config: ControlConfig) -> dict[str, Any]:
    length = int(config.algorithm_kwargs.get("n_steps", 128))
    return {
        "n_steps": length,
        # Eight minibatches a pass: successes are rare in sparse tasks, and fewer gradient steps lose them again.
        "batch_size": minibatch_size(config.num_envs * length, 8),
        "n_epochs": 8,
        "learning_rate": 2.5e-4,
        "ent_coef": 0.01,
    }


def minibatch_size(rollout: int, parts: int) -> int:
    """Return the size of equal minibatches, of which there are at least ``parts`` where the rollout is long enough.

    Args:
        rollout: Steps of a rollout.
        parts: Minibatches wanted.

    Returns:
        A divisor of ``rollout``, at least 2 where ``rollout`` is.

    Example:
        >>> minibatch_size(1024, 8), minibatch_size(15, 8), minibatch_size(8, 8)
        (128, 3, 2)
    """
    largest = max(rollout // parts, 2)
    return next((size for size in range(largest, 1, -1) if rollout % size == 0), 0) or _smallest_divisor(rollout)


def _smallest_divisor(number: int) -> int:
    return next((size for size in range(2, number + 1) if number % size == 0), number)


def _a2c(config: ControlConfig) -> dict[str, Any]:
    return {"n_steps": 16, "ent_coef": 0.01, "gae_lambda": 0.95}


def _dqn(config: ControlConfig) -> dict[str, Any]:
    # One gradient step for four environment steps, however many environments there are.
    return {"buffer_size": min(1_000_000, config.steps), "learning_starts": 1_000, "gradient_steps": config.num_envs}


def _sac(config: ControlConfig) -> dict[str, Any]:
    # One gradient step for each environment step, as in the paper (Haarnoja et al., 2018).
    return {"buffer_size": min(1_000_000, config.steps), "learning_starts": 1_000, "gradient_steps": -1}


ALGORITHMS: Mapping[str, Algorithm] = {
    "ppo": Algorithm("stable_baselines3.PPO", (spaces.Box, *_DISCRETE), False, _ppo, "sb3_contrib.RecurrentPPO"),
    "a2c": Algorithm("stable_baselines3.A2C", (spaces.Box, *_DISCRETE), False, _a2c),
    "dqn": Algorithm("stable_baselines3.DQN", (spaces.Discrete,), True, _dqn),
    "sac": Algorithm("stable_baselines3.SAC", (spaces.Box,), True, _sac),
}


def algorithm_of(config: ControlConfig) -> Algorithm:
    """Return the config's algorithm, and check what can be checked without an environment.

    Args:
        config: The config.

    Returns:
        The algorithm.

    Raises:
        RewardiumError: When there is no such algorithm, it has no recurrent twin and the config asks for one, or it
            does not have the settings of ``algorithm_kwargs``.

    Example:
        >>> algorithm_of(ControlConfig("CartPole-v1", algorithm="ppoo"))
        Traceback (most recent call last):
        ...
        rewardium.envs.errors.RewardiumError: unknown algorithm 'ppoo'; did you mean 'ppo'?
    """
    if config.algorithm not in ALGORITHMS:
        raise RewardiumError(unknown_name_message("algorithm", config.algorithm, ALGORITHMS))
    algorithm = ALGORITHMS[config.algorithm]
    if config.memory == "lstm" and algorithm.recurrent_place is None:
        raise RewardiumError(f"memory 'lstm' goes with ppo, not with {config.algorithm}")
    parameters = inspect.signature(_class_of(algorithm, config)).parameters
    for name, value in config.algorithm_kwargs.items():
        if name not in parameters or name in _TAKEN:
            known = set(parameters) - _TAKEN
            raise RewardiumError(unknown_name_message(f"setting of {config.algorithm}", name, known))
        # Stable-Baselines3 does not look at most of them before they are used, which is in the middle of a run.
        takes_number = isinstance(parameters[name].default, (int, float)) and name != "train_freq"
        if takes_number and not isinstance(value, (int, float)):
            raise RewardiumError(f"{name} of {config.algorithm} must be a number, got {value!r}")
    return algorithm


def acts_greedily(config: ControlConfig) -> bool:
    """Say whether an evaluation takes the likeliest action."""
    return ALGORITHMS[config.algorithm].greedy if config.evaluated == "auto" else config.evaluated == "greedy"


def check_actions(config: ControlConfig, space: gym.Space[Any]) -> None:
    """Refuse actions that the algorithm does not choose among.

    Raises:
        RewardiumError: Naming the algorithms that do.
    """
    if not isinstance(space, ALGORITHMS[config.algorithm].actions):
        fitting = [name for name, algorithm in ALGORITHMS.items() if isinstance(space, algorithm.actions)]
        hint = f"; {', '.join(fitting)} would" if fitting else ""
        raise RewardiumError(f"{config.algorithm} does not choose among the actions {space} of {config.env}{hint}")


def make_model(config: ControlConfig, env: VecEnv) -> BaseAlgorithm:
    """Build the algorithm with a fresh policy.

    Args:
        config: The config; its seed seeds the global generators and the weights.
        env: What ``environments.adapted`` returned.

    Returns:
        The algorithm.

    Raises:
        RewardiumError: When algorithm, settings and environment do not fit.
    """
    algorithm = algorithm_of(config)
    check_actions(config, env.action_space)
    settings = {**algorithm.settings(config), **config.algorithm_kwargs}
    _check_batches(config, settings)
    settings["policy_kwargs"] = {**_policy_kwargs(env.observation_space), **dict(settings.get("policy_kwargs") or {})}
    device = "cpu" if config.device == "cpu" or not torch.cuda.is_available() else "cuda"
    try:
        model: BaseAlgorithm = _class_of(algorithm, config)(
            _policy_name(config, env.observation_space), env, seed=config.seed, device=device, **settings
        )
    except (TypeError, ValueError, AssertionError) as error:
        raise RewardiumError(f"{config.algorithm} with {settings} does not fit {config.env}: {error}") from error
    return model


def _class_of(algorithm: Algorithm, config: ControlConfig) -> Any:
    place = algorithm.recurrent_place if config.memory == "lstm" else algorithm.place
    module, _, name = str(place).rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise MissingExtraError(module, "control") from error


def _check_batches(config: ControlConfig, settings: Mapping[str, Any]) -> None:
    if config.algorithm != "ppo":
        return
    size = config.num_envs * int(settings["n_steps"])
    if size % int(settings["batch_size"]):
        raise RewardiumError(
            f"a rollout of num_envs * n_steps = {size} steps cannot be cut into minibatches of "
            f"batch_size={settings['batch_size']}"
        )


def _policy_name(config: ControlConfig, space: gym.Space[Any]) -> str:
    recurrent = "Lstm" if config.memory == "lstm" else ""
    if isinstance(space, spaces.Dict):
        return f"MultiInput{recurrent}Policy"
    is_picture = is_image_space(space) and not has_planes(space)
    return f"{'Cnn' if is_picture else 'Mlp'}{recurrent}Policy"


def _policy_kwargs(space: gym.Space[Any]) -> dict[str, Any]:
    if not has_planes(space):
        return {}
    return {"features_extractor_class": GridExtractor, "normalize_images": False, "net_arch": [64]}
