from __future__ import annotations

import copy
import pickle
import threading
from dataclasses import dataclass, field

import numpy as np
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards import Score, Segment, make
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.sources.asynchronous import Asynchronous, transition_keys


@dataclass(frozen=True)
class Slow(RewardSource):
    """Scores the length of the text when let go; counts what it was asked."""

    needs = frozenset({"text"})
    asked: list = field(default_factory=list, compare=False)
    may_go: threading.Event = field(default_factory=threading.Event, compare=False)
    registered_name = "slow"

    def score(self, batch):
        assert self.may_go.wait(30)
        self.asked.append(list(batch.texts))
        if "raise" in batch.texts:
            raise ValueError("no")
        if "short" in batch.texts:
            return Score.of([])
        values = [None if text == "unknown" else len(text) for text in batch.texts]
        return Score.of(values, segments=[(Segment(0, len(text), float(len(text))),) for text in batch.texts])


@pytest.fixture
def slow():
    return Slow()


@pytest.fixture
def source(slow):
    source = Asynchronous(slow)
    yield source
    slow.may_go.set()
    source.close()


def batch(*texts, **columns):
    return TransitionBatch.from_transitions([Transition("", "", "", text=text, **columns) for text in texts])


def test_unknown_is_invalid_and_known_is_the_sources_score(source, slow):
    before = source.score(batch("one", "four"))
    assert before.valid.tolist() == [False, False]
    assert before.reasons == ["not scored yet"] * 2
    slow.may_go.set()
    source.drain()
    after = source.score(batch("four", "one", "new"))
    assert after.value.tolist() == [4.0, 3.0, 0.0]
    assert after.valid.tolist() == [True, True, False]
    assert after.segments[:2] == [(Segment(0, 4, 4.0),), (Segment(0, 3, 3.0),)]
    assert after.reasons[2] == "not scored yet"


def test_a_row_is_asked_for_once(source, slow):
    source.score(batch("a", "b", "a"))
    source.score(batch("b", "c"))
    slow.may_go.set()
    source.drain()
    source.score(batch("a", "b", "c"))
    source.drain()
    assert slow.asked == [["a", "b"], ["c"]]


def test_what_the_source_could_not_score_is_asked_for_again(source, slow):
    slow.may_go.set()
    for _ in range(2):
        assert not source.score(batch("unknown")).valid[0]
        source.drain()
    assert slow.asked == [["unknown"], ["unknown"]]


@pytest.mark.parametrize("text", ["raise", "short"])
def test_a_failing_batch_is_counted_and_stops_nothing(source, slow, text, caplog):
    slow.may_go.set()
    source.score(batch(text))
    source.drain()
    assert source.failures == 1
    assert "scores stay unknown" in caplog.text
    assert not source.score(batch(text)).valid[0]
    source.score(batch("fine"))
    source.drain()
    assert source.failures == 2
    assert source.score(batch("fine")).value.tolist() == [4.0]


def test_memory_is_bounded_and_the_oldest_goes_first(slow):
    source = Asynchronous(slow, capacity=2)
    slow.may_go.set()
    for text in ("a", "bb", "ccc"):
        source.score(batch(text))
        source.drain()
    assert source.score(batch("bb", "ccc", "a")).valid.tolist() == [True, True, False]
    source.drain()
    source.close()


def test_the_queue_is_bounded_and_the_rest_is_asked_for_later(slow):
    source = Asynchronous(slow, pending=2)
    source.score(batch("a", "bb", "ccc"))
    slow.may_go.set()
    source.drain()
    assert source.score(batch("a", "bb", "ccc")).valid.tolist() == [True, True, False]
    source.drain()
    assert source.score(batch("ccc")).valid.tolist() == [True]
    source.close()


def test_closing_drops_what_waits_and_it_may_be_asked_for_again(slow):
    source = Asynchronous(slow)
    source.score(batch("a"))
    source.score(batch("b"))
    threading.Timer(0.1, slow.may_go.set).start()
    source.close()
    source.drain()
    source.score(batch("a", "b"))
    source.drain()
    assert source.score(batch("a", "b")).valid.all()
    source.close()


def test_a_reused_array_is_scored_as_it_was_when_asked():
    @dataclass(frozen=True)
    class Mean(RewardSource):
        needs = frozenset({"frame"})
        registered_name = "mean"
        may_go = threading.Event()

        def score(self, batch):
            assert self.may_go.wait(30)
            return Score.of([float(frame.mean()) for frame in batch.frames])

    source = Asynchronous(Mean())
    frame = np.full((4, 4, 3), 9, dtype=np.uint8)
    source.score(TransitionBatch.from_transitions([Transition(0, 0, 0, frame=frame)]))
    frame[:] = 0
    Mean.may_go.set()
    source.drain()
    old = TransitionBatch.from_transitions([Transition(0, 0, 0, frame=np.full((4, 4, 3), 9, dtype=np.uint8))])
    assert source.score(old).value.tolist() == [9.0]
    source.close()


def test_copies_have_a_worker_of_their_own():
    source = Asynchronous(make("repetition"), capacity=7)
    for twin in (copy.deepcopy(source), pickle.loads(pickle.dumps(source))):  # noqa: S301
        assert twin == source
        assert (twin.capacity, twin.needs) == (7, source.needs)
        twin.score(TransitionBatch.from_transitions([Transition("", "", "a b")]))
        twin.drain()
        twin.close()


def test_limits_must_be_positive():
    with pytest.raises(RewardiumError, match="must be positive"):
        Asynchronous(make("repetition"), capacity=0)
    with pytest.raises(RewardiumError, match="must be positive"):
        Asynchronous(make("repetition"), pending=0)


def key(needs, **columns):
    defaults = {"observation": 0, "previous_observation": 0, "action": 0}
    return transition_keys(TransitionBatch.from_transitions([Transition(**{**defaults, **columns})]), frozenset(needs))[
        0
    ]


LARGE, OTHER = np.zeros(5000), np.zeros(5000)
OTHER[2500] = 1.0


@pytest.mark.parametrize(
    ("need", "one", "two"),
    [
        ("observation", {"observation": LARGE}, {"observation": OTHER}),
        ("observation", {"observation": {"map": LARGE}}, {"observation": {"map": OTHER}}),
        ("observation", {"previous_observation": (LARGE, 1)}, {"previous_observation": (OTHER, 1)}),
        ("observation", {"observation": np.zeros(2)}, {"observation": np.zeros((2, 1))}),
        ("action", {"action": "1"}, {"action": 1}),
        ("action", {"action": "\ud800"}, {"action": "\ud801"}),
        ("task", {"task": Task("a", "1")}, {"task": Task("a", "2")}),
        ("task", {"task": Task("a", fields={"grid": LARGE})}, {"task": Task("a", fields={"grid": OTHER})}),
        ("history", {"history": (Transition(LARGE, 0, 0),)}, {"history": (Transition(OTHER, 0, 0),)}),
        ("text", {"text": "a"}, {"text": None}),
        ("text", {"text": "a", "reward": 1.0}, {"text": "a", "reward": 2.0}),
        ("text", {"text": "a", "terminated": True}, {"text": "a"}),
    ],
)
def test_rows_that_a_source_could_tell_apart_have_different_keys(need, one, two):
    assert key({need}, **one) == key({need}, **copy.deepcopy(one))
    assert key({need}, **one) != key({need}, **two)


def test_what_a_source_does_not_read_does_not_count():
    one = {"text": "a", "observation": 1, "action": 2, "env": 3, "episode": 4, "step": 5}
    assert key({"text"}, **one) == key({"text"}, text="a")
