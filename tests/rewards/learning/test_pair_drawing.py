from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.rewards.learning.pair_drawing import PairDrawer, Waiting, draw_pairs


@given(st.integers(0, 40), st.integers(0, 60), st.integers(0, 3))
def test_drawn_pairs_are_distinct_and_as_many_as_there_can_be(size, number, seed):
    messages = [f"message {index}" for index in range(size)]
    pairs = draw_pairs(messages, number, seed)
    assert len(pairs) == min(number, size * (size - 1) // 2)
    assert len({frozenset(pair) for pair in pairs}) == len(pairs)
    assert all(first != second and {first, second} <= set(messages) for first, second in pairs)
    assert pairs == draw_pairs(messages, number, seed)


def test_the_order_within_a_pair_is_drawn():
    messages = [f"{index:03}" for index in range(60)]
    rising = sum(first < second for first, second in draw_pairs(messages, 400))
    assert 140 < rising < 260


def test_a_new_message_is_paired_with_met_ones_and_only_once():
    drawer = PairDrawer(partners=3, seed=1)
    assert drawer.draw(["a"]) == []
    pairs = drawer.draw(["b", "c", "d", "e", "a"])
    assert len(pairs) == 1 + 2 + 3 + 3
    assert len({frozenset(pair) for pair in pairs}) == len(pairs)
    assert drawer.draw(["a", "b", "e"]) == []
    first, second = (PairDrawer(partners=2, seed=5).draw("abcdef") for _ in range(2))
    assert first == second


def test_the_memory_is_bounded():
    drawer = PairDrawer(partners=1, capacity=8)
    pairs = drawer.draw(str(index) for index in range(500))
    assert len(drawer) == 8
    assert len(drawer._met) == 8
    assert len(pairs) == 499


def test_with_enough_partners_every_pair_is_asked():
    pairs = PairDrawer(partners=10).draw("abcde")
    assert {frozenset(pair) for pair in pairs} == {frozenset(pair) for pair in combinations("abcde", 2)}


def test_waiting_pairs_take_turns_and_the_oldest_are_given_up():
    waiting = Waiting(capacity=3)
    pairs = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "e")]
    waiting.add(pairs)
    assert len(waiting) == 3
    assert waiting.next(2) == pairs[1:3]
    assert waiting.next(2) == [pairs[3], pairs[1]]
    waiting.remove([pairs[1], ("x", "y")])
    assert sorted(waiting.next(9)) == [pairs[2], pairs[3]]


@pytest.mark.parametrize("messages", [[], ["alone"]])
def test_too_few_messages_have_no_pairs(messages):
    assert draw_pairs(messages, 5) == []
