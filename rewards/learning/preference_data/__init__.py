"""Where comparisons come from and what is done to them: one idea a file, found by its registered name.

A builder makes comparisons of others, e.g. pairs of groups of responses; a curator drops, relabels or changes some.
Both are frozen dataclasses, whose fields are their settings, called with a list of comparisons; equal settings and
equal comparisons give equal results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeVar

from rewardium.envs.name_registry import NameRegistry, build_with
from rewardium.rewards.learning.preference_data.comparison import Comparison

Kind = Literal["builder", "curator"]


class Step(Protocol):
    """A builder or a curator."""

    def __call__(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Return other comparisons; those given are left as they are."""


S = TypeVar("S", bound=Callable[..., Any])
_STEPS: NameRegistry[Step] = NameRegistry(
    "builder or curator", __name__, name_kind="name", recorded_as="preference data"
)
_KINDS: dict[str, Kind] = {}


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
        registered = _STEPS.register(name, papers)(factory)
        _KINDS[name] = kind
        return registered

    return decorate


def step_names(kind: Kind | None = None) -> list[str]:
    """Return every registered builder and curator, or those of one kind, sorted.

    Example:
        >>> "verified_pairs" in step_names("builder"), "dedupe" in step_names("curator")
        (True, True)
    """
    return [name for name in _STEPS.names() if kind in (None, _KINDS[name])]


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
    return build_with(repr(name), _STEPS.get(name), settings)
