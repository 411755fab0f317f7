"""What some sources hold beside their scores: figures to log, background work, and what they have learned.

None of it is asked of a source. One that asks a judge in the background has ``statistics`` (numbers in a mapping or a
dataclass, or a method that returns one), ``drain`` and ``close``; one that learns while the agent does may have
``student_statistics``, and ``state_dict`` with ``load_state_dict``. A trainer finds them wherever they stand in the
reward's tree.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, runtime_checkable

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.reward import Reward

logger = logging.getLogger(__name__)

PATIENCE = 120.0
"""Seconds for which a judge may do nothing but fail before a run that waits for it goes on without its labels."""
_POLL = 0.2
_DONE = ("/labelled", "/recalled", "/unknown")


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
    """Wait until no source has background work left.

    A judge that takes its time is waited for. One that does nothing but fail for ``PATIENCE`` seconds is left: what it
    was asked stays queued, and the next calls do not wait for it either, until it has caught up.
    """
    name = f"drain {id(reward)}"
    earlier = next((thread for thread in threading.enumerate() if thread.name == name), None)
    if earlier is not None:
        earlier.join(_POLL)
        return
    errors: list[BaseException] = []
    thread = threading.Thread(target=_drain_all, args=(reward, errors), name=name, daemon=True)
    thread.start()
    since, before = time.monotonic(), _done_and_failed(reward)
    while thread.is_alive():
        thread.join(_POLL)
        now = _done_and_failed(reward)
        if now[0] != before[0]:
            since, before = time.monotonic(), now
        elif now[1] > before[1] and time.monotonic() - since >= PATIENCE:
            logger.warning("a judge has only failed for %.0f s; training goes on without its labels", PATIENCE)
            return
    for error in errors:
        raise error


def _drain_all(reward: Reward, errors: list[BaseException]) -> None:
    try:
        for node in nodes(reward):
            if isinstance(node, Drainable):
                node.drain()
    except BaseException as error:  # raised again by who waits
        errors.append(error)


def _done_and_failed(reward: Reward) -> tuple[float, float]:
    """Return how many questions are done with, and how often judges failed."""
    figures = statistics(reward)
    return (
        sum(value for name, value in figures.items() if name.endswith(_DONE)),
        sum(value for name, value in figures.items() if name.startswith("annotator/") and name.endswith("/failures")),
    )


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


def load_learned(reward: Reward, state: Mapping[str, Any], *, known_only: bool = False) -> None:
    """Give the sources back what they had learned.

    Args:
        reward: The reward.
        state: What ``learned`` returned.
        known_only: Let sources begin anew that are not in the state, since the run goes on with another reward.

    Raises:
        RewardiumError: When a source that learns is not in the state: the run had another reward.
    """
    for node in nodes(reward):
        if isinstance(node, Learns):
            if str(node) not in state:
                if known_only:
                    continue
                raise RewardiumError(f"the checkpoint holds nothing that {node} has learned: the reward has changed")
            node.load_state_dict(state[str(node)])
