from __future__ import annotations

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3 import DQN, SAC
from stable_baselines3.common.callbacks import CallbackList

from rewardium.agents.control.config import ControlConfig
from rewardium.agents.control.deferred import DeferredReplayRewards, written_positions
from rewardium.agents.control.relabel import KeepRecord, ReplayRecord, relabel_replay
from rewardium.agents.control.states import CaptureState, recorded_frames, state_of
from rewardium.agents.control.trainer import ControlTrainer
from rewardium.agents.control.vec_env import GymnasiumVecEnv
from rewardium.agents.run_folder import RunFolder, read_metrics
from rewardium.envs.capture import Capture
from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.rewards import parse
from rewardium.rewards.deferred import DeferredVectorReward
from rewardium.rewards.vector import DenseVectorReward
from tests.shapes.environments import ContinuousFrames, DiscreteMessages
from tests.shapes.sources import registered_test_sources


@pytest.fixture(autouse=True)
def _sources():
    with registered_test_sources():
        yield


class Data:
    def __init__(self, place, time):
        self.qpos, self.qvel = np.asarray(place, dtype=np.float64), np.array([float(time)])


class Simulated(ContinuousFrames):
    """The dot, with the parts of MuJoCo's environments that hold a state."""

    place, time = np.zeros(2), 0

    @property
    def data(self):
        return Data(self.place, self.time)

    def set_state(self, qpos, qvel):
        self.place, self.time = np.array(qpos), int(qvel[0])


REWARD = "potential(test_place) + 0.1 * test_action_size + test_brightness + 0.5 * extrinsic"


def collected(size, reward="extrinsic", deferred=False, steps=80):
    """Two environments, 40 steps each."""
    makers = [lambda: CaptureState(Capture(Simulated("rgb_array")))] * 2
    venv = SyncVectorEnv(makers, autoreset_mode=AutoresetMode.SAME_STEP)
    env = GymnasiumVecEnv((DeferredVectorReward if deferred else DenseVectorReward)(venv, reward))
    model = SAC("MlpPolicy", env, buffer_size=2 * size, learning_starts=1000, train_freq=5, seed=0, device="cpu")
    record = ReplayRecord(size, 2, 3)
    callbacks = [KeepRecord(record), *([DeferredReplayRewards()] if deferred else [])]
    model.learn(steps, callback=CallbackList(callbacks))
    return model, record


@pytest.mark.parametrize("max_bytes", [1, 3 * 2 * 192, 10**9])
@pytest.mark.parametrize("deferred", [False, True])
def test_a_buffer_gets_what_it_would_have_been_paid(max_bytes, deferred):
    expected, _ = collected(60, REWARD)
    model, record = collected(60, deferred=deferred)
    assert not np.allclose(model.replay_buffer.rewards, expected.replay_buffer.rewards)
    frames = recorded_frames(record, Simulated("rgb_array"))
    seen = []
    result = relabel_replay(
        model, parse(REWARD), frames=frames, extrinsic=record.extrinsic, max_bytes=max_bytes,
        on_progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    np.testing.assert_allclose(model.replay_buffer.rewards, expected.replay_buffer.rewards, atol=1e-5)
    assert result.steps == 40
    assert result.valid == 1.0
    assert result.mean == pytest.approx(expected.replay_buffer.rewards[:40].mean(), abs=1e-5)
    assert seen[-1] == (40, 40)
    assert len(seen) == {1: 40, 3 * 2 * 192: 14, 10**9: 1}[max_bytes]


def test_a_ring_that_has_gone_round_is_read_from_its_oldest_step():
    reward = "test_brightness + 0.1 * test_action_size + 0.5 * extrinsic"
    expected, _ = collected(14, reward)
    model, record = collected(14)
    assert model.replay_buffer.pos == 40 % 14
    relabel_replay(
        model, parse(reward), frames=recorded_frames(record, Simulated("rgb_array")), extrinsic=record.extrinsic
    )
    np.testing.assert_allclose(model.replay_buffer.rewards, expected.replay_buffer.rewards, atol=1e-5)


def test_episodes_are_numbered_by_their_ends():
    model, _ = collected(60)
    result = relabel_replay(model, parse("test_clock"))
    ends = model.replay_buffer.dones[:40].astype(bool)
    for row in range(2):
        episode = step = 0
        for place in range(40):
            assert model.replay_buffer.rewards[place, row] == 100.0 * episode + step
            episode, step = (episode + 1, 0) if ends[place, row] else (episode, step + 1)
        assert result.episodes[row] == episode


def test_a_reward_without_the_environment_s_own_is_not_scored():
    model, record = collected(60)
    assert relabel_replay(model, parse("extrinsic")).valid == 0.0
    assert not model.replay_buffer.rewards.any()
    assert relabel_replay(model, parse("extrinsic"), extrinsic=record.extrinsic).valid == 1.0
    assert relabel_replay(model, parse("test_named"), task=Task("four")).mean == 4.0


def test_discrete_actions_are_those_that_were_taken():
    venv = SyncVectorEnv([DiscreteMessages] * 2, autoreset_mode=AutoresetMode.SAME_STEP)
    model = DQN(
        "MlpPolicy", GymnasiumVecEnv(venv), buffer_size=40, learning_starts=1000, seed=0, device="cpu"
    ).learn(40)  # fmt: skip
    relabel_replay(model, parse("test_action_size"))
    np.testing.assert_array_equal(model.replay_buffer.rewards, model.replay_buffer.actions[:, :, 0])


@pytest.mark.parametrize(
    ("reward", "message"),
    [("test_keyword", "holds no text"), ("test_remembered", "holds no history"), ("test_brightness", "keep_states")],
)
def test_what_no_buffer_holds_is_refused(reward, message):
    model, _ = collected(60, steps=4)
    with pytest.raises(RewardiumError, match=message):
        relabel_replay(model, parse(reward))


def test_records_and_states_that_do_not_fit_are_refused():
    _, record = collected(60, steps=4)
    with pytest.raises(RewardiumError, match="does not fit"):
        ReplayRecord(60, 2, 4).load_state_dict(record.state_dict(np.arange(2)))
    with pytest.raises(RewardiumError, match="states of 0 numbers"):
        recorded_frames(ReplayRecord(60, 2), Simulated("rgb_array"))
    empty = recorded_frames(ReplayRecord(60, 2, 3), Simulated("rgb_array"))
    with pytest.raises(RewardiumError, match="without keep_states"):
        empty(0)
    with pytest.raises(RewardiumError, match="no state of MuJoCo"):
        state_of(DiscreteMessages())


def test_a_record_keeps_its_newest_where_there_is_less_room():
    record, smaller = ReplayRecord(4, 1), ReplayRecord(2, 1)
    record.extrinsic[:, 0] = [4.0, 1.0, 2.0, 3.0]
    smaller.load_state_dict(record.state_dict(written_positions(1, 4, 4)))
    assert smaller.extrinsic[:, 0].tolist() == [3.0, 4.0]


def test_a_run_goes_on_with_another_reward(tmp_path, monkeypatch):
    monkeypatch.setattr(RunFolder, "finish", lambda self: None)
    gym.register("RewardiumTests/Simulated-v0", entry_point=Simulated)
    config = ControlConfig(
        "RewardiumTests/Simulated-v0", runs=tmp_path, algorithm="sac", reward="normalize(test_place)", steps=60,
        num_envs=2, keep_states=True, eval_episodes=0, device="cpu",
        algorithm_kwargs={"learning_starts": 1000, "train_freq": 5},
    )  # fmt: skip
    other = replace(config, reward="test_brightness + extrinsic", steps=80, scoring="deferred")
    with pytest.raises(RewardiumError, match="that is resumed"):
        ControlTrainer(other, relabel=True)
    try:
        assert ControlTrainer(config).train()
        resumed = ControlTrainer(other, resume=True, relabel=True)
        result = resumed.relabel()
        assert (result.steps, result.valid) == (30, 1.0)
        buffer = resumed.model.replay_buffer
        known = buffer.next_observations[:30]
        extrinsic = -np.abs(known).sum(axis=2)
        assert (buffer.rewards[:30] > extrinsic).all()
        assert resumed.train()
        assert read_metrics(config.folder)[-1]["step"] == 80
    finally:
        gym.registry.pop("RewardiumTests/Simulated-v0")


def test_states_are_kept_beside_a_replay_buffer_only(tmp_path):
    config = ControlConfig("CartPole-v1", runs=tmp_path, keep_states=True, device="cpu")
    with pytest.raises(RewardiumError, match="no state of MuJoCo"):
        ControlTrainer(config)
    assert not config.folder.exists()


def test_the_action_space_of_the_simulated_dot_is_scaled():
    class Wide(Simulated):
        action_space = Box(-2.0, 2.0, (2,), np.float32)

    venv = SyncVectorEnv([Wide] * 2, autoreset_mode=AutoresetMode.SAME_STEP)
    at_once = DenseVectorReward(venv, "test_action_size")
    model = SAC("MlpPolicy", GymnasiumVecEnv(at_once), learning_starts=1000, buffer_size=40, seed=0, device="cpu")
    model.learn(20)
    paid = model.replay_buffer.rewards.copy()
    relabel_replay(model, parse("test_action_size"))
    np.testing.assert_allclose(model.replay_buffer.rewards, paid, rtol=1e-5)
    assert paid.max() > 2.0
