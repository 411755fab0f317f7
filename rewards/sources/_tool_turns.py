"""What the tool-use sources read of an episode: its turns, calls and outcomes, and the calls of its gold solution."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from rewardium.envs.task import Task
from rewardium.envs.tools.calls import CallFault, CallStyle, ToolCall, parse_turn
from rewardium.envs.tools.observations import ToolResult, read_observation
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.source import Score, Segment, Segments
from rewardium.rewards.sources._columns import NO_RESPONSE, no_score
from rewardium.rewards.sources._identity_cache import IdentityCache

Scope = Literal["response", "turn", "so_far", "episode"]
"""What is judged, and when it is paid.

``response``: the turn's calls against all gold calls; earlier turns are not looked at.
``turn``: the turn's calls against the gold calls that no earlier turn was paid for.
``so_far``: the calls of all turns up to this one against all gold calls, at every turn; what ``delta`` is for.
``episode``: the same, paid at the episode's last turn; every earlier turn is worth 0.
"""

AnyStyle = CallStyle | Literal["auto"]
"""How calls are written; sources must read them as the environment does."""

STYLES = ("hermes", "openai", "auto")
NO_TASK = "the batch has no tasks"
NO_HISTORY = "the batch has no histories"
NO_OBSERVATION = "the batch has no observations"
NO_GOLD = "the task has no gold calls that can be read"
NO_RESULTS = "the observation does not say of each call what came of it"
NOT_YET = "paid at the episode's last turn"

NEVER_RAN: frozenset[str] = frozenset(
    {"malformed", "refused", "unknown_tool", "missing_argument", "extra_argument", "wrong_type", "bad_value"}
)
"""The statuses of a call that no tool was run for: it could not be read, or does not fit the tool."""

_TAG = re.compile(r"</?tool_call>")
_OPENING, _CLOSING = "<tool_call>", "</tool_call>"
_MAX_REMEMBERED_CHARACTERS = 2**14
_GOLD: IdentityCache[tuple[ToolCall, ...] | None] = IdentityCache(4096)
# A call whose strings hold more closing tags than this is not located.
_MAX_CLOSINGS = 4


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of an episode.

    Args:
        text: The response; empty where the action is no text.
        items: Its calls, and what looks like a call and cannot be read, in order.
        content: The response without its call blocks.
        results: What came of the items, one for each; None where that is not known.

    Attributes:
        calls: The calls that can be read.
        has_faults: Whether something looks like a call and cannot be read.
    """

    text: str
    items: tuple[ToolCall | CallFault, ...]
    content: str
    results: tuple[ToolResult, ...] | None
    calls: tuple[ToolCall, ...] = field(init=False)
    has_faults: bool = field(init=False)

    def __post_init__(self) -> None:
        # Once, since a turn is asked for them by several sources, and by all later turns.
        object.__setattr__(self, "calls", tuple(item for item in self.items if isinstance(item, ToolCall)))
        object.__setattr__(self, "has_faults", len(self.calls) < len(self.items))


@dataclass(frozen=True, slots=True)
class Episode:
    """An episode up to the turn that is scored.

    Args:
        turns: The turns, oldest first; the last one is scored.
        task: The task.
        reward: The environment's own reward for the last of the turns.
        done: Whether the episode ended with it.
    """

    turns: tuple[Turn, ...]
    task: Task
    reward: float
    done: bool

    @property
    def turn(self) -> Turn:
        """The turn that is scored."""
        return self.turns[-1]

    @property
    def items(self) -> tuple[ToolCall | CallFault, ...]:
        """The items of all turns."""
        return tuple(item for turn in self.turns for item in turn.items)

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The calls of all turns that can be read."""
        return self.turn.calls if len(self.turns) == 1 else tuple(call for turn in self.turns for call in turn.calls)

    @property
    def results(self) -> tuple[ToolResult, ...] | None:
        """What came of the items of all turns; None where that of some turn is not known."""
        known = [turn.results for turn in self.turns if turn.results is not None]
        return None if len(known) < len(self.turns) else tuple(result for results in known for result in results)

    @property
    def gold(self) -> tuple[ToolCall, ...] | None:
        """The gold calls; None where they are not known."""
        return gold_calls(self.task)


class Judged(NamedTuple):
    """What a source says of a turn.

    Args:
        value: The score; None where it cannot be had.
        reason: Why, in words, or None.
        segments: Parts of the value at places in the response, which sum to it; empty for none.
    """

    value: float | None
    reason: str | None = None
    segments: Segments = ()


def score_episodes(
    batch: TransitionBatch, needs: frozenset[str], style: AnyStyle, judge: Callable[[Episode], Judged]
) -> Score:
    """Judge every turn of a batch, each with what came before it in its episode.

    Args:
        batch: B transitions.
        needs: What the source needs; a column among them that the batch lacks leaves every row without a score.
        style: How calls are written.
        judge: Judges the last turn of an episode.

    Returns:
        The score of B rows; invalid where there is no task.
    """
    columns = {
        "task": (batch.tasks, NO_TASK),
        "history": (batch.histories, NO_HISTORY),
        "observation": (batch.observations, NO_OBSERVATION),
    }
    if batch.actions is None:
        return no_score(batch, NO_RESPONSE)
    for need, (column, reason) in columns.items():
        if need in needs and column is None:
            return no_score(batch, reason)
    episodes = _EPISODES.get((batch,), style, lambda: list(_episodes(batch, style)))
    judged = [Judged(None, "there is no task") if episode is None else judge(episode) for episode in episodes]
    segments = [row.segments for row in judged]
    return Score.of(
        [row.value for row in judged],
        reasons=[row.reason for row in judged],
        segments=segments if any(segments) else None,
    )


def _episodes(batch: TransitionBatch, style: AnyStyle) -> Iterator[Episode | None]:
    """Read every row, with all that the batch has, so that sources which need more or less share what was read."""
    rows = len(batch)
    tasks = batch.tasks if batch.tasks is not None else [None] * rows
    histories = batch.histories if batch.histories is not None else [()] * rows
    observations = batch.observations if batch.observations is not None else [None] * rows
    sees = batch.observations is not None
    columns = zip(tasks, histories, batch.actions, observations, batch.rewards.tolist(), batch.dones, strict=True)
    for task, history, action, observation, reward, done in columns:
        if task is None:
            yield None
            continue
        earlier = [turn_of(past.action, past.observation if sees else None, style) for past in history]
        yield Episode((*earlier, turn_of(action, observation, style)), task, reward, bool(done))


# The batch that was read last: all sources of a composed reward score one batch before the next.
_EPISODES: IdentityCache[list[Episode | None]] = IdentityCache(1)


def turn_of(action: Any, observation: Any = None, style: AnyStyle = "hermes") -> Turn:
    """Read one turn.

    Args:
        action: What the policy wrote; anything.
        observation: What the environment showed next, as ``write_observation`` writes it.
        style: How calls are written.

    Returns:
        The turn. An action that is no text is something that looks like a call and cannot be read, as it is for the
        environment. Its results are known where it has no items, or the observation has one result for each.

    Example:
        >>> turn_of('<tool_call>{"name": "now", "arguments": {}}</tool_call>').calls
        (ToolCall(name='now', arguments={}, id=None),)
    """
    seen = observation if isinstance(observation, str) else None
    if isinstance(action, str) and len(action) + len(seen or "") <= _MAX_REMEMBERED_CHARACTERS:
        return _remembered_turn(action, seen, style)
    return _turn(action, seen, style)


def _turn(action: Any, observation: str | None, style: AnyStyle) -> Turn:
    parsed = parse_turn(action, style)
    results = () if observation is None else read_observation(observation)
    known = len(results) == len(parsed.calls)
    return Turn(action if isinstance(action, str) else "", parsed.calls, parsed.content, results if known else None)


@lru_cache(maxsize=8192)
def _remembered_turn(action: str, observation: str | None, style: AnyStyle) -> Turn:
    """Read a turn once for all sources, and for all later turns that see it in their history."""
    return _turn(action, observation, style)


def gold_calls(task: Task) -> tuple[ToolCall, ...] | None:
    """Return the calls of the gold solution: ``task.fields["gold_calls"]``, a list of names and arguments.

    Args:
        task: The task.

    Returns:
        The calls, possibly none; None where the task does not say, or says it in another form.

    Example:
        >>> gold_calls(Task("What time is it?", fields={"gold_calls": [{"name": "now", "arguments": {}}]}))
        (ToolCall(name='now', arguments={}, id=None),)
        >>> gold_calls(Task("What time is it?")) is None
        True
    """
    rows = task.fields.get("gold_calls")
    if not isinstance(rows, (list, tuple)):
        return None
    return _GOLD.get((rows,), len(rows), lambda: _read_gold(rows))


def _read_gold(rows: Sequence[Any]) -> tuple[ToolCall, ...] | None:
    calls = [_gold_call(row) for row in rows]
    known = tuple(call for call in calls if call is not None)
    return known if len(known) == len(calls) else None


def _gold_call(row: Any) -> ToolCall | None:
    if not isinstance(row, Mapping) or not isinstance(row.get("name"), str):
        return None
    arguments = row.get("arguments")
    if not isinstance(arguments, Mapping) or not all(isinstance(key, str) for key in arguments):
        return None
    return ToolCall(row["name"], arguments)


def call_spans(turn: Turn) -> list[tuple[int, int]] | None:
    """Return where the call blocks of a turn stand in its response, tags included.

    Args:
        turn: The turn.

    Returns:
        One pair ``(start, end)`` of character indices a call. None where the turn has no calls, or one that cannot be
        read, or is written in OpenAI's style, where calls are no text of their own.

    Example:
        >>> call_spans(turn_of('Now: <tool_call>{"name": "now", "arguments": {}}</tool_call>'))
        [(5, 60)]
    """
    spans: list[tuple[int, int]] = []
    for item in turn.items:
        span = _span(turn.text, item, spans[-1][1] if spans else 0) if isinstance(item, ToolCall) else None
        if span is None:
            return None
        spans.append(span)
    return spans or None


def _span(text: str, call: ToolCall, at: int) -> tuple[int, int] | None:
    """Return the block of one call: up to the closing tag with which it reads as this call, and as nothing else."""
    start = text.find(_OPENING, at)
    end = start
    for _ in range(_MAX_CLOSINGS if start >= 0 else 0):
        closing = text.find(_CLOSING, end)
        if closing < 0:
            return None
        end = closing + len(_CLOSING)
        if parse_turn(text[start:end], "hermes").calls == (call,):
            return start, end
    return None


def has_form(turn: Turn, wants_calls: bool, think: bool) -> bool:
    r"""Say whether a turn's tags are as they should be; whether what stands between them can be read plays no part.

    Args:
        turn: The turn.
        wants_calls: Whether the turn should make calls, which then end the response with nothing but white space
            between them, or should give an answer, which then is not empty.
        think: Whether the response must begin with ``<think>...</think>``, followed by the calls or the answer alone;
            otherwise any text may stand before the calls.

    Returns:
        Whether the turn has that form.

    Example:
        >>> block = '<tool_call>{"name": "now", "arguments": {}}</tool_call>'
        >>> [has_form(turn_of(text), True, think=True) for text in ("<think>hm</think>\n" + block, block, block + ".")]
        [True, False, False]
    """
    if not wants_calls:
        answer = _after_thought(turn.text) if think else turn.text
        return not turn.items and bool(answer and answer.strip())
    lead = _lead(turn)
    if lead is None or not think:
        return lead is not None
    after = _after_thought(lead)
    return after is not None and not after.strip()


def _lead(turn: Turn) -> str | None:
    """Return what stands before the calls, or None where the response does not end in well tagged calls."""
    tags = [(tag.start(), tag.end()) for tag in _TAG.finditer(turn.text)]
    if not tags:
        return turn.content if turn.items and not turn.has_faults else None  # a message in OpenAI's style
    blocks = _blocks(turn.text, tags)
    if blocks is None or len(blocks) != len(turn.items):
        blocks = call_spans(turn) or blocks  # a string inside of a call may hold tags, which are none
    if blocks is None:
        return None
    starts = [start for start, _ in blocks[1:]] + [len(turn.text)]
    tidy = all(not turn.text[end:start].strip() for (_, end), start in zip(blocks, starts, strict=True))
    return turn.text[: blocks[0][0]] if tidy else None


def _blocks(text: str, tags: list[tuple[int, int]]) -> list[tuple[int, int]] | None:
    """Pair the tags; None where they do not take turns."""
    opening, closing = tags[::2], tags[1::2]
    if len(opening) != len(closing):
        return None
    if any(text[start:end] != _OPENING for start, end in opening) or any(
        text[start:end] != _CLOSING for start, end in closing
    ):
        return None
    return [(start, end) for (start, _), (_, end) in zip(opening, closing, strict=True)]


def _after_thought(text: str) -> str | None:
    """Return what follows the one ``<think>...</think>`` at the text's beginning, or None where it is not so."""
    before, opened, rest = text.partition("<think>")
    thought, closed, after = rest.partition("</think>")
    proper = opened and closed and not before.strip() and not _TAG.search(thought)
    return after if proper and not any(tag in thought + after for tag in ("<think>", "</think>")) else None


def by_call(turn: Turn, value: float, shares: tuple[float, ...]) -> Segments:
    """Place each call's share of a value on its block, and the rest on the response's last character.

    Args:
        turn: The turn.
        value: The value, which the segments sum to.
        shares: One share a call that can be read.

    Returns:
        The segments; none where the calls have no place of their own.
    """
    spans = call_spans(turn)
    if spans is None or len(spans) != len(shares):
        return ()
    placed = [Segment(start, end, share) for (start, end), share in zip(spans, shares, strict=True)]
    return (*placed, Segment(0, len(turn.text), value - sum(shares)))
