"""ExploRS: a learner that shapes its own reward from its own returns, with a count bonus to begin with.

Devidze, Kamalaruban and Singla, "Exploration-Guided Reward Shaping for Reinforcement Learning under Sparse Rewards"
(2022), and Devidze, "Reward Design for Reinforcement Learning Agents" (2025). The reward is

    R_env(s, a) + R_phi(s, a) + lambda / sqrt((lambda / B) ** 2 + N(s'))

whose last two terms are the leaves ``explors_exploit`` and ``count_bonus(form='explors')``. This module learns phi:
after some episodes it takes, for each of their steps with the policy's probabilities pi and the advantage
``A = G - V(s)`` of the *original* discounted return G,

    phi[s, b] += eta * A * pi(a|s) * (1[a = b] - pi(b|s))        for every action b,

and then moves V towards G. Actions that did better than the state's average are thus paid more from then on, and the
others less: the terms of a state sum to 0, so that phi tells actions apart and does not pay for being there. A loop
through several states can still be paid, and where V follows slowly phi may outgrow the task's reward; ``limit`` of
``explors_exploit``, which the authors set to 0.01 for Q-learning, keeps a policy that learns fast from living there.

Certainty: high; formulas and constants are those of the authors' code (REINFORCE on a chain: eta 0.01, rate of V 0.01,
V moved by the *sum* of the errors of a state over the *number of steps* of the batch; networks: 1e-3 and 5e-3 with
Adam, one step an episode; an update every 5 episodes from the last 10). The policy's schedule there (every 2 episodes,
from the last 5) is the trainer's here: Stable-Baselines3 trains after each rollout.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.rnd_inputs import Inputs
from rewardium.rewards.learning.rnd_network import adam_step, gradients_of, initial_parameters, outputs_of

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Episode:
    """What the learner sees of T steps that end an episode.

    Args:
        states: T keys of a table, or the columns of T observations for a network.
        actions: int64 [T].
        probabilities: float64 [T, A], the policy's in each state.
        rewards: float64 [T], the environment's own.
    """

    states: Sequence[str] | Inputs
    actions: NDArray[np.int64]
    probabilities: FloatArray
    rewards: FloatArray


@dataclass(frozen=True)
class ExplorsSettings:
    """How the exploit term is learned.

    Args:
        gamma: The discount of the original returns, in [0, 1].
        rate: The step size eta of phi; by default that of the paper, 0.01 for a table and 0.001 for a network.
        value_rate: The step size of V; by default that of the paper, 0.01 for a table and 0.005 for a network.
        every: The number of finished episodes between two updates.
        buffer: The number of last episodes that an update learns from.
        capacity: The number of states that a table holds; what is met later is neither learned nor paid.
        hidden: The width of a network's hidden layer.
        seed: Fixes a network's first weights.

    Raises:
        RewardiumError: When a number is out of range.
    """

    gamma: float = 0.99
    rate: float | None = None
    value_rate: float | None = None
    every: int = 5
    buffer: int = 10
    capacity: int = 100_000
    hidden: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.gamma <= 1.0:
            raise RewardiumError(f"ExplorsSettings: gamma must lie in [0, 1], got {self.gamma!r}")
        for name in ("rate", "value_rate"):
            rate = getattr(self, name)
            if rate is not None and not 0.0 < rate < float("inf"):
                raise RewardiumError(f"ExplorsSettings: {name} must be a positive number, got {rate!r}")
        for name in ("every", "buffer", "capacity", "hidden"):
            if getattr(self, name) < 1:
                raise RewardiumError(f"ExplorsSettings: {name} must be at least 1, got {getattr(self, name)!r}")


def discounted_returns(rewards: FloatArray, gamma: float) -> FloatArray:
    """Return the discounted sum of each reward and those after it.

    Args:
        rewards: float64 [T].
        gamma: The discount.

    Returns:
        float64 [T].

    Example:
        >>> discounted_returns(np.array([0.0, 1.0, 2.0]), 0.5).tolist()
        [1.0, 2.0, 2.0]
    """
    returns = np.zeros(len(rewards), dtype=np.float64)
    following = 0.0
    for step in range(len(rewards) - 1, -1, -1):
        returns[step] = following = float(rewards[step]) + gamma * following
    return returns


def exploit_gradient(probabilities: FloatArray, actions: NDArray[np.int64], advantages: FloatArray) -> FloatArray:
    """Return ``A * pi(a|s) * (1[a = b] - pi(b|s))`` for every action b.

    This is the gradient, by the reward of each action, of ``A * pi(a|s) * (R(s, a) - sum over b of pi(b|s) R(s, b))``.

    Args:
        probabilities: float64 [T, A].
        actions: int64 [T].
        advantages: float64 [T].

    Returns:
        float64 [T, A]; each row sums to 0.

    Example:
        >>> exploit_gradient(np.array([[0.25, 0.75]]), np.array([0]), np.array([2.0])).tolist()
        [[0.375, -0.375]]
    """
    rows = np.arange(len(actions))
    weight = advantages * probabilities[rows, actions]
    gradient = -weight[:, None] * probabilities
    gradient[rows, actions] += weight
    return gradient


def update_table(
    table: MutableMapping[str, list[float]],
    values: MutableMapping[str, float],
    episodes: Sequence[Episode],
    *,
    gamma: float = 0.99,
    rate: float = 0.01,
    value_rate: float = 0.01,
    limit: float | None = None,
    capacity: int = 100_000,
) -> None:
    """Learn from some episodes, in place: first phi against V as it was, then V.

    Args:
        table: phi, a list of A numbers for each state.
        values: V of each state; 0 where it has none.
        episodes: What was played; the states are keys.
        gamma: The discount of the returns.
        rate: The step size of phi.
        value_rate: The step size of V.
        limit: The largest absolute value in the table, or None.
        capacity: The number of states that the table holds.

    Example:
        >>> table, values = {}, {}
        >>> fair = np.full((1, 2), 0.5)
        >>> update_table(table, values, [Episode(["s"], np.array([1]), fair, np.array([1.0]))], rate=0.1)
        >>> table, values
        ({'s': [-0.025, 0.025]}, {'s': 0.01})
    """
    gradients: dict[str, FloatArray] = {}
    errors: dict[str, float] = {}
    for episode in episodes:
        keys = [str(key) for key in episode.states]
        returns = discounted_returns(episode.rewards, gamma)
        advantages = returns - np.array([values.get(key, 0.0) for key in keys], dtype=np.float64)
        rows = exploit_gradient(episode.probabilities, episode.actions, advantages)
        for key, row, advantage in zip(keys, rows, advantages.tolist(), strict=True):
            gradients[key] = gradients[key] + row if key in gradients else row
            errors[key] = errors.get(key, 0.0) + advantage
    steps = sum(len(episode.actions) for episode in episodes)
    for key, gradient in gradients.items():
        if key in table or len(table) < capacity:
            phi = np.array(table.get(key, np.zeros(len(gradient)))) + rate * gradient
            table[key] = (phi if limit is None else np.clip(phi, -limit, limit)).tolist()
            values[key] = values.get(key, 0.0) + value_rate * errors[key] / steps


def exploit_objective(outputs: Tensor, probabilities: Tensor, actions: Tensor, advantages: Tensor) -> Tensor:
    """Return the mean of ``A * pi(a|s) * (R(s, a) - sum over b of pi(b|s) R(s, b))``, which a network shall raise.

    Args:
        outputs: [T, A], the network's R(s, .).
        probabilities: [T, A].
        actions: int64 [T].
        advantages: [T].

    Returns:
        One number. Its gradient by the outputs is ``exploit_gradient / T``.

    Example:
        >>> outputs, fair = torch.tensor([[3.0, 1.0]]), torch.full((1, 2), 0.5)
        >>> exploit_objective(outputs, fair, torch.tensor([0]), torch.tensor([2.0])).item()
        1.0
    """
    index = actions[:, None]
    chosen = outputs.gather(1, index)[:, 0]
    average = (probabilities * outputs).sum(dim=1)
    return (advantages * probabilities.gather(1, index)[:, 0] * (chosen - average)).mean()


def update_network(
    memory: dict[str, Any],
    episodes: Sequence[Episode],
    *,
    gamma: float = 0.99,
    rate: float = 1e-3,
    value_rate: float = 5e-3,
    hidden: int = 256,
    seed: int = 0,
) -> None:
    """Learn from some episodes, in place: for each, one step of Adam for R_phi, then one for V.

    Args:
        memory: Empty at first; the two networks and their optimisers' memories, arrays and plain values.
        episodes: What was played; the states are columns of observations.
        gamma: The discount of the returns.
        rate: The learning rate of R_phi.
        value_rate: The learning rate of V.
        hidden: The width of the hidden layers, for new networks.
        seed: Fixes new networks.
    """
    for episode in episodes:
        columns = {name: column.astype(np.float32) for name, column in _columns(episode).items()}
        if "network" not in memory:
            _begin_networks(memory, columns, episode.probabilities.shape[1], hidden, seed)
        returns = discounted_returns(episode.rewards, gamma)
        advantages = torch.from_numpy(returns - outputs_of(memory["value"], columns)[:, 0]).float()
        probabilities, actions = torch.from_numpy(episode.probabilities).float(), torch.from_numpy(episode.actions)
        wanted = torch.from_numpy(returns).float()

        def exploit_loss(
            outputs: Tensor, pi: Tensor = probabilities, a: Tensor = actions, advantage: Tensor = advantages
        ) -> Tensor:
            return -exploit_objective(outputs, pi, a, advantage)

        def value_loss(outputs: Tensor, wanted: Tensor = wanted) -> Tensor:
            return (outputs[:, 0] - wanted).square().mean()

        _, gradients = gradients_of(memory["network"], columns, exploit_loss)
        adam_step(memory["network"], gradients, memory["network_adam"], rate)
        _, gradients = gradients_of(memory["value"], columns, value_loss)
        adam_step(memory["value"], gradients, memory["value_adam"], value_rate)


def _columns(episode: Episode) -> Inputs:
    if not isinstance(episode.states, dict):
        raise RewardiumError("a network learns from columns of observations, not from keys of states")
    return episode.states


def _begin_networks(memory: dict[str, Any], columns: Inputs, num_actions: int, hidden: int, seed: int) -> None:
    planes = list(columns["planes"].shape[1:]) if "planes" in columns else []
    size = columns["vector"].shape[1] if "vector" in columns else 0
    rng = np.random.default_rng(seed)
    memory["shape"] = [planes, [size]]
    for name, outputs in (("network", num_actions), ("value", 1)):
        memory[name] = initial_parameters(planes, size, (hidden, outputs), rng)
        memory[f"{name}_adam"] = {}
        # The first reward and the first value are 0 everywhere: nothing has been learned yet.
        memory[name]["linear1.weight"][:] = 0.0
