from __future__ import annotations

import json
import shutil

import pytest
import torch

from rewardium.agents.llm.policy import load_policy, logits_at
from rewardium.envs.errors import RewardiumError


def test_loads_what_was_saved(policy, tmp_path):
    policy.save(tmp_path / "copy")
    copy = load_policy(tmp_path / "copy")
    assert copy.eos_ids == (copy.tokenizer.eos_token_id,)
    assert copy.pad_id == copy.tokenizer.pad_token_id
    for (name, old), (other, new) in zip(policy.parameters(), copy.parameters(), strict=True):
        assert name == other
        assert torch.equal(old, new)
    assert list((tmp_path / "copy").glob("*.safetensors"))
    assert not list((tmp_path / "copy").glob("*.bin"))


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere", "/nowhere/model", "a/b/c"])
def test_missing_folder_is_one_clear_error(name):
    with pytest.raises(RewardiumError, match="no such folder"):
        load_policy(name)


@pytest.mark.parametrize("name", ["nobody/nothing", "nothing"])
def test_unreachable_hub_is_one_clear_error(monkeypatch, name):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("rewardium.agents.llm.policy.hub_can_be_asked", lambda: False)
    with pytest.raises(RewardiumError, match=rf"cannot load the model '{name}'.*hub did not give it"):
        load_policy(name)


def test_folder_without_a_model(tmp_path):
    with pytest.raises(RewardiumError, match=r"no config\.json"):
        load_policy(tmp_path)


def test_missing_tokenizer(tiny_folder, tmp_path):
    for name in ("config.json", "model.safetensors"):
        shutil.copy(tiny_folder / name, tmp_path / name)
    with pytest.raises(RewardiumError, match="no tokenizer"):
        load_policy(tmp_path)


def test_pickled_weights_are_refused(tiny_folder, tmp_path):
    folder = shutil.copytree(tiny_folder, tmp_path / "pickled")
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(RewardiumError, match="cannot load the model"):
        load_policy(folder)


def test_missing_end_of_sequence(tiny_folder, tmp_path):
    folder = shutil.copytree(tiny_folder, tmp_path / "endless")
    for name in ("config.json", "generation_config.json", "tokenizer_config.json"):
        path = folder / name
        if path.exists():
            values = json.loads(path.read_text(encoding="utf-8"))
            values.pop("eos_token_id", None)
            values.pop("eos_token", None)
            path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(RewardiumError, match="no end-of-sequence token"):
        load_policy(folder)


def test_full_training_keeps_float32_weights_under_a_bfloat16_forward_pass(tiny_folder):
    policy = load_policy(tiny_folder, dtype="bfloat16")
    assert {parameter.dtype for _, parameter in policy.parameters()} == {torch.float32}
    with policy.autocast():
        assert policy.model(input_ids=torch.tensor([[5, 6]])).logits.dtype == torch.bfloat16
    frozen = load_policy(tiny_folder, dtype="bfloat16", trainable=False)
    assert frozen.parameters() == []
    assert next(frozen.model.parameters()).dtype == torch.bfloat16


def test_adapter_trains_alone_survives_saving_and_gives_the_reference(tiny_folder, tmp_path):
    ids = torch.tensor([[5, 6, 7]])
    base = load_policy(tiny_folder)
    policy = load_policy(tiny_folder, lora_rank=2)
    assert policy.lora
    assert all("lora_" in name for name, _ in policy.parameters())
    with torch.no_grad():
        for _, parameter in policy.parameters():
            parameter.add_(0.1)
        before, after = base.model(input_ids=ids).logits, policy.model(input_ids=ids).logits
        assert not torch.allclose(before, after, atol=1e-3)
        with policy.as_reference() as reference:
            torch.testing.assert_close(reference.model(input_ids=ids).logits, before)
        policy.save(tmp_path / "adapter")
        again = load_policy(tmp_path / "adapter")
        torch.testing.assert_close(again.model(input_ids=ids).logits, after)
    assert [name for name, _ in again.parameters()] == [name for name, _ in policy.parameters()]


def test_only_an_adapter_has_a_reference(policy):
    with pytest.raises(RewardiumError, match="LoRA"), policy.as_reference():
        pass


@pytest.mark.parametrize("lora_rank", [None, 2])
def test_logits_at_places(tiny_folder, lora_rank):
    policy = load_policy(tiny_folder, lora_rank=lora_rank)
    ids = torch.tensor([[5, 6, 7, 8], [9, 10, 11, 12]])
    places = torch.tensor([[False, True, False, True], [True, False, False, False]])
    with torch.no_grad():
        everywhere = policy.model(input_ids=ids).logits
        torch.testing.assert_close(logits_at(policy.model, places, input_ids=ids), everywhere[places])
        torch.testing.assert_close(policy.model(input_ids=ids).logits, everywhere)  # the hook is gone
