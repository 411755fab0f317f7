"""From a Gymnasium vector environment to Stable-Baselines3, with batched rewards kept batched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray
from stable_baselines3.common.env_util import is_wrapped
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecEnv

from rewardium.envs.errors import RewardiumError
from rewardium.envs.tracker import autoreset_mode_of

_FINAL = ("final_obs", "_final_obs", "final_info", "_final_info")


class EnvInfo(Mapping[str, Any]):
    """One environment's part of Gymnasium's batched infos, read only when somebody looks.

    A nested info such as ``reward_terms`` holds a few arrays for all N environments. Unpacking it into N dicts of
    dicts of floats every step costs more than many an environment's step; this view unpacks what is asked for.

    Args:
        columns: Batched infos: arrays of length N, each with an optional mask bool [N] under ``_key``, or such dicts.
        row: Index of the environment.

    Example:
        >>> late = {"late": np.array([0, 7]), "_late": np.array([False, True])}
        >>> infos = {"verify": {"raw": np.array([0.5, 1.0])}, **late}
        >>> EnvInfo(infos, 0)
        {'verify': {'raw': 0.5}}
        >>> EnvInfo(infos, 1)["late"]
        7
    """

    __slots__ = ("_columns", "_row")

    def __init__(self, columns: Mapping[str, Any], row: int) -> None:
        self._columns = columns
        self._row = row

    def __getitem__(self, key: str) -> Any:
        if not self._holds(key):
            raise KeyError(key)
        value = self._columns[key]
        if isinstance(value, Mapping):
            return EnvInfo(value, self._row)
        if isinstance(value, (np.ndarray, list, tuple)):
            value = value[self._row]
        return value.item() if isinstance(value, np.generic) else value

    def __iter__(self) -> Iterator[str]:
        return (key for key in self._columns if self._holds(key))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr(dict(self))

    def _holds(self, key: str) -> bool:
        if key not in self._columns or (key.startswith("_") and key[1:] in self._columns):
            return False
        mask = self._columns.get(f"_{key}")
        return mask is None or bool(mask[self._row])


def unpack_infos(columns: Mapping[str, Any], num_envs: int) -> list[dict[str, Any]]:
    """Give each environment the entries of batched infos that it has; nested ones stay packed until looked at.

    Args:
        columns: Batched infos.
        num_envs: Number of environments N.

    Returns:
        N dicts.

    Example:
        >>> unpack_infos({"late": np.array([0, 7]), "_late": np.array([False, True])}, 2)
        [{}, {'late': 7}]
    """
    infos: list[dict[str, Any]] = [{} for _ in range(num_envs)]
    for key, column in columns.items():
        if key.startswith("_") and key[1:] in columns:
            continue
        mask = columns.get(f"_{key}")
        values = _values(column, num_envs)
        for row in range(num_envs) if mask is None else np.flatnonzero(mask).tolist():
            infos[row][key] = values[row]
    return infos


def _values(column: Any, num_envs: int) -> Sequence[Any]:
    if isinstance(column, Mapping):
        return [EnvInfo(column, row) for row in range(num_envs)]
    if isinstance(column, np.ndarray):
        plain: list[Any] = column.tolist() if column.ndim == 1 else list(column)
        return plain
    return column if isinstance(column, (list, tuple)) else [column] * num_envs


class GymnasiumVecEnv(VecEnv):
    """Show a Gymnasium vector environment to Stable-Baselines3.

    An environment that ends is reset within the step. Its ``infos[i]`` are those of the terminal step, with
    ``terminal_observation``, ``TimeLimit.truncated`` (a limit ended the episode, so the value is bootstrapped) and
    ``episode``: ``r`` is the *extrinsic* return, ``l`` the length, and ``shaped`` the return that was paid, where a
    ``DenseVectorReward`` paid it. ``rollout/ep_rew_mean`` therefore shows the task's own reward, not the proxy. A
    ``success`` of the environment's infos becomes ``is_success``. The infos of the reset go to ``reset_infos``.
    The ledger stays batched: ``infos[i]["reward_terms"]`` is a view (``EnvInfo``).

    Args:
        venv: A vector environment with ``AutoresetMode.SAME_STEP``: synchronous, asynchronous or batched.

    Raises:
        RewardiumError: When the vector environment resets in another way.

    Example:
        >>> import gymnasium as gym
        >>> same_step = {"autoreset_mode": AutoresetMode.SAME_STEP}
        >>> venv = gym.make_vec("CartPole-v1", num_envs=2, vectorization_mode="sync", vector_kwargs=same_step)
        >>> env = GymnasiumVecEnv(venv)
        >>> observations = env.reset()
        >>> _, rewards, dones, _ = env.step(np.array([0, 1]))
        >>> observations.shape, rewards.dtype.name, dones.tolist()
        ((2, 4), 'float32', [False, False])
    """

    def __init__(self, venv: VectorEnv[Any, Any, Any]) -> None:
        mode = autoreset_mode_of(venv)
        if mode is not AutoresetMode.SAME_STEP:
            raise RewardiumError(
                f"Stable-Baselines3 needs a vector environment that resets within the step, this one has {mode}: "
                "make it with autoreset_mode=AutoresetMode.SAME_STEP, e.g. gym.make_vec(name, num_envs=8, "
                "vectorization_mode='sync', vector_kwargs={'autoreset_mode': AutoresetMode.SAME_STEP})"
            )
        self.venv = venv
        # SB3 keeps observations across steps, so an environment that reuses its arrays needs a copy of each.
        self._copies = getattr(venv.unwrapped, "copy", None) is not True
        self._actions: Any = None
        self._extrinsic: NDArray[np.float64] = np.zeros(venv.num_envs)
        self._shaped: NDArray[np.float64] = np.zeros(venv.num_envs)
        self._length: NDArray[np.int64] = np.zeros(venv.num_envs, dtype=np.int64)
        super().__init__(venv.num_envs, venv.single_observation_space, venv.single_action_space)

    def reset(self) -> Any:
        """Reset all environments with the seeds and options set before, and return their observations."""
        seeds = None if all(seed is None for seed in self._seeds) else list(self._seeds)
        if any(options != self._options[0] for options in self._options):
            raise RewardiumError("a Gymnasium vector environment takes the same reset options for all environments")
        options: dict[str, Any] | None = dict(self._options[0]) or None
        observations, infos = self.venv.reset(seed=seeds, options=options)  # type: ignore[arg-type]
        self._reset_seeds()
        self._reset_options()
        self.reset_infos = unpack_infos(infos, self.num_envs)
        self._begin(np.ones(self.num_envs, dtype=np.bool_))
        return self._owned(observations)

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the actions for ``step_wait``."""
        self._actions = actions

    def step_wait(self) -> tuple[Any, NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]:
        """Step all environments.

        Returns:
            Observations, rewards float32 [N], dones bool [N], one info dict an environment.
        """
        observations, rewards, terminated, truncated, batched = self.venv.step(self._actions)
        paid = np.array(rewards, dtype=np.float32)  # a copy: SB3 adds bootstrapped values in place
        dones = np.logical_or(terminated, truncated)
        infos = self._infos(batched, dones)
        self._extrinsic += [info.get("extrinsic_reward", reward) for info, reward in zip(infos, rewards, strict=True)]
        self._shaped += paid
        self._length += 1
        for row, info in enumerate(infos):
            info["TimeLimit.truncated"] = bool(truncated[row] and not terminated[row])
            if dones[row]:
                self._finish(row, info)
        self._begin(dones)
        return self._owned(observations), paid, dones, infos

    def _infos(self, batched: Mapping[str, Any], dones: NDArray[np.bool_]) -> list[dict[str, Any]]:
        """Take the batched infos apart: an ended environment shows its terminal step, and its reset in reset_infos."""
        infos = unpack_infos({key: value for key, value in batched.items() if key not in _FINAL}, self.num_envs)
        final = batched.get("final_info", {})
        for row in np.flatnonzero(dones).tolist():
            # What a vector wrapper says of the step stands beside the infos of the reset: it belongs to the step.
            ledger = {key: value for key, value in infos[row].items() if key in _LEDGER}
            self.reset_infos[row] = {key: value for key, value in infos[row].items() if key not in _LEDGER}
            infos[row] = {**EnvInfo(final, row), **ledger, "terminal_observation": self._final(batched, row)}
        return infos

    def _final(self, batched: Mapping[str, Any], row: int) -> Any:
        if "final_obs" not in batched or batched["final_obs"][row] is None:
            raise RewardiumError(
                f"environment {row} ended, but infos['final_obs'] does not hold its terminal observation, as "
                "AutoresetMode.SAME_STEP demands"
            )
        return _copy(batched["final_obs"][row])

    def _finish(self, row: int, info: dict[str, Any]) -> None:
        info["episode"] = {"r": float(self._extrinsic[row]), "l": int(self._length[row])}
        if "reward_valid" in info:
            info["episode"]["shaped"] = float(self._shaped[row])
        if "success" in info:
            info["is_success"] = bool(info["success"])

    def _begin(self, rows: NDArray[np.bool_]) -> None:
        self._extrinsic[rows] = 0.0
        self._shaped[rows] = 0.0
        self._length[rows] = 0

    def _owned(self, observations: Any) -> Any:
        return _copy(observations) if self._copies else observations

    def close(self) -> None:
        """Close the vector environment."""
        self.venv.close()

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """Return one frame (uint8 [height, width, 3]) an environment."""
        frames: Any = self.venv.render()
        return [None] * self.num_envs if frames is None else list(frames)

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute of the environments.

        Raises:
            AttributeError: When they have none of this name.
        """
        rows = list(self._get_indices(indices))
        base: Any = self.venv.unwrapped
        if attr_name == "render_mode":
            return [self.venv.render_mode for _ in rows]
        if hasattr(base, "envs"):
            return [base.envs[row].get_wrapper_attr(attr_name) for row in rows]
        if hasattr(base, "get_attr"):
            # A worker process that misses an attribute dies of it, so ask first.
            if not all(base.call("has_wrapper_attr", attr_name)):
                raise AttributeError(f"the environments have no attribute {attr_name!r}")
            values = base.get_attr(attr_name)
            return [values[row] for row in rows]
        value = getattr(base, attr_name)
        return [value for _ in rows]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of the environments.

        Raises:
            RewardiumError: When the vector environment cannot set the attribute of some environments only.
        """
        rows = list(self._get_indices(indices))
        base: Any = self.venv.unwrapped
        if hasattr(base, "envs"):
            for row in rows:
                base.envs[row].set_wrapper_attr(attr_name, value)
            return
        self._require_all(rows, f"set {attr_name!r}")
        if hasattr(base, "set_attr"):
            base.set_attr(attr_name, value)
        else:
            setattr(base, attr_name, value)

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """Call a method of the environments.

        Raises:
            RewardiumError: When the vector environment cannot call a method of some environments only, or of its parts.
        """
        rows = list(self._get_indices(indices))
        base: Any = self.venv.unwrapped
        if hasattr(base, "envs"):
            return [base.envs[row].get_wrapper_attr(method_name)(*method_args, **method_kwargs) for row in rows]
        if not hasattr(base, "call"):
            raise RewardiumError(f"{base} has no sub-environments that {method_name!r} could be called on")
        self._require_all(rows, f"call {method_name!r}")
        return list(base.call(method_name, *method_args, **method_kwargs))

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Any = None) -> list[bool]:
        """Say whether the environments are wrapped; ``Monitor`` counts as there, its statistics are given here."""
        rows = list(self._get_indices(indices))
        if issubclass(Monitor, wrapper_class):
            return [True for _ in rows]
        envs = getattr(self.venv.unwrapped, "envs", None)
        return [envs is not None and is_wrapped(envs[row], wrapper_class) for row in rows]

    def _require_all(self, rows: list[int], what: str) -> None:
        if rows != list(range(self.num_envs)):
            raise RewardiumError(f"{self.venv.unwrapped} can only {what} for all environments at once, not for {rows}")


_LEDGER = frozenset({"extrinsic_reward", "reward_valid", "reward_terms", "reward_segments"})


def _copy(observations: Any) -> Any:
    if isinstance(observations, np.ndarray):
        return observations.copy()
    if isinstance(observations, dict):
        return {key: _copy(value) for key, value in observations.items()}
    return tuple(_copy(value) for value in observations) if isinstance(observations, tuple) else observations
