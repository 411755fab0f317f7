"""What the tool-use sources read of an episode, and how calls are matched."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium import rewards
from rewardium.envs.tools.calls import ToolCall, render_turn
from rewardium.rewards.sources._call_matching import assign, jaccard, match_calls, same_value
from rewardium.rewards.sources._tool_turns import by_call, call_spans, turn_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
CALLS = st.lists(
    st.builds(ToolCall, st.sampled_from(["a", "b"]), st.dictionaries(st.sampled_from("xyz"), JSON, max_size=3)),
    max_size=5,
)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        ("1", 1, False),
        (None, None, True),
        (None, 0, False),
        ([1, 2], [2, 1], False),
        ((1, 2), [1, 2], True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": 1}, {"a": 1, "b": None}, False),
        (10**400, 1e300, False),
    ],
)
def test_same_value(left, right, same):
    assert same_value(left, right) is same is same_value(right, left)


@given(JSON)
def test_a_value_is_the_same_after_json(value):
    assert same_value(value, json.loads(json.dumps(value)))


def test_jaccard_of_multisets():
    assert jaccard([], []) == 1.0
    assert jaccard({"a": 7}, {"a": 1, "b": 2}) == 0.5
    assert jaccard("aab", "abb") == 0.5


def test_each_gold_call_takes_the_best_call_that_is_left():
    gold = [ToolCall("f", {"x": 1, "y": 1}), ToolCall("f", {"x": 2})]
    calls = [ToolCall("f", {"x": 2}), ToolCall("g", {"x": 1}), ToolCall("f", {"x": 1, "y": 1})]
    assert assign(gold, calls) == [(0, 2), (1, 0)]


@given(CALLS.filter(bool), CALLS, st.sampled_from(["fine", "intermediate", "coarse", "refined"]), st.integers(0, 2))
def test_a_match_is_a_share(gold, calls, level, strangers):
    match = match_calls(gold, calls, level, strangers)
    assert 0.0 <= sum(match.credits) <= match.share + 1e-9 <= 1.0 + 2e-9
    assert (len(match.credits), len(match.taken)) == (len(calls), len(gold))


@given(CALLS.filter(bool), st.text(max_size=20))
def test_every_call_that_was_written_is_found_at_its_place(calls, lead):
    turn = turn_of(render_turn(calls, lead.replace("<", "")))
    spans = call_spans(turn)
    assert [turn_of(turn.text[start:end]).calls for start, end in spans] == [(call,) for call in turn.calls]
    assert all(left[1] <= right[0] for left, right in pairwise(spans))


@pytest.mark.parametrize(
    "action",
    [
        "no call",
        "<tool_call>{</tool_call>",
        '<tool_call>{"name": "a", "arguments": {}}</tool_call></tool_call>',
        None,
        '<tool_call>{"name": "a", "arguments": {"x": "' + "</tool_call>" * 9 + '"}}</tool_call>',
    ],
)
def test_calls_without_a_place_have_no_segments(action):
    assert call_spans(turn_of(action)) is None
    assert by_call(turn_of(action), 1.0, (1.0,)) == ()


def test_an_argument_that_holds_a_closing_tag_is_inside_its_block():
    action = 'x <tool_call>{"name": "a", "arguments": {"x": "</tool_call>"}}</tool_call>'
    assert call_spans(turn_of(action)) == [(2, len(action))]


def test_results_are_known_where_there_is_one_for_each_item(tools):
    action = tools.call("a") + "<tool_call>{</tool_call>"
    assert [result.status for result in turn_of(action, tools.seen(action)).results] == ["ok", "malformed"]
    assert turn_of(action, tools.seen(tools.call("a"))).results is None
    assert turn_of(action).results is None
    assert turn_of("an answer").results == ()
    assert turn_of(None).results is None


def test_a_batch_without_a_column_has_no_scores_and_says_why(tools):
    (batch,) = tools.episode(tools.call("a"), gold=[tools.call("a")])
    ladder = rewards.make("tool_ladder")
    for column in ("actions", "tasks", "histories", "observations"):
        scored = ladder.score(replace(batch, **{column: None}))
        assert not scored.valid[0]
        assert column in scored.reasons[0]
    assert ladder.score(replace(batch, tasks=[None])).reasons == ["there is no task"]
