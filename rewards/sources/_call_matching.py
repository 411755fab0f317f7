"""How well calls match gold calls; the order of calls and of arguments plays no part."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from rewardium.envs.tools.calls import ToolCall

Level = Literal["fine", "intermediate", "coarse", "refined"]
LEVELS = ("fine", "intermediate", "coarse", "refined")
_PLAIN = frozenset({str, int, float, bool})


class Match(NamedTuple):
    """How calls match gold calls.

    Args:
        share: How much of the greatest possible score was reached, in [0, 1].
        credits: For each call the part of ``share`` that it earned by its arguments.
        taken: For each gold call whether some call was credited with it.
    """

    share: float
    credits: tuple[float, ...]
    taken: tuple[bool, ...]


def same_value(left: Any, right: Any) -> bool:
    """Compare two JSON values: 1 equals 1.0, a truth value equals no number, and the order of keys plays no part.

    Example:
        >>> same_value({"a": 1, "b": [True]}, {"b": [True], "a": 1.0}), same_value(1, True), same_value("1", 1)
        (True, False, False)
    """
    if type(left) is type(right) and type(left) in _PLAIN:  # most are
        return bool(left == right)
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same_value(value, right[key]) for key, value in left.items())
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(same_value(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right
    return type(left) is type(right) and bool(left == right)


def same_call(left: ToolCall, right: ToolCall) -> bool:
    """Compare name and arguments of two calls."""
    return left.name == right.name and same_value(left.arguments, right.arguments)


def jaccard(left: Iterable[Hashable], right: Iterable[Hashable]) -> float:
    """Return the size of the intersection of two multisets over that of their union; 1 where both are empty.

    Example:
        >>> jaccard(["a", "b"], ["a", "a", "b"])
        0.6666666666666666
    """
    if isinstance(left, Mapping) and isinstance(right, Mapping):  # the keys of each differ, so counting is not needed
        common = len(left.keys() & right.keys())
        union = len(left) + len(right) - common
        return common / union if union else 1.0
    left, right = list(left), list(right)
    if left == right:
        return 1.0
    common, free = 0, list(right)  # no Counter: the few calls of an episode are counted faster so
    for item in left:
        if item in free:
            free.remove(item)
            common += 1
    return common / (len(left) + len(right) - common)


def assign(gold: Sequence[ToolCall], calls: Sequence[ToolCall]) -> list[tuple[int, int]]:
    """Give each gold call, in order, the best call of the same name that is not given away yet.

    Best is the greatest sum of the Jaccard index of the parameters' names and the number of equal values. Among equally
    good calls the text of the arguments decides, so that the order of the calls plays no part.

    Args:
        gold: The gold calls.
        calls: The calls.

    Returns:
        Pairs of a gold call's and a call's index.
    """
    return [(number, index) for number, index, _ in _assigned(gold, calls)]


def _assigned(gold: Sequence[ToolCall], calls: Sequence[ToolCall]) -> list[tuple[int, int, float | None]]:
    """Assign, and say what the argument score of each pair is where it was needed."""
    free: dict[str, list[int]] = {}
    for index, call in enumerate(calls):
        free.setdefault(call.name, []).append(index)
    pairs = []
    for number, wanted in enumerate(gold):
        candidates = free.get(wanted.name)
        if candidates:
            best, score = (candidates[0], None) if len(candidates) == 1 else _best(wanted, calls, candidates)
            candidates.remove(best)
            pairs.append((number, best, score))
    return pairs


def _best(wanted: ToolCall, calls: Sequence[ToolCall], candidates: Sequence[int]) -> tuple[int, float]:
    tied: list[int] = []
    greatest, full = -1.0, 1.0 + len(wanted.arguments)
    for index in candidates:
        score = argument_score(wanted, calls[index])
        if score == full:  # nothing is better, and what is as good has the same arguments
            return index, score
        if score > greatest:
            greatest, tied = score, [index]
        elif score == greatest:
            tied.append(index)
    return tied[0] if len(tied) == 1 else min(tied, key=lambda index: _text_of(calls[index])), greatest


def _text_of(call: ToolCall) -> str:
    return json.dumps(call.arguments, sort_keys=True, default=str)


def argument_score(wanted: ToolCall, call: ToolCall, strict: bool = False) -> float:
    """Return the Jaccard index of the parameters' names plus the number of equal values.

    Args:
        wanted: The gold call.
        call: A call of the same tool.
        strict: Count the index only where it is 1.

    Returns:
        The score, from 0 to ``1 + len(wanted.arguments)``.
    """
    given = call.arguments
    names = 1.0 if wanted.arguments.keys() == given.keys() else jaccard(wanted.arguments, given)
    equal = 0
    for key, value in wanted.arguments.items():
        if key in given and same_value(value, given[key]):
            equal += 1
    return (names if not strict or names == 1.0 else 0.0) + equal


def match_calls(
    gold: Sequence[ToolCall], calls: Sequence[ToolCall], level: Level = "fine", strangers: int = 0
) -> Match:
    """Score calls against gold calls.

    Args:
        gold: The gold calls, at least one.
        calls: The calls.
        level: How fine; see ``tool_rl``.
        strangers: Further calls of no tool, which can match nothing.

    Returns:
        The match.

    Example:
        >>> gold = [ToolCall("add", {"a": 1, "b": 2}), ToolCall("now", {})]
        >>> match_calls(gold, [ToolCall("add", {"b": 3, "a": 1})]).share
        0.5
    """
    if level == "coarse":
        return _all_or_nothing(gold, calls, strangers)
    names = jaccard([call.name for call in gold], [*[call.name for call in calls], *((None,) * strangers)])
    pairs = _assigned(gold, calls)
    if level == "refined" and names < 1.0:
        names = 0.0
    greatest = 1.0 + len(gold)
    if level != "intermediate":
        greatest += sum([len(wanted.arguments) for wanted in gold])
    earned = [0.0] * len(calls)
    taken = [False] * len(gold)
    for number, index, known in pairs:
        earned[index] = known if level == "fine" and known is not None else _SCORES[level](gold[number], calls[index])
        taken[number] = True
    return Match((names + sum(earned)) / greatest, tuple(value / greatest for value in earned), tuple(taken))


_SCORES: Mapping[str, Callable[[ToolCall, ToolCall], float]] = {
    "fine": argument_score,
    "refined": lambda wanted, call: argument_score(wanted, call, strict=True),
    "intermediate": lambda wanted, call: float(same_call(wanted, call)),
}


def _all_or_nothing(gold: Sequence[ToolCall], calls: Sequence[ToolCall], strangers: int) -> Match:
    equal = sum(same_call(gold[number], calls[index]) for number, index in assign(gold, calls))
    right = equal == len(gold) == len(calls) + strangers
    credit = 1.0 / len(calls) if right else 0.0
    return Match(float(right), (credit,) * len(calls), (right,) * len(gold))
