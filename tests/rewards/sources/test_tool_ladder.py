"""The ladder of tool use."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.sources.tool_ladder import ToolLadder, climb

CHIPSEEK = "tool_ladder(weights=[0.0, 0.0, 0.0, 0.2, 0.8, 1.0], thresholds=[1.0, 1.0, 0.0, 1.0, 1.0])"
# Which rung pays is seen from the digits.
DIGITS = "tool_ladder(weights=[1.0, 10.0, 100.0, 1000.0, 10000.0, 100000.0])"


@pytest.mark.parametrize(
    ("levels", "paid"),
    [([1, 1, 1], 7.0), ([1, 1, 0.5], 5.0), ([1, 0.5, 1], 6.0), ([1, 0.4, 1], 1.8), ([0.9, 1, 1], 0.9), ([0, 1, 1], 0)],
)
def test_climb(levels, paid):
    assert climb(levels, weights=[1, 2, 4], thresholds=[1, 0.5]) == pytest.approx(paid)


def test_each_rung(tools):
    right, wrong = tools.call("f", x=1, y=2), tools.call("f", x=3, y=4)

    def total(action: str, status: str = "ok", reward: float = 1.0) -> float:
        turns = tools.episode(action, "Done.", gold=[right], reward=reward, statuses=[[status], []])
        first, last = tools.values(DIGITS, turns)
        assert first == 0.0
        return last

    assert total("<tool_call>{</tool_call>", "malformed") == 0
    assert total(right, "unknown_tool") == 1
    assert total(right, "bad_value") == 1
    assert total(tools.call("g"), "ok") == 11
    assert total(wrong, "ok") == pytest.approx(111_061)  # S = 2 of 4: just good enough to climb on
    assert total(right, "tool_error") == 111
    assert total(right, "timeout") == 111
    assert total(right, "ok", reward=0.0) == 1111
    assert total(right, "ok") == 111_111


def test_efficiency_counts_calls_and_has_a_floor(tools):
    good = tools.call("f", x=1)

    def efficiency(times: int, **settings: float) -> float:
        ladder = ToolLadder(weights=(0, 0, 0, 0, 0, 1.0), thresholds=(0, 0, 0, 0, 0), **settings)
        return tools.values(ladder, tools.episode(*[good] * times, "Done.", gold=[good], reward=1.0))[-1]

    assert [efficiency(times) for times in (0, 1, 2, 4)] == [1.0, 1.0, 0.5, 0.25]
    assert efficiency(4, floor=0.5) == 0.5


def test_the_script_of_chipseek(tools):
    good = tools.call("f", x=1)
    for status, reward, paid in (("tool_error", 1.0, 0.0), ("ok", 0.0, 0.2), ("ok", 1.0, 2.0)):
        turns = tools.episode(good, "Done.", gold=[good], reward=reward, statuses=[[status], []])
        assert tools.values(CHIPSEEK, turns)[-1] == pytest.approx(paid)
    assert tools.values(CHIPSEEK, tools.episode(*[good] * 20, "Done.", gold=[good], reward=1.0))[-1] == pytest.approx(
        1.1
    )


def test_without_calls(tools):
    assert tools.values(DIGITS, tools.episode("42", gold=[], reward=1.0)) == [111_111]
    assert tools.values(DIGITS, tools.episode("42", gold=[tools.call("f")], reward=1.0)) == [0.0]
    # a call where none is wanted stops at the third rung
    assert tools.values(DIGITS, tools.episode(tools.call("f"), "42", gold=[], reward=1.0))[-1] == 11


def test_so_far_with_delta_telescopes(tools):
    gold = [tools.call("f", x=1), tools.call("g", y=2)]
    turns = tools.episode(*gold, "42", gold=gold, reward=1.0)
    so_far = tools.values("tool_ladder(scope='so_far')", turns)
    assert so_far[-1] == tools.values("tool_ladder", turns)[-1] == pytest.approx(1.9)
    assert so_far[0] < so_far[1] < so_far[2]
    assert sum(tools.values("delta(tool_ladder(scope='so_far'))", turns)) == pytest.approx(1.9)


def test_what_is_not_known_is_no_score(tools):
    good = tools.call("f", x=1)
    assert tools.values("tool_ladder", tools.episode("42", reward=1.0)) == [None]
    assert tools.values("tool_ladder", tools.episode("42", gold=[], reward=np.nan)) == [None]
    first, last = tools.episode(good, "42", gold=[good], reward=1.0)
    (past,) = last.histories[0]
    blind = replace(last, histories=[(replace(past, observation="nothing to see"),)])
    assert tools.values("tool_ladder", [first, blind]) == [0.0, None]


@pytest.mark.parametrize(
    "bad", [{"weights": (1.0,)}, {"weights": "123456"}, {"weights": (-1.0, 0, 0, 0, 0, 0)}, {"thresholds": (1.0,) * 6},
            {"thresholds": (float("nan"),) * 5}, {"floor": 2.0}, {"scope": "turn"}],
)  # fmt: skip
def test_bad_parameters(bad):
    with pytest.raises(RewardiumError, match=f"tool_ladder: '{next(iter(bad))}'"):
        rewards.make("tool_ladder", **bad)


STATUSES = st.sampled_from(["ok", "unknown_tool", "wrong_type", "tool_error", "timeout"])


@given(
    st.lists(st.tuples(st.sampled_from("fg"), st.integers(0, 2), STATUSES), max_size=4),
    st.sampled_from(["so_far", "episode"]), st.floats(-2, 2), st.booleans(),
)  # fmt: skip
def test_range(tools, made, scope, reward, some_gold):
    actions = [tools.call(name, x=value) for name, value, _ in made]
    gold = [tools.call("f", x=1), tools.call("g", x=1)] if some_gold else []
    statuses = [*([status] for *_, status in made), []]
    paid = tools.values(ToolLadder(scope), tools.episode(*actions, "42", gold=gold, reward=reward, statuses=statuses))
    assert all(0.0 <= value <= 1.9 + 1e-6 for value in paid)


@given(st.permutations(range(3)))
def test_the_order_of_calls_in_a_turn_does_not_matter(tools, order):
    calls = [tools.call("f", x=1), tools.call("g", x=2), tools.call("f", x=3)]
    gold = calls[:2]
    straight = tools.values("tool_ladder", tools.episode("".join(calls), "42", gold=gold, reward=1.0))
    turned = "".join(calls[index] for index in order)
    assert tools.values("tool_ladder", tools.episode(turned, "42", gold=gold, reward=1.0)) == straight
