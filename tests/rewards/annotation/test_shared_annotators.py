from __future__ import annotations

import copy
import pickle
import threading

import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.annotation.budget import Budget
from rewardium.rewards.annotation.questions import HELPFUL, PREFERENCE
from rewardium.rewards.annotation.shared import close_shared_annotators, shared_annotator
from rewardium.rewards.models.judge import JudgeError

KEY = ("You see here a key.",)


@pytest.fixture(autouse=True)
def closed():
    yield
    close_shared_annotators()


def test_equal_arguments_give_one_annotator(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = shared_annotator(HELPFUL, "scripted:keyword", "labels.sqlite")
    assert shared_annotator(copy.deepcopy(HELPFUL), "scripted:keyword", tmp_path / "labels.sqlite") is first
    others = [
        shared_annotator(PREFERENCE, "scripted:keyword", "labels.sqlite"),
        shared_annotator(HELPFUL, "scripted:keyword?seed=1", "labels.sqlite"),
        shared_annotator(HELPFUL, "scripted:keyword"),
        shared_annotator(HELPFUL, "scripted:keyword", "labels.sqlite", budget=Budget(items=1)),
        shared_annotator(HELPFUL, "scripted:keyword", "labels.sqlite", batch_size=1),
    ]
    assert len({id(annotator) for annotator in [first, *others]}) == 6


def test_a_copy_is_the_shared_one_itself():
    annotator = shared_annotator(HELPFUL, "scripted:keyword")
    assert copy.deepcopy(annotator) is annotator
    assert pickle.loads(pickle.dumps(annotator)) is annotator  # noqa: S301


def test_the_judge_lives_as_long_as_one_uses_it():
    first = shared_annotator(HELPFUL, "scripted:keyword")
    second = shared_annotator(PREFERENCE, "scripted:keyword")
    judge = second.judge
    first.close()
    assert judge.complete(["x"])
    second.labels([("a", "b")])
    assert second.wait(60)
    second.close()
    with pytest.raises(JudgeError, match="closed"):
        judge.complete(["x"])


def test_a_closed_one_is_replaced():
    first = shared_annotator(HELPFUL, "scripted:keyword")
    first.labels([KEY])
    assert first.wait(60)
    first.close()
    first.close()
    second = shared_annotator(HELPFUL, "scripted:keyword")
    assert second is not first
    assert first.labels([KEY]) == [1.0]
    second.labels([KEY])
    assert second.wait(60)
    assert second.labels([KEY]) == [1.0]


def test_threads_get_the_same_one():
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(shared_annotator(HELPFUL, "scripted:keyword"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def test_wrong_arguments_are_refused_each_time():
    for _ in range(2):
        with pytest.raises(RewardiumError, match="did you mean 'keyword'"):
            shared_annotator(HELPFUL, "scripted:keywort")
        with pytest.raises(RewardiumError, match="capacity"):
            shared_annotator(HELPFUL, "scripted:keyword", capacity=0)
