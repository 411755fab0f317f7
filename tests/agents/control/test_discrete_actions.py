from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from rewardium.agents.control.config import ControlConfig
from rewardium.agents.control.discrete_actions import DiscreteActions, action_table, table_of
from rewardium.agents.control.relabel import relabel_replay
from rewardium.agents.control.trainer import ControlTrainer
from rewardium.agents.run_folder import RunFolder
from rewardium.envs.errors import RewardiumError
from rewardium.rewards import parse
from tests.shapes.environments import ContinuousFrames
from tests.shapes.sources import registered_test_sources


@pytest.fixture(autouse=True)
def _sources():
    with registered_test_sources():
        yield


def test_every_combination_stands_in_the_table():
    table = action_table(Box(np.array([-1.0, 0.0]), np.array([1.0, 4.0])), 3)
    assert table.tolist() == [[x, y] for x in (-1, 0, 1) for y in (0, 2, 4)]
    assert table.dtype == np.float32


def test_the_environments_take_what_stands_there():
    venv = DiscreteActions(SyncVectorEnv([ContinuousFrames] * 2, autoreset_mode=AutoresetMode.SAME_STEP), 3)
    assert venv.single_action_space == Discrete(9)
    before, _ = venv.reset(seed=0)
    after, *_ = venv.step(np.array([4, 5]))  # (0, 0) and (0, 1)
    np.testing.assert_allclose(after - before, [[0, 0], [0, 0.4]], atol=1e-6)
    assert table_of(venv) is venv.table
    assert table_of(venv.env) is None


@pytest.mark.parametrize(
    ("space", "levels", "message"),
    [
        (Discrete(3), 3, "bounded boxes"),
        (Box(-np.inf, np.inf, (1,)), 3, "bounded boxes"),
        (Box(-1, 1, (2, 2)), 3, "bounded boxes"),
        (Box(-1, 1, (17,)), 5, "sac takes"),
        (Box(-1, 1, (1,)), 1, "sac takes"),
    ],
    ids=["discrete", "unbounded", "matrix", "many", "one"],
)
def test_clear_errors(space, levels, message):
    with pytest.raises(RewardiumError, match=message):
        action_table(space, levels)


@pytest.mark.parametrize("scoring", ["immediate", "deferred"])
def test_dqn_learns_on_continuous_actions_and_rewards_see_them(tmp_path, monkeypatch, scoring):
    monkeypatch.setattr(RunFolder, "finish", lambda self: None)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    config = ControlConfig(
        "Pendulum-v1", runs=tmp_path, algorithm="dqn", reward="test_action_size", steps=128, num_envs=2, device="cpu",
        scoring=scoring, eval_episodes=1, recordings=0, action_levels=3,
        algorithm_kwargs={"learning_starts": 32, "train_freq": 8, "gradient_steps": 2},
    )  # fmt: skip
    trainer = ControlTrainer(config)
    assert trainer.train()
    buffer = trainer.model.replay_buffer
    sizes = np.array([2.0, 0.0, 2.0])[buffer.actions[:64, :, 0]]
    np.testing.assert_allclose(buffer.rewards[:64], sizes)
    buffer.rewards[:] = 0.0
    relabel_replay(trainer.model, parse("test_action_size"))
    np.testing.assert_allclose(buffer.rewards[:64], sizes)
    torch.set_num_threads(threads)
