"""The match of the Berkeley Function Calling Leaderboard: all calls right, or nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rewardium.envs.task import Task
from rewardium.envs.tools.calls import ToolCall
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.shaping.parameters import require_choice
from rewardium.rewards.source import Score
from rewardium.rewards.sources._tool_turns import (
    NO_GOLD,
    NOT_YET,
    STYLES,
    AnyStyle,
    Episode,
    Judged,
    gold_calls,
    score_episodes,
)

_IGNORED = re.compile(r"[ ,./\-_*^]")

Allowed = Mapping[str, Sequence[Any]]
"""The values that each parameter may have; an empty text among several says that it may be left out."""


def is_allowed(value: Any, wanted: Any) -> bool:
    """Say whether a value is an allowed one: of its type, and equal.

    Texts are compared in lower case without the characters `` ,./-_*^``, lists and objects part by part. A whole number
    passes for a number with a point, never the other way round.

    Example:
        >>> is_allowed("new-york", "New York"), is_allowed(2, 2.0), is_allowed(2.0, 2), is_allowed(1, True)
        (True, True, False, False)
    """
    if isinstance(wanted, str):
        return isinstance(value, str) and _plain(value) == _plain(wanted)
    if isinstance(wanted, (list, tuple)):
        parts = isinstance(value, (list, tuple)) and len(value) == len(wanted)
        return parts and all(is_allowed(part, other) for part, other in zip(value, wanted, strict=True))
    if isinstance(wanted, Mapping):
        same_keys = isinstance(value, Mapping) and value.keys() == wanted.keys()
        return same_keys and all(is_allowed(value[key], other) for key, other in wanted.items())
    of_type = type(value) is type(wanted) or (type(value) is int and type(wanted) is float)
    return of_type and bool(value == wanted)


def _plain(text: str) -> str:
    return _IGNORED.sub("", text).lower()


def possible_calls(task: Task) -> list[tuple[str, Allowed]] | None:
    """Return the calls that the task wants, with the values that each parameter may have.

    Args:
        task: With ``fields["possible_calls"]``, a list of ``{"name": ..., "arguments": {parameter: [value, ...]}}``; or
            without it, and with ``fields["gold_calls"]``, whose values are then the only ones.

    Returns:
        Names and allowed values; None where the task has neither in that form.
    """
    if "possible_calls" not in task.fields:
        gold = gold_calls(task)
        return None if gold is None else [(call.name, {k: [v] for k, v in call.arguments.items()}) for call in gold]
    calls = gold_calls(Task("", fields={"gold_calls": task.fields["possible_calls"]}))
    if calls is None or not all(
        isinstance(values, (list, tuple)) for call in calls for values in call.arguments.values()
    ):
        return None
    return [(call.name, call.arguments) for call in calls]


def fits(call: ToolCall, name: str, allowed: Allowed) -> bool:
    """Say whether a call is one that is wanted: the name, no unexpected parameter, none missing, allowed values."""
    if call.name != name or not call.arguments.keys() <= allowed.keys():
        return False
    return all(
        any(is_allowed(call.arguments[key], value) for value in values) if key in call.arguments else _may_lack(values)
        for key, values in allowed.items()
    )


def _may_lack(values: Sequence[Any]) -> bool:
    return len(values) > 1 and any(isinstance(value, str) and not value for value in values)


@register("bfcl_match")
@dataclass(frozen=True)
class BfclMatch(RewardSource):
    r"""1.0 where the calls are exactly those that are wanted, in any order, else 0.0.

    The match by syntax tree of the Berkeley Function Calling Leaderboard: as many calls as wanted, the tools' exact
    names, every required parameter, no unexpected one, and each value of the right type and among the allowed ones;
    texts are compared in lower case without the characters `` ,./-_*^``. Rules as published. Two choices are our own:
    calls and wanted calls are paired in the best way, where the leaderboard takes the first that fits; and without the
    tools' signatures a value's type is that of the allowed value.

    The leaderboard judges a conversation of several turns by the state of the simulated world, which only the
    environment can see; that verdict is ``extrinsic``. With ``scope="episode"`` the calls of all turns are compared
    with all wanted calls, at the last turn, and an earlier turn is worth 0.

    Score: value float32 [B] in {0, 1}, valid bool [B], False where the task has neither ``fields["possible_calls"]``
    (allowed values as lists, with an empty text among several where a parameter may be left out) nor
    ``fields["gold_calls"]``.

    Args:
        scope: ``"episode"``, or ``"response"``: each turn's calls alone against all wanted calls.
        call_style: How calls are written, as in the environment: ``"hermes"``, ``"openai"`` or ``"auto"``.

    Raises:
        RewardiumError: When a parameter is out of its range.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> task = Task("Weather?", fields={"gold_calls": [{"name": "weather", "arguments": {"city": "New York"}}]})
        >>> said = '<tool_call>{"name": "weather", "arguments": {"city": "%s"}}</tool_call>'
        >>> rows = [Transition("", "", said % city, task=task) for city in ("new york", "Boston")]
        >>> BfclMatch(scope="response").score(TransitionBatch.from_transitions(rows)).value.tolist()
        [1.0, 0.0]
    """

    scope: Literal["response", "episode"] = "episode"
    call_style: AnyStyle = "hermes"

    def __post_init__(self) -> None:
        require_choice(self, "call_style", STYLES)
        require_choice(self, "scope", ("response", "episode"))

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """Action and task, and the history where earlier turns count."""
        return frozenset({"action", "task"} | (set() if self.scope == "response" else {"history"}))

    def score(self, batch: TransitionBatch) -> Score:
        """Score B turns; the reasons say what did not match."""
        return score_episodes(batch, self.needs, self.call_style, self._judge)

    def _judge(self, episode: Episode) -> Judged:
        wanted = possible_calls(episode.task)
        if wanted is None:
            return Judged(None, NO_GOLD)
        if self.scope == "episode" and not episode.done:
            return Judged(0.0, NOT_YET)
        judged = episode if self.scope == "episode" else episode.turn
        if len(judged.calls) < len(judged.items):
            return Judged(0.0, "a call cannot be read")
        if len(judged.calls) != len(wanted):
            return Judged(0.0, f"{len(judged.calls)} calls where {len(wanted)} are wanted")
        paired = _pair(judged.calls, wanted)
        return Judged(float(paired), None if paired else "some call is not as wanted")


def _pair(calls: Sequence[ToolCall], wanted: Sequence[tuple[str, Allowed]]) -> bool:
    """Say whether every wanted call can have a call of its own that fits, by augmenting paths."""
    fitting = [[index for index, call in enumerate(calls) if fits(call, *one)] for one in wanted]
    owner: dict[int, int] = {}

    def find(number: int, seen: set[int]) -> bool:
        for index in fitting[number]:
            if index not in seen:
                seen.add(index)
                if index not in owner or find(owner[index], seen):
                    owner[index] = number
                    return True
        return False

    return all(find(number, set()) for number in range(len(wanted)))
