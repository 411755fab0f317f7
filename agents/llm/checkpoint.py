"""Checkpoints that are either there as a whole or not at all, in safetensors and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rewardium.agents.checkpoints import STATE_FILE, whole_folder
from rewardium.agents.llm.policy import Policy
from rewardium.envs.errors import RewardiumError

OPTIMIZER_FILE = "optimizer.safetensors"
CRITIC_FILE = "critic.safetensors"
POLICY_FOLDER = "policy"


@dataclass(frozen=True)
class TrainingState:
    """What a trainer needs, beside weights and optimiser, to go on as if it had never stopped.

    Seeds are functions of the update's number, so no random generator is among it.

    Args:
        update: The number of finished updates.
        rewards: The memory of the reward on each process, as ``DenseVectorReward.state_dict`` gives it.
    """

    update: int
    rewards: Sequence[Mapping[str, Any]]


def save_checkpoint(
    folder: Path,
    policy: Policy,
    optimizer: torch.optim.Optimizer,
    state: TrainingState,
    *,
    critic: Mapping[str, Tensor] | None = None,
) -> None:
    """Write a checkpoint beside its place, wait until it is on the disk, and move it there.

    Args:
        folder: Its place; an empty folder there is replaced.
        policy: Saved so that ``load_policy(folder / "policy")`` reads it.
        optimizer: An optimiser over ``policy.parameters()``, in that order.
        state: The rest.
        critic: The tensors of a turn critic, where there is one.
    """
    from safetensors.torch import save_file

    with whole_folder(folder) as partial:
        policy.save(partial / POLICY_FOLDER)
        save_file(_optimizer_tensors(policy, optimizer), partial / OPTIMIZER_FILE)
        if critic is not None:
            save_file(dict(critic), partial / CRITIC_FILE)
        rest = {"step": state.update, "rewards": list(state.rewards)}
        (partial / STATE_FILE).write_text(json.dumps(rest), encoding="utf-8")


def load_training_state(folder: Path, policy: Policy, optimizer: torch.optim.Optimizer) -> TrainingState:
    """Read the optimiser's state into an optimiser, and return the rest.

    The policy itself is loaded with ``load_policy(folder / "policy")`` before.

    Raises:
        RewardiumError: When the checkpoint belongs to a policy with other parameters.
    """
    from safetensors.torch import load_file

    tensors = load_file(folder / OPTIMIZER_FILE, device=str(policy.device))
    names = [name for name, _ in policy.parameters()]
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        name, _, part = key.rpartition("/")
        if name not in names:
            raise RewardiumError(
                f"the checkpoint {folder} holds an optimiser state for {name!r}, which is not trained here"
            )
        state.setdefault(names.index(name), {})[part] = tensor.cpu() if part == "step" else tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    rest = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
    return TrainingState(int(rest["step"]), rest["rewards"])


def load_critic_tensors(folder: Path) -> dict[str, Tensor]:
    """Read the tensors of a checkpoint's turn critic, on the CPU.

    Raises:
        RewardiumError: When the checkpoint has none.
    """
    from safetensors.torch import load_file

    if not (folder / CRITIC_FILE).is_file():
        raise RewardiumError(f"the checkpoint {folder} has no turn critic: resume with the credit of the run")
    return dict(load_file(folder / CRITIC_FILE))


def _optimizer_tensors(policy: Policy, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    names = [name for name, _ in policy.parameters()]
    return {
        f"{names[index]}/{part}": value.detach().contiguous()
        for index, parts in optimizer.state_dict()["state"].items()
        for part, value in parts.items()
    }
