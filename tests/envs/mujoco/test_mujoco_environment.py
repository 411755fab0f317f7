from importlib.util import find_spec

import gymnasium as gym
import numpy as np
import pytest

import rewardium.envs  # noqa: F401 - registers
from rewardium.envs.errors import RewardiumError
from rewardium.envs.mujoco.cart_pole_upright import CartPoleUprightEnv
from rewardium.envs.mujoco.half_cheetah_on_back import HalfCheetahOnBackEnv
from rewardium.envs.mujoco.hopper_upright import HopperUprightEnv
from rewardium.envs.mujoco.humanoid import HumanoidPoseEnv
from rewardium.envs.mujoco.mountain_car_top import MountainCarTopEnv
from rewardium.envs.mujoco.pendulum_upright import PendulumUprightEnv
from rewardium.envs.mujoco.reacher_place import ReacherPlaceEnv
from rewardium.envs.registration import entries

pytestmark = pytest.mark.skipif(find_spec("mujoco") is None, reason="needs the extra 'mujoco'")

CLASSES = [
    PendulumUprightEnv,
    CartPoleUprightEnv,
    MountainCarTopEnv,
    ReacherPlaceEnv,
    HopperUprightEnv,
    HalfCheetahOnBackEnv,
    HumanoidPoseEnv,
]
IDS = [entry.id for entry in entries() if entry.extra == "mujoco"]

# Positions that do the task, and some that come near.
DONE = {
    PendulumUprightEnv: ([[0, 0], [0.8, 0.14]], [[0, 0.16], [0, -0.5], [0, 1.5]]),
    CartPoleUprightEnv: ([[0, 0], [1, -0.19], [0, 2 * np.pi + 0.1]], [[0, 0.21], [0, np.pi], [0, -2 * np.pi + 0.3]]),
    MountainCarTopEnv: ([[0.91, 0.45, 0], [1.05, 0.45, 0]], [[0.89, 0.44, 0], [0, 0, 0], [-0.4, 0.7, -1]]),
    ReacherPlaceEnv: ([[0, 0, 0.21, 0], [np.pi, 0, -0.21, 0.02]], [[0, 0, 0.21, 0.03], [0, 0, -0.21, 0]]),
    HopperUprightEnv: (
        [[0, 1.25, 0, 0, 0, 0], [5, 1.05, -0.19, -0.5, -0.5, 0]],
        [[0, 0.95, 0, -1, -1, 0], [0, 1.25, 0.25, 0, 0, 0], [0, 0.3, 1.5, 0, 0, 0]],
    ),
    HalfCheetahOnBackEnv: (
        [[0, -0.5, np.pi, *[0] * 6], [0, -0.5, -np.pi + 0.5, *[0] * 6], [0, -0.5, 3 * np.pi, *[0] * 6]],
        [[0, 0, 0, *[0] * 6], [0, 0, np.pi / 2, *[0] * 6], [0, -0.3, np.pi - 0.6, *[0] * 6]],
    ),
}


@pytest.mark.parametrize("cls", DONE, ids=lambda cls: cls.__name__)
def test_success_is_read_from_the_state(cls):
    env = cls()
    done, near = DONE[cls]
    for positions in done:
        env.set_state(positions, np.zeros(env.model.nv))
        assert env.is_reached(), positions
        assert env.truth() == 1.0
        assert env.describe() == env.goal
    for positions in near:
        env.set_state(positions, np.zeros(env.model.nv))
        assert not env.is_reached(), positions
        assert 0.0 <= env.truth() < 1.0
        assert env.describe() != env.goal


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_success_needs_the_state_to_be_held(cls, monkeypatch):
    env = cls()
    env.reset(seed=0)
    grades = {"demand": 1.0}
    monkeypatch.setattr(env, "criteria", lambda: grades)
    action = np.zeros(env.model.nu)
    successes = [env.step(action)[4]["success"] for _ in range(env.hold_steps + 2)]
    assert successes == [False] * (env.hold_steps - 1) + [True] * 3
    grades["demand"] = 0.999
    assert env.step(action)[4]["success"] is False
    grades["demand"] = 1.0
    assert env.step(action)[4]["success"] is False


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_reward_is_the_truth_of_the_state_that_is_seen(cls):
    env = cls()
    env.reset(seed=1)
    env.action_space.seed(1)
    for _ in range(20):
        observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
        assert reward == env.truth()
        assert 0.0 <= reward <= 1.0
        assert (terminated, truncated) == (False, False)
        assert info["task"].goal == env.goal
        assert (observation == env.observe().astype(np.float32)).all()


@pytest.mark.parametrize("env_id", IDS)
def test_the_limit_truncates_and_nothing_terminates(env_id):
    env = gym.make(env_id)
    env.reset(seed=0)
    limit = env.spec.max_episode_steps
    ends = [env.step(np.zeros(env.action_space.shape, np.float32))[2:4] for _ in range(limit)]
    assert ends == [(False, False)] * (limit - 1) + [(False, True)]


@pytest.mark.parametrize("env_id", IDS)
def test_the_task_is_two_sentences(env_id):
    task = gym.make(env_id).reset(seed=0)[1]["task"]
    baseline = task.fields["baseline"]
    assert task.goal != baseline
    assert all(len(sentence.split()) > 2 and sentence == sentence.lower() for sentence in (task.goal, baseline))


def test_a_limit_of_its_own():
    env = PendulumUprightEnv(max_episode_steps=3)
    env.reset(seed=0)
    assert [env.step([0.0])[3] for _ in range(3)] == [False, False, True]


@pytest.mark.parametrize(
    "wrong", [{"render_mode": "human"}, {"max_episode_steps": 0}, {"max_episode_steps": 2.5}, {"camera": {"zoom": 1}}]
)
def test_refuses_wrong_arguments(wrong):
    with pytest.raises(RewardiumError):
        PendulumUprightEnv(**wrong)


@pytest.mark.parametrize("action", [[0.0, 0.0], 0.0, [np.nan], [np.inf]])
def test_refuses_what_is_no_action(action):
    env = PendulumUprightEnv()
    env.reset(seed=0)
    with pytest.raises(RewardiumError, match="1 finite numbers"):
        env.step(action)


@pytest.mark.parametrize(
    ("cls", "theirs", "arguments"),
    [
        (HumanoidPoseEnv, "Humanoid-v5", {"terminate_when_unhealthy": False}),
        (HopperUprightEnv, "Hopper-v5", {"frame_skip": 8, "terminate_when_unhealthy": False}),
        (HalfCheetahOnBackEnv, "HalfCheetah-v5", {}),
        (PendulumUprightEnv, "InvertedPendulum-v5", {}),
    ],
)
def test_bodies_move_as_those_of_gymnasium(cls, theirs, arguments):
    ours, other = cls(), gym.make(theirs, **arguments).unwrapped
    ours.reset(seed=0)
    other.reset(seed=0)
    other.set_state(ours.data.qpos.copy(), ours.data.qvel.copy())
    rng = np.random.default_rng(0)
    low, high = other.action_space.low.astype(float), other.action_space.high.astype(float)
    for _ in range(5):
        action = rng.uniform(-1, 1, ours.model.nu)
        ours.step(action)
        other.do_simulation((low + high) / 2 + (high - low) / 2 * action, other.frame_skip)
    assert np.allclose(ours.data.qpos, other.data.qpos, atol=1e-9)
    assert np.allclose(ours.data.qvel, other.data.qvel, atol=1e-7)


def test_the_motor_is_too_weak_for_the_hill_and_a_run_up_helps():
    env = MountainCarTopEnv()

    def farthest(start, actions):
        env.reset(seed=0)
        env.set_state(*env._on_road(start, 0.0))
        return max(float(env.step([action])[0][0]) for action in actions)

    assert farthest(0.0, [1.0] * 100) < 0.8
    assert max(farthest(0.0, [-1.0] * back + [1.0] * 60) for back in range(4, 13)) > 0.9


def test_the_car_stays_on_its_road():
    env = MountainCarTopEnv()
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(100):
        env.step(env.action_space.sample())
        place, height, _ = env.data.qpos
        assert height == pytest.approx(5.4 * (place**2 / 2 - 2 * place**3 / 3 + place**4 / 4), abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("env_id", IDS)
def test_a_random_policy_rarely_succeeds(env_id):
    env = gym.make(env_id)
    env.action_space.seed(0)
    successes = 0
    for episode in range(20):
        env.reset(seed=episode)
        truncated = False
        while not truncated:
            *_, truncated, info = env.step(env.action_space.sample())
        successes += info["success"]
    assert successes <= 2
