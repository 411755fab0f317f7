"""What some sources hold beside their scores: figures to log, background work, and what they have learned.

None of it is asked of a source. One that asks a judge in the background has ``statistics`` (numbers in a mapping or a
dataclass, or a method that returns one), ``drain`` and ``close``; one that learns while the agent does may have
``student_statistics``, and ``state_dict`` with ``load_state_dict``. A trainer finds them wherever they stand in the
reward's tree.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.reward import Reward

logger = logging.getLogger(__name__)


@runtime_checkable
class Drainable(Protocol):
    """Works in the background."""

    def drain(self) -> Any:
        """Wait until all that was asked for has been worked on."""


@runtime_checkable
class Closable(Protocol):
    """Holds something: a thread, a connection, a file."""

    def close(self) -> None:
        """Free it; called once for each place in the tree, so that a second call does nothing."""


@runtime_checkable
class Learns(Protocol):
    """Learns while the agent does, so that a checkpoint must hold what it has learned."""

    def state_dict(self) -> Mapping[str, Any]:
        """Nested mappings and lists of tensors and plain values."""

    def load_state_dict(self, state: Mapping[str, Any]) -> Any:
        """Go on from what ``state_dict`` returned."""


def nodes(reward: Reward) -> Iterator[Reward]:
    """Yield every node of a reward's tree once, also a source inside of another.

    Example:
        >>> from rewardium.rewards import parse
        >>> [node.registered_name for node in nodes(parse("once(asynchronous(repetition))"))]
        ['once', 'asynchronous', 'repetition']
    """
    seen: set[int] = set()

    def walk(node: Reward) -> Iterator[Reward]:
        if id(node) not in seen:
            seen.add(id(node))
            yield node
            for child in node.children():
                yield from walk(child)

    yield from walk(reward)


def statistics(reward: Reward) -> dict[str, float]:
    """Return the figures of all sources that have some.

    Args:
        reward: The reward.

    Returns:
        ``annotator/<source>/<figure>``, and ``student/<source>/<figure>`` from a source's ``student_statistics``;
        what is no number is left out. Equal sources speak once.
    """
    metrics: dict[str, float] = {}
    labels: dict[str, str] = {}
    for node in nodes(reward):
        if str(node) in labels or not hasattr(type(node), "statistics"):
            continue
        name = node.registered_name
        number = sum(label.split("#")[0] == name for label in labels.values()) + 1
        labels[str(node)] = label = name if number == 1 else f"{name}#{number}"
        for kind, attribute in (("annotator", "statistics"), ("student", "student_statistics")):
            figures = getattr(node, attribute, None)
            metrics |= _numbers(f"{kind}/{label}", figures() if callable(figures) else figures)
    return metrics


def _numbers(prefix: str, value: Any) -> dict[str, float]:
    """Return the numbers inside of a value by their path."""
    if isinstance(value, (bool, int, float)):
        return {prefix: float(value)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
    parts = value.items() if isinstance(value, Mapping) else ()
    return {name: number for key, item in parts for name, number in _numbers(f"{prefix}/{key}", item).items()}


def drain(reward: Reward) -> None:
    """Wait until no source has background work left."""
    for node in nodes(reward):
        if isinstance(node, Drainable):
            node.drain()


def close(reward: Reward) -> None:
    """Close all sources; one that fails is logged and keeps no other from being closed."""
    for node in nodes(reward):
        if isinstance(node, Closable):
            _try(node.close, f"closing {node}")


def _try(work: Callable[[], Any], what: str) -> None:
    try:
        work()
    except Exception:
        logger.exception("%s failed", what)


def learned(reward: Reward) -> dict[str, Any]:
    """Return what the sources have learned, by their expression.

    Returns:
        Empty where none learns.
    """
    return {str(node): dict(node.state_dict()) for node in nodes(reward) if isinstance(node, Learns)}


def load_learned(reward: Reward, state: Mapping[str, Any]) -> None:
    """Give the sources back what they had learned.

    Raises:
        RewardiumError: When a source that learns is not in the state: the run had another reward.
    """
    for node in nodes(reward):
        if isinstance(node, Learns):
            if str(node) not in state:
                raise RewardiumError(f"the checkpoint holds nothing that {node} has learned: the reward has changed")
            node.load_state_dict(state[str(node)])
