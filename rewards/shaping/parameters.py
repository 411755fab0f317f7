"""Checks of a node's parameters, which may come from a flag or a YAML file."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.reward import Reward


def require_reward(node: Reward, *names: str) -> None:
    """Refuse a parameter that is no reward.

    Args:
        node: The node whose fields are checked.
        *names: The names of the fields.

    Raises:
        RewardiumError: Naming the first field that holds something else.
    """
    for name in names:
        value = getattr(node, name)
        if not isinstance(value, Reward):
            raise RewardiumError(f"{node.registered_name}: {name!r} must be a reward, got {value!r}")


def require_number(
    node: Reward,
    name: str,
    *,
    at_least: float = -math.inf,
    above: float = -math.inf,
    at_most: float = math.inf,
) -> None:
    """Refuse a parameter that is no finite number, or that lies outside its range.

    Args:
        node: The node whose field is checked.
        name: The name of the field.
        at_least: The smallest allowed value.
        above: A bound that the value must exceed.
        at_most: The largest allowed value.

    Raises:
        RewardiumError: Naming the field, its range and its value.
    """
    value = getattr(node, name)
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not (at_least <= value <= at_most and value > above):
        limits = [(">=", at_least), (">", above), ("<=", at_most)]
        shown = " and ".join(f"{sign} {limit:g}" for sign, limit in limits if math.isfinite(limit))
        raise RewardiumError(
            f"{node.registered_name}: {name!r} must be a finite number {shown}".rstrip() + f", got {value!r}"
        )


def require_choice(node: Reward, name: str, choices: Sequence[str]) -> None:
    """Refuse a parameter that is none of the choices.

    Args:
        node: The node whose field is checked.
        name: The name of the field.
        choices: The allowed values.

    Raises:
        RewardiumError: Naming the field, the choices and the value.
    """
    value = getattr(node, name)
    if value not in choices:
        raise RewardiumError(f"{node.registered_name}: {name!r} must be one of {', '.join(choices)}, got {value!r}")
