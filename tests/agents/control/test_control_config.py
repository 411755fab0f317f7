from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from rewardium.agents.control.config import ControlConfig, read_config
from rewardium.agents.run_folder import RunFolder
from rewardium.envs.errors import RewardiumError


@pytest.mark.parametrize(
    "wrong",
    [
        {"steps": 0},
        {"num_envs": 0},
        {"seed": -1},
        {"eval_every": -1},
        {"memory": "lstn"},
        {"evaluated": "often"},
        {"memory": "stack", "stacked": 1},
        {"threads": 0},
    ],
    ids=str,
)
def test_wrong_values_are_refused(wrong):
    with pytest.raises(RewardiumError, match=next(reversed(wrong))):
        ControlConfig("CartPole-v1", **wrong)


def test_a_run_s_config_is_read_back_wherever_the_folder_is(tmp_path):
    config = ControlConfig(
        "FrozenLake-v1",
        runs=tmp_path / "old",
        name="first",
        env_kwargs={"desc": ("SF", "FG"), "is_slippery": False},
        algorithm_kwargs={"n_steps": 64},
        cache=Path("labels.sqlite"),
        memory="stack",
        success_return=0.5,
    )
    RunFolder(config.folder, config).close()
    (tmp_path / "old").rename(tmp_path / "new")
    read = read_config(tmp_path / "new" / "first")
    assert read == dataclasses.replace(config, runs=tmp_path / "new")
    assert read.folder == tmp_path / "new" / "first"


@pytest.mark.parametrize("text", ["3", "{model: x}", "{env: a, algorithm: ppo, memory: none, other: 1}", "{"])
def test_other_files_are_no_config(tmp_path, text):
    with pytest.raises(RewardiumError, match="no config"):
        read_config(tmp_path)
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(RewardiumError, match=r"config\.yaml is not"):
        read_config(tmp_path)
