"""STARC distances between rewards of a small world: canonical form, length 1, difference."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.catalogue import implements
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.evaluation.epic import RewardFunction, Values

Canonical = Literal["value", "minimal"]

_NOTHING = 1e-9
"""A canonical reward this much smaller than the reward itself is 0 but for rounding."""


def reward_table(reward: RewardFunction, states: int, actions: int) -> Values:
    """Write a reward of numbered states and actions as a table.

    Args:
        reward: The reward.
        states: Number of states S.
        actions: Number of actions A.

    Returns:
        float64 [S, A, S].

    Example:
        >>> reward_table(lambda s, a, t: 10.0 * s + t, 2, 1).tolist()
        [[[0.0, 1.0]], [[10.0, 11.0]]]
    """
    s, a, t = (column.ravel() for column in np.indices((states, actions, states)))
    return np.asarray(reward(s, a, t), dtype=np.float64).reshape(states, actions, states)


def policy_values(expected: Values, dynamics: Values, gamma: float, policy: Values) -> Values:
    """Return what each state is worth under a policy: the solution of ``V = r_pi + gamma P_pi V``.

    Args:
        expected: float64 [S, A], the expected reward of each action.
        dynamics: float64 [S, A, S].
        gamma: The discount, in [0, 1).
        policy: float64 [S, A], probabilities.

    Returns:
        float64 [S].

    Example:
        >>> stay = np.eye(2)[:, None, :]
        >>> policy_values(np.array([[1.0], [0.0]]), stay, 0.5, np.ones((2, 1))).tolist()
        [2.0, 0.0]
    """
    moves = np.einsum("sa,sat->st", policy, dynamics)
    paid = np.einsum("sa,sa->s", policy, expected)
    return np.asarray(np.linalg.solve(np.eye(len(paid)) - gamma * moves, paid), dtype=np.float64)


def starc_canonical(
    reward: Values,
    dynamics: Values,
    gamma: float = 0.99,
    *,
    canonical: Canonical = "value",
    policy: Values | None = None,
) -> Values:
    """Return the canonical form of a reward, which is the same for rewards that order all policies alike by design.

    Two rewards have one canonical form where they differ by a potential, ``gamma Phi(s') - Phi(s)``, or by what the
    next states of an action are paid with the same mean. Both forms are linear::

        value:    c(R)(s, a) = E_S'[R(s, a, S') - V(s) + gamma V(S')]    V: values of R under a fixed policy
        minimal:  the shortest of all rewards that differ from E_S'[R(s, a, S')] by a potential

    The result is what it is for every next state; the dimension is left out, since after the division by its length it
    changes no distance. From "STARC: A General Framework For Quantifying Differences Between Reward Functions"
    (Skalse et al., 2023): value-adjusted levelling and the minimal form; certainty: recalled.

    Args:
        reward: float64 [S, A, S].
        dynamics: float64 [S, A, S], the probabilities of the next state.
        gamma: The discount, in [0, 1).
        canonical: Which form.
        policy: float64 [S, A], for ``"value"``; by default all actions are equally likely.

    Returns:
        float64 [S, A].

    Raises:
        RewardiumError: When shapes do not fit, probabilities are none, or something is out of its range.
    """
    reward, dynamics = np.asarray(reward, dtype=np.float64), np.asarray(dynamics, dtype=np.float64)
    policy = np.full(reward.shape[:2], 1.0 / max(reward.shape[1], 1)) if policy is None else np.asarray(policy)
    _check(reward, dynamics, gamma, canonical, policy)
    expected = np.einsum("sat,sat->sa", dynamics, reward)
    if canonical == "value":
        values = policy_values(expected, dynamics, gamma, policy)
        return np.asarray(expected - values[:, None] + gamma * dynamics @ values)
    states, actions = expected.shape
    here = np.repeat(np.eye(states), actions, axis=0)
    shaping = gamma * dynamics.reshape(-1, states) - here  # column i: what a potential of 1 in state i adds
    potential = np.linalg.lstsq(shaping, expected.ravel(), rcond=None)[0]
    return np.asarray((expected.ravel() - shaping @ potential).reshape(states, actions))


@implements("A8")
def starc_distance(
    first: Values,
    second: Values,
    dynamics: Values,
    gamma: float = 0.99,
    *,
    canonical: Canonical = "value",
    policy: Values | None = None,
) -> float:
    """Return the STARC distance, half the distance of the canonical rewards brought to length 1.

    It is 0 where one reward is a positive multiple of the other but for potentials and for what next states are paid
    around one mean, and 1 where the optimal policies of the one are the worst of the other. Unlike EPIC it knows how
    the world moves. A reward under which all policies are worth the same has the distance 1/2 to every other.

    With the l2 norm; the halving, which brings it into [0, 1], is ours. Source and certainty: see ``starc_canonical``.

    Args:
        first: float64 [S, A, S].
        second: float64 [S, A, S].
        dynamics: float64 [S, A, S], the probabilities of the next state.
        gamma: The discount, in [0, 1).
        canonical: Which canonical form, see ``starc_canonical``.
        policy: float64 [S, A], for ``"value"``.

    Returns:
        In [0, 1]; 0 where both rewards leave all policies worth the same.

    Raises:
        RewardiumError: See ``starc_canonical``.

    Example:
        >>> dynamics = np.random.default_rng(0).dirichlet(np.ones(3), (3, 2))
        >>> plain, potential = np.arange(18.0).reshape(3, 2, 3) ** 2, np.array([1.0, -2.0, 5.0])
        >>> shaped = 2.0 * plain + 0.9 * potential - potential[:, None, None]
        >>> round(starc_distance(plain, shaped, dynamics, 0.9), 6), starc_distance(plain, -plain, dynamics, 0.9)
        (0.0, 1.0)
    """
    units = [
        _unit(starc_canonical(reward, dynamics, gamma, canonical=canonical, policy=policy), np.asarray(reward))
        for reward in (first, second)
    ]
    return float(np.clip(np.linalg.norm(units[0] - units[1]) / 2.0, 0.0, 1.0))


def _unit(canonical: Values, reward: Values) -> Values:
    length = float(np.linalg.norm(canonical))
    return np.zeros_like(canonical) if length <= _NOTHING * float(np.linalg.norm(reward)) else canonical / length


def _check(reward: Values, dynamics: Values, gamma: float, canonical: str, policy: NDArray[np.float64]) -> None:
    if reward.ndim != 3 or reward.shape[0] != reward.shape[2] or not reward.size or dynamics.shape != reward.shape:
        raise RewardiumError(
            f"reward and dynamics must have one shape [S, A, S], got {reward.shape} and {dynamics.shape}"
        )
    if policy.shape != reward.shape[:2]:
        raise RewardiumError(f"policy must have the shape {reward.shape[:2]}, got {policy.shape}")
    for name, shares in (("dynamics", dynamics), ("policy", policy)):
        if not (np.isfinite(shares).all() and (shares >= 0.0).all() and np.allclose(shares.sum(-1), 1.0, atol=1e-6)):
            raise RewardiumError(f"{name} must be probabilities: at least 0, and 1 in sum over the last axis")
    if not np.isfinite(reward).all():
        raise RewardiumError("reward must be finite everywhere")
    if not 0.0 <= gamma < 1.0:
        raise RewardiumError(f"gamma must lie in [0, 1), got {gamma}")
    if canonical not in get_args(Canonical):
        raise RewardiumError(f"canonical must be one of {', '.join(get_args(Canonical))}, got {canonical!r}")
