"""The EPIC distance between two rewards: what is left when what cannot change an optimal policy is taken away."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError

Values = NDArray[np.float64]
RewardFunction = Callable[[Any, Any, Any], Values]
"""From B states, actions and next states, arrays of length B, to float64 [B]."""

_PAIRS = 100_000


class Transitions(NamedTuple):
    """B transitions as arrays of length B: of vectors, or of the numbers of states and actions in a table.

    Args:
        states: The states before.
        actions: The actions.
        next_states: The states after.
    """

    states: NDArray[Any]
    actions: NDArray[Any]
    next_states: NDArray[Any]


def canonical_reward(
    reward: RewardFunction, transitions: Transitions, samples: Transitions, gamma: float = 0.99
) -> Values:
    """Return the canonically shaped reward of some transitions.

    For ``S, A, S'`` drawn from the samples::

        C(R)(s, a, s') = R(s, a, s') + E[gamma R(s', A, S') - R(s, A, S') - gamma R(S, A, S')]

    Rewards that differ by a potential alone, ``gamma Phi(s') - Phi(s)``, have the same canonical reward but for a
    constant. From "Quantifying Differences in Reward Functions" (Gleave et al., 2021), definition 4.1; certainty high.

    Args:
        reward: The reward R.
        transitions: B transitions.
        samples: K transitions whose three columns stand for the distributions of S, A and S'.
        gamma: The discount, in [0, 1].

    Returns:
        float64 [B].

    Raises:
        RewardiumError: When something is empty, of unequal lengths, or gamma is out of range.

    Example:
        >>> table = np.array([1.0, 2.0, 6.0])
        >>> states, after = (part.ravel() for part in np.meshgrid(np.arange(3), np.arange(3)))
        >>> every = Transitions(states, np.zeros_like(states), after)
        >>> reached = lambda s, a, t: table[t]
        >>> canonical_reward(reached, every, every, gamma=0.9)[[0, 3, 6]].round(6).tolist()  # to the states 0, 1 and 2
        [-2.0, -1.0, 3.0]
    """
    if not 0.0 <= gamma <= 1.0:
        raise RewardiumError(f"gamma must lie in [0, 1], got {gamma}")
    for name, columns in (("transitions", transitions), ("samples", samples)):
        if not len(columns.states) or len({len(column) for column in columns}) > 1:
            raise RewardiumError(f"{name} need three columns of one length above 0, got {list(map(len, columns))}")
    constant = gamma * float(np.mean(reward(*samples)))
    ahead = _mean_from(reward, transitions.next_states, samples)
    here = _mean_from(reward, transitions.states, samples)
    return np.asarray(reward(*transitions), dtype=np.float64) + gamma * ahead - here - constant


def _mean_from(reward: RewardFunction, states: NDArray[Any], samples: Transitions) -> Values:
    """Return ``E[R(s, A, S')]`` for B states, in bounded memory."""
    count = len(samples.actions)
    size = max(_PAIRS // count, 1)
    means = np.empty(len(states))
    for start in range(0, len(states), size):
        part = states[start : start + size]
        rows = np.repeat(np.arange(len(part)), count)
        columns = np.tile(np.arange(count), len(part))
        values = np.asarray(reward(part[rows], samples.actions[columns], samples.next_states[columns]))
        means[start : start + size] = values.reshape(len(part), count).mean(axis=1)
    return means


def pearson_distance(first: Values, second: Values) -> float:
    """Return ``sqrt((1 - rho) / 2)`` for the correlation rho of two columns: 0 is equal, 1 is opposite.

    Args:
        first: float [B].
        second: float [B].

    Returns:
        In [0, 1]; not a number where a column is constant, since nothing is known of its direction.

    Raises:
        RewardiumError: When the shapes differ or a value is not finite.

    Example:
        >>> column = np.array([1.0, 2.0, 3.0])
        >>> pearson_distance(column, 2 * column + 1), pearson_distance(column, -column)
        (0.0, 1.0)
    """
    correlation = pearson_correlation(first, second)
    return math.sqrt((1.0 - correlation) / 2.0)  # the square root of not a number is not a number


def pearson_correlation(first: Values, second: Values) -> float:
    """Return the correlation of two columns, not a number where one is constant.

    Raises:
        RewardiumError: When the shapes differ or a value is not finite.
    """
    one, two = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.shape != two.shape or one.ndim != 1:
        raise RewardiumError(f"two columns of one length can be correlated, got {one.shape} and {two.shape}")
    if not (np.isfinite(one).all() and np.isfinite(two).all()):
        raise RewardiumError("only finite values can be correlated: leave out rows without a score")
    one, two = _standardised(one), _standardised(two)
    if not one.any() or not two.any():
        return math.nan
    return float(np.clip(one @ two, -1.0, 1.0))


def _standardised(column: Values) -> Values:
    """Return the column less its mean, of length 1; zeros where it is constant but for rounding."""
    if not len(column):
        return column
    scale = float(np.abs(column).max())
    centred = column - column.mean()
    length = float(np.linalg.norm(centred))
    if length <= 1e-12 * scale * math.sqrt(len(column)):
        return np.zeros_like(column)
    unit = centred / length
    return np.asarray(unit / np.linalg.norm(unit))


def epic_distance(
    first: RewardFunction,
    second: RewardFunction,
    transitions: Transitions,
    samples: Transitions | None = None,
    gamma: float = 0.99,
) -> float:
    """Return the EPIC distance: the Pearson distance of the two canonically shaped rewards.

    It does not change where a reward is scaled by a positive number, shifted, or shaped by a potential. From
    "Quantifying Differences in Reward Functions" (Gleave et al., 2021), definition 4.6; certainty high.

    Args:
        first: A reward.
        second: Another, e.g. the truth.
        transitions: What the distance is measured on, the paper's coverage distribution.
        samples: What expectations are taken over; by default ``transitions``.
        gamma: The discount.

    Returns:
        In [0, 1]; not a number where a canonical reward is constant.

    Raises:
        RewardiumError: See ``canonical_reward``.

    Example:
        >>> table = np.array([1.0, 2.0, 6.0])
        >>> states, after = (part.ravel() for part in np.meshgrid(np.arange(3), np.arange(3)))
        >>> every = Transitions(states, np.zeros_like(states), after)
        >>> plain = lambda s, a, t: table[t]
        >>> shaped = lambda s, a, t: 3.0 * table[t] + 0.9 * table[t] ** 2 - table[s] ** 2
        >>> round(epic_distance(plain, shaped, every, gamma=0.9), 6)
        0.0
    """
    over = transitions if samples is None else samples
    return pearson_distance(
        canonical_reward(first, transitions, over, gamma), canonical_reward(second, transitions, over, gamma)
    )


def of_states(values: Values) -> RewardFunction:
    """Return the reward of a table of states: what the state after a step is worth.

    Args:
        values: float [S], by the number of the state.

    Returns:
        A reward of transitions whose states are numbers below S.
    """
    table = np.asarray(values, dtype=np.float64)
    return lambda states, actions, next_states: table[next_states]
