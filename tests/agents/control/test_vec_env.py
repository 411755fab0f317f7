from __future__ import annotations

import copy
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.vector.utils import batch_space
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack

from rewardium.agents.control.vec_env import EnvInfo, GymnasiumVecEnv
from rewardium.envs.capture import Capture
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.deferred import DeferredVectorReward
from rewardium.rewards.vector import DenseVectorReward
from rewardium.rewards.wrappers import DenseReward
from tests.shapes.environments import ContinuousFrames, DiscreteMessages
from tests.shapes.sources import registered_test_sources

SAME_STEP = AutoresetMode.SAME_STEP
REWARD = "0.5 * extrinsic + test_place + count_decay(test_keyword(word='walk'))"


@pytest.fixture(autouse=True)
def _sources():
    with registered_test_sources():
        yield


class DictMessages(DiscreteMessages):
    observation_space = gym.spaces.Dict({"place": Box(-1, 1, (2,), np.float32), "time": Box(0, 99, (1,), np.int64)})

    def _observation(self):
        return {"place": super()._observation(), "time": np.array([self.time])}


class Batched(VectorEnv):
    """Counts to the environment's own limit in one array that it reuses; odd environments are truncated there."""

    metadata = {"autoreset_mode": SAME_STEP}  # noqa: RUF012

    def __init__(self, num_envs: int) -> None:
        self.num_envs = num_envs
        self.single_observation_space = Box(0, 99, (1,), np.float32)
        self.single_action_space = Discrete(2)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.counts = np.zeros((num_envs, 1), dtype=np.float32)
        self.limits = np.arange(num_envs) + 2
        self.rewards = np.ones(num_envs, dtype=np.float32)

    def reset(self, *, seed=None, options=None):
        self.counts[:] = 0
        return self.counts, {}

    def step(self, actions):
        self.counts += 1
        done = self.counts[:, 0] == self.limits
        odd = np.arange(self.num_envs) % 2 == 1
        final = np.full(self.num_envs, None, dtype=object)
        for row in np.flatnonzero(done):
            final[row] = self.counts[row].copy()
        infos = {}
        if done.any():
            infos = {"final_obs": final, "_final_obs": done, "final_info": {}, "_final_info": done}
        self.counts[done] = 0
        return self.counts, self.rewards, done & ~odd, done & odd, infos


def sync(env, num_envs=3, mode=SAME_STEP):
    return SyncVectorEnv([env] * num_envs, autoreset_mode=mode)


def play(env, steps=60, seed=5):
    """Return everything that SB3 would see of seeded random play."""
    env.seed(seed)
    rng = np.random.default_rng(seed)
    seen = [copy.deepcopy(env.reset())]
    for _ in range(steps):
        space = env.action_space
        actions = np.array(
            [
                rng.integers(space.n) if isinstance(space, Discrete) else rng.uniform(-1, 1, 2)
                for _ in range(env.num_envs)
            ]
        )
        seen.append(copy.deepcopy(env.step(actions)))
    return seen


@pytest.mark.parametrize("env", [DiscreteMessages, DictMessages, ContinuousFrames])
def test_it_behaves_as_stable_baselines_own_vector_environment(env):
    ours, theirs = play(GymnasiumVecEnv(sync(env))), play(DummyVecEnv([env] * 3))
    np.testing.assert_equal(ours[0], theirs[0])
    ends = set()
    for one, two in zip(ours[1:], theirs[1:], strict=True):
        np.testing.assert_equal(one[0], two[0])
        np.testing.assert_array_equal(one[1], two[1])
        np.testing.assert_array_equal(one[2], two[2])
        assert one[1].dtype == np.float32
        assert one[2].dtype == np.bool_
        for mine, other in zip(one[3], two[3], strict=True):
            assert {key: mine.get(key) for key in other if key != "terminal_observation"} == {
                key: value for key, value in other.items() if key != "terminal_observation"
            }
            assert ("terminal_observation" in mine) == ("terminal_observation" in other)
            np.testing.assert_equal(mine.get("terminal_observation"), other.get("terminal_observation"))
            if "terminal_observation" in mine:
                ends.add(mine["TimeLimit.truncated"])
    assert ends == {True, False}


def test_processes_and_one_process_show_the_same():
    ours = play(GymnasiumVecEnv(DenseVectorReward(sync(DiscreteMessages), REWARD)), 30)
    env = GymnasiumVecEnv(DenseVectorReward(AsyncVectorEnv([DiscreteMessages] * 3, autoreset_mode=SAME_STEP), REWARD))
    np.testing.assert_equal(_plain(play(env, 30)), _plain(ours))
    env.close()


def test_the_ledger_inside_the_sub_environments_looks_like_the_batched_one():
    batched = play(GymnasiumVecEnv(DenseVectorReward(sync(DiscreteMessages), REWARD)), 30)
    inside = play(GymnasiumVecEnv(sync(lambda: DenseReward(DiscreteMessages(), REWARD))), 30)
    np.testing.assert_equal(_plain(inside), _plain(batched))


def _plain(value):
    if isinstance(value, (dict, EnvInfo)):
        return {key: _plain(value[key]) for key in value}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED])
def test_another_way_of_resetting_is_refused_with_the_remedy(mode):
    with pytest.raises(RewardiumError, match=r"autoreset_mode=AutoresetMode\.SAME_STEP"):
        GymnasiumVecEnv(DenseVectorReward(sync(DiscreteMessages, mode=mode), "extrinsic"))


def test_a_later_vector_of_the_same_class_does_not_change_the_mode():
    right, wrong = sync(DiscreteMessages), sync(DiscreteMessages, mode=AutoresetMode.NEXT_STEP)
    GymnasiumVecEnv(right)
    with pytest.raises(RewardiumError):
        GymnasiumVecEnv(wrong)
    sync(DiscreteMessages)
    with pytest.raises(RewardiumError):
        GymnasiumVecEnv(wrong)


def test_infos_of_an_end_are_the_terminal_steps_and_those_of_the_reset_stand_apart():
    env = GymnasiumVecEnv(DenseVectorReward(sync(DiscreteMessages, 2), "test_place + test_keyword(word='pit')"))
    env.seed(0)
    env.reset()
    assert [info["text"] for info in env.reset_infos] == ["You stand in a corridor."] * 2
    env.step(np.array([0, 1]))
    _, rewards, dones, infos = env.step(np.array([0, 1]))
    assert dones.tolist() == [True, False]
    assert infos[0]["text"] == "You fall into a pit."
    assert infos[0]["reward_terms"]["test_keyword"] == {"raw": 1.0, "shaped": 1.0, "weight": 1.0, "valid": True}
    assert infos[0]["extrinsic_reward"] == -0.5
    assert infos[0]["terminal_observation"][0] == -0.5
    assert rewards[0] == np.float32(1 - np.abs(infos[0]["terminal_observation"]).sum())
    assert env.reset_infos[0] == {"text": "You stand in a corridor."}
    assert infos[1]["text"] == ""
    assert "terminal_observation" not in infos[1]
    assert not any(key.startswith(("_", "final_")) for info in infos for key in info)


def test_episodes_show_the_extrinsic_return_beside_the_paid_one():
    env = GymnasiumVecEnv(DenseVectorReward(sync(DiscreteMessages, 2), "2.0 * extrinsic + test_action_size"))
    env.seed(0)
    env.reset()
    env.step(np.array([0, 1]))
    env.step(np.array([1, 1]))
    _, _, _, infos = env.step(np.array([0, 1]))
    assert infos[0]["episode"] == {"r": -0.5, "l": 3, "shaped": 2 * -0.5 + 1}
    assert infos[0]["is_success"] is False
    assert "episode" not in infos[1]
    for _ in range(2):
        _, _, _, infos = env.step(np.array([0, 1]))
    assert infos[0]["episode"] == {"r": -0.5, "l": 2, "shaped": -1.0}
    for _ in range(4):
        _, _, _, infos = env.step(np.array([1, 1]))
    assert infos[1]["TimeLimit.truncated"] is True
    assert infos[1]["episode"] == {"r": 0.0, "l": 9, "shaped": 9.0}


def test_a_reset_in_the_middle_forgets_the_unfinished_episode():
    env = GymnasiumVecEnv(sync(DiscreteMessages, 1))
    env.reset()
    env.step(np.array([1]))
    env.reset()
    env.step(np.array([0]))
    assert env.step(np.array([0]))[3][0]["episode"] == {"r": -0.5, "l": 2}


def test_deferred_rewards_do_not_pretend_to_a_shaped_return():
    env = GymnasiumVecEnv(DeferredVectorReward(sync(DiscreteMessages, 1), "test_place"))
    env.reset()
    env.step(np.array([0]))
    _, rewards, _, infos = env.step(np.array([0]))
    assert rewards.tolist() == [0.0]
    assert infos[0]["episode"] == {"r": -0.5, "l": 2}


def test_a_batched_environment_that_reuses_its_array():
    env = GymnasiumVecEnv(Batched(3))
    first = env.reset()
    seen, terminals = [first], []
    for _ in range(4):
        observations, rewards, _, infos = env.step(np.zeros(3, dtype=np.int64))
        seen.append(observations)
        terminals.append([(info.get("terminal_observation"), info["TimeLimit.truncated"]) for info in infos])
        assert rewards.tolist() == [1.0] * 3
    assert [rows[:, 0].tolist() for rows in seen] == [[0, 0, 0], [1, 1, 1], [0, 2, 2], [1, 0, 3], [0, 1, 0]]
    assert terminals[1][0] == (2.0, False)
    assert terminals[2][1] == (3.0, True)
    assert terminals[3][2] == (4.0, False)


def test_rewards_belong_to_the_caller():
    env = GymnasiumVecEnv(Batched(2))
    env.reset()
    for _ in range(3):
        _, rewards, _, _ = env.step(np.zeros(2, dtype=np.int64))
        assert rewards.tolist() == [1.0, 1.0]
        rewards += 100.0  # SB3 adds bootstrapped values in place


def test_without_a_terminal_observation_there_is_one_clear_error():
    venv = Batched(1)
    step = venv.step
    venv.step = lambda actions: (*step(actions)[:4], {})
    env = GymnasiumVecEnv(venv)
    env.reset()
    env.step(np.array([0]))
    with pytest.raises(RewardiumError, match="final_obs"):
        env.step(np.array([0]))


def test_seeds_are_used_once_and_options_are_handed_on():
    class Optional(DiscreteMessages):
        def reset(self, *, seed=None, options=None):
            observation, info = super().reset(seed=seed)
            return observation, {**info, "seed": -1 if seed is None else seed, "level": (options or {}).get("level", 0)}

    env = GymnasiumVecEnv(sync(Optional, 2))
    env.seed(7)
    env.set_options({"level": 3})
    env.reset()
    assert [(info["seed"], info["level"]) for info in env.reset_infos] == [(7, 3), (8, 3)]
    env.reset()
    assert [(info["seed"], info["level"]) for info in env.reset_infos] == [(-1, 0), (-1, 0)]
    env.set_options([{"level": 3}, {"level": 4}])
    with pytest.raises(RewardiumError, match="same reset options"):
        env.reset()


def test_attributes_and_methods_of_the_environments():
    env = GymnasiumVecEnv(DenseVectorReward(sync(lambda: Capture(ContinuousFrames("rgb_array"))), "test_brightness"))
    env.reset()
    assert env.render_mode == "rgb_array"
    env.set_attr("limit", 2, indices=1)
    assert env.get_attr("limit") == [7, 2, 7]
    assert env.get_attr("limit", indices=[1]) == [2]
    assert env.has_attr("limit")
    assert not env.has_attr("no_such")
    assert [frame.shape for frame in env.env_method("render", indices=[0, 2])] == [(8, 8, 3)] * 2
    assert [image.shape for image in env.get_images()] == [(8, 8, 3)] * 3
    assert env.render().ndim == 3
    assert env.env_is_wrapped(Capture) == [True] * 3
    assert env.env_is_wrapped(Monitor) == [True] * 3
    assert env.env_is_wrapped(gym.wrappers.TimeLimit) == [False] * 3


def test_attributes_and_methods_of_processes():
    env = GymnasiumVecEnv(AsyncVectorEnv([DiscreteMessages] * 2, autoreset_mode=SAME_STEP))
    env.reset()
    assert not env.has_attr("no_such")
    assert env.get_attr("limit", indices=1) == [9]
    env.set_attr("limit", 1)
    assert env.env_method("has_wrapper_attr", "limit") == [True, True]
    with pytest.raises(RewardiumError, match="all environments at once"):
        env.set_attr("limit", 1, indices=[0])
    assert env.step(np.array([1, 1]))[2].tolist() == [True, True]
    env.close()


def test_attributes_of_a_batched_environment():
    env = GymnasiumVecEnv(Batched(2))
    assert env.get_attr("limits", indices=0)[0].tolist() == [2, 3]
    env.set_attr("limits", np.array([5, 5]))
    assert env.venv.limits.tolist() == [5, 5]
    with pytest.raises(RewardiumError, match="no sub-environments"):
        env.env_method("anything")


def test_evaluation_reports_the_extrinsic_return_without_a_warning():
    class Left:
        def predict(self, observations, state=None, episode_start=None, deterministic=True):
            return np.zeros(len(observations), dtype=np.int64), None

    env = GymnasiumVecEnv(DenseVectorReward(sync(DiscreteMessages, 2), "10.0 * test_action_size"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        returns, lengths = evaluate_policy(Left(), env, n_eval_episodes=4, return_episode_rewards=True, warn=True)
    assert (returns, lengths) == ([-0.5] * 4, [2] * 4)


def test_stable_baselines_own_wrappers_stand_outside():
    env = VecFrameStack(GymnasiumVecEnv(sync(DiscreteMessages, 2)), n_stack=2)
    assert env.reset().shape == (2, 4)
    env.step(np.array([0, 1]))
    _, _, _, infos = env.step(np.array([0, 1]))
    assert infos[0]["terminal_observation"].shape == (4,)


def test_a_view_of_nested_infos():
    columns = {
        "terms": {"a": {"raw": np.array([1.0, 2.0]), "_raw": np.array([True, True])}, "_a": np.array([False, True])},
        "_terms": np.array([True, True]),
        "_private": np.array([3, 4]),
        "words": ["x", "y"],
        "whole": "all",
    }
    first, second = EnvInfo(columns, 0), EnvInfo(columns, 1)
    assert first == {"terms": {}, "_private": 3, "words": "x", "whole": "all"}
    assert second["terms"] == {"a": {"raw": 2.0}}
    assert type(second["terms"]["a"]["raw"]) is float
    assert "_terms" not in first
    assert len(first) == 4
    with pytest.raises(KeyError):
        first["terms"]["a"]
    assert copy.deepcopy(second) == second
