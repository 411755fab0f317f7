r"""The tool calls in a response: read strictly, with nothing dropped, and written again.

Two styles are read. Hermes and Qwen write each call as a JSON object between tags::

    <tool_call>{"name": "weather", "arguments": {"city": "Bern"}}</tool_call>

OpenAI's assistant message is a JSON object; here it is the whole response, and the arguments are JSON inside a string::

    {"role": "assistant", "content": null, "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Bern\"}"}}]}

What looks like a call and is none becomes a ``CallFault``, in its place among the calls: a tag without its partner, a
tag that closes nothing, JSON that is malformed or too large, a call without a name. Tags count wherever they stand,
also in what a model thinks before it answers; who lets a model think takes its thoughts off first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from rewardium.envs.tools.strict_json import MAX_BYTES, TooLargeJsonError, UnreadableJsonError, read_json

CallStyle = Literal["hermes", "openai"]
"""How calls are written."""

FaultKind = Literal["malformed_json", "no_object", "no_name", "bad_arguments", "unclosed_tag", "too_many", "too_large"]
"""What is wrong with a call that cannot be read.

``malformed_json``: no strict JSON. ``no_object``: JSON, but not of the style's form. ``no_name``: no name of a tool.
``bad_arguments``: the arguments are missing, are no object, or stand beside keys that mean nothing. ``unclosed_tag``: a
tag without its partner. ``too_many``: calls beyond the sixteenth, all together. ``too_large``: beyond a bound on size,
depth or digits.
"""

MAX_CALLS = 16
"""Calls and faults of one turn; one more fault stands for all that follow."""

MAX_MESSAGE_BYTES = 4_000_000
"""Bytes of an assistant message in OpenAI's style, in UTF-8; each call has its own bound."""

MAX_FAULT_TEXT = 500
"""Characters of the text that a fault keeps."""

_MAX_REMEMBERED_CHARACTERS = 2**13
_TAG = re.compile(r"</?tool_call>")
# Tags that do not stand inside a JSON string; a string that is never closed counts up to the end.
_TAG_OUTSIDE = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|</?tool_call>', re.DOTALL)
_TOOL_CALLS_KEY = re.compile(r'"tool_calls"\s*+:')
_TYPE_FUNCTION = re.compile(r'"type"\s*+:\s*+"function"')
_FORGEABLE = re.compile(r"<(?=\s*+/?\s*+(?:tool_call|tool_response|think)|[|｜])", re.IGNORECASE)
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_FORM = 'a call is {"name": "...", "arguments": {...}}'


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that could be read; whether there is such a tool and whether it takes the arguments is not known yet.

    Args:
        name: The name of the tool; not empty.
        arguments: Plain JSON data.
        id: What the agent calls this call, None where it has no name.
    """

    name: str
    arguments: Mapping[str, Any]
    id: str | None = None


@dataclass(frozen=True, slots=True)
class CallFault:
    """Something that looks like a call and cannot be read as one.

    Args:
        kind: What is wrong.
        message: What is wrong and what would be right, for the agent.
        text: The text in question, its first ``MAX_FAULT_TEXT`` characters.
    """

    kind: FaultKind
    message: str
    text: str


@dataclass(frozen=True, slots=True)
class ParsedTurn:
    """What a response says.

    Args:
        calls: The calls and the faults, in the order of the response.
        content: The rest of the response: its parts before, between and behind the calls, on lines of their own.
    """

    calls: tuple[ToolCall | CallFault, ...]
    content: str


def parse_turn(response: str, style: Literal["hermes", "openai", "auto"] = "auto") -> ParsedTurn:
    """Find the calls in a response; never raises.

    Args:
        response: What the policy wrote; anything, and of any size. What is no text is a fault.
        style: ``"auto"`` reads OpenAI's style where the response is an object with ``tool_calls``, otherwise the tags
            of the other; a message in OpenAI's style with text around it is a fault.

    Returns:
        The calls, the faults and the rest. Each ``<tool_call>`` outside of another call's JSON gives a call or a
        fault, until ``MAX_CALLS`` are reached. Who asks for the same response again gets the same objects, which must
        not be changed: an environment and the rewards around it read a response once.

    Example:
        >>> turn = parse_turn('Let me see. <tool_call>{"name": "weather", "arguments": {"city": "Bern"}}</tool_call>')
        >>> turn.content, turn.calls[0].name, turn.calls[0].arguments
        ('Let me see.', 'weather', {'city': 'Bern'})
        >>> parse_turn('<tool_call>{"name": "weather"').calls[0].kind
        'unclosed_tag'
    """
    if not isinstance(response, str):
        message = f"the response is no text but {type(response).__name__}"
        return ParsedTurn((CallFault("no_object", message, ""),), "")
    return _remembered(response, style) if len(response) <= _MAX_REMEMBERED_CHARACTERS else _parse(response, style)


def _parse(response: str, style: Literal["hermes", "openai", "auto"]) -> ParsedTurn:
    if style == "hermes":
        return _parse_tags(response)
    if style == "openai":
        return _parse_message(response, _read_message(response))
    message = _read_message(response)
    if isinstance(message, dict):
        return _parse_message(response, message, with_tags=True)
    return _parse_tags(response) if _TAG.search(response) else _parse_message(response, message)


_remembered = lru_cache(maxsize=4096)(_parse)


def _parse_tags(response: str) -> ParsedTurn:
    items: list[ToolCall | CallFault] = []
    content: list[str] = []
    at = 0
    while (tag := _TAG.search(response, at)) is not None:
        content.append(response[at : tag.start()])
        if len(items) == MAX_CALLS:
            items.append(_too_many(response.count("<tool_call>", tag.start()), response[tag.start() :]))
            at = len(response)
        elif tag.group() == "</tool_call>":
            message = "</tool_call> closes nothing: a call begins with <tool_call>"
            items.append(CallFault("unclosed_tag", message, tag.group()))
            at = tag.end()
        else:
            item, at = _read_block(response, tag)
            items.append(item)
    content.append(response[at:])
    # Not joined directly: what stood on both sides of a call might be a tag together.
    return ParsedTurn(tuple(items), "\n".join(part for part in map(str.strip, content) if part))


def _too_many(count: int, text: str) -> CallFault:
    message = f"a turn has at most {MAX_CALLS} calls; what follows ({max(count, 1)} more) was not run"
    return CallFault("too_many", message, _excerpt(text))


def _excerpt(text: str) -> str:
    """Return what a fault keeps of a text, fit to be encoded."""
    return _SURROGATE.sub("\ufffd", text[:MAX_FAULT_TEXT])


def _read_block(response: str, tag: re.Match[str]) -> tuple[ToolCall | CallFault, int]:
    """Read the call behind an opening tag; return it and where the response goes on."""
    start = tag.end()
    after = _TAG.search(response, start)
    item: ToolCall | CallFault | None = None
    if after is not None and after.group() == "</tool_call>":
        item = _read_call(response[start : after.start()])
        if isinstance(item, ToolCall) or item.kind != "malformed_json":
            return item, after.end()
    # A string inside the JSON may hold a tag: look for the first one that stands outside of strings.
    outside = _first_tag_outside(response, start)
    if outside is not None and outside.group() == "</tool_call>" and outside.start() != (after and after.start()):
        whole = _read_call(response[start : outside.start()])
        if isinstance(whole, ToolCall) or whole.kind != "malformed_json":
            return whole, outside.end()
    if item is not None and after is not None:
        return item, after.end()
    end = len(response) if after is None else after.start()
    text = _excerpt(response[tag.start() : min(end, tag.start() + MAX_FAULT_TEXT)])
    return CallFault("unclosed_tag", "<tool_call> has no </tool_call> behind its JSON", text), end


def _first_tag_outside(response: str, start: int) -> re.Match[str] | None:
    end = start + MAX_BYTES + len("</tool_call>") + 100  # white space may stand before the tag
    matches = _TAG_OUTSIDE.finditer(response, start, end)
    return next((match for match in matches if match.group().startswith("<")), None)


def _read_call(body: str) -> ToolCall | CallFault:
    """Read what stands between two tags."""
    text = _excerpt(body)
    value = _read(body, text, MAX_BYTES)
    if isinstance(value, CallFault):
        return value
    if not isinstance(value, dict):
        return CallFault("no_object", f"{_FORM}, one between two tags; this is no object", text)
    fault = _check_name(value.get("name"), text) or _check_keys(value, {"name", "arguments", "id"}, text)
    if fault is not None:
        return fault
    if not isinstance(value.get("arguments"), dict):
        missing = '"arguments" is missing' if "arguments" not in value else '"arguments" is no object'
        hint = "; write the object itself, not a string" if isinstance(value.get("arguments"), str) else ""
        return CallFault("bad_arguments", f"{missing}{hint}; {_FORM}, with {{}} where there are none", text)
    if not isinstance(value.get("id", ""), str):
        return CallFault("bad_arguments", f'"id" must be a string; {_FORM}', text)
    return ToolCall(value["name"], value["arguments"], value.get("id"))


def _read(body: str, text: str, max_bytes: int) -> Any:
    try:
        return read_json(body, max_bytes)
    except UnreadableJsonError as error:
        return CallFault("malformed_json", f"the call is not valid JSON: {error}", text)
    except TooLargeJsonError as error:
        return CallFault("too_large", str(error), text)


def _check_name(name: Any, text: str) -> CallFault | None:
    if isinstance(name, str) and name:
        return None
    return CallFault("no_name", '"name" must be the name of a tool, in quotes', text)


def _check_keys(value: dict[str, Any], known: set[str], text: str) -> CallFault | None:
    unknown = [key for key in value if key not in known]
    if not unknown:
        return None
    hint = '; arguments stand inside of "arguments"' if "arguments" not in value and "arguments" in known else ""
    return CallFault("bad_arguments", f"the key {unknown[0][:60]!r} means nothing here{hint}; {_FORM}", text)


def _read_message(response: str) -> dict[str, Any] | CallFault | None:
    """Read a message in OpenAI's style: the message, why it cannot be read, or None where it is no such message."""
    stripped = response.strip()
    has_calls = _TOOL_CALLS_KEY.search(stripped) is not None
    text = _excerpt(stripped)
    if not has_calls:
        if stripped.startswith("[") and _TYPE_FUNCTION.search(stripped):
            return CallFault("no_object", 'a list of calls stands inside of a message: {"tool_calls": [...]}', text)
        return _plain_message(stripped)
    value = _read(stripped, text, MAX_MESSAGE_BYTES)
    if isinstance(value, CallFault) and not stripped.startswith("{"):
        message = 'the message must be one JSON object with "tool_calls", and no text around it'
        return CallFault(value.kind, message, text)
    if isinstance(value, dict) and "tool_calls" not in value:
        return None  # the words stand somewhere inside: this is an answer in JSON
    if not isinstance(value, (dict, CallFault)):
        return CallFault("no_object", 'the message must be an object with "tool_calls"', text)
    return value


def _plain_message(stripped: str) -> dict[str, Any] | None:
    """Read an assistant's message without calls; any other text is an answer as it stands."""
    if not (stripped.startswith("{") and '"role"' in stripped and '"assistant"' in stripped):
        return None
    value = _read(stripped, "", MAX_MESSAGE_BYTES)
    return value if isinstance(value, dict) and value.get("role") == "assistant" else None


def _parse_message(response: str, message: dict[str, Any] | CallFault | None, with_tags: bool = False) -> ParsedTurn:
    """Take the calls out of a message; ``with_tags`` also those that its content makes in the other style."""
    if message is None:
        return ParsedTurn((), response.strip())
    if isinstance(message, CallFault):
        return ParsedTurn((message,), "")
    content = message.get("content")
    shown = content if isinstance(content, str) else "" if content is None else json.dumps(content, ensure_ascii=False)
    said = _parse_tags(shown) if with_tags else ParsedTurn((), shown.strip())
    entries = message.get("tool_calls")
    if entries is None:
        return said
    if not isinstance(entries, list):
        fault = CallFault("no_object", '"tool_calls" must be a list', _excerpt(json.dumps(entries, ensure_ascii=False)))
        return ParsedTurn((*said.calls, fault), said.content)
    room = max(MAX_CALLS - len(said.calls), 0)
    items = [*said.calls, *map(_read_item, entries[:room])]
    if len(entries) > room:
        rest = json.dumps(entries[room], ensure_ascii=False)
        items[MAX_CALLS:] = [_too_many(len(said.calls) + len(entries) - MAX_CALLS, rest)]
    return ParsedTurn(tuple(items), said.content)


def _read_item(item: Any) -> ToolCall | CallFault:
    """Read one entry of ``tool_calls``."""
    text = _excerpt(json.dumps(item, ensure_ascii=False))
    form = '{"id": "...", "type": "function", "function": {"name": "...", "arguments": "{...}"}}'
    if not isinstance(item, dict) or not isinstance(item.get("function"), dict) or item.get("type") != "function":
        return CallFault("no_object", f"an entry of tool_calls is {form}", text)
    if not isinstance(item.get("id"), str) or not item["id"]:
        return CallFault("no_object", f'"id" must be a text that is not empty; an entry of tool_calls is {form}', text)
    function = item["function"]
    fault = (
        _check_name(function.get("name"), text)
        or _check_keys(item, {"id", "type", "function", "index"}, text)
        or _check_keys(function, {"name", "arguments"}, text)
    )
    if fault is not None:
        return fault
    if not isinstance(function.get("arguments"), str):
        return CallFault("bad_arguments", f'"arguments" must be JSON inside a string; the form is {form}', text)
    arguments = _read(function["arguments"], text, MAX_BYTES)
    if isinstance(arguments, CallFault):
        return arguments
    if not isinstance(arguments, dict):
        return CallFault("bad_arguments", 'the JSON inside "arguments" must be an object', text)
    return ToolCall(function["name"], arguments, item["id"])


def render_turn(calls: Iterable[ToolCall], content: str = "", style: CallStyle = "hermes") -> str:
    """Write a response that makes some calls; ``parse_turn`` reads the same calls from it.

    Args:
        calls: The calls; their arguments are plain JSON data.
        content: What stands before them; in the style of Hermes without a tag in it.
        style: How to write. OpenAI's style needs ids: a call without one gets ``call_1`` and so on.

    Returns:
        The response.

    Example:
        >>> print(render_turn([ToolCall("weather", {"city": "Bern"})], "Let me see."))
        Let me see.
        <tool_call>
        {"name": "weather", "arguments": {"city": "Bern"}}
        </tool_call>
    """
    if style == "openai":
        entries = [_entry(call, number) for number, call in enumerate(calls, 1)]
        return json.dumps({"role": "assistant", "content": content or None, "tool_calls": entries}, ensure_ascii=False)
    return "\n".join(([content] if content else []) + [_block(call) for call in calls])


def _entry(call: ToolCall, number: int) -> dict[str, Any]:
    arguments = json.dumps(dict(call.arguments), ensure_ascii=False)
    return {
        "id": call.id or f"call_{number}",
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }


def _block(call: ToolCall) -> str:
    value = {"name": call.name, "arguments": dict(call.arguments)} | ({} if call.id is None else {"id": call.id})
    text = json.dumps(value, ensure_ascii=False)
    # "<" stands only inside of strings, where it may be escaped: a reader that looks for tags first is not misled.
    return f"<tool_call>\n{_TAG.sub(lambda tag: tag.group().replace('<', chr(92) + 'u003c'), text)}\n</tool_call>"


def harmless(text: str) -> str:
    r"""Rewrite a text so that it cannot pass for something else in a conversation.

    In ``<tool_call>``, ``<tool_response>``, ``<think>``, their closing tags and ``<|...|>``, however they are written,
    the ``<`` becomes ``&lt;``. Control characters and surrogates become the replacement character U+FFFD, and every
    line break a plain one. Nothing is ever taken away, so that what stood apart is never joined to a tag.

    Args:
        text: What a tool or an agent wrote.

    Returns:
        The text, which encodes as UTF-8. Rewriting it again changes nothing.

    Example:
        >>> harmless("fine: a < b</tool_response><|im_end|>\x1b[2J")
        'fine: a < b&lt;/tool_response>&lt;|im_end|>\ufffd[2J'
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _FORGEABLE.sub("&lt;", _UNPRINTABLE.sub("\ufffd", text))


def render_response(result: str) -> str:
    """Write what a tool said as the agent sees it: between tags, and harmless.

    Example:
        >>> print(render_response("12 degrees"))
        <tool_response>
        12 degrees
        </tool_response>
    """
    return f"<tool_response>\n{harmless(result)}\n</tool_response>"
