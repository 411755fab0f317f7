"""The published systems that stand behind this suite, and which registered thing implements which of them.

The facts about the papers are in ``papers.csv``. What implements a paper says so where it is registered, so that no
second list has to be kept: ``register("tool_rl", papers=("B15",))`` for a reward, ``implements("A6")`` for anything
that has no registry of its own.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple, TypeVar

from rewardium.envs.errors import RewardiumError, unknown_name_message

_IMPLEMENTED: dict[str, set[str]] = {}
T = TypeVar("T", bound=Callable[..., object])


class Paper(NamedTuple):
    """A published system.

    Args:
        key: Its name in this suite, e.g. ``"B15"``: A or B for one of two lists, and the place in it.
        also: Its key in the other list where it stands in both, else empty.
        name: What the system is called.
        title: Of the paper.
        published: Month and year.
        mechanisms: The kinds of things that it is made of.
    """

    key: str
    also: str
    name: str
    title: str
    published: str
    mechanisms: tuple[str, ...]


@cache
def papers() -> Mapping[str, Paper]:
    """Return all papers by key, in order.

    Example:
        >>> paper = papers()["B15"]
        >>> len(papers()), paper.name, paper.published
        (116, 'ToolRL', 'Apr 2025')
    """
    text = files("rewardium.envs").joinpath("papers.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    found = [
        Paper(
            row["key"], row["also"], row["name"], row["title"], row["published"], tuple(row["mechanisms"].split("; "))
        )
        for row in rows
    ]
    return {paper.key: paper for paper in found}


@cache
def _keys() -> Mapping[str, str]:
    return {key: paper.key for paper in papers().values() for key in (paper.key, paper.also) if key}


def paper_named(key: str) -> Paper:
    """Return a paper by either of its keys.

    Raises:
        RewardiumError: When there is none.

    Example:
        >>> paper_named("B26") is paper_named("A17")
        True
    """
    if key not in _keys():
        raise RewardiumError(unknown_name_message("paper", key, _keys()))
    return papers()[_keys()[key]]


def record(what: str, keys: Iterable[str]) -> None:
    """Write down that something implements papers.

    Args:
        what: Kind and name as users know them, e.g. ``"reward tool_rl"``.
        keys: Of the papers.

    Raises:
        RewardiumError: When there is no such paper.
    """
    if isinstance(keys, str):
        raise RewardiumError(f"{what}: papers must be a tuple of keys, got {keys!r}")
    for key in keys:
        _IMPLEMENTED.setdefault(paper_named(key).key, set()).add(what)


def implements(*keys: str, what: str | None = None) -> Callable[[T], T]:
    """Say of a class or function which papers it implements.

    Args:
        *keys: Of the papers.
        what: Kind and name as users know them; by default module and name.

    Returns:
        A decorator that returns its argument unchanged.

    Raises:
        RewardiumError: When there is no such paper.
    """

    def decorate(thing: T) -> T:
        record(what or f"{thing.__module__}.{thing.__qualname__}", keys)
        return thing

    return decorate


def implementations() -> Mapping[str, tuple[str, ...]]:
    """Return what implements each paper, by its key and sorted, of the modules that have been imported."""
    return {key: tuple(sorted(what)) for key, what in _IMPLEMENTED.items()}
