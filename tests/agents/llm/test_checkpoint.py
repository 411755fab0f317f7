from __future__ import annotations

import pytest
import torch

from rewardium.agents import checkpoints
from rewardium.agents.checkpoints import keep_latest, latest_checkpoint
from rewardium.agents.llm.checkpoint import (
    TrainingState,
    load_training_state,
    save_checkpoint,
)
from rewardium.agents.llm.policy import load_policy
from rewardium.envs.errors import RewardiumError


def trained(folder, lora_rank=None, steps=2):
    torch.manual_seed(0)
    policy = load_policy(folder, lora_rank=lora_rank)
    optimizer = torch.optim.AdamW([parameter for _, parameter in policy.parameters()], lr=1e-2, fused=True)
    for _ in range(steps):
        step(policy, optimizer)
    return policy, optimizer


def step(policy, optimizer):
    policy.model(input_ids=torch.tensor([[5, 6, 7]])).logits.square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()


@pytest.mark.parametrize("lora_rank", [None, 2])
def test_a_restored_optimiser_takes_the_very_same_next_step(tiny_folder, tmp_path, lora_rank):
    policy, optimizer = trained(tiny_folder, lora_rank)
    folder = tmp_path / "00000002"
    save_checkpoint(folder, policy, optimizer, TrainingState(2, [{"state": {"memory": {}, "children": {}}}]))
    copy = load_policy(folder / "policy")
    fresh = torch.optim.AdamW([parameter for _, parameter in copy.parameters()], lr=1e-2, fused=True)
    state = load_training_state(folder, copy, fresh)
    assert state == TrainingState(2, [{"state": {"memory": {}, "children": {}}}])
    for pair in ((policy, optimizer), (copy, fresh)):
        step(*pair)
    for (name, old), (other, new) in zip(policy.parameters(), copy.parameters(), strict=True):
        assert name == other
        assert torch.equal(old, new)


def test_an_interrupted_save_leaves_no_checkpoint(tiny_folder, tmp_path, monkeypatch):
    policy, optimizer = trained(tiny_folder)
    save_checkpoint(tmp_path / "00000001", policy, optimizer, TrainingState(1, []))

    def fail(*arguments):
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "_sync", fail)
        with pytest.raises(OSError, match="disk is full"):
            save_checkpoint(tmp_path / "00000002", policy, optimizer, TrainingState(2, []))
    assert latest_checkpoint(tmp_path) == tmp_path / "00000001"
    save_checkpoint(tmp_path / "00000002", policy, optimizer, TrainingState(2, []))
    assert latest_checkpoint(tmp_path) == tmp_path / "00000002"


def test_an_empty_folder_is_no_checkpoint_and_only_the_newest_stay(tiny_folder, tmp_path):
    policy, optimizer = trained(tiny_folder)
    for update in (9, 10, 100):
        (tmp_path / f"{update}").mkdir()
        assert latest_checkpoint(tmp_path) is None or latest_checkpoint(tmp_path).name != str(update)
        save_checkpoint(tmp_path / f"{update}", policy, optimizer, TrainingState(update, []))
    (tmp_path / ".7.partial").mkdir()
    keep_latest(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["10", "100"]
    assert latest_checkpoint(tmp_path).name == "100"


def test_nothing_in_a_checkpoint_is_a_pickle(tiny_folder, tmp_path):
    policy, optimizer = trained(tiny_folder)
    save_checkpoint(tmp_path / "1", policy, optimizer, TrainingState(1, []))
    assert {path.suffix for path in (tmp_path / "1").rglob("*") if path.is_file()} <= {
        ".safetensors",
        ".json",
        ".jinja",
    }


def test_another_policys_checkpoint_is_refused(tiny_folder, tmp_path):
    save_checkpoint(tmp_path / "1", *trained(tiny_folder), TrainingState(1, []))
    policy, optimizer = trained(tiny_folder, lora_rank=2, steps=0)
    with pytest.raises(RewardiumError, match="not trained here"):
        load_training_state(tmp_path / "1", policy, optimizer)
