from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from rewardium.agents.control import attachments
from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards import RewardSource, Score, make
from rewardium.rewards.sources.oni import Oni

DONE: list[str] = []


@dataclass(frozen=True)
class Figures:
    asked: int
    seconds: float
    left: int | None
    name: str = "figures"


@dataclass(frozen=True)
class Works(RewardSource):
    registered_name = "works"
    needs = frozenset({"text"})
    name: str = "a"
    fails: bool = False

    @property
    def statistics(self):
        return Figures(3, 0.5, None)

    def drain(self):
        DONE.append(f"drain {self.name}")

    def close(self):
        DONE.append(f"close {self.name}")
        if self.fails:
            raise OSError("gone")

    def score(self, batch):
        return Score.of([None] * len(batch))


@dataclass(frozen=True)
class Counts(RewardSource):
    registered_name = "counts"
    needs = frozenset({"text"})

    def statistics(self):
        return {"labels": 7}

    def score(self, batch):
        return Score.of([None] * len(batch))


@dataclass(frozen=True)
class Student(RewardSource):
    registered_name = "student"
    needs = frozenset({"text"})
    seed: int = 0

    def __post_init__(self):
        object.__setattr__(self, "weights", torch.zeros(2))

    def state_dict(self):
        return {"weights": self.weights}

    def load_state_dict(self, state):
        self.weights.copy_(state["weights"])

    def score(self, batch):
        return Score.of([None] * len(batch))


@pytest.fixture(autouse=True)
def _nothing_done():
    DONE.clear()


def test_figures_of_every_source_once():
    reward = make("extrinsic") + 0.5 * make("once", Works()) + Works() + Works("b") + Counts()
    assert attachments.statistics(reward) == {
        "annotator/works/asked": 3.0,
        "annotator/works/seconds": 0.5,
        "annotator/works#2/asked": 3.0,
        "annotator/works#2/seconds": 0.5,
        "annotator/counts/labels": 7.0,
    }
    assert attachments.statistics(make("extrinsic")) == {}


def test_all_are_drained_and_closed_also_after_a_failure(caplog):
    reward = make("asynchronous", Works("inner", fails=True)) + Works("outer")
    attachments.drain(reward)
    assert DONE == ["drain inner", "drain outer"]
    attachments.close(reward)
    assert DONE[2:] == ["close inner", "close outer"]
    assert "failed" in caplog.text


def test_an_error_of_what_is_drained_is_not_swallowed(monkeypatch):
    monkeypatch.setattr(Works, "drain", lambda self: [][0])
    with pytest.raises(IndexError):
        attachments.drain(make("once", Works("a")))


def test_a_judge_that_only_fails_is_not_waited_for_without_end(monkeypatch, caplog):
    monkeypatch.setattr(attachments, "PATIENCE", 0.3)
    source = Oni("scripted:dead")
    source.score(batch_of("You see here a key."))
    attachments.drain(source)
    assert "only failed" in caplog.text
    caplog.clear()
    attachments.drain(source)  # nor a second time
    assert caplog.text == ""
    source.annotator.close()


def test_a_slow_judge_is_waited_for(monkeypatch):
    monkeypatch.setattr(attachments, "PATIENCE", 0.1)
    source = Oni("scripted:keyword?delay=0.8")
    batch = batch_of("You see here a key.")
    assert not source.score(batch).valid[0]
    attachments.drain(source)
    assert source.score(batch).valid[0]
    source.annotator.close()


def batch_of(message):
    return TransitionBatch.from_transitions([Transition("", "", 0, text=f"Message: {message}")])


def test_an_asynchronous_source_is_waited_for_and_closed():
    reward = make("once", make("asynchronous", make("repetition")))
    batch = TransitionBatch.from_transitions([Transition("", "", "one two")])
    (source,) = reward.sources()
    assert not source.score(batch).valid[0]
    attachments.drain(reward)
    assert source.score(batch).valid[0]
    attachments.close(reward)


def test_what_was_learned_is_given_back():
    student, other = Student(), Student(seed=1)
    student.weights.add_(2.0)
    state = attachments.learned(0.5 * student + make("extrinsic"))
    fresh = Student()
    attachments.load_learned(fresh + make("extrinsic"), state)
    assert fresh.weights.tolist() == [2.0, 2.0]
    with pytest.raises(RewardiumError, match="reward has changed"):
        attachments.load_learned(other, state)
    assert attachments.learned(make("extrinsic")) == {}
