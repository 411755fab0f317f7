"""What both buffers make of episodes of different lengths, where every value is known on paper."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3 import DQN, PPO, SAC

from rewardium.agents.control.deferred import DeferredReplayRewards, DeferredRolloutRewards
from rewardium.agents.control.vec_env import GymnasiumVecEnv
from rewardium.rewards.deferred import DeferredVectorReward
from rewardium.rewards.vector import DenseVectorReward

GAMMA, PLACES = 0.75, 6
WAYS = pytest.mark.parametrize("wrapper", [DenseVectorReward, DeferredVectorReward], ids=["immediate", "deferred"])


class Chain(gym.Env):
    """Walk along the places 0 to 5, a step a place; each pays 1, paid twice by the tested reward.

    Episodes begin at a drawn place. ``terminated``: the last place ends the episode. ``truncated``: the places form a
    ring and a limit of 1 to 4 steps, drawn for each episode, cuts it.
    """

    observation_space = Box(0, 1, (PLACES,), np.float32)

    def __init__(self, kind, actions):
        self.kind, self.action_space = kind, actions

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.left = int(self.np_random.integers(PLACES - 1)), int(self.np_random.integers(1, 5))
        return self._seen(), {}

    def step(self, action):
        self.place, self.left = (self.place + 1) % PLACES, self.left - 1
        terminated = self.kind == "terminated" and self.place == PLACES - 1
        truncated = self.kind == "truncated" and self.left == 0
        return self._seen(), 1.0, terminated, truncated, {}

    def _seen(self):
        return np.eye(PLACES, dtype=np.float32)[self.place]


def true_value(kind, place):
    """The discounted sum of 2 a step: for ever on the ring, to the end of the chain else."""
    steps = np.inf if kind == "truncated" else PLACES - 1 - place
    return 2.0 * (1.0 - GAMMA**steps) / (1.0 - GAMMA)


def trained(algorithm, kind, wrapper, **settings):
    actions = Box(-1, 1, (1,), np.float32) if algorithm is SAC else Discrete(2)
    venv = SyncVectorEnv([lambda: Chain(kind, actions)] * 3, autoreset_mode=AutoresetMode.SAME_STEP)
    kinds = DeferredRolloutRewards if algorithm is PPO else DeferredReplayRewards
    callback = kinds() if wrapper is DeferredVectorReward else None
    env = GymnasiumVecEnv(wrapper(venv, "2.0 * extrinsic"))
    model = algorithm("MlpPolicy", env, gamma=GAMMA, seed=0, device="cpu", learning_rate=0.0, **settings)
    return model.learn(120, callback=callback)


def by_step(column):
    """Undo what a rollout buffer does to its columns for training: environment after environment, in one row."""
    return column.reshape(3, 40, *column.shape[1:]).swapaxes(0, 1).squeeze() if len(column) == 120 else column


@WAYS
@pytest.mark.parametrize("kind", ["terminated", "truncated"])
def test_returns_of_a_rollout(wrapper, kind):
    model = trained(PPO, kind, wrapper, n_steps=40, batch_size=40, n_epochs=1, gae_lambda=1.0)
    buffer = model.rollout_buffer
    places = by_step(buffer.observations).argmax(axis=2)
    with torch.no_grad():
        critic = model.policy.predict_values(torch.eye(PLACES))[:, 0].numpy()
        last = model.policy.predict_values(torch.as_tensor(model._last_obs))[:, 0].numpy()
    starts = np.vstack([buffer.episode_starts[1:], model._last_episode_starts]).astype(bool)
    assert len(set(np.diff(np.flatnonzero(starts[:, 0])).tolist())) > 1  # episodes of different lengths
    expected = np.zeros((40, 3))
    after = last
    for step in reversed(range(40)):
        reached = (places[step] + 1) % PLACES
        end = np.zeros(3) if kind == "terminated" else critic[reached]
        expected[step] = 2.0 + GAMMA * np.where(starts[step], end, after)
        after = expected[step]
    np.testing.assert_allclose(by_step(buffer.returns), expected, rtol=1e-5)
    assert np.abs(critic).max() > 1e-3


@WAYS
@pytest.mark.parametrize("algorithm", [DQN, SAC])
@pytest.mark.parametrize("kind", ["terminated", "truncated"])
def test_values_that_a_replay_buffer_leads_to(wrapper, algorithm, kind):
    model = trained(algorithm, kind, wrapper, buffer_size=90, train_freq=7, learning_starts=1000)
    assert model.replay_buffer.full
    sample = model.replay_buffer.sample(2000)
    places = sample.observations.numpy().argmax(axis=1)
    reached = sample.next_observations.numpy().argmax(axis=1)
    assert ((places + 1) % PLACES == reached).all()  # also of the terminal steps, which a reset hides
    rewards, ends = sample.rewards.numpy()[:, 0], sample.dones.numpy()[:, 0]
    values = np.zeros(PLACES)
    for _ in range(100):  # the iteration whose fixed point Q-learning approaches
        targets = rewards + GAMMA * (1.0 - ends) * values[reached]
        values = np.array(
            [targets[places == place].mean() if (places == place).any() else 0 for place in range(PLACES)]
        )
    known = np.unique(places)
    assert len(known) >= PLACES - 1
    np.testing.assert_allclose(values[known], [true_value(kind, place) for place in known], rtol=1e-5)
