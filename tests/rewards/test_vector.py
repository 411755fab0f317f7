from __future__ import annotations

import json

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from rewardium.envs.capture import Capture
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.vector import DenseVectorReward
from tests.shapes.environments import ContinuousFrames, DiscreteMessages, MultiTurnText
from tests.shapes.sources import SOURCES, registered_test_sources

MODES = list(AutoresetMode)


@pytest.fixture(autouse=True)
def _sources():
    with registered_test_sources():
        yield


class Captioned(ContinuousFrames):
    def caption(self) -> str:
        return f"step {self.time}"


def messages(num_envs=2, mode=AutoresetMode.SAME_STEP):
    return SyncVectorEnv([DiscreteMessages] * num_envs, autoreset_mode=mode)


def frames(num_envs=2, mode=AutoresetMode.NEXT_STEP, wrap=lambda env: env):
    return SyncVectorEnv([lambda: wrap(ContinuousFrames("rgb_array"))] * num_envs, autoreset_mode=mode)


def test_infos_have_gymnasiums_layout_of_arrays_and_masks():
    venv = DenseVectorReward(messages(3), "2.0 * test_keyword(word='walk') + 0.5 * extrinsic")
    venv.reset(seed=0)
    _, rewards, _, _, infos = venv.step(np.array([0, 1, 2]))
    assert rewards.dtype == np.float32
    assert rewards[:2].tolist() == [2.0, 0.0]
    assert infos["extrinsic_reward"].shape == (3,)
    term = infos["reward_terms"]["test_keyword"]
    assert term["raw"].dtype == term["shaped"].dtype == np.float32
    assert term["valid"].tolist()[:2] == [True, False]
    assert term["weight"].tolist() == [2.0, 2.0, 2.0]
    for name in ("raw", "shaped", "weight", "valid"):
        assert term[f"_{name}"].tolist() == [True, True, True]
    assert infos["reward_valid"].tolist() == [True, True, True]


def test_a_row_that_only_resets_pays_nothing_and_has_no_ledger_line():
    venv = DenseVectorReward(messages(2, AutoresetMode.NEXT_STEP), "test_place")
    venv.reset(seed=0)
    venv.step(np.array([0, 1]))
    _, _, terminated, _, _ = venv.step(np.array([0, 1]))
    assert terminated.tolist() == [True, False]
    _, rewards, terminated, _, infos = venv.step(np.array([0, 1]))
    assert rewards[0] == 0.0
    assert infos["_reward_valid"].tolist() == infos["reward_terms"]["_test_place"].tolist() == [False, True]
    assert not infos["reward_valid"][0]
    _, rewards, _, _, infos = venv.step(np.array([0, 1]))
    assert infos["_reward_valid"].all()
    assert rewards[0] < 0.0


def test_the_terminal_step_is_scored_on_what_it_showed_and_not_on_the_reset():
    venv = DenseVectorReward(messages(2), "test_place + test_keyword(word='pit')")
    venv.reset(seed=0)
    venv.step(np.array([0, 1]))
    observations, _, _, _, infos = venv.step(np.array([0, 1]))
    assert infos["reward_terms"]["test_keyword"]["raw"][0] == 1.0
    assert infos["reward_terms"]["test_place"]["raw"][0] == -np.abs(infos["final_obs"][0]).sum()
    assert observations[0, 0] == 0.0


def test_terminal_frames_need_capture_and_the_first_step_says_so():
    venv = DenseVectorReward(frames(mode=AutoresetMode.SAME_STEP), "test_brightness")
    venv.reset(seed=0)
    with pytest.raises(RewardiumError, match=r"Capture.*NEXT_STEP"):
        venv.step(np.zeros((2, 2)))
    venv = DenseVectorReward(frames(mode=AutoresetMode.SAME_STEP, wrap=Capture), "test_brightness")
    venv.reset(seed=0)
    assert (venv.step(np.zeros((2, 2)))[1] > 0).all()


def test_terminal_captions_come_through_capture():
    makers = [lambda: Capture(Captioned("rgb_array"), frame=False, text=True)] * 2
    venv = DenseVectorReward(
        SyncVectorEnv(makers, autoreset_mode=AutoresetMode.SAME_STEP), "test_keyword(word='step 7')"
    )
    venv.reset(seed=0)
    paid = [venv.step(np.zeros((2, 2)))[1].tolist() for _ in range(8)]
    assert paid == [[0.0, 0.0]] * 6 + [[1.0, 1.0], [0.0, 0.0]]


def test_frames_are_refused_at_construction_where_there_are_none():
    with pytest.raises(RewardiumError, match="needs frames"):
        DenseVectorReward(messages(), "test_brightness")


def test_a_task_is_missed_at_reset():
    with pytest.raises(RewardiumError, match="needs the task"):
        DenseVectorReward(messages(), "test_named").reset(seed=0)


@pytest.mark.parametrize("wrapped", [False, True])
def test_captions_are_called_once_a_step_through_other_vector_wrappers(wrapped):
    base = SyncVectorEnv([lambda: Captioned("rgb_array")] * 2, autoreset_mode=AutoresetMode.NEXT_STEP)
    venv = DenseVectorReward(
        gym.wrappers.vector.RecordEpisodeStatistics(base) if wrapped else base, "test_keyword(word='step 1')"
    )
    venv.reset(seed=0)
    assert venv.step(np.zeros((2, 2)))[1].tolist() == [1.0, 1.0]
    assert venv.step(np.zeros((2, 2)))[1].tolist() == [0.0, 0.0]


def test_nothing_is_rendered_that_no_source_needs():
    venv = frames()
    dense = DenseVectorReward(venv, "extrinsic + test_place")
    dense.reset(seed=0)
    for _ in range(3):
        dense.step(np.zeros((2, 2)))
    assert [env.renders for env in venv.envs] == [0, 0]
    dense = DenseVectorReward(venv, "test_brightness + test_brightness(dark=0.01)")
    dense.reset(seed=0)
    for _ in range(3):
        dense.step(np.zeros((2, 2)))
    assert [env.renders for env in venv.envs] == [3, 3]


def test_one_call_of_a_source_covers_all_environments(monkeypatch):
    sizes = []
    score = SOURCES["test_place"].score
    monkeypatch.setattr(SOURCES["test_place"], "score", lambda self, b: sizes.append(len(b)) or score(self, b))
    venv = DenseVectorReward(messages(5), "test_place + delta(test_place)")
    venv.reset(seed=0)
    venv.step(np.ones(5, dtype=np.int64))
    assert sizes == [5]


def test_two_vectors_of_one_class_keep_their_own_way_of_resetting():
    # Gymnasium writes the mode into the metadata dict of the environment's class.
    same = messages(2, AutoresetMode.SAME_STEP)
    messages(2, AutoresetMode.NEXT_STEP)
    venv = DenseVectorReward(same, "1.0 * test_remembered")
    venv.reset(seed=0)
    venv.step(np.array([0, 1]))
    venv.step(np.array([0, 1]))
    _, rewards, _, _, infos = venv.step(np.array([1, 1]))
    assert infos["_reward_valid"].all()
    assert rewards.tolist() == [0.0, 2.0]


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_reset_in_the_middle_of_an_episode(mode):
    venv = DenseVectorReward(SyncVectorEnv([MultiTurnText] * 2, autoreset_mode=mode), "delta(test_remembered)")
    paid = []
    for _ in range(2):
        venv.reset(seed=[0, 0])
        paid.append([venv.step(("9", "9"))[1].tolist() for _ in range(2)])
    assert paid[0] == paid[1]


def test_a_masked_reset_begins_only_the_named_episodes():
    venv = DenseVectorReward(messages(2, AutoresetMode.DISABLED), "test_remembered")
    venv.reset(seed=0)
    venv.step(np.array([1, 1]))
    options = {"reset_mask": np.array([True, False])}
    venv.reset(options=options)
    assert venv.step(np.array([1, 1]))[1].tolist() == [0.0, 1.0]


def test_step_before_reset_is_one_clear_error():
    with pytest.raises(RewardiumError, match="step was called before reset"):
        DenseVectorReward(messages(), "extrinsic").step(np.array([1, 1]))


def test_the_environments_own_rewards_are_not_changed():
    venv = messages()
    dense = DenseVectorReward(venv, "3.0 * extrinsic")
    dense.reset(seed=0)
    dense.step(np.array([0, 1]))
    _, rewards, _, _, infos = dense.step(np.array([0, 1]))
    assert rewards.tolist() == [-1.5, 0.0]
    assert infos["extrinsic_reward"].tolist() == [-0.5, 0.0]
    rewards[:] = 7.0
    assert infos["extrinsic_reward"].tolist() == [-0.5, 0.0]
    assert infos["reward_terms"]["extrinsic"]["raw"].tolist() == [-0.5, 0.0]


def test_a_restored_state_goes_on_where_the_first_stopped():
    def make_venv():
        return DenseVectorReward(
            gym.make_vec("rewardium/RandomCalculation-v0", num_envs=2, num_steps=1), "anneal(verify, steps=8)"
        )

    def play(venv, seed):
        _, infos = venv.reset(seed=seed)
        answers = [f"\\boxed{{{infos['task'][0].reference}}}", "\\boxed{-1}"]
        return venv.step(answers)[1].tolist()

    whole = make_venv()
    play(whole, 0)
    play(whole, 1)
    plain = json.loads(json.dumps(whole.state_dict()))
    restored = make_venv()
    restored.load_state_dict(plain)
    expected = play(whole, 2)
    assert play(make_venv(), 2) != expected
    assert play(restored, 2) == expected
    with pytest.raises(RewardiumError, match="2 environments does not fit 3"):
        DenseVectorReward(gym.make_vec("rewardium/RandomCalculation-v0", num_envs=3), "verify").load_state_dict(plain)
