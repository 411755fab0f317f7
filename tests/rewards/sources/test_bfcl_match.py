"""The all-or-nothing match of calls."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.sources.bfcl_match import BfclMatch, is_allowed


@pytest.mark.parametrize(
    ("value", "wanted", "allowed"),
    [
        ("New York", "new-york", True),
        ("a.b/c-d_e*f^g,h i", "ABCDEFGHI", True),
        ("New York!", "New York", False),
        (2, 2.0, True),
        (2.0, 2, False),
        (2, 3.0, False),
        (True, 1, False),
        (1, True, False),
        ("1", 1, False),
        (["A b", 1], ["ab", 1], True),
        ([1, 2], [2, 1], False),
        ([1], 1, False),
        ({"a": "X"}, {"a": "x"}, True),
        ({"a": 1, "b": 2}, {"a": 1}, False),
        (None, None, True),
        (0, None, False),
    ],
)
def test_is_allowed(value, wanted, allowed):
    assert is_allowed(value, wanted) is allowed


def test_calls_must_be_those_that_are_wanted(tools):
    gold = [tools.call("f", x=1), tools.call("g", y="New York")]
    for made, paid in (
        (gold, 1.0),
        (gold[::-1], 1.0),
        ([gold[0], tools.call("g", y="new york")], 1.0),
        (gold[:1], 0.0),
        ([*gold, gold[0]], 0.0),
        ([gold[0], gold[0]], 0.0),
        ([gold[0], tools.call("G", y="New York")], 0.0),
        ([gold[0], tools.call("g")], 0.0),
        ([gold[0], tools.call("g", y="New York", z=1)], 0.0),
        ([gold[0], tools.call("g", y=1)], 0.0),
        ([*gold, "<tool_call>{</tool_call>"], 0.0),
    ):
        assert tools.values("bfcl_match(scope='response')", tools.episode("".join(made), gold=gold)) == [paid]
        assert tools.values("bfcl_match", tools.episode(*made, "Done.", gold=gold)) == [*[0.0] * len(made), paid]


def test_no_calls_where_none_are_wanted(tools):
    assert tools.values("bfcl_match", tools.episode("42", gold=[])) == [1.0]
    assert tools.values("bfcl_match", tools.episode(tools.call("f"), gold=[])) == [0.0]


def test_allowed_values_and_parameters_that_may_be_left_out(tools):
    possible = [{"name": "f", "arguments": {"city": ["Bern", "Berne"], "unit": ["celsius", ""], "code": [""]}}]

    def paid(**arguments: object) -> float | None:
        (value,) = tools.values("bfcl_match", tools.episode(tools.call("f", **arguments), possible_calls=possible))
        return value

    assert paid(city="berne", unit="Celsius", code="") == 1.0
    assert paid(city="Bern", code="") == 1.0
    assert paid(city="Bern") == 0.0
    assert paid(city="Basel", code="") == 0.0


def test_wanted_calls_are_paired_in_the_best_way(tools):
    possible = [{"name": "f", "arguments": {"x": [1, 2]}}, {"name": "f", "arguments": {"x": [1]}}]
    action = tools.call("f", x=1) + tools.call("f", x=2)
    assert tools.values("bfcl_match", tools.episode(action, possible_calls=possible)) == [1.0]


@pytest.mark.parametrize("possible", ["text", [{"name": "f", "arguments": {"x": 1}}], [{"arguments": {}}], None])
def test_unreadable_wishes_are_no_score(tools, possible):
    assert tools.values("bfcl_match", tools.episode("42", possible_calls=possible)) == [None]
    assert tools.values("bfcl_match", tools.episode("42")) == [None]


@pytest.mark.parametrize("bad", [{"scope": "turn"}, {"call_style": "xml"}])
def test_bad_parameters(bad):
    with pytest.raises(RewardiumError, match=f"bfcl_match: '{next(iter(bad))}'"):
        rewards.make("bfcl_match", **bad)


VALUES = st.integers(0, 2) | st.booleans() | st.text(max_size=2) | st.lists(st.integers(0, 1), max_size=2)
CALLS = st.lists(st.tuples(st.sampled_from("fg"), st.dictionaries(st.sampled_from("xy"), VALUES)), max_size=4)


@given(CALLS, CALLS, st.randoms())
def test_the_order_of_calls_does_not_matter(tools, gold, made, random):
    rows = [{"name": name, "arguments": arguments} for name, arguments in gold]

    def paid(calls: list) -> float | None:
        body = "".join(
            f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>" for name, arguments in calls
        )
        (value,) = tools.values(BfclMatch(), tools.episode(body, gold=rows))
        return value

    shuffled = list(made)
    random.shuffle(shuffled)
    assert paid(made) == paid(shuffled)
    assert paid(random.sample(gold, len(gold))) == 1.0
