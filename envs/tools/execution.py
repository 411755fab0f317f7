"""Running the calls of a turn: what came of each, as a text for the agent and as a fact for a reward.

Calls run in the order of the response, each whatever became of those before it. Nothing that an agent asks for raises:
a call that cannot be read, a tool that does not exist, arguments that do not fit and a tool that fails all become a
``CallOutcome`` whose text says what to do instead.

What a tool says is only data in the conversation. It is bounded in length, and ``calls.harmless`` rewrites whatever
could pass for a tag, so that no document, no database row and no remote server can make a call in the agent's name, or
end its own response and begin another.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from rewardium.envs.errors import RewardiumError
from rewardium.envs.tools.calls import CallFault, FaultKind, ParsedTurn, ToolCall, harmless, render_response
from rewardium.envs.tools.strict_json import MAX_DEPTH, TooLargeJsonError, UnreadableJsonError, read_json
from rewardium.envs.tools.tool import Tool, Toolbox, ToolError, ToolTimeoutError
from rewardium.envs.tools.validation import Problem, worst_kind

CallStatus = Literal[
    "ok",
    "malformed",
    "unknown_tool",
    "missing_argument",
    "extra_argument",
    "wrong_type",
    "bad_value",
    "tool_error",
    "timeout",
    "refused",
]
"""What came of a call.

``ok``: the tool answered. ``malformed``: the call could not be read. ``unknown_tool``, ``missing_argument``,
``extra_argument``, ``wrong_type``, ``bad_value``: it was not run; of several problems with the arguments the first of
this order counts. ``tool_error``: the tool refused or failed. ``timeout``: the tool took too long. ``refused``: it was
not run because the turn or the call is too large.
"""

MAX_RESULT = 4000
"""Characters of one result."""

MAX_OBSERVATION = 32_000
"""Characters of the observation after a turn."""

MAX_OUTCOMES = 32
"""Outcomes of one turn; a turn that was parsed has at most ``calls.MAX_CALLS + 1``."""

MAX_OUTCOMES_BYTES = 16_000_000
"""Bytes of the outcomes of a turn as JSON, which the bounds of a turn keep."""

_STATUSES = get_args(CallStatus)
_FAULT_KINDS = get_args(FaultKind)
_TAGS_LENGTH = len(render_response("")) + 1


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """What came of a call.

    Args:
        call: The call, or why it could not be read.
        status: What came of it.
        result: What the agent reads: the tool's answer, or what was wrong and what would be right. At most
            ``MAX_RESULT`` characters, and harmless.
        seconds: How long the tool took. Two outcomes that differ in nothing else are equal.
    """

    call: ToolCall | CallFault
    status: CallStatus
    result: str
    seconds: float = field(default=0.0, compare=False)

    @property
    def ok(self) -> bool:
        """Whether the tool answered."""
        return self.status == "ok"

    @property
    def is_valid(self) -> bool:
        """Whether a tool was run: the call could be read, there is such a tool, and the arguments fit."""
        return self.status in ("ok", "tool_error", "timeout")


def execute(parsed: ParsedTurn, toolbox: Toolbox) -> tuple[CallOutcome, ...]:
    """Run the calls of a turn in order.

    Args:
        parsed: What ``parse_turn`` found.
        toolbox: The tools of the episode.

    Returns:
        One outcome for each call and each fault, in order.

    Example:
        >>> from rewardium.envs.tools.calls import parse_turn
        >>> from rewardium.envs.tools.tool import tool
        >>> @tool
        ... def double(number: int) -> int:
        ...     '''Return twice a number.'''
        ...     return 2 * number
        >>> turn = parse_turn('<tool_call>{"name": "double", "arguments": {"number": "4"}}</tool_call>')
        >>> (outcome,) = execute(turn, Toolbox([double]))
        >>> outcome.status
        'wrong_type'
        >>> print(outcome.result)
        error: double was not run, its arguments are wrong:
        - number: must be an integer, got the string "4"; write 4 without quotes
    """
    return tuple(_outcome(call, toolbox) for call in parsed.calls)


def _outcome(call: ToolCall | CallFault, toolbox: Toolbox) -> CallOutcome:
    if isinstance(call, CallFault):
        status: CallStatus = "refused" if call.kind in ("too_many", "too_large") else "malformed"
        return CallOutcome(call, status, _bounded(f"error: {call.message}"))
    if call.name not in toolbox:
        return CallOutcome(call, "unknown_tool", _bounded(f"error: {toolbox.unknown(call.name)}"))
    tool = toolbox[call.name]
    problems = tool.problems(call.arguments if isinstance(call.arguments, dict) else dict(call.arguments))
    if problems:
        return CallOutcome(call, worst_kind(problems), _bounded(_explained(tool, problems)))
    start = time.perf_counter()
    status, result = _run(tool, call)
    return CallOutcome(call, status, _bounded(result), time.perf_counter() - start)


def _explained(tool: Tool, problems: Sequence[Problem]) -> str:
    lines = "\n".join(f"- {problem}" for problem in problems)
    return f"error: {tool.name} was not run, its arguments are wrong:\n{lines}"


def _run(tool: Tool, call: ToolCall) -> tuple[CallStatus, str]:
    """Call a tool; whatever it raises is an outcome."""
    try:
        return "ok", _as_text(tool.call(call.arguments))
    except ToolTimeoutError as error:
        return "timeout", f"error: {error}"
    except ToolError as error:
        return "tool_error", f"error: {error}"
    except (Exception, SystemExit) as error:  # a tool that calls exit() must not end the training
        return "tool_error", f"error: {tool.name} failed: {type(error).__name__}: {_message(error)}"


def _message(error: BaseException) -> str:
    try:
        return str(error)[:500]
    except Exception:  # an exception's own text may fail as well
        return "without a message"


def _as_text(result: Any) -> str:
    """Write a tool's answer: a text as it is, everything else as JSON.

    Raises:
        TypeError, ValueError: When it is no JSON data, which is the tool's mistake.
    """
    return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)


def _bounded(text: str, length: int = MAX_RESULT) -> str:
    """Make a text harmless, and leave out its middle where it is too long."""
    whole = harmless(text) if len(text) <= length else text
    return whole if len(whole) <= length else _shortened(text, length)


def _shortened(text: str, length: int) -> str:
    """Keep a text's beginning and end; only these are looked at, however long it is."""
    room = max(length - len(_left_out(len(text))), 0)
    tail = room // 4
    head = room - tail
    # What is made harmless may have become longer.
    end = harmless(text[-tail:])[-tail:] if tail else ""
    return (harmless(text[:head])[:head] + _left_out(len(text) - room) + end)[:length]


def _left_out(count: int) -> str:
    return f"\n[... {count} characters left out ...]\n"


def observation(outcomes: Iterable[CallOutcome], limit: int = MAX_OBSERVATION) -> str:
    """Write what the agent sees after its turn.

    Args:
        outcomes: What came of the turn's calls.
        limit: Characters of the observation at most, at least 4000.

    Returns:
        One ``<tool_response>`` for each outcome, in order. Where they are too long together, each is cut to an equal
        share, with a note of how much was left out.

    Raises:
        RewardiumError: When the limit is below 4000.

    Example:
        >>> print(observation([CallOutcome(ToolCall("now", {}), "ok", "12:00")]))
        <tool_response>
        12:00
        </tool_response>
    """
    if limit < MAX_RESULT:
        raise RewardiumError(f"an observation needs a limit of at least {MAX_RESULT} characters, got {limit}")
    results = [harmless(outcome.result) for outcome in outcomes]
    shown = results[:MAX_OUTCOMES]
    if len(results) > len(shown):
        shown[-1] = f"error: {len(results) - len(shown) + 1} more results are left out"
    room = limit - _TAGS_LENGTH * len(shown)
    if sum(map(len, shown)) > room:
        shown = _fair(shown, room)
    return "\n".join(render_response(result) for result in shown)


def _fair(results: list[str], room: int) -> list[str]:
    """Cut the longest texts to one length, so that all together have room."""
    lengths = sorted(map(len, results))
    left, share = room, 0
    for index, length in enumerate(lengths):
        share = left // (len(lengths) - index)
        if length > share:
            break
        left -= length
    return [result if len(result) <= share else _shortened(result, share) for result in results]


def outcomes_to_json(outcomes: Iterable[CallOutcome]) -> str:
    """Write outcomes as JSON, for a reward that sees them as text.

    How long the tools took is left out, so that two runs of one episode say the same.

    Args:
        outcomes: At most ``MAX_OUTCOMES``.

    Returns:
        A JSON list.

    Raises:
        RewardiumError: When there are too many.

    Example:
        >>> outcomes_to_json([CallOutcome(ToolCall("now", {}), "ok", "12:00")])
        '[{"name": "now", "arguments": {}, "status": "ok", "result": "12:00"}]'
    """
    rows = [_row(outcome) for outcome in outcomes]
    if len(rows) > MAX_OUTCOMES:
        raise RewardiumError(f"a turn has at most {MAX_OUTCOMES} outcomes, got {len(rows)}")
    return json.dumps(rows, ensure_ascii=False)


def _row(outcome: CallOutcome) -> dict[str, Any]:
    call = outcome.call
    if isinstance(call, ToolCall):
        head: dict[str, Any] = {"name": call.name, "arguments": dict(call.arguments)}
        head |= {} if call.id is None else {"id": call.id}
    else:
        head = {"fault": call.kind, "message": call.message, "text": call.text}
    return {**head, "status": outcome.status, "result": outcome.result}


def outcomes_from_json(text: str) -> tuple[CallOutcome, ...]:
    """Read what ``outcomes_to_json`` wrote, strictly.

    Args:
        text: A JSON list of outcomes.

    Returns:
        The outcomes; ``seconds`` is 0.

    Raises:
        RewardiumError: When the text is anything else.

    Example:
        >>> outcomes = (CallOutcome(ToolCall("now", {}), "ok", "12:00"),)
        >>> outcomes_from_json(outcomes_to_json(outcomes)) == outcomes
        True
    """
    try:
        rows = read_json(text, MAX_OUTCOMES_BYTES, MAX_DEPTH + 3)
    except (UnreadableJsonError, TooLargeJsonError) as error:
        raise RewardiumError(f"these are no outcomes: {error}") from None
    if not isinstance(rows, list) or len(rows) > MAX_OUTCOMES:
        raise RewardiumError(f"outcomes are a JSON list of at most {MAX_OUTCOMES} entries")
    return tuple(_read_row(row) for row in rows)


_CALL_KEYS = {"name": str, "arguments": dict, "id": str, "status": str, "result": str}
_FAULT_KEYS = {"fault": str, "message": str, "text": str, "status": str, "result": str}


def _read_row(row: Any) -> CallOutcome:
    keys = _FAULT_KEYS if isinstance(row, dict) and "fault" in row else _CALL_KEYS
    optional = {"id"}
    fits = (
        isinstance(row, dict)
        and set(keys) - optional <= set(row) <= set(keys)
        and all(isinstance(value, keys[key]) for key, value in row.items())
        and row["status"] in _STATUSES
        and row.get("fault", "too_many") in _FAULT_KINDS
    )
    if not fits:
        shown = json.dumps(row, ensure_ascii=False)[:200]
        raise RewardiumError(f"this is no outcome: {shown}; outcomes are what outcomes_to_json writes")
    if "fault" in row:
        return CallOutcome(CallFault(row["fault"], row["message"], row["text"]), row["status"], row["result"])
    return CallOutcome(ToolCall(row["name"], row["arguments"], row.get("id")), row["status"], row["result"])
