from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.annotation.budget import Budget, Spent


@pytest.mark.parametrize(
    ("budget", "spent", "room"),
    [
        (Budget(), Spent(), 64),
        (Budget(items=10), Spent(), 10),
        (Budget(items=10), Spent(items=10), 0),
        (Budget(items=10), Spent(items=12), 0),
        (Budget(calls=5), Spent(calls=3), 2),
        (Budget(items=9, calls=5), Spent(items=1, calls=1), 4),
        (Budget(tokens=1000), Spent(), 64),
        (Budget(tokens=1000), Spent(items=10, tokens=900), 1),  # 90 tokens an item: 100 are left for one
        (Budget(tokens=1000), Spent(items=10, tokens=500), 10),
        (Budget(tokens=1000), Spent(items=10, tokens=999), 1),
        (Budget(tokens=1000), Spent(items=10, tokens=1000), 0),
        (Budget(seconds=2.0), Spent(items=4, seconds=1.0), 4),
        (Budget(seconds=2.0), Spent(items=4, seconds=2.5), 0),
        (Budget(tokens=1000), Spent(items=10), 64),  # a judge that does not count
        (Budget(items=0), Spent(), 0),
    ],
)
def test_room(budget, spent, room):
    left = budget.minus(spent)
    assert left.room(64, spent) == room
    assert left.exhausted == (room == 0)


LIMIT = st.none() | st.integers(0, 100)


@given(LIMIT, LIMIT, LIMIT, st.none() | st.floats(0, 100), st.integers(0, 100), st.integers(0, 100))
def test_never_more_than_wanted_and_never_negative(items, calls, tokens, seconds, wanted, used):
    budget = Budget(items, calls, tokens, seconds)
    spent = Spent(used, used, used, float(used))
    left = budget.minus(spent)
    assert 0 <= left.room(wanted, spent) <= wanted
    assert Budget().minus(spent) == Budget()


@pytest.mark.parametrize("wrong", [{"items": -1}, {"calls": 1.5}, {"tokens": True}, {"seconds": float("nan")}])
def test_a_limit_is_a_number(wrong):
    with pytest.raises(RewardiumError, match=next(iter(wrong))):
        Budget(**wrong)
