"""Checkpoints of a control run in safetensors and JSON.

Stable-Baselines3's own files hold pickles, which run code when they are read. Here the algorithm is built anew from the
run's config, and gets back its numbers only: weights, optimisers, scales of observations, the replay buffer, what the
reward remembers and what its sources have learned, and the states of the random generators.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.vec_env import VecNormalize
from torch import Tensor

from rewardium.agents.checkpoints import STATE_FILE, whole_folder
from rewardium.agents.control.config import ControlConfig
from rewardium.agents.control.deferred import written_positions
from rewardium.agents.control.random_state import random_state, set_random_state
from rewardium.agents.control.tensor_tree import join_tensors, split_tensors
from rewardium.envs.errors import RewardiumError

POLICY_FILE = "policy.safetensors"
TRAINING_FILE = "training.safetensors"

# What the numbers of a checkpoint fit to.
_IDENTITY = ("env", "algorithm", "memory", "num_envs", "normalize")
_REPLAY = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


@dataclass(frozen=True)
class Progress:
    """Where a run stands, beside the algorithm's own numbers.

    Args:
        step: Environment steps so far.
        seconds: Seconds of training so far.
        reward: What the reward remembers, from ``DenseVectorReward.state_dict``.
        learned: What the reward's sources have learned.
        metrics: From ``EpisodeRecorder.state_dict``.
        record: From ``ReplayRecord.state_dict``, where one is kept.
    """

    step: int
    seconds: float
    reward: Mapping[str, Any]
    learned: Mapping[str, Any]
    metrics: Mapping[str, Any]
    record: Mapping[str, Any] | None = None


def save_checkpoint(folder: Path, config: ControlConfig, model: BaseAlgorithm, progress: Progress) -> None:
    """Write a checkpoint, which is there as a whole or not at all.

    Args:
        folder: Its place.
        config: What the run is.
        model: The algorithm.
        progress: The rest.
    """
    from safetensors.torch import save_file

    parameters = dict(model.get_parameters())
    policy = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in parameters.pop("policy").items()}
    _, variables = model._get_torch_save_params()
    rest = {
        "optimizers": parameters,
        "variables": {name: getattr(model, name) for name in variables},
        "updates": int(getattr(model, "_n_updates", 0)),
        "calls": int(getattr(model, "_n_calls", 0)),
        "scales": scales_of(model.get_vec_normalize_env()),
        "replay": _replay_of(model),
        "random": random_state(),
        "learned": dict(progress.learned),
        "record": None if progress.record is None else dict(progress.record),
    }
    plain, tensors = split_tensors(rest)
    state = {
        "step": progress.step,
        "seconds": progress.seconds,
        "run": {name: getattr(config, name) for name in _IDENTITY},
        "reward": progress.reward,
        "metrics": progress.metrics,
        "training": plain,
    }
    with whole_folder(folder) as partial:
        save_file(policy, partial / POLICY_FILE)
        save_file(tensors, partial / TRAINING_FILE)
        (partial / STATE_FILE).write_text(json.dumps(state), encoding="utf-8")


def load_checkpoint(folder: Path, config: ControlConfig, model: BaseAlgorithm) -> Progress:
    """Give an algorithm built from the same config its numbers back, and set the global random generators.

    Args:
        folder: A checkpoint.
        config: What the run is.
        model: The algorithm, changed in place.

    Returns:
        The rest.

    Raises:
        RewardiumError: When the checkpoint belongs to another run.
    """
    state = _read_state(folder)
    other = {name: value for name, value in state["run"].items() if value != getattr(config, name)}
    if other:
        raise RewardiumError(f"the checkpoint {folder} was made with {other}: resume with the settings of the run")
    rest = join_tensors(state["training"], _read_tensors(folder / TRAINING_FILE))
    try:
        parameters: dict[str, Any] = {"policy": _read_tensors(folder / POLICY_FILE), **rest["optimizers"]}
        model.set_parameters(parameters, exact_match=True)
        for name, value in rest["variables"].items():
            getattr(model, name).data.copy_(value)
    except (RuntimeError, ValueError, KeyError) as error:
        raise RewardiumError(f"the checkpoint {folder} does not fit the policy of this run: {error}") from error
    model.num_timesteps = int(state["step"])
    for name, key in (("_n_updates", "updates"), ("_n_calls", "calls")):
        if hasattr(model, name):
            setattr(model, name, rest[key])
    set_scales(model.get_vec_normalize_env(), rest["scales"])
    _set_replay(model, rest["replay"])
    set_random_state(rest["random"])
    return Progress(
        step=model.num_timesteps,
        seconds=float(state["seconds"]),
        reward=state["reward"],
        learned=rest["learned"],
        metrics=state["metrics"],
        record=rest.get("record"),
    )


def load_policy(folder: Path, model: BaseAlgorithm) -> int:
    """Give an algorithm the policy of a checkpoint, to act and not to train.

    Args:
        folder: A checkpoint.
        model: An algorithm built from the run's config, changed in place.

    Returns:
        The environment steps after which the policy was saved.

    Raises:
        RewardiumError: When the policy has another shape.
    """
    state = _read_state(folder)
    try:
        model.policy.load_state_dict(_read_tensors(folder / POLICY_FILE))
    except RuntimeError as error:
        raise RewardiumError(f"the checkpoint {folder} does not fit the policy of this run: {error}") from error
    normalize = model.get_vec_normalize_env()
    if normalize is not None:
        set_scales(normalize, join_tensors(state["training"]["scales"], _read_tensors(folder / TRAINING_FILE)))
    return int(state["step"])


def scales_of(normalize: VecNormalize | None) -> dict[str, Any] | None:
    """Return the means and variances with which observations are scaled, or None where they are not."""
    if normalize is None:
        return None
    statistics = normalize.obs_rms if isinstance(normalize.obs_rms, dict) else {"": normalize.obs_rms}
    return {key: {"mean": rms.mean, "var": rms.var, "count": float(rms.count)} for key, rms in statistics.items()}


def set_scales(normalize: VecNormalize | None, scales: Mapping[str, Any] | None) -> None:
    """Scale observations by what ``scales_of`` returned."""
    if normalize is None or scales is None:
        return
    statistics = normalize.obs_rms if isinstance(normalize.obs_rms, dict) else {"": normalize.obs_rms}
    for key, rms in statistics.items():
        rms.mean, rms.var, rms.count = scales[key]["mean"].copy(), scales[key]["var"].copy(), scales[key]["count"]


def _replay_of(model: BaseAlgorithm) -> dict[str, Any] | None:
    buffer = model.replay_buffer if isinstance(model, OffPolicyAlgorithm) else None
    if buffer is None:
        return None
    order = written_positions(buffer.pos, buffer.size(), buffer.buffer_size)
    columns = {name: _map_arrays(getattr(buffer, name), lambda array: array[order]) for name in _REPLAY}
    return {"rows": buffer.size(), "columns": columns}


def _set_replay(model: BaseAlgorithm, replay: Mapping[str, Any] | None) -> None:
    buffer = model.replay_buffer if isinstance(model, OffPolicyAlgorithm) else None
    if buffer is None or replay is None:
        return
    rows = min(int(replay["rows"]), buffer.buffer_size)  # the newest, where the buffer is smaller now
    for name, column in replay["columns"].items():
        place = getattr(buffer, name)
        pairs = [(column[key], place[key]) for key in place] if isinstance(place, dict) else [(column, place)]
        for source, target in pairs:
            target[:rows] = source[len(source) - rows :]
    buffer.pos, buffer.full = rows % buffer.buffer_size, rows == buffer.buffer_size


def _map_arrays(value: Any, change: Any) -> Any:
    return {key: change(item) for key, item in value.items()} if isinstance(value, dict) else change(value)


def _read_state(folder: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RewardiumError(f"{folder} is not a checkpoint of a control run: {error}") from error
    if "training" not in state:
        raise RewardiumError(f"{folder} is not a checkpoint of a control run")
    return state


def _read_tensors(file: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    tensors: dict[str, torch.Tensor] = load_file(file)
    return tensors
