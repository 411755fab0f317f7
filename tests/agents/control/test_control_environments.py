from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from rewardium.agents.control.algorithms import make_model
from rewardium.agents.control.config import ControlConfig
from rewardium.agents.control.environments import adapted, check_observations, make_venv
from rewardium.envs.capture import Capture
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.vector import DenseVectorReward


class Grid(gym.Env):
    """Planes and a vector; the text tells the time."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012
    action_space = Discrete(2)

    def __init__(self, high=255, render_mode=None):
        self.render_mode = render_mode
        self.observation_space = Dict(
            {"image": Box(0, high, (17, 9, 9), np.uint8), "vector": Box(-9, 9, (2,), np.float32)}
        )

    def caption(self):
        return f"Message: step {self.time}"

    def render(self):
        return np.full((8, 8, 3), self.time, np.uint8)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time = 0
        return self._observation(), {}

    def step(self, action):
        self.time += 1
        return self._observation(), 1.0, self.time == 3, False, {}

    def _observation(self):
        image = np.zeros((17, 9, 9), np.uint8)
        image[self.time] = 1
        return {"image": image, "vector": np.array([self.time, 4.0], np.float32)}


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setattr(gym.envs.registration, "registry", dict(gym.envs.registration.registry))
    gym.register("ControlTestGrid-v0", Grid, max_episode_steps=10)


def config(**settings):
    return ControlConfig("ControlTestGrid-v0", num_envs=2, **settings)


@pytest.mark.parametrize(
    ("needs", "frame", "text"),
    [
        ((), False, False),
        (("text",), False, True),
        (("frame",), True, False),
        (("text", "frame", "action"), True, True),
    ],
    ids=str,
)
def test_just_what_is_needed_is_captured(needs, frame, text):
    venv = make_venv("ControlTestGrid-v0", 2, needs=frozenset(needs))
    assert venv.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    for env in venv.envs:
        assert isinstance(env, Capture) is (frame or text)
    _, infos = venv.reset(seed=0)
    assert ("frame" in infos, "text" in infos) == (frame, text)


def test_a_reward_sees_the_text_of_the_terminal_step():
    reward = DenseVectorReward(make_venv("ControlTestGrid-v0", 2, needs=frozenset({"text"})), "count_decay(extrinsic)")
    reward.reset(seed=0)
    for _ in range(3):
        *_, infos = reward.step(np.zeros(2, int))
    assert infos["final_info"]["text"].tolist() == ["Message: step 3"] * 2


@pytest.mark.parametrize("high", [1, 255])
def test_planes_keep_their_channels_and_are_stacked_along_them(high):
    settings = config(memory="stack", stacked=3, env_kwargs={"high": high}, algorithm_kwargs={"n_steps": 4})
    env = make_model(settings, adapted(make_venv(settings.env, 2, settings.env_kwargs), settings)).get_env()
    observations = env.reset()
    assert observations["image"].shape == (2, 51, 9, 9)
    assert observations["vector"].shape == (2, 6)
    observations, *_ = env.step(np.zeros(2, int))
    assert [observations["image"][0, 17 * frame + 1].max() for frame in range(3)] == [0, 0, 1]
    assert [observations["image"][0, 17 * frame].max() for frame in range(3)] == [0, 1, 0]


def test_only_vectors_are_scaled():
    env = adapted(make_venv("ControlTestGrid-v0", 2), config(normalize=True))
    env.reset()
    for _ in range(9):
        observations, *_ = env.step(np.zeros(2, int))
    assert set(np.unique(observations["image"])) == {0, 1}
    assert observations["vector"][0, 1] == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize(
    ("name", "kwargs", "message"),
    [
        ("CartPole-v9", {}, "cannot make the environment 'CartPole-v9'"),
        ("CartPol-v1", {}, "CartPole"),
        ("CartPole-v1", {"gravity": 3}, "gravity"),
        ("FrozenLake-v1", {"map_name": "5x9"}, "cannot make the environment"),
    ],
)
def test_wrong_environments_are_one_clear_error(name, kwargs, message):
    with pytest.raises(RewardiumError, match=message):
        make_venv(name, 2, kwargs)


def test_observations_that_do_not_fit():
    with pytest.raises(RewardiumError, match="train_llm"):
        adapted(make_venv("rewardium/RandomCalculation-v0", 1), config())
    with pytest.raises(RewardiumError, match="not Tuple"):
        check_observations(gym.spaces.Tuple([Discrete(2)]))
    with pytest.raises(RewardiumError, match="lstm"):
        adapted(make_venv("FrozenLake-v1", 1), config(memory="stack"))
    with pytest.raises(RewardiumError, match="normalize"):
        adapted(make_venv("FrozenLake-v1", 1), config(normalize=True))
    flat = SyncVectorEnv([lambda: gym.make("CartPole-v1")], autoreset_mode=AutoresetMode.NEXT_STEP)
    with pytest.raises(RewardiumError, match="SAME_STEP"):
        adapted(flat, config())
