from __future__ import annotations

import copy
import json
import pickle

import gymnasium as gym
import numpy as np
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards import parse
from rewardium.rewards.wrappers import DenseReward
from tests.shapes.environments import ContinuousFrames, DiscreteMessages, MultiTurnText, SingleTurnText
from tests.shapes.sources import registered_test_sources


@pytest.fixture(autouse=True)
def _sources():
    with registered_test_sources():
        yield


class Captioned(ContinuousFrames):
    def caption(self) -> str:
        return f"step {self.time}"


def test_pays_the_composed_reward_and_keeps_the_extrinsic_one():
    env = DenseReward(DiscreteMessages(), "2.0 * test_keyword(word='walk') + 0.5 * extrinsic")
    env.reset(seed=0)
    _, reward, terminated, truncated, info = env.step(0)
    assert type(reward) is float
    assert reward == 2.0
    assert type(info["extrinsic_reward"]) is float
    assert info["extrinsic_reward"] == 0.0
    _, reward, terminated, truncated, info = env.step(0)
    assert (terminated, truncated) == (True, False)
    assert reward == -0.25
    assert info["extrinsic_reward"] == -0.5
    assert info["text"] == "You fall into a pit."
    assert info["reward_valid"] is True
    assert info["reward_terms"] == {
        "test_keyword": {"raw": 0.0, "shaped": 0.0, "weight": 2.0, "valid": True},
        "extrinsic": {"raw": -0.5, "shaped": -0.5, "weight": 0.5, "valid": True},
    }
    json.dumps(info["reward_terms"])


def test_the_environments_own_info_is_not_changed():
    inner = DiscreteMessages()
    infos = []
    step = inner.step
    inner.step = lambda action: infos.append(step(action)) or infos[-1]
    env = DenseReward(inner, "extrinsic")
    env.reset(seed=0)
    env.step(1)
    assert set(infos[0][4]) == {"text", "success"}


def test_without_a_score_it_pays_zero_and_says_so():
    env = DenseReward(DiscreteMessages(), "test_keyword")
    env.reset(seed=0)
    _, reward, _, _, info = env.step(1)  # standing still is silent
    assert (reward, info["reward_valid"]) == (0.0, False)
    assert info["reward_terms"]["test_keyword"]["valid"] is False


def test_reset_in_the_middle_begins_a_new_episode():
    env = DenseReward(DiscreteMessages(), "potential(test_place, gamma=1.0) + 0.0 * test_remembered")
    first = []
    for _ in range(3):
        env.reset(seed=1)
        _, one, _, _, _ = env.step(0)
        _, two, _, _, info = env.step(2)
        first.append((one, two, info["reward_terms"]["test_remembered"]["raw"]))
    assert first[0] == first[1] == first[2]
    assert first[0][2] == 1.0


def test_step_before_reset_is_one_clear_error():
    for env in (DiscreteMessages(), MultiTurnText()):
        with pytest.raises(RewardiumError, match="step was called before reset"):
            DenseReward(env, "extrinsic").step("1" if isinstance(env, MultiTurnText) else 1)


def test_step_after_the_end_is_one_clear_error():
    env = DenseReward(SingleTurnText(), "extrinsic")
    env.reset(seed=0)
    env.step("1")
    with pytest.raises(RewardiumError, match="call reset first"):
        env.step("1")
    env.reset()
    env.step("1")


def test_needs_that_the_environment_cannot_meet():
    with pytest.raises(RewardiumError, match=r"test_brightness needs frames.*render_mode='rgb_array'"):
        DenseReward(ContinuousFrames(), "extrinsic + test_brightness")
    with pytest.raises(RewardiumError, match="needs the task"):
        DenseReward(DiscreteMessages(), "test_named").reset(seed=0)
    env = DenseReward(ContinuousFrames("rgb_array"), "extrinsic + 0.5 * count_decay(extrinsic)")
    env.reset(seed=0)
    with pytest.raises(RewardiumError, match=r"needs text.*caption"):
        env.step(np.zeros(2))


def test_a_caption_is_a_text():
    env = DenseReward(Captioned(), "test_keyword(word='step 2')")
    env.reset(seed=0)
    assert [env.step(np.zeros(2))[1] for _ in range(3)] == [0.0, 1.0, 0.0]


def test_nothing_is_rendered_that_no_source_needs():
    env = DenseReward(ContinuousFrames("rgb_array"), "extrinsic + test_action_size + test_place")
    env.reset(seed=0)
    for _ in range(3):
        env.step(np.zeros(2))
    assert env.unwrapped.renders == 0


def test_each_step_is_rendered_once_however_many_sources_look():
    env = DenseReward(ContinuousFrames("rgb_array"), "test_brightness + test_brightness(dark=0.045)")
    env.reset(seed=0)
    for _ in range(3):
        env.step(np.zeros(2))
    assert env.unwrapped.renders == 3


def test_a_reward_is_built_from_an_expression_a_config_or_an_object():
    expected = parse("0.5 * extrinsic + test_place")
    for reward in (expected, "0.5 * extrinsic + test_place", [{"weight": 0.5, "extrinsic": None}, "test_place"]):
        assert DenseReward(DiscreteMessages(), reward).reward == expected
    with pytest.raises(RewardiumError, match="did you mean 'extrinsic'"):
        DenseReward(DiscreteMessages(), "extrinsik")


def test_one_reward_object_serves_many_wrappers_without_mixing_their_memory():
    reward = parse("delta(test_place)")
    alone, one, other = (DenseReward(DiscreteMessages(), reward) for _ in range(3))
    alone.reset(seed=0)
    expected = [alone.step(action)[1] for action in (0, 2, 2)]
    one.reset(seed=0)
    other.reset(seed=1)
    paid = []
    for action in (0, 2, 2):
        paid.append(one.step(action)[1])
        other.step(1)
    assert paid == expected


def test_the_spec_rebuilds_the_wrapped_environment():
    gym.register("test/Messages-v0", entry_point=DiscreteMessages, max_episode_steps=5)
    try:
        env = DenseReward(gym.make("test/Messages-v0"), parse("0.5 * extrinsic + clip_delta(test_keyword, eta=0.25)"))
        again = gym.make(env.spec)
        assert isinstance(again, DenseReward)
        assert again.reward == env.reward
        assert gym.make(gym.envs.registration.EnvSpec.from_json(_spec_with_string_entry(env))).reward == env.reward
        for one in (env, again):
            one.reset(seed=3)
        assert [env.step(2)[1] for _ in range(1)] == [again.step(2)[1] for _ in range(1)]
    finally:
        gym.registry.pop("test/Messages-v0")


def _spec_with_string_entry(env):
    spec = copy.deepcopy(env.spec)
    spec.entry_point = "tests.shapes.environments:DiscreteMessages"
    return spec.to_json()


def _pickled(env):
    return pickle.loads(pickle.dumps(env))  # noqa: S301


@pytest.mark.parametrize("duplicate", [copy.deepcopy, _pickled])
def test_a_copy_goes_on_by_itself(duplicate):
    env = DenseReward(ContinuousFrames("rgb_array"), "test_brightness + delta(test_place) + 0.1 * test_remembered")
    env.reset(seed=0)
    env.step(np.array([0.1, 0.0]))
    twin = duplicate(env)
    expected = [env.step(np.array([0.2, 0.1]))[1] for _ in range(2)]
    rendered = env.unwrapped.renders
    assert [twin.step(np.array([0.2, 0.1]))[1] for _ in range(2)] == expected
    assert env.unwrapped.renders == rendered


def test_gymnasiums_own_wrappers_stand_inside_and_outside():
    env = gym.wrappers.TimeLimit(DenseReward(gym.wrappers.OrderEnforcing(DiscreteMessages()), "test_place"), 2)
    env.reset(seed=0)
    assert env.step(1)[3] is False
    assert env.step(1)[3] is True
