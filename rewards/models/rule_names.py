"""Rules by name, as scripted judges have them: a function and the version that labels are kept under."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

from rewardium.envs.errors import RewardiumError

R = TypeVar("R", bound=Callable[..., Any])


class Registered(NamedTuple, Generic[R]):
    """A rule.

    Args:
        rule: The function.
        version: Part of its judge's name.
    """

    rule: R
    version: str


def registering(rules: dict[str, Registered[R]], name: str, version: str) -> Callable[[R], R]:
    """Return a decorator that puts a rule under a name and returns it unchanged.

    Args:
        rules: Those that there are; the rule is added.
        name: Letters, digits, ``_`` and ``-``.
        version: Of the rule.

    Raises:
        RewardiumError: When the name has other characters, or belongs to another rule.
    """
    if not name or not name.replace("_", "a").replace("-", "a").isalnum():
        raise RewardiumError(f"a rule's name consists of letters, digits, '_' and '-', got {name!r}")

    def decorate(rule: R) -> R:
        known = rules.get(name)
        if known is not None and _place(known.rule) != _place(rule):
            raise RewardiumError(f"the rule name {name!r} is already taken by {known.rule.__module__}")
        rules[name] = Registered(rule, version)
        return rule

    return decorate


def _place(rule: Callable[..., Any]) -> tuple[str, str]:
    return rule.__module__, rule.__qualname__
