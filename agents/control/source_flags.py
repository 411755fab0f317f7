"""Flags that hold for every source of a reward that asks for them: which judge, which cache, which vision model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.reward import Reward


def filled(reward: Reward, **values: str | None) -> Reward:
    """Fill the empty fields of a reward tree that have a given name.

    A field is empty where it is None or ``""``; what an expression says itself stays. Rewards are frozen, so that a
    node with a filled field somewhere below it is built anew; all others are the same objects.

    Args:
        reward: The tree.
        **values: By the field's name what fills it, e.g. ``judge="http://127.0.0.1:8000/v1"``; None fills nothing.

    Returns:
        The tree, the same object where nothing was empty.

    Raises:
        RewardiumError: When no node of the tree has a field of a name with a value.

    Example:
        >>> from dataclasses import dataclass
        >>> from rewardium.rewards import Score, RewardSource, register
        >>> @register("polite")
        ... @dataclass(frozen=True)
        ... class Polite(RewardSource):
        ...     judge: str = ""
        ...     needs = frozenset({"text"})
        ...     def score(self, batch):
        ...         return Score.of([None] * len(batch))
        >>> print(0.5 * filled(Polite(), judge="http://127.0.0.1:8000/v1"))
        0.5 * polite(judge='http://127.0.0.1:8000/v1')
    """
    given = {name: value for name, value in values.items() if value is not None}
    for name in given:
        if not _has_field(reward, name):
            raise RewardiumError(f"--{name} was given, but no source of the reward {reward} has a {name!r}")
    return _filled(reward, given) if given else reward


def require_judges(reward: Reward) -> None:
    """Refuse a reward with a source whose ``judge`` is still ``""``: it would fail at the first step.

    Raises:
        RewardiumError: Naming the source.
    """
    for child in reward.children():
        require_judges(child)
    if getattr(reward, "judge", None) == "":
        raise RewardiumError(f"{reward} asks a judge, and none is named: give --judge, or judge='...' in the reward")


def require_clips(reward: Reward) -> None:
    """Refuse a reward with a source whose ``clip`` is still ``""``: it would fail at the first step.

    Raises:
        RewardiumError: Naming the source.
    """
    for child in reward.children():
        require_clips(child)
    if getattr(reward, "clip", None) == "":
        raise RewardiumError(
            f"{reward} needs a vision-language model, and none is named: give --clip, or clip='...' in the reward"
        )


def check_frames(reward: Reward, frame: Any) -> None:
    """Let every source that looks at frames say whether it can read those of an environment.

    Args:
        reward: The reward; a source with a method ``check_frames(shape, dtype)`` is asked.
        frame: What the environment renders.

    Raises:
        RewardiumError: Saying what is wrong with the frames and what would be right.
    """
    for child in reward.children():
        check_frames(child, frame)
    check = getattr(reward, "check_frames", None)
    if check is not None:
        frame = np.asarray(frame)
        check(frame.shape, frame.dtype)


def _has_field(reward: Reward, name: str) -> bool:
    own = any(item.name == name and item.init for item in dataclasses.fields(reward))  # type: ignore[arg-type]
    return own or any(_has_field(child, name) for child in reward.children())


def _filled(reward: Reward, given: Mapping[str, str]) -> Reward:
    changes: dict[str, Any] = {}
    for item in dataclasses.fields(reward):  # type: ignore[arg-type]
        before = getattr(reward, item.name)
        after = _filled_value(before, given)
        if item.name in given and before in (None, ""):
            after = given[item.name]
        if item.init and after is not before:
            changes[item.name] = after
    return dataclasses.replace(reward, **changes) if changes else reward  # type: ignore[type-var]


def _filled_value(value: Any, given: Mapping[str, str]) -> Any:
    if isinstance(value, Reward):
        return _filled(value, given)
    if isinstance(value, (tuple, list)) and any(isinstance(item, Reward) for item in value):
        items = [_filled_value(item, given) for item in value]
        unchanged = all(new is old for new, old in zip(items, value, strict=True))
        return value if unchanged else type(value)(items)
    return value
