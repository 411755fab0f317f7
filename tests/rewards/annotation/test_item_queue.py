from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.annotation.queue import ItemQueue


def items(text):
    return [(letter,) for letter in text]


def letters(taken):
    return "".join(item[0] for item in taken)


def test_the_newest_comes_first_and_each_once():
    queue = ItemQueue(10)
    queue.add(items("abca"))
    assert letters(queue.take(2)) == "ac"
    queue.add(items("acd"))
    assert letters(queue.take(9)) == "db"


def test_asked_again_after_it_was_finished():
    queue = ItemQueue(10)
    queue.add(items("a"))
    queue.take(1)
    queue.finish(items("a"))
    assert queue.empty
    queue.add(items("a"))
    assert letters(queue.take(1)) == "a"


def test_the_oldest_is_dropped_and_may_come_again():
    queue = ItemQueue(2)
    queue.add(items("abc"))
    assert queue.dropped == 1
    queue.add(items("a"))
    assert letters(queue.take(9)) == "ac"
    assert queue.dropped == 2


def test_what_failed_goes_behind_the_rest():
    queue = ItemQueue(3)
    queue.add(items("abc"))
    failed = queue.take(2)
    queue.add(items("d"))
    queue.put_back(failed)
    assert queue.in_flight == 0
    assert letters(queue.take(9)) == "dac"
    queue.put_back(items("ac"))
    queue.add(items("efg"))
    assert queue.dropped == 3


def test_finishing_takes_out_what_waits():
    queue = ItemQueue(3)
    queue.add(items("abc"))
    queue.finish(items("b"))
    assert letters(queue.take(9)) == "ca"


@pytest.mark.parametrize("capacity", [0, -1, 1.5, True, "3"])
def test_a_capacity_is_a_positive_number(capacity):
    with pytest.raises(RewardiumError, match="capacity"):
        ItemQueue(capacity)


class QueueMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.queue = ItemQueue(4)
        self.flying = []
        self.added = 0

    @rule(text=st.text("abcdefg", max_size=6))
    def add(self, text):
        self.queue.add(items(text))

    @rule(count=st.integers(0, 5))
    def take(self, count):
        taken = self.queue.take(count)
        assert len(taken) <= count
        assert not set(taken) & set(self.flying)
        self.flying += taken

    @rule(count=st.integers(0, 5))
    def finish(self, count):
        done, self.flying = self.flying[:count], self.flying[count:]
        self.queue.finish(done)

    @rule(count=st.integers(0, 5))
    def put_back(self, count):
        failed, self.flying = self.flying[:count], self.flying[count:]
        self.queue.put_back(failed)

    @invariant()
    def bounded_and_each_once(self):
        assert len(self.queue) <= 4
        assert self.queue.in_flight == len(self.flying) == len(set(self.flying))
        assert self.queue.empty == (not len(self.queue) and not self.flying)


TestQueueMachine = QueueMachine.TestCase


@given(st.lists(st.text("abc", min_size=1, max_size=1), max_size=20))
def test_order_is_that_of_the_last_request(letters_added):
    queue = ItemQueue(50)
    queue.add([(letter,) for letter in letters_added])
    expected = list(dict.fromkeys(reversed(letters_added)))
    assert letters(queue.take(50)) == "".join(expected)
