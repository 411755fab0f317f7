r"""What the agent sees after a turn: a JSON object for each call, between tags, for models and programs to read alike.

Example:
    >>> from rewardium.envs.tools.calls import ToolCall
    >>> outcome = CallOutcome(ToolCall("now", {}), "ok", "12:00</tool_response>")
    >>> print(write_observation([outcome]))
    <tool_response>
    {"name": "now", "status": "ok", "content": "12:00&lt;/tool_response>"}
    </tool_response>
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from rewardium.envs.tools.calls import ToolCall, harmless, render_response
from rewardium.envs.tools.execution import MAX_OUTCOMES, CallOutcome
from rewardium.envs.tools.strict_json import MAX_DEPTH, TooLargeJsonError, UnreadableJsonError, read_json

MAX_CONTENT = 32_000
"""Characters of the contents of an observation together, as JSON."""

MAX_NAME = 64
"""Characters of a name that are shown; no tool has a longer one."""

# Blocks that are read again as they were written are not read, up to this length and number of blocks.
_MAX_REMEMBERED_CHARACTERS = 2**12
_MAX_REMEMBERED = 2**12
_BLOCK = re.compile(r"<tool_response>\n([^\n]*+)\n</tool_response>")


class ToolResult(NamedTuple):
    """What one block of an observation says; it must not be changed, since who reads the block again gets it too.

    Args:
        name: The name of the tool that was called; None where the call could not be read.
        status: The ``CallStatus``.
        content: The tool's answer, JSON data or a text; or what was wrong.
    """

    name: str | None
    status: str
    content: Any


_WRITTEN: dict[str, ToolResult] = {}
_ENCODER = json.JSONEncoder(ensure_ascii=False)  # one for all blocks


def write_observation(outcomes: Sequence[CallOutcome]) -> str:
    """Write the outcomes of a turn, one block for each, in order.

    Contents that are too long together are cut to equal shares; one that was JSON is a text then.

    Args:
        outcomes: At most ``MAX_OUTCOMES``; more are left out.

    Returns:
        At most about ``MAX_CONTENT`` characters. Nothing in it but the blocks' own tags reads as a tag.
    """
    shown = outcomes[:MAX_OUTCOMES]
    room = MAX_CONTENT // max(len(shown), 1)
    return "\n".join(render_response(_block(outcome, room)) for outcome in shown)


def _block(outcome: CallOutcome, room: int) -> str:
    name = harmless(outcome.call.name[:MAX_NAME]) if isinstance(outcome.call, ToolCall) else None
    value = _content(outcome.result)
    content = _ENCODER.encode(value)
    if len(content) > room:
        # Escapes make at most two characters of one: the result has no control characters but line breaks and tabs.
        left_out = len(outcome.result) - room // 2
        value = f"{outcome.result[: room // 2]} [... {left_out} characters left out]"
        content = _ENCODER.encode(value)
    block = f'{{"name": {_ENCODER.encode(name)}, "status": "{outcome.status}", "content": {content}}}'
    _remember(block, ToolResult(name, outcome.status, value))
    return block


def _remember(block: str, result: ToolResult) -> None:
    """Keep what a block says, where reading it would surely give the same."""
    is_plain = block.count("[") + block.count("{") <= MAX_DEPTH and "<" not in block and block.isprintable()
    if is_plain and len(block) <= _MAX_REMEMBERED_CHARACTERS:
        if len(_WRITTEN) >= _MAX_REMEMBERED:
            _WRITTEN.clear()
        _WRITTEN[block] = result


def _content(result: str) -> Any:
    """Return the JSON object or list that a result is, else the text."""
    if not result.startswith(("{", "[")):
        return result
    try:
        return read_json(result)
    except (UnreadableJsonError, TooLargeJsonError):
        return result


def read_observation(text: Any) -> tuple[ToolResult, ...]:
    """Read the results out of an observation.

    Args:
        text: An observation; anything.

    Returns:
        The results in order, none where there are none.

    Example:
        >>> from rewardium.envs.tools.calls import ToolCall
        >>> read_observation(write_observation([CallOutcome(ToolCall("count", {}), "ok", '{"n": 3}')]))
        (ToolResult(name='count', status='ok', content={'n': 3}),)
    """
    if not isinstance(text, str):
        return ()
    return tuple(result for block in _BLOCK.findall(text) if (result := _read_block(block)) is not None)


def _read_block(block: str) -> ToolResult | None:
    written = _WRITTEN.get(block)
    if written is not None:
        return written
    try:
        value = read_json(block)
    except (UnreadableJsonError, TooLargeJsonError):
        return None
    if not isinstance(value, dict) or value.keys() != {"name", "status", "content"}:
        return None
    return ToolResult(value["name"], value["status"], value["content"])
