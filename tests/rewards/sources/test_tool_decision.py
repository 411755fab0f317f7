"""The decision between tools and a direct answer, and the share of valid calls."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.sources.tool_decision import ToolDecision
from rewardium.rewards.sources.valid_calls import ValidCalls


@pytest.mark.parametrize(
    ("strategy", "calls", "reward", "paid"),
    [
        ("tool", True, 1.0, 1.0),
        ("tool", True, 0.0, 0.5),
        ("tool", False, 1.0, 0.0),
        ("tool", False, 0.0, 0.0),
        ("direct", False, 1.0, 1.0),
        ("direct", False, 0.0, 0.5),
        ("direct", True, 1.0, 0.0),
    ],
)
def test_truth_table(tools, strategy, calls, reward, paid):
    actions = [tools.call("f"), "42"] if calls else ["42"]
    turns = tools.episode(*actions, reward=reward, strategy=strategy)
    assert tools.values("tool_decision", turns) == [*[0.0] * calls, paid]
    gold = [tools.call("f")] if strategy == "tool" else []
    assert tools.values("tool_decision", tools.episode(*actions, reward=reward, gold=gold))[-1] == paid


def test_the_named_strategy_goes_before_the_gold_calls(tools):
    assert tools.values(
        "tool_decision", tools.episode("42", reward=1.0, gold=[tools.call("f")], strategy="direct")
    ) == [1]


def test_a_call_that_cannot_be_read_is_a_decision_for_tools(tools):
    assert tools.values("tool_decision", tools.episode("<tool_call>{", strategy="tool")) == [0.5]


def test_partial_and_success(tools):
    turns = tools.episode("42", reward=0.4, strategy="direct")
    assert tools.values("tool_decision(partial=0.25)", turns) == [0.25]
    assert tools.values("tool_decision(success=0.4)", turns) == [1.0]


def test_what_is_not_known_is_no_score(tools):
    assert tools.values("tool_decision", tools.episode("42")) == [None]
    assert tools.values("tool_decision", tools.episode("42", strategy="guess")) == [None]
    assert tools.values("tool_decision", tools.episode("42", strategy="direct", reward=np.nan)) == [None]


def test_the_whole_reward_of_the_paper_can_be_written_down(tools):
    reward = (
        "0.8 * extrinsic + 0.3 * tool_decision "
        "+ 0.15 * clip(tool_rl(scope='episode', format_weight=0.0, scale=1.0), low=0) + 0.05 * format"
    )
    call = tools.call("f", x=1)
    assert tools.values(reward, tools.episode(call, r"\boxed{42}", gold=[call], reward=1.0)) == pytest.approx(
        [0.0, 1.3]
    )


@pytest.mark.parametrize("bad", [{"partial": 1.5}, {"success": None}, {"call_style": 1}])
def test_bad_parameters(bad):
    with pytest.raises(RewardiumError, match=f"tool_decision: '{next(iter(bad))}'"):
        rewards.make("tool_decision", **bad)


@given(st.lists(st.text(max_size=20), min_size=1, max_size=3), st.floats(allow_nan=False, allow_infinity=False))
def test_range(tools, actions, reward):
    for strategy in ("tool", "direct"):
        paid = tools.values(ToolDecision(), tools.episode(*actions, reward=reward, strategy=strategy))
        assert set(paid) <= {0.0, 0.5, 1.0}


def test_valid_calls_are_those_that_a_tool_was_run_for(tools):
    action = "".join(tools.call(name) for name in "abcde") + "<tool_call>{</tool_call>"
    statuses = [["ok", "tool_error", "timeout", "unknown_tool", "missing_argument", "malformed"]]
    turn = tools.episode(action, statuses=statuses)
    assert tools.values("valid_calls", turn) == [0.5]
    assert tools.values("valid_calls(executes=True)", turn) == pytest.approx([1 / 6])


def test_a_turn_without_calls_has_no_valid_ones(tools):
    assert tools.values("valid_calls", tools.episode(tools.call("a"), "42")) == [1.0, 0.0]


def test_calls_without_results_have_no_score(tools):
    (batch,) = tools.episode(tools.call("a"))
    batch.observations[0] = "12 degrees"
    assert tools.values("valid_calls", [batch]) == [None]


def test_a_valid_call_is_credited_on_its_block(tools):
    action = "Now. " + tools.call("a") + "\n" + tools.call("b")
    (batch,) = tools.episode(action, statuses=[["unknown_tool", "ok"]])
    first, second, rest = ValidCalls(by_call=True).score(batch).segments[0]
    assert (first.value, second.value, rest.value) == (0.0, 0.5, 0.0)
    assert action[second.start : second.end] == tools.call("b")
