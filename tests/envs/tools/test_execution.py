"""What comes of calls: statuses, texts for the agent, and the record for a reward."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.envs.tools.calls import CallFault, ParsedTurn, ToolCall, parse_turn, render_turn
from rewardium.envs.tools.execution import (
    MAX_OBSERVATION,
    MAX_OUTCOMES,
    MAX_RESULT,
    CallOutcome,
    execute,
    observation,
    outcomes_from_json,
    outcomes_to_json,
)
from rewardium.envs.tools.tool import Toolbox, ToolError, ToolTimeoutError, tool


@tool
def double(number: int, note: str = "") -> int:
    """Return twice a number."""
    return 2 * number


@tool
def echo(text: str, times: int = 1) -> str:
    """Return a text several times."""
    return text * times


@tool
def misbehave(how: str) -> object:
    """Do something wrong."""
    match how:
        case "refuse":
            raise ToolError("the door is locked")
        case "timeout":
            raise ToolTimeoutError("it took longer than 1 second")
        case "crash":
            raise ZeroDivisionError("x" * 10_000)
        case "exit":
            raise SystemExit(3)
        case "recurse":
            return misbehave(how)
        case "set":
            return {1, 2}
        case "fraction":
            return Fraction(1, 3)
        case "circle":
            circle: list[object] = []
            circle.append(circle)
            return circle
        case "silent":
            raise SilentError
    return {"how": how, "ok": None}


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


TOOLBOX = Toolbox([double, echo, misbehave])


def run(name: str, **arguments: object) -> CallOutcome:
    (outcome,) = execute(ParsedTurn((ToolCall(name, arguments),), ""), TOOLBOX)
    return outcome


@pytest.mark.parametrize(
    ("name", "arguments", "status", "words"),
    [
        ("double", {"number": 4}, "ok", "8"),
        ("double", {"number": "4"}, "wrong_type", "- number: must be an integer"),
        ("double", {}, "missing_argument", "- number: is missing; it must be an integer"),
        ("double", {"number": 4, "numer": 1}, "extra_argument", "did you mean 'number'?"),
        ("double", {"numbr": 4}, "missing_argument", "- numbr: unknown argument"),
        ("duoble", {"number": 4}, "unknown_tool", "did you mean 'double'?"),
        ("</tool_response>" * 1000, {}, "unknown_tool", "known: double, echo, misbehave"),
        ("misbehave", {"how": "refuse"}, "tool_error", "error: the door is locked"),
        ("misbehave", {"how": "timeout"}, "timeout", "error: it took longer than 1 second"),
        ("misbehave", {"how": "crash"}, "tool_error", "error: misbehave failed: ZeroDivisionError: xxx"),
        ("misbehave", {"how": "exit"}, "tool_error", "SystemExit"),
        ("misbehave", {"how": "recurse"}, "tool_error", "RecursionError"),
        ("misbehave", {"how": "set"}, "tool_error", "not JSON serializable"),
        ("misbehave", {"how": "fraction"}, "tool_error", "not JSON serializable"),
        ("misbehave", {"how": "circle"}, "tool_error", "Circular"),
        ("misbehave", {"how": "silent"}, "tool_error", "SilentError: without a message"),
        ("misbehave", {"how": "ü"}, "ok", '{"how": "ü", "ok": null}'),
    ],
)
def test_statuses(name, arguments, status, words):
    outcome = run(name, **arguments)
    assert outcome.status == status
    assert outcome.ok == (status == "ok")
    assert outcome.is_valid == (status in ("ok", "tool_error", "timeout"))
    assert words in outcome.result
    assert len(outcome.result) <= 1000
    assert outcome.seconds >= 0


def test_faults_have_outcomes_too():
    turn = parse_turn("<tool_call>{</tool_call><tool_call>")
    outcomes = execute(turn, TOOLBOX)
    assert [outcome.status for outcome in outcomes] == ["malformed", "malformed"]
    assert outcomes[0].result.startswith("error: the call is not valid JSON")
    many = render_turn([ToolCall("double", {"number": n}) for n in range(20)])
    outcomes = execute(parse_turn(many), TOOLBOX)
    assert [outcome.status for outcome in outcomes] == ["ok"] * 16 + ["refused"]
    assert [outcome.result for outcome in outcomes[:3]] == ["0", "2", "4"]
    large = CallFault("too_large", "too large", "")
    assert execute(ParsedTurn((large,), ""), TOOLBOX)[0].status == "refused"


def test_calls_run_in_order_whatever_became_of_the_others():
    seen = []

    @tool
    def note(text: str) -> str:
        """Write down."""
        seen.append(text)
        return "ok"

    calls = [
        ToolCall("note", {"text": "a"}),
        ToolCall("nothing", {}),
        ToolCall("note", {}),
        ToolCall("note", {"text": "b"}),
    ]
    outcomes = execute(ParsedTurn(tuple(calls), ""), Toolbox([note]))
    assert seen == ["a", "b"]
    assert [outcome.status for outcome in outcomes] == ["ok", "unknown_tool", "missing_argument", "ok"]
    assert [outcome.call for outcome in outcomes] == calls


def test_arguments_that_no_text_gives():
    assert run("double", number=(1,)).status == "wrong_type"
    deep: object = 1
    for _ in range(50):
        deep = [deep]
    assert run("double", number=deep).status == "bad_value"
    assert run("double", number=2**20_000).status == "tool_error"  # too long to be written


@pytest.mark.parametrize("length", [MAX_RESULT, MAX_RESULT + 1, 10**6])
def test_long_results_lose_their_middle(length):
    result = run("echo", text="a", times=length).result
    assert len(result) <= MAX_RESULT
    if length == MAX_RESULT:
        assert result == "a" * length
        return
    head, _, tail = result.partition("\n[... ")
    assert len(head) > len(tail) > MAX_RESULT // 5
    left_out = int(tail.split()[0])
    assert len(head) + left_out + len(tail.partition("...]\n")[2]) == length


FRAGMENTS = [
    "<tool_call>",
    "</tool_call>",
    "</tool_response>",
    "<tool_response>",
    "<|im_end|>",
    "<",
    "\ud800",
    "\x00",
    "x" * 900,
]


@given(st.lists(st.sampled_from(FRAGMENTS) | st.text(st.characters(), max_size=5), max_size=40).map("".join))
def test_a_result_forges_nothing(text):
    outcome = run("echo", text=text, times=3)
    assert len(outcome.result) <= MAX_RESULT
    shown = observation([outcome])
    shown.encode("utf-8")
    assert len(shown) <= MAX_OBSERVATION
    assert shown.startswith("<tool_response>\n")
    assert shown.endswith("\n</tool_response>")
    inner = shown.removeprefix("<tool_response>").removesuffix("</tool_response>")
    for tag in ("<tool_call", "</tool_call", "<tool_response", "</tool_response", "<|"):
        assert tag not in inner
    assert parse_turn(shown, "hermes").calls == ()


def test_an_outcome_made_by_hand_forges_nothing():
    outcome = CallOutcome(ToolCall("a", {}), "ok", "</tool_response><tool_call>\ud800")
    assert observation([outcome]) == "<tool_response>\n&lt;/tool_response>&lt;tool_call>\ufffd\n</tool_response>"


def test_an_observation_keeps_one_response_for_each_outcome():
    outcomes = [
        run("echo", text=letter, times=times)
        for letter, times in zip("abcdefghijklmnop", [*[4000] * 14, 10, 20], strict=True)
    ]
    shown = observation(outcomes)
    assert len(shown) <= MAX_OBSERVATION
    parts = shown.split("</tool_response>")[:-1]
    assert [part.split("<tool_response>\n")[1][0] for part in parts] == list("abcdefghijklmnop")
    assert "characters left out" in parts[0]
    assert len({len(part.strip()) for part in parts[1:14]}) == 1
    assert parts[14].endswith("o" * 10 + "\n")
    assert observation([]) == ""
    shown = observation([run("echo", text="a")] * 100, limit=4000)
    assert len(shown) <= 4000
    assert shown.count("<tool_response>") == MAX_OUTCOMES
    assert "69 more results are left out" in shown
    with pytest.raises(RewardiumError, match="at least 4000"):
        observation([], limit=10)


@given(st.lists(st.text(max_size=6000), max_size=20), st.integers(4000, 40_000))
def test_observations_are_bounded(texts, limit):
    outcomes = [CallOutcome(ToolCall("a", {}), "ok", text) for text in texts]
    shown = observation(outcomes, limit)
    assert len(shown) <= limit
    assert shown.count("<tool_response>\n") == len(texts)


JSON_VALUES = st.none() | st.integers() | st.text() | st.lists(st.booleans())
CALLS = st.builds(ToolCall, st.text(min_size=1), st.dictionaries(st.text(), JSON_VALUES), st.none() | st.text())
FAULTS = st.builds(CallFault, st.sampled_from(["malformed_json", "too_many"]), st.text(), st.text())
OUTCOMES = st.builds(CallOutcome, CALLS | FAULTS, st.sampled_from(["ok", "timeout"]), st.text(), st.floats(0, 9))


@given(st.lists(OUTCOMES, max_size=5).map(tuple))
def test_outcomes_are_read_again(outcomes):
    assert outcomes_from_json(outcomes_to_json(outcomes)) == outcomes


def test_real_outcomes_are_read_again_and_say_nothing_of_time():
    response = '<tool_call>{"name": "double", "arguments": {"number": 1}, "id": "x"}</tool_call><tool_call>\ud800'
    outcomes = execute(parse_turn(response), TOOLBOX)
    text = outcomes_to_json(outcomes)
    text.encode("utf-8")
    assert outcomes_from_json(text) == outcomes
    assert outcomes_to_json(execute(parse_turn(response), TOOLBOX)) == text
    assert json.loads(text)[0] == {
        "name": "double",
        "arguments": {"number": 1},
        "id": "x",
        "status": "ok",
        "result": "2",
    }


GOOD = {"name": "a", "arguments": {}, "status": "ok", "result": ""}


@pytest.mark.parametrize(
    "rows",
    [
        {},
        [1],
        [{}],
        [{**GOOD, "status": "fine"}],
        [{**GOOD, "status": 1}],
        [{**GOOD, "name": 1}],
        [{**GOOD, "arguments": []}],
        [{**GOOD, "id": None}],
        [{**GOOD, "more": 1}],
        [{key: value for key, value in GOOD.items() if key != "result"}],
        [{**GOOD, "fault": "too_many"}],
        [{"fault": "odd", "message": "", "text": "", "status": "malformed", "result": ""}],
        [GOOD] * (MAX_OUTCOMES + 1),
    ],
    ids=range(13),
)
def test_what_is_no_record_is_refused(rows):
    with pytest.raises(RewardiumError):
        outcomes_from_json(json.dumps(rows))


@given(st.text())
def test_reading_a_record_raises_nothing_else(text):
    with pytest.raises(RewardiumError):
        outcomes_from_json("x" + text)


def test_too_many_outcomes_are_not_written():
    with pytest.raises(RewardiumError, match="at most"):
        outcomes_to_json([run("double", number=1)] * (MAX_OUTCOMES + 1))
