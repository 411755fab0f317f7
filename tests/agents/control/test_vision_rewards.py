"""Rewards of vision-language models in a control run: the flag, what is refused before training, and both scorings."""

from __future__ import annotations

import shutil

import gymnasium as gym
import numpy as np
import pytest
import torch

from rewardium.agents.control.config import ControlConfig
from rewardium.agents.control.trainer import ControlTrainer
from rewardium.agents.run_folder import RunFolder, read_metrics
from rewardium.envs.errors import RewardiumError
from tests.shapes.environments import ContinuousFrames

pytest.importorskip("open_clip")
ID = "RewardiumTests/Dot-v0"


class Dot(ContinuousFrames):
    """The dot on a square of 32 pixels, in pictures of a kind."""

    def __init__(self, render_mode=None, kind="uint8"):
        super().__init__(render_mode)
        self.kind = kind

    def render(self):
        frame = np.kron(super().render(), np.ones((4, 4, 1), dtype=np.uint8))
        return {"uint8": frame, "float": frame / 255, "grey": frame[..., 0], "tiny": frame[:2, :2]}[self.kind]


@pytest.fixture(autouse=True)
def _dot(monkeypatch):
    monkeypatch.setattr(RunFolder, "finish", lambda self: None)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    gym.register(ID, entry_point=Dot)
    yield
    gym.registry.pop(ID)
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    from rewardium.rewards.learning.small_clip import TINY, build_clip, save_clip

    folder = tmp_path_factory.mktemp("clip")
    save_clip(build_clip(TINY, seed=0), TINY, folder)
    return folder


def config_of(tmp_path, **settings):
    base = {
        "env": ID, "runs": tmp_path, "num_envs": 2, "steps": 64, "algorithm": "ppo", "device": "cpu", "log_every": 1,
        "algorithm_kwargs": {"n_steps": 16, "n_epochs": 2}, "eval_episodes": 0,
        "reward": "vlm_rm(goal=['a dot in the middle'], baseline=['a dot'], alpha=0.5)",
    }  # fmt: skip
    return ControlConfig(**{**base, **settings})


def test_a_run_is_the_same_at_once_and_deferred(tmp_path, clip):
    rows = {}
    for scoring in ("immediate", "deferred"):
        config = config_of(tmp_path, name=scoring, scoring=scoring, clip=str(clip))
        assert ControlTrainer(config).train()
        rows[scoring] = read_metrics(config.folder)
        assert "clip" in (config.folder / "reward.yaml").read_text()
    for one, other in zip(rows["immediate"], rows["deferred"], strict=True):
        assert one["step/paid"] == pytest.approx(other["step/paid"], abs=1e-5)
        assert one["terms/vlm_rm/raw"] == pytest.approx(other["terms/vlm_rm/raw"], abs=1e-5)
        assert one["reward/extrinsic"] == pytest.approx(other["reward/extrinsic"], abs=1e-3)


def test_what_is_wrong_is_said_before_the_work(tmp_path, clip):
    def refused(message, **settings):
        config = config_of(tmp_path, **settings)
        with pytest.raises(RewardiumError, match=message):
            ControlTrainer(config)
        assert not config.folder.exists()

    refused("give --clip")
    refused("did you mean 'ViT-B-32'", clip="ViT-B-33/openai")
    refused("holds no vision encoder", clip=str(tmp_path))
    refused("uint8", clip=str(clip), env_kwargs={"kind": "float"})
    refused("too small for an encoder of 32", clip=str(clip), env_kwargs={"kind": "tiny"})
    refused("height, width, 3", clip=str(clip), env_kwargs={"kind": "grey"})
    broken = tmp_path / "broken"
    shutil.copytree(clip, broken)
    weights = broken / "open_clip_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    refused("cannot load the vision encoder", clip=str(broken))
