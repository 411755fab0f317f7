"""Where comparisons come from and what is done to them: one idea a file, found by its registered name.

A builder makes comparisons of others, e.g. pairs of groups of responses; a curator drops, relabels or changes some.
Both are frozen dataclasses, whose fields are their settings, called with a list of comparisons; equal settings and
equal comparisons give equal results.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Literal, Protocol, TypeVar

from rewardium.envs.catalogue import record
from rewardium.envs.errors import RewardiumError, unknown_name_message
from rewardium.rewards.learning.preference_data.comparison import Comparison

Kind = Literal["builder", "curator"]


class Step(Protocol):
    """A builder or a curator."""

    def __call__(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Return other comparisons; those given are left as they are."""


S = TypeVar("S", bound=Callable[..., Any])
_STEPS: dict[str, tuple[Kind, Callable[..., Any]]] = {}


def register_step(name: str, kind: Kind, *, papers: tuple[str, ...] = ()) -> Callable[[S], S]:
    """Register a builder's or curator's class under a name.

    Args:
        name: What users write.
        kind: ``"builder"`` or ``"curator"``.
        papers: The keys of the papers whose idea this is, see ``rewardium.envs.catalogue``.

    Raises:
        RewardiumError: When another class has the name, or there is no such paper.
    """

    def decorate(factory: S) -> S:
        known = _STEPS.get(name)
        if known is not None and known[1].__module__ != factory.__module__:
            raise RewardiumError(f"the name {name!r} is already taken by {known[1].__module__}")
        record(f"preference data {name}", papers)
        _STEPS[name] = (kind, factory)
        return factory

    return decorate


@cache
def _load_shipped() -> None:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


def step_names(kind: Kind | None = None) -> list[str]:
    """Return every registered builder and curator, or those of one kind, sorted.

    Example:
        >>> "verified_pairs" in step_names("builder"), "dedupe" in step_names("curator")
        (True, True)
    """
    _load_shipped()
    return sorted(name for name, (own, _) in _STEPS.items() if kind in (None, own))


def make_step(name: str, settings: Mapping[str, Any] | None = None) -> Step:
    """Build a registered builder or curator.

    Args:
        name: Its name.
        settings: Its fields.

    Raises:
        RewardiumError: When there is none of that name, or a setting is wrong.

    Example:
        >>> step = make_step("verified_pairs", {"pairs": 1})
        >>> [row.responses for row in step([Comparison.of("2+2=", ["5", "4"], scores=[0, 1])])]
        [('4', '5')]
    """
    _load_shipped()
    if name not in _STEPS:
        raise RewardiumError(unknown_name_message("builder or curator", name, _STEPS))
    factory = _STEPS[name][1]
    try:
        inspect.signature(factory).bind(**(settings or {}))
    except TypeError as error:
        known = ", ".join(inspect.signature(factory).parameters) or "none"
        raise RewardiumError(f"{name!r}: {error}; its settings are: {known}") from None
    step: Step = factory(**(settings or {}))
    return step
