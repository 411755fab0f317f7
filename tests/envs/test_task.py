"""Tasks."""

import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task


def test_equality_and_hash_look_at_goal_and_reference_only():
    assert Task("a", "1", {"x": 1}) == Task("a", "1", {"x": 2})
    assert hash(Task("a", "1", {"x": 1})) == hash(Task("a", "1"))
    assert Task("a", "1") != Task("a", "2")
    assert Task("a", "1") != Task("b", "1")


def test_from_option():
    task = Task("a", "1", {"x": 1})
    assert Task.from_option(task) is task
    read = Task.from_option({"goal": "a", "reference": "1", "x": 1})
    assert (read, read.fields) == (task, {"x": 1})
    assert Task.from_option({"goal": "a"}).reference is None


@pytest.mark.parametrize(
    "value", [None, 3, "goal", [], {}, {"reference": "1"}, {"goal": 3}, {"goal": "a", "reference": 1}]
)
def test_from_option_refuses(value):
    with pytest.raises(RewardiumError, match=r"options\['task'\]"):
        Task.from_option(value)


def test_is_frozen():
    with pytest.raises(AttributeError):
        Task("a").goal = "b"
