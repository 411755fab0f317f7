from importlib.util import find_spec

import gymnasium as gym
import numpy as np
import pytest

import rewardium.envs  # noqa: F401 - registers
from rewardium.envs.errors import RewardiumError
from rewardium.envs.mujoco.states import describe, random_states, set_state, task_env, truth
from rewardium.envs.registration import entries

pytestmark = pytest.mark.skipif(find_spec("mujoco") is None, reason="needs the extra 'mujoco'")

IDS = [entry.id for entry in entries() if entry.extra == "mujoco"]


@pytest.mark.parametrize("env_id", IDS)
def test_random_states_cover_failure_and_success(env_id):
    env = gym.make(env_id)
    env.reset(seed=0)
    positions, velocities = random_states(env, 150, seed=1)
    truths, captions = [], set()
    for position, velocity in zip(positions, velocities, strict=True):
        set_state(env, position, velocity)
        truths.append(truth(env))
        captions.add(describe(env))
    assert min(truths) < 0.5
    assert max(truths) > 0.99
    assert env.unwrapped.goal in captions
    assert len(captions) >= 4


def test_random_states_are_fixed_by_their_seed_and_leave_the_environment_alone():
    env = gym.make("rewardium/HopperUpright-v0")
    env.reset(seed=0)
    before = env.unwrapped.data.qpos.copy()
    first, again, other = (random_states(env, 4, seed=seed)[0] for seed in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()
    assert (env.unwrapped.data.qpos == before).all()


def test_bodies_stand_on_the_floor():
    from rewardium.envs.mujoco.grounding import lowest_point

    env = task_env(gym.make("rewardium/HumanoidKneel-v0"))
    for position, velocity in zip(*random_states(env, 20), strict=True):
        set_state(env, position, velocity)
        assert lowest_point(env.model, env.data) == pytest.approx(0.0, abs=1e-9)


def test_a_state_stays_what_it_was_set_to():
    env = gym.make("rewardium/CartPoleUpright-v0")
    env.reset(seed=0)
    set_state(env, [0.2, 0.4])
    assert env.unwrapped.data.qpos.tolist() == [0.2, 0.4]
    assert env.unwrapped.data.qvel.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("wrong", [[0.0], [0.0, 0.0, 0.0], [np.nan, 0.0]])
def test_refuses_what_is_no_state(wrong):
    env = gym.make("rewardium/CartPoleUpright-v0")
    with pytest.raises(RewardiumError, match="a state"):
        set_state(env, wrong)


def test_refuses_other_environments_and_numbers():
    with pytest.raises(RewardiumError, match=r"rewardium\.envs\.mujoco"):
        truth(gym.make("CartPole-v1"))
    with pytest.raises(RewardiumError, match="positive"):
        random_states(gym.make("rewardium/CartPoleUpright-v0"), 0)
