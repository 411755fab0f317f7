"""Text environments in a batch: one call resets or steps all of them, with the infos that Gymnasium's vectors give."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from importlib.util import find_spec
from operator import index
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from rewardium.envs.errors import MissingExtraError, RewardiumError
from rewardium.envs.registration import entries
from rewardium.envs.spaces import Utf8Text

MAX_OBSERVATION_LENGTH = 2**16
MAX_ACTION_LENGTH = 2**16

Infos = dict[str, Any]
"""Infos of a vector: for each key an array of length N, and under ``_key`` the mask bool [N] of rows that have it."""


class Steps(NamedTuple):
    """What stepping R of the N environments gives.

    Args:
        observations: Length R.
        rewards: Length R, float.
        terminated: Length R, bool.
        truncated: Length R, bool.
        infos: Over all N rows, masked to the R rows; ``columns`` builds it.
    """

    observations: Sequence[str]
    rewards: Any
    terminated: Any
    truncated: Any
    infos: Infos


def columns(num_envs: int, rows: Sequence[int], values: Mapping[str, Any]) -> Infos:
    """Spread columns of R rows over all N environments, in the layout of Gymnasium's vector infos.

    Args:
        num_envs: N.
        rows: The R environments that have the values.
        values: For each key a numpy array [R, ...], whose dtype stays, or a sequence of R objects.

    Returns:
        For each key an array [N, ...], zero or None elsewhere, and under ``_key`` its mask bool [N].

    Example:
        >>> infos = columns(3, [0, 2], {"reason": ["right", "wrong"]})
        >>> infos["reason"].tolist(), infos["_reason"].tolist()
        (['right', None, 'wrong'], [True, False, True])
    """
    infos: Infos = {}
    for key, column in values.items():
        if not isinstance(column, np.ndarray):
            # fromiter, not asarray: objects that are themselves sequences stay whole.
            column = np.fromiter(column, dtype=object, count=len(rows))
        if len(rows) == num_envs:
            infos[key], infos[f"_{key}"] = column, np.ones(num_envs, dtype=np.bool_)
            continue
        infos[key] = _empty_like(column, num_envs)
        infos[key][rows] = column
        infos[f"_{key}"] = mask = np.zeros(num_envs, dtype=np.bool_)
        mask[rows] = True
    return infos


def _empty_like(column: NDArray[Any], num_envs: int) -> NDArray[Any]:
    shape = (num_envs, *column.shape[1:])
    return np.full(shape, None, dtype=object) if column.dtype == object else np.zeros(shape, dtype=column.dtype)


def restrict(infos: Infos, rows: NDArray[np.bool_]) -> Infos:
    """Keep only some rows of vector infos; a key that none of them has is dropped.

    Args:
        infos: Vector infos over N rows.
        rows: bool [N], the rows to keep.

    Returns:
        New infos; the old ones are left as they are.

    Example:
        >>> infos = columns(2, [0], {"reason": ["right"]})
        >>> restrict(infos, np.array([False, True]))
        {}
    """
    kept: Infos = {}
    for key, column in infos.items():
        mask = infos.get(f"_{key}")
        if mask is None:  # a mask itself, which goes with its key
            continue
        mask = mask & rows
        if mask.any():
            if isinstance(column, dict):
                kept[key] = restrict(column, rows)
            else:
                kept[key] = _empty_like(column, len(rows))
                kept[key][mask] = column[mask]
            kept[f"_{key}"] = mask
    return kept


def merge(first: Infos, second: Infos) -> Infos:
    """Join vector infos; where both have a row of a key, the second wins.

    Example:
        >>> merge(columns(2, [0], {"n": np.array([1])}), columns(2, [1], {"n": np.array([2])}))["n"].tolist()
        [1, 2]
    """
    if not first or not second:
        return dict(first or second)
    joined = dict(first)
    for key, column in second.items():
        mask = second.get(f"_{key}")
        if mask is None:
            continue
        if key not in first:
            joined[key], joined[f"_{key}"] = column, mask
            continue
        if isinstance(column, dict):
            joined[key] = merge(first[key], column)
        else:
            before = first[key]
            joined[key] = before.copy() if before.dtype == column.dtype else before.astype(object)
            joined[key][mask] = column[mask]
        joined[f"_{key}"] = first[f"_{key}"] | mask
    return joined


class TextVectorEnv(gym.vector.VectorEnv[Any, Any, Any], ABC):
    """Base of batched text environments: observations and actions are tuples of N strings.

    A subclass resets some rows and steps some rows; this class does what is common: spaces, seeds, options, and the
    three autoreset modes, with infos as ``gymnasium.vector.SyncVectorEnv`` lays them out. Under ``SAME_STEP`` the end
    of an episode is in ``infos["final_obs"]`` and ``infos["final_info"]``. Under ``DISABLED`` an environment that has
    ended is idle until it is reset: its action is not read and may be None, it pays 0.0, stays done and shows its last
    observation, and ``infos`` holds nothing of it, so that a batch of episodes of unequal length simply runs out. An
    environment whose episode goes on waits where its action is None.

    ``reset`` takes ``seed`` as an int (environment i gets ``seed + i``), as a sequence with one int or None an
    environment, or as None; ``options["task"]`` as one task for all or as a list with one an environment (None where
    it draws its own); and ``options["reset_mask"]``, bool [N], to reset only some.

    Args:
        num_envs: Number of environments N.
        autoreset_mode: How an environment that has ended begins again.
        observation_length: Largest number of characters of an observation.
        action_length: Largest number of characters of a sampled action; longer ones are read all the same.
        render_mode: ``"ansi"`` or None.

    Raises:
        RewardiumError: When an argument is wrong.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012 - Gymnasium's own shape

    def __init__(
        self,
        num_envs: int = 1,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        observation_length: int = MAX_OBSERVATION_LENGTH,
        action_length: int = MAX_ACTION_LENGTH,
        render_mode: str | None = None,
    ) -> None:
        if isinstance(num_envs, bool) or not isinstance(num_envs, int) or num_envs < 1:
            raise RewardiumError(f"num_envs must be an int of at least 1, got {num_envs!r}")
        self.num_envs = num_envs
        self.autoreset_mode = _autoreset_mode(autoreset_mode)
        # A copy: the class's metadata is shared with vectors of another mode.
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise RewardiumError(
                f"render_mode must be one of {self.metadata['render_modes']} or None, got {render_mode!r}"
            )
        self.render_mode = render_mode
        self._set_spaces(Utf8Text(observation_length), Utf8Text(action_length))
        self._observations: list[str] = [""] * num_envs
        self._terminated: NDArray[np.bool_] = np.zeros(num_envs, dtype=np.bool_)
        self._truncated: NDArray[np.bool_] = np.zeros(num_envs, dtype=np.bool_)
        self._begun: NDArray[np.bool_] = np.zeros(num_envs, dtype=np.bool_)

    def _set_spaces(self, observation_space: gym.Space[Any], action_space: gym.Space[Any]) -> None:
        self.single_observation_space = observation_space
        self.single_action_space = action_space
        # One copy N times, not N copies as ``batch_space`` makes: those take 0.4 ms an environment.
        self.observation_space = gym.spaces.Tuple((deepcopy(observation_space),) * self.num_envs)
        self.action_space = gym.spaces.Tuple((deepcopy(action_space),) * self.num_envs)

    @abstractmethod
    def _reset_rows(
        self, rows: Sequence[int], seeds: Sequence[int | None], options: Sequence[dict[str, Any] | None]
    ) -> tuple[Sequence[str], Infos]:
        """Begin an episode in R of the environments.

        Args:
            rows: The environments' indices, ascending, length R.
            seeds: Length R; None goes on with the environment's own generator.
            options: Length R; the environment's own options, its task under ``"task"``.

        Returns:
            R observations, and infos over all N rows, as ``columns`` builds them.
        """

    @abstractmethod
    def _step_rows(self, rows: Sequence[int], actions: Sequence[Any]) -> Steps:
        """Step R of the environments.

        Args:
            rows: The environments' indices, ascending, length R.
            actions: Length R; usually strings, but whatever the caller gave.

        Returns:
            What the steps gave.
        """

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[tuple[str, ...], Infos]:
        """Begin new episodes in all environments, or in those of ``options["reset_mask"]``.

        Args:
            seed: An int, one int or None an environment, or None.
            options: ``"task"``, ``"reset_mask"``, and whatever else the environments know.

        Returns:
            N observations and the infos; with a mask, the other rows keep their observation and have no info.

        Raises:
            RewardiumError: When a seed, the mask or the tasks do not fit the number of environments.
        """
        mask = self._reset_mask(options)
        seeds = self._seeds(seed)
        row_options = self._options(options)
        rows = range(self.num_envs) if mask is None else np.flatnonzero(mask).tolist()
        observations, infos = self._reset_rows(rows, [seeds[row] for row in rows], [row_options[row] for row in rows])
        self._store(rows, observations)
        self._terminated[rows] = self._truncated[rows] = False
        self._begun[rows] = True
        return tuple(self._observations), infos

    def step(self, actions: Any) -> tuple[tuple[str, ...], NDArray[Any], NDArray[Any], NDArray[Any], Infos]:
        """Step the environments, and reset those that ended, as the autoreset mode says.

        Args:
            actions: N actions; not read where an environment resets or is idle. Under ``DISABLED``, None lets an
                environment wait: it is not stepped, pays 0.0, and ``infos`` holds nothing of it.

        Returns:
            N observations, rewards float64 [N], terminated bool [N], truncated bool [N], and the infos.

        Raises:
            gymnasium.error.ResetNeeded: When an environment was never reset.
            RewardiumError: When there are not N actions.
        """
        if not self._begun.all():
            raise ResetNeeded(f"step was called before reset in environments {np.flatnonzero(~self._begun).tolist()}")
        if isinstance(actions, str) or len(actions) != self.num_envs:
            got = "one str" if isinstance(actions, str) else f"{len(actions)} actions"
            raise RewardiumError(f"step needs one action for each of {self.num_envs} environments, got {got}")
        done = self._terminated | self._truncated
        rewards = np.zeros(self.num_envs, dtype=np.float64)
        waiting = done if self.autoreset_mode is not AutoresetMode.DISABLED else done | no_actions(actions)
        if self.autoreset_mode is AutoresetMode.SAME_STEP or not waiting.any():
            infos = self._step(range(self.num_envs), actions, rewards)
        else:
            live = np.flatnonzero(~waiting).tolist()
            infos = self._step(live, [actions[row] for row in live], rewards) if live else {}
        if self.autoreset_mode is AutoresetMode.NEXT_STEP and done.any():
            infos = merge(infos, self._restart(np.flatnonzero(done).tolist()))
            self._terminated = self._terminated & ~done
            self._truncated = self._truncated & ~done
        elif self.autoreset_mode is AutoresetMode.SAME_STEP:
            infos = self._same_step(infos)
        return tuple(self._observations), rewards, self._terminated.copy(), self._truncated.copy(), infos

    def _step(self, rows: Sequence[int], actions: Sequence[Any], rewards: NDArray[np.float64]) -> Infos:
        result = self._step_rows(rows, actions)
        self._store(rows, result.observations)
        rewards[rows] = result.rewards
        self._terminated[rows] = result.terminated
        self._truncated[rows] = result.truncated
        return result.infos

    def _restart(self, rows: Sequence[int]) -> Infos:
        observations, infos = self._reset_rows(rows, [None] * len(rows), [None] * len(rows))
        self._store(rows, observations)
        return infos

    def _same_step(self, infos: Infos) -> Infos:
        """Restart what has ended, and move its end into ``final_obs`` and ``final_info``."""
        ended = self._terminated | self._truncated
        if not ended.any():
            return infos
        rows = np.flatnonzero(ended).tolist()
        final = columns(self.num_envs, rows, {"final_obs": [self._observations[row] for row in rows]})
        if len(rows) == self.num_envs:
            final["final_info"], going_on = infos, {}
        else:
            final["final_info"], going_on = restrict(infos, ended), restrict(infos, ~ended)
        final["_final_info"] = ended
        return {**merge(going_on, self._restart(rows)), **final}

    def _store(self, rows: Sequence[int], observations: Sequence[str]) -> None:
        for row, observation in zip(rows, observations, strict=True):
            self._observations[row] = observation

    def _seeds(self, seed: Any) -> list[int | None]:
        if seed is None:
            return [None] * self.num_envs
        seeds: list[int | None]
        try:
            if isinstance(seed, Iterable):
                seeds = [None if item is None else index(item) for item in seed]
            else:
                seeds = [index(seed) + row for row in range(self.num_envs)]
        except TypeError:
            raise RewardiumError(f"a seed is an int or None, or a sequence of them, got {seed!r}") from None
        if len(seeds) != self.num_envs or any(item is not None and item < 0 for item in seeds):
            raise RewardiumError(f"reset needs {self.num_envs} seeds that are not negative, got {seeds}")
        return seeds

    def _reset_mask(self, options: dict[str, Any] | None) -> NDArray[np.bool_] | None:
        if options is None or options.get("reset_mask") is None:
            return None
        mask = np.asarray(options["reset_mask"])
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_ or not mask.any():
            raise RewardiumError(
                f"options['reset_mask'] must be bool [{self.num_envs}] with at least one True, "
                f"got {mask.dtype} {list(mask.shape)}: {mask}"
            )
        return mask

    def _options(self, options: dict[str, Any] | None) -> Sequence[dict[str, Any] | None]:
        """Return each environment's own options."""
        rest = {key: value for key, value in (options or {}).items() if key not in ("reset_mask", "task")}
        tasks = None if options is None else options.get("task")
        if tasks is None:
            return [rest or None] * self.num_envs
        if not isinstance(tasks, (list, tuple)):
            return [{**rest, "task": tasks}] * self.num_envs
        if len(tasks) != self.num_envs:
            raise RewardiumError(
                f"options['task'] needs one task for each of {self.num_envs} environments, got {len(tasks)}"
            )
        return [(rest or None) if task is None else {**rest, "task": task} for task in tasks]


class ScalarTextVectorEnv(TextVectorEnv):
    """A batch made of scalar text environments, stepped one after the other.

    Args:
        env_fns: One function an environment, which makes it.
        autoreset_mode: How an environment that has ended begins again.

    Raises:
        RewardiumError: When there is no environment, or one of them is no text environment.

    Example:
        >>> import rewardium.envs
        >>> make = lambda: gym.make("rewardium/RandomCalculation-v0", num_steps=1)
        >>> venv = ScalarTextVectorEnv([make, make], autoreset_mode=AutoresetMode.DISABLED)
        >>> observations, infos = venv.reset(seed=[7, 7])
        >>> observations[0] == observations[1]
        True
    """

    def __init__(
        self,
        env_fns: Iterable[Callable[[], gym.Env[Any, Any]]],
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    ) -> None:
        self.envs = [make() for make in env_fns]
        for env in self.envs:
            if not all(isinstance(space, gym.spaces.Text) for space in (env.observation_space, env.action_space)):
                raise RewardiumError(
                    f"{env} is no text environment: its observations and actions must be gymnasium Text"
                )
        super().__init__(len(self.envs), autoreset_mode=autoreset_mode)
        first = self.envs[0]
        self.render_mode = first.render_mode
        self.metadata = {**first.metadata, "autoreset_mode": self.autoreset_mode}
        self._set_spaces(first.observation_space, first.action_space)

    def _reset_rows(
        self, rows: Sequence[int], seeds: Sequence[int | None], options: Sequence[dict[str, Any] | None]
    ) -> tuple[Sequence[str], Infos]:
        observations: list[str] = []
        infos: Infos = {}
        for row, seed, option in zip(rows, seeds, options, strict=True):
            observation, info = self.envs[row].reset(seed=seed, options=option)
            observations.append(observation)
            infos = self._add_info(infos, info, row)
        return observations, infos

    def _step_rows(self, rows: Sequence[int], actions: Sequence[Any]) -> Steps:
        results: list[list[Any]] = []
        infos: Infos = {}
        for row, action in zip(rows, actions, strict=True):
            *result, info = self.envs[row].step(action)
            results.append(result)
            infos = self._add_info(infos, info, row)
        observations, rewards, terminated, truncated = zip(*results, strict=True)
        return Steps(observations, rewards, terminated, truncated, infos)

    def render(self) -> tuple[Any, ...] | None:
        """Return what each environment renders."""
        return tuple(env.render() for env in self.envs)

    def close_extras(self, **kwargs: Any) -> None:
        """Close the environments."""
        for env in self.envs:
            env.close()  # type: ignore[no-untyped-call]


def no_actions(actions: Sequence[Any]) -> NDArray[np.bool_]:
    """Return bool [N]: which actions are None.

    Example:
        >>> no_actions(("4", None)).tolist()
        [False, True]
    """
    return np.fromiter((action is None for action in actions), dtype=np.bool_, count=len(actions))


def make_text_vec(
    env_id: str,
    num_envs: int,
    *,
    autoreset_mode: AutoresetMode | str = AutoresetMode.DISABLED,
    **kwargs: Any,
) -> gym.vector.VectorEnv[Any, Any, Any]:
    """Make a vector of text environments: the batched class where the id has one, else a vector of scalar ones.

    Args:
        env_id: A registered id.
        num_envs: Number of environments.
        autoreset_mode: How an environment that has ended begins again; by default the caller resets.
        **kwargs: The environment's own arguments.

    Returns:
        A vector whose observations and actions are tuples of strings.

    Raises:
        RewardiumError: When the id is unknown, or what it needs is not installed.

    Example:
        >>> import rewardium.envs
        >>> venv = make_text_vec("rewardium/RandomCalculation-v0", 4, num_steps=1, operators="+")
        >>> observations, infos = venv.reset(seed=[3] * 4)
        >>> len(observations), len(set(observations))
        (4, 1)
    """
    mode = _autoreset_mode(autoreset_mode)
    try:
        spec = gym.spec(env_id)
    except (gym.error.Error, ImportError) as error:
        raise RewardiumError(f"cannot make {env_id!r}: {error}") from error
    for entry in entries():
        missing = [package for package in entry.packages if entry.id == spec.id and find_spec(package) is None]
        if missing and entry.extra:
            raise MissingExtraError(missing[0], entry.extra)
    if spec.vector_entry_point is not None:
        return gym.make_vec(env_id, num_envs=num_envs, autoreset_mode=mode.value, **kwargs)
    return ScalarTextVectorEnv([lambda: gym.make(env_id, **kwargs)] * num_envs, mode)


def _autoreset_mode(value: AutoresetMode | str) -> AutoresetMode:
    try:
        return AutoresetMode(value)
    except ValueError:
        known = [mode.value for mode in AutoresetMode]
        raise RewardiumError(f"autoreset_mode must be an AutoresetMode or one of {known}, got {value!r}") from None
