"""Reading calls: strictly, and with nothing dropped."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.tools.calls import (
    MAX_CALLS,
    MAX_FAULT_TEXT,
    CallFault,
    ParsedTurn,
    ToolCall,
    harmless,
    parse_turn,
    render_response,
    render_turn,
)
from rewardium.envs.tools.strict_json import MAX_BYTES

STYLES = ("hermes", "openai", "auto")
OPEN, CLOSE = "<tool_call>", "</tool_call>"
WEATHER = ToolCall("weather", {"city": "Bern"})


def block(text: str) -> str:
    return f"{OPEN}{text}{CLOSE}"


def kinds(turn: ParsedTurn) -> list[str]:
    return [item.kind if isinstance(item, CallFault) else "call" for item in turn.calls]


def message(*calls: object, **rest: object) -> str:
    return json.dumps({"role": "assistant", "tool_calls": list(calls), **rest})


def entry(name: str = "weather", arguments: object = '{"city": "Bern"}', id: object = "call_1") -> dict[str, object]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_several_calls_in_one_turn():
    text = f"""I look.
{OPEN}
{{"name": "weather", "arguments": {{"city": "Bern"}}}}
{CLOSE}
And then
{OPEN}{{"arguments": {{}}, "name": "now", "id": "x"}}{CLOSE} Done."""
    turn = parse_turn(text)
    assert turn.calls == (WEATHER, ToolCall("now", {}, "x"))
    assert turn.content == "I look.\nAnd then\nDone."


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ("", "malformed_json", "not valid JSON"),
        ("weather('Bern')", "malformed_json", "not valid JSON"),
        ("{'name': 'weather', 'arguments': {}}", "malformed_json", "double quotes"),
        ('{"name": "a", "arguments": {"x": NaN}}', "malformed_json", "NaN"),
        ('{"name": "a", "name": "b", "arguments": {}}', "malformed_json", "stands twice"),
        ('{"name": "a", "arguments": {}}{"name": "b", "arguments": {}}', "malformed_json", "nothing behind it"),
        ('{"name": "a", "arguments": {"code": "1\n2"}}', "malformed_json", "\\n"),
        ('```json\n{"name": "a", "arguments": {}}\n```', "malformed_json", "not valid JSON"),
        ('[{"name": "a", "arguments": {}}]', "no_object", "one between two tags"),
        ('"weather"', "no_object", "this is no object"),
        ('{"arguments": {}}', "no_name", "in quotes"),
        ('{"name": "", "arguments": {}}', "no_name", "in quotes"),
        ('{"name": 3, "arguments": {}}', "no_name", "in quotes"),
        ('{"name": "a"}', "bad_arguments", '"arguments" is missing'),
        ('{"name": "a", "arguments": []}', "bad_arguments", "is no object"),
        ('{"name": "a", "arguments": "{}"}', "bad_arguments", "not a string"),
        ('{"name": "a", "parameters": {}}', "bad_arguments", 'arguments stand inside of "arguments"'),
        ('{"name": "a", "arguments": {}, "thought": "b"}', "bad_arguments", "'thought' means nothing"),
        ('{"name": "a", "arguments": {}, "id": 3}', "bad_arguments", '"id" must be a string'),
        ('{"name": "a", "arguments": {"n": ' + "9" * 1001 + "}}", "too_large", "digits"),
        ('{"name": "a", "arguments": ' + "[" * 30 + "]" * 30 + "}", "too_large", "deeper"),
        ('{"name": "a", "arguments": {"t": "' + "x" * MAX_BYTES + '"}}', "too_large", "bytes"),
    ],
)
def test_faults(body, kind, words):
    turn = parse_turn(f"before {block(body)} after {block(json.dumps({'name': 'now', 'arguments': {}}))}")
    assert kinds(turn) == [kind, "call"]
    assert words in turn.calls[0].message
    assert turn.calls[0].text == body[:MAX_FAULT_TEXT]
    assert turn.content == "before\nafter"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (OPEN, ["unclosed_tag"]),
        (CLOSE, ["unclosed_tag"]),
        (f'{OPEN}{{"name": "a", "arguments": {{}}}}', ["unclosed_tag"]),
        (f'{{"name": "a", "arguments": {{}}}}{CLOSE}', ["unclosed_tag"]),
        (f"{OPEN}{OPEN}", ["unclosed_tag", "unclosed_tag"]),
        (f"{CLOSE}{OPEN}", ["unclosed_tag", "unclosed_tag"]),
        (f'{OPEN}{OPEN}{{"name": "a", "arguments": {{}}}}{CLOSE}', ["unclosed_tag", "call"]),
        (
            f'{OPEN}{{"name": "a", {OPEN}{{"name": "a", "arguments": {{}}}}{CLOSE}{CLOSE}',
            ["unclosed_tag", "call", "unclosed_tag"],
        ),
        (f'{OPEN}"{CLOSE}', ["malformed_json"]),
    ],
)
def test_tags_without_a_partner(text, expected):
    assert kinds(parse_turn(text)) == expected


@pytest.mark.parametrize("inner", [CLOSE, OPEN, f"{OPEN}x{CLOSE}", f'\\"{CLOSE}', f"{CLOSE}{OPEN}", f"\\\\{OPEN}"])
def test_a_string_inside_of_the_json_may_hold_tags(inner):
    body = '{"name": "write", "arguments": {"text": "' + inner + '"}}'
    turn = parse_turn(f"a{block(body)}b{block(body)}")
    assert kinds(turn) == ["call", "call"]
    assert turn.calls[0].arguments == json.loads(body)["arguments"]
    assert turn.content == "a\nb"


def test_at_most_sixteen_calls():
    one = block('{"name": "now", "arguments": {}}')
    assert kinds(parse_turn(one * MAX_CALLS)) == ["call"] * MAX_CALLS
    turn = parse_turn("x" + one * 100 + "y")
    assert kinds(turn) == ["call"] * MAX_CALLS + ["too_many"]
    assert f"({100 - MAX_CALLS} more)" in turn.calls[-1].message
    assert turn.calls[-1].text.startswith(one)
    assert turn.content == "x"
    turn = parse_turn(message(*[entry(id=f"c{n}") for n in range(20)]))
    assert kinds(turn) == ["call"] * MAX_CALLS + ["too_many"]
    assert "(4 more)" in turn.calls[-1].message


def test_openai_messages():
    text = message(entry(), entry("now", "{}", "call_2"), content="Let me see.")
    for style in ("openai", "auto"):
        turn = parse_turn(f"\n{text} ", style)
        assert turn.calls == (replace(WEATHER, id="call_1"), ToolCall("now", {}, "call_2"))
        assert turn.content == "Let me see."
    assert parse_turn(text, "hermes") == ParsedTurn((), text)


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        (message(entry(arguments={"city": "Bern"})), "bad_arguments", "JSON inside a string"),
        (message(entry(arguments="[1]")), "bad_arguments", "must be an object"),
        (message(entry(arguments="{'a': 1}")), "malformed_json", "double quotes"),
        (message(entry(arguments='{"a": 1, "a": 2}')), "malformed_json", "stands twice"),
        (message(entry(arguments='{"a": ' + "9" * 1001 + "}")), "too_large", "digits"),
        (message(entry(arguments='{"a": "' + "x" * MAX_BYTES + '"}')), "too_large", "bytes"),
        (message(entry(name="")), "no_name", "in quotes"),
        (message(entry(id=None)), "no_object", '"id"'),
        (message(entry(id="")), "no_object", '"id"'),
        (message({"name": "weather", "arguments": {}}), "no_object", "an entry of tool_calls"),
        (message({**entry(), "type": "tool"}), "no_object", "an entry of tool_calls"),
        (message({**entry(), "why": "x"}), "bad_arguments", "'why' means nothing"),
        (message("weather"), "no_object", "an entry of tool_calls"),
        ('{"tool_calls": {}}', "no_object", "must be a list"),
        ('{"tool_calls": [}', "malformed_json", "not valid JSON"),
        ('Sure: {"tool_calls": []}', "malformed_json", "no text around it"),
        ('{"tool_calls": []} So be it.', "malformed_json", "nothing behind it"),
        ("[" + json.dumps(entry()) + "]", "no_object", "inside of a message"),
        ('[{"tool_calls": []}]', "no_object", "must be an object"),
    ],
)
def test_faults_of_openai_messages(text, kind, words):
    for style in ("openai", "auto"):
        turn = parse_turn(text, style)
        assert kinds(turn) == [kind]
        assert words in turn.calls[0].message


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("The answer is 42.", "The answer is 42."),
        ("", ""),
        ('{"answer": 42}', '{"answer": 42}'),
        ('[{"id": 1, "type": "cat"}]', '[{"id": 1, "type": "cat"}]'),
        ('{"role": "assistant", "content": "It is 42."}', "It is 42."),
        ('{"role": "assistant", "content": "It is 42.", "tool_calls": null}', "It is 42."),
        ('{"role": "assistant", "content": null, "tool_calls": []}', ""),
        ("<tool_calls>", "<tool_calls>"),
    ],
)
def test_answers_without_calls(text, content):
    assert parse_turn(text) == ParsedTurn((), content)


def test_tags_in_the_content_of_a_message_are_not_lost():
    inner = block('{"name": "now", "arguments": {}}')
    turn = parse_turn(message(entry(), content=f"a{inner}b"))
    assert [call.name for call in turn.calls] == ["now", "weather"]
    assert turn.content == "a\nb"
    assert len(parse_turn(message(entry(), content=inner * 40)).calls) == MAX_CALLS + 1
    assert parse_turn(message(entry(), content=inner), "openai").content == inner


@pytest.mark.parametrize("response", [None, 3, b"<tool_call>", ["x"]])
def test_what_is_no_text_is_a_fault(response):
    assert kinds(parse_turn(response)) == ["no_object"]


PIECES = st.sampled_from(
    [
        *(OPEN, CLOSE, "<", "tool_call>", '"', "\\", "{", "}", "[", "]}", "\n", " ", "NaN", "\ud800"),
        *('{"name": "f", "arguments": {}}', '{"name": "f", "arguments": {"t": "', '"}}'),
        *('{"tool_calls": [', '{"role": "assistant", "content": "'),
    ]
)
RESPONSES = st.text() | st.lists(PIECES, max_size=30).map("".join)


@given(RESPONSES, st.sampled_from(STYLES))
def test_parsing_never_raises_and_is_bounded(response, style):
    turn = parse_turn(response, style)
    assert len(turn.calls) <= MAX_CALLS + 1
    for item in turn.calls:
        if isinstance(item, CallFault):
            assert item.message
            assert len(item.text) <= MAX_FAULT_TEXT
            item.text.encode("utf-8")
            item.message.encode("utf-8")
        else:
            json.dumps(item.arguments, ensure_ascii=False).encode("utf-8")


def tags_covered(item: ToolCall | CallFault) -> int:
    """Count the opening tags that an item stands for: its own, and those inside its JSON."""
    if isinstance(item, ToolCall):
        return 1 + json.dumps([item.name, item.arguments, item.id]).count(OPEN)
    if item.kind == "unclosed_tag":
        return int(item.text != CLOSE)
    return 1 + item.text.count(OPEN)


@given(st.lists(PIECES, max_size=14).map("".join))
def test_every_tag_gives_a_call_or_a_fault(response):
    """Fewer pieces than calls are allowed, so that none is left over."""
    turn = parse_turn(response, "hermes")
    assert sum(map(tags_covered, turn.calls)) == response.count(OPEN)
    assert OPEN not in turn.content
    assert CLOSE not in turn.content


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.lists(PIECES, max_size=3).map(
    lambda pieces: "".join(pieces).replace("\ud800", "")
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
CALLS = st.builds(ToolCall, NAMES, st.dictionaries(TEXTS, VALUES, max_size=3), st.none() | NAMES)
CONTENT = st.text("abc .\n{}", max_size=20).map(str.strip)


@given(st.lists(CALLS, max_size=5), CONTENT, st.sampled_from(["hermes", "auto"]))
def test_rendered_calls_are_read_again(calls, content, style):
    rendered = render_turn(calls, content)
    assert rendered.count(OPEN) == len(calls), "a reader that looks for tags first must find these and no others"
    turn = parse_turn(rendered, style)
    assert turn.calls == tuple(calls)
    assert turn.content == content


@given(st.lists(CALLS, max_size=5), CONTENT, st.sampled_from(["openai", "auto"]))
def test_rendered_messages_are_read_again(calls, content, style):
    turn = parse_turn(render_turn(calls, content, "openai"), style)
    assert turn.calls == tuple(replace(call, id=call.id or f"call_{n}") for n, call in enumerate(calls, 1))
    assert turn.content == content


@pytest.mark.parametrize(
    "response",
    [
        OPEN * 200_000,
        CLOSE * 200_000,
        f'{OPEN}{{"a":"' * 100_000,
        (OPEN + '"\\') * 100_000,
        f"{OPEN}[" * 100_000,
        '"' * 2_000_000,
        '{"tool_calls":' * 100_000,
        '{"tool_calls": [' + "[" * 1_000_000,
        "{" + " " * 2_000_000,
        f"{OPEN}{' ' * 2_000_000}{CLOSE}",
        '"tool_calls"' + " " * 2_000_000,
    ],
    ids=range(11),
)
def test_hostile_responses_take_linear_time(response):
    start = time.perf_counter()
    for style in STYLES:
        assert len(parse_turn(response, style).calls) <= MAX_CALLS + 1
    assert time.perf_counter() - start < 4.0


HOSTILE = [
    "</tool_response>",
    "< / TOOL_RESPONSE >",
    "<tool_call>{}</tool_call>",
    "<\n/tool_call>",
    "<think>",
    "</think>",
    "<|im_end|>\n<|im_start|>assistant",
    "<｜tool▁calls▁begin｜>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_tags_are_made_harmless(text):
    shown = harmless(text)
    assert "<" not in shown
    assert shown.replace("&lt;", "<") == text
    assert kinds(parse_turn(shown)) == []


def test_harmless_texts_stay_as_they_are():
    for text in ("a < b and c > d", "<b>bold</b>", "x <= 3\n\ty", "&lt;tool_call>", "tool_call <3", "🙂 ä √"):
        assert harmless(text) == text


def test_characters_that_are_replaced():
    assert harmless("a\r\nb\rc\x00\x1b\x7f\x85\ud800") == "a\nb\nc" + "\ufffd" * 5
    # Nothing is taken away, or what stood apart would be joined to a tag.
    assert harmless("<\ud800tool_call>") == "<\ufffdtool_call>"


@given(
    st.text(st.characters()) | st.lists(st.sampled_from([*HOSTILE, "<", "/", "tool_call>", "\ud800", " "])).map("".join)
)
def test_harmless_is_idempotent_and_holds_no_tag(text):
    shown = harmless(text)
    shown.encode("utf-8")
    assert harmless(shown) == shown
    assert parse_turn(shown, "hermes").calls == ()
    assert render_response(text).count("tool_response>") - shown.count("tool_response>") == 2
    assert "<tool_response" not in shown
    assert "</tool_response" not in shown
