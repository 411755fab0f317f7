"""What nodes over a list of rewards share; the leading underscore says that this file is no node."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.source import Score
from rewardium.rewards.state import RewardState


def require_rewards(node: Reward, name: str) -> None:
    """Make a field a tuple of rewards, and refuse anything else; one reward stands for a list of one.

    Args:
        node: The node whose field is checked; the field is replaced by a tuple.
        name: The name of the field.

    Raises:
        RewardiumError: When the field holds no rewards, or something else among them.
    """
    given = getattr(node, name)
    given = (given,) if isinstance(given, Reward) else given
    proper = isinstance(given, (list, tuple)) and all(isinstance(reward, Reward) for reward in given)
    if not proper or not given:
        raise RewardiumError(f"{node.registered_name}: {name!r} must be a list of rewards, got {given!r}")
    object.__setattr__(node, name, tuple(given))


def require_numbers(node: Reward, name: str, length: int | None, *, at_least: float = -math.inf) -> None:
    """Make a field a tuple of finite numbers, and refuse anything else.

    Args:
        node: The node whose field is checked; the field is replaced by a tuple.
        name: The name of the field.
        length: How many numbers it must hold; None for any number of them.
        at_least: The smallest allowed number.

    Raises:
        RewardiumError: Naming the field and what it holds.
    """
    given = getattr(node, name)
    proper = isinstance(given, (list, tuple)) and all(
        isinstance(number, (int, float)) and not isinstance(number, bool) and at_least <= number and abs(number) < 1e300
        for number in given
    )
    if not proper or (length is not None and len(given) != length):
        many = "" if length is None else f"{length} "
        range_ = "" if at_least == -math.inf else f" of at least {at_least:g}"
        raise RewardiumError(
            f"{node.registered_name}: {name!r} must be a list of {many}finite numbers{range_}, got {given!r}"
        )
    object.__setattr__(node, name, tuple(given))


def fold_all(
    rewards: Sequence[Reward], scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState, first: int = 0
) -> tuple[Outcome, ...]:
    """Fold several rewards; the memory of the i-th is the child ``first + i`` of the node's.

    Args:
        rewards: The rewards.
        scores: The score of each source, by ``source.key``.
        batch: The transitions, at most one an environment.
        state: What the node remembers.
        first: The number of the node's children that stand before them.

    Returns:
        One outcome a reward.
    """
    return tuple(reward.fold(scores, batch, state.child(index)) for index, reward in enumerate(rewards, start=first))


def narrow(number: float) -> float:
    """Round a constant as rewards are rounded, so that a score of 0.9 is not below the constant 0.9.

    Example:
        >>> narrow(0.5), narrow(0.9) < 0.9
        (0.5, True)
    """
    return float(np.float32(number))
