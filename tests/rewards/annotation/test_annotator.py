from __future__ import annotations

import copy
import gc
import logging
import pickle
import sqlite3
import sys
import threading
import time
from contextlib import closing

import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.annotation import worker as worker_module
from rewardium.rewards.annotation.annotator import Annotator
from rewardium.rewards.annotation.budget import Budget
from rewardium.rewards.annotation.cache import LabelCache
from rewardium.rewards.annotation.question import parts_of
from rewardium.rewards.annotation.questions import HELPFUL, PREFERENCE
from rewardium.rewards.models.judge import Completion, JudgeError

KEY, WALL = ("You see here a key.",), ("It's a wall.",)


class Judge:
    """A judge that a test leads: it waits where it is told to, and answers what it is told to."""

    def __init__(self, name="led"):
        self.name = name
        self.batches = []
        self.answer = lambda prompt: "helpful"
        self.may_go = threading.Event()
        self.may_go.set()
        self.began = threading.Semaphore(0)
        self.closed = False

    def complete(self, prompts):
        self.batches.append(list(prompts))
        self.began.release()
        assert self.may_go.wait(60)
        answers = [self.answer(prompt) for prompt in prompts]
        return [Completion(answer, 10, 1) if isinstance(answer, str) else answer for answer in answers]

    def close(self):
        self.closed = True

    @property
    def asked(self):
        return [[parts_of(prompt)[0] for prompt in batch] for batch in self.batches]


@pytest.fixture
def judge():
    judge = Judge()
    yield judge
    judge.may_go.set()


@pytest.fixture
def build(judge):
    built = []

    def build(given=judge, question=HELPFUL, **arguments):
        built.append(Annotator(question, given, **{"retry_seconds": 0.01, **arguments}))
        return built[-1]

    yield build
    judge.may_go.set()
    for annotator in built:
        annotator.close()


def until(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.005)


def items(text):
    return [(letter,) for letter in text]


def test_labels_come_later_and_the_caller_never_waits(build, judge):
    judge.may_go.clear()
    annotator = build()
    assert annotator.labels([KEY, WALL]) == [None, None]
    assert judge.began.acquire(timeout=60)  # the judge works on it, and will not answer
    assert annotator.labels([KEY, WALL]) == [None, None]
    assert annotator.version == 0
    judge.answer = lambda prompt: "Unhelpful." if "wall" in prompt else "Answer: helpful"
    judge.may_go.set()
    assert annotator.wait(60)
    assert annotator.labels([WALL, KEY, WALL]) == [0.0, 1.0, 0.0]
    assert annotator.known() == {KEY: 1.0, WALL: 0.0}
    assert annotator.version == 2


def test_each_item_is_asked_once_also_while_in_flight(build, judge):
    judge.may_go.clear()
    annotator = build()
    annotator.labels(items("ab"))
    assert judge.began.acquire(timeout=60)
    for _ in range(5):
        annotator.labels(items("abab"))
        annotator.ask(items("ba"))
    judge.may_go.set()
    assert annotator.wait(60)
    annotator.labels(items("ab"))
    assert annotator.wait(60)
    assert sorted(letter for batch in judge.asked for letter in batch) == ["a", "b"]


def test_newest_first_in_batches(build, judge):
    judge.may_go.clear()
    annotator = build(batch_size=2)
    annotator.labels(items("x"))
    assert judge.began.acquire(timeout=60)
    annotator.labels(items("abc"))
    annotator.labels(items("da"))
    judge.may_go.set()
    assert annotator.wait(60)
    assert judge.asked == [["x"], ["a", "d"], ["c", "b"]]


def test_a_batch_fills_before_it_is_sent_unless_somebody_waits(build, judge, monkeypatch):
    monkeypatch.setattr(worker_module, "_GATHERING", 60.0)
    annotator = build(batch_size=3)
    for letter in "ab":
        annotator.labels(items(letter))
    assert not judge.began.acquire(timeout=0.2)
    annotator.labels(items("c"))
    assert judge.began.acquire(timeout=30)
    until(lambda: annotator.statistics.labelled == 3)
    annotator.labels(items("d"))
    assert annotator.wait(30)
    annotator.labels(items("e"))
    annotator.close()  # ends at once, and drops what waits
    assert judge.asked == [["c", "b", "a"], ["d"]]


def test_an_answer_that_cannot_be_read_is_asked_for_once_more_and_then_unknown(build, judge):
    judge.answer = lambda prompt: (
        "helpful" if "Reply with exactly one" in prompt and "key" in prompt else "Let me think"
    )
    annotator = build()
    annotator.labels([KEY, WALL])
    assert annotator.wait(60)
    assert annotator.labels([KEY, WALL]) == [1.0, None]
    assert annotator.wait(60)
    assert [len(batch) for batch in judge.batches] == [2, 2]  # the unknown is not asked about again in this run
    assert judge.batches[1] == [HELPFUL.retry_prompt(WALL), HELPFUL.retry_prompt(KEY)]
    statistics = annotator.statistics
    assert (statistics.asked, statistics.labelled, statistics.unknown, statistics.calls) == (2, 1, 1, 4)
    assert (statistics.tokens, statistics.failures, statistics.last_error) == (44, 0, None)


def test_nonsense_gives_no_reward_at_all(build):
    annotator = build("scripted:nonsense")
    annotator.labels([KEY, WALL])
    assert annotator.wait(60)
    assert annotator.labels([KEY, WALL]) == [None, None]
    assert annotator.known() == {}
    assert annotator.version == 0


@pytest.mark.parametrize(
    ("budget", "labelled"),
    [
        (Budget(items=3), 3),
        (Budget(calls=4), 4),
        (Budget(tokens=22), 2),
        (Budget(items=0), 0),
        (Budget(seconds=0.0), 0),
    ],
)
def test_a_budget_ends_the_asking_and_nothing_else(build, budget, labelled):
    annotator = build(budget=budget, batch_size=1)
    annotator.labels(items("abcdefgh"))
    assert not annotator.wait(60)  # at once, since there will be no more
    assert len(annotator.known()) == labelled
    statistics = annotator.statistics
    assert statistics.budget_left.exhausted
    assert statistics.queued == 8 - labelled
    assert annotator.labels(items("h")) == [1.0 if labelled else None]


def test_a_budget_of_calls_counts_the_second_round(build, judge):
    judge.answer = lambda prompt: "nonsense"
    annotator = build(budget=Budget(calls=5), batch_size=3)
    annotator.labels(items("abcdefgh"))
    assert not annotator.wait(60)
    assert sum(map(len, judge.batches)) == 5


def test_a_dead_judge_loses_nothing_and_is_noticed_when_it_is_back(build, judge, caplog):
    def refuse(prompt):
        raise JudgeError("connection refused")

    judge.answer = refuse
    annotator = build()
    annotator.labels(items("abc"))
    until(lambda: annotator.statistics.failures >= 3)
    statistics = annotator.statistics
    assert statistics.queued + statistics.in_flight == 3
    assert statistics.last_error == "connection refused"
    assert statistics.asked == statistics.calls == 0
    assert [record.levelno for record in caplog.records].count(logging.WARNING) == 1
    assert annotator.labels(items("abc")) == [None] * 3
    judge.answer = lambda prompt: "helpful"
    assert annotator.wait(60)
    assert annotator.labels(items("abc")) == [1.0] * 3


def test_pauses_grow(build, judge):
    times = []

    def refuse(prompt):
        times.append(time.monotonic())
        raise JudgeError("no")

    judge.answer = refuse
    annotator = build(retry_seconds=0.02)
    annotator.labels(items("a"))
    until(lambda: len(times) == 5)
    assert times[-1] - times[0] >= 0.02 + 0.04 + 0.08 + 0.16  # at least; a busy machine makes them longer


@pytest.mark.parametrize(
    "complete",
    [
        lambda prompts: [],
        lambda prompts: None,
        lambda prompts: 1 / 0,
        lambda prompts: sys.exit(1),
        lambda prompts: [Completion("helpful")] * (len(prompts) + 1),
    ],
    ids=["too few", "none", "raises", "exits", "too many"],
)
def test_a_broken_judge_is_a_dead_judge(build, judge, complete):
    whole, judge.complete = judge.complete, complete
    annotator = build()
    annotator.labels(items("ab"))
    until(lambda: annotator.statistics.failures >= 2)
    judge.complete = whole
    assert annotator.wait(60)
    assert annotator.labels(items("ab")) == [1.0, 1.0]


def test_a_prompt_that_is_never_answered_does_not_hold_up_the_others(build, judge):
    judge.answer = lambda prompt: None if "\nb\n" in prompt else "helpful"
    annotator = build(batch_size=1)
    annotator.labels(items("ab"))
    assert annotator.wait(60)
    assert annotator.labels(items("ab")) == [1.0, None]
    assert annotator.wait(60)
    assert sum("\nb\n" in prompt for batch in judge.batches for prompt in batch) == worker_module.MAX_ATTEMPTS


def test_a_judge_that_dies_in_the_second_round_keeps_the_first(build, judge):
    def die(prompt):
        raise JudgeError("gone")

    judge.answer = lambda prompt: "helpful" if "key" in prompt else die(prompt) if "exactly" in prompt else "well"
    annotator = build()
    annotator.labels([KEY, WALL])
    until(lambda: annotator.statistics.failures)
    assert annotator.labels([KEY]) == [1.0]
    judge.answer = lambda prompt: "unhelpful"
    assert annotator.wait(60)
    assert annotator.labels([KEY, WALL]) == [1.0, 0.0]


def test_the_queue_is_bounded_and_what_was_dropped_may_come_again(build, judge):
    judge.may_go.clear()
    annotator = build(capacity=3)
    annotator.labels(items("x"))
    assert judge.began.acquire(timeout=60)
    annotator.labels(items("abcde"))
    assert annotator.statistics.queued == 3
    assert annotator.statistics.dropped == 2
    judge.may_go.set()
    assert annotator.wait(60)
    assert annotator.labels(items("abcde")) == [None, None, 1.0, 1.0, 1.0]
    assert annotator.wait(60)
    assert annotator.labels(items("ab")) == [1.0, 1.0]


def test_what_is_no_item_is_refused_before_anything_is_asked(build, judge):
    annotator = build()
    for wrong in (["text"], [("a", "b")], [KEY, None], [("a",), [1]]):
        with pytest.raises(RewardiumError, match="helpful"):
            annotator.labels(wrong)
    assert annotator.labels([]) == []
    assert judge.batches == []


@pytest.mark.parametrize(
    "wrong",
    [{"batch_size": 0}, {"capacity": 0}, {"batch_size": True}, {"retry_seconds": -1}, {"retry_seconds": float("inf")}],
)
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(RewardiumError, match=next(iter(wrong))):
        Annotator(HELPFUL, "scripted:keyword", **wrong)


def test_judge_and_disk_are_used_in_the_background_only(build, judge, tmp_path, monkeypatch):
    users = set()

    def watched(owner, method):
        real = getattr(owner, method)

        def note(*arguments, **options):
            users.add((method, threading.current_thread().name))
            return real(*arguments, **options)

        return note

    for method in ("read", "write", "changed"):
        monkeypatch.setattr(LabelCache, method, watched(LabelCache, method))
    judge.complete = watched(judge, "complete")
    annotator = build(cache=tmp_path / "labels.sqlite")
    annotator.labels([KEY])
    annotator.ask([WALL])
    assert annotator.known() is not None
    assert annotator.wait(60)
    assert annotator.labels([KEY]) == [1.0]
    assert annotator.version
    assert annotator.statistics.asked == 2
    annotator.close()
    assert users == {(method, "annotate-helpful") for method in ("read", "write", "changed", "complete")}


# The cache.


def test_what_was_answered_is_not_asked_again_in_the_next_run(build, judge, tmp_path):
    first = build(cache=tmp_path / "labels.sqlite")
    first.labels(items("ab"))
    assert first.wait(60)
    first.close()
    second = build(cache=tmp_path / "labels.sqlite")
    assert second.wait(60)
    assert second.labels(items("ab")) == [1.0, 1.0]
    assert second.version == 2
    assert len(judge.batches) == 1
    statistics = second.statistics
    assert (statistics.recalled, statistics.labelled, statistics.asked) == (2, 0, 0)
    cache = LabelCache(tmp_path / "labels.sqlite")
    record = cache.read("led", HELPFUL.key)[0][0]
    assert (record.answer, record.prompt_tokens, record.completion_tokens) == ("helpful", 10, 1)
    cache.close()


def test_an_unknown_is_asked_about_in_later_runs_up_to_a_limit(build, judge, tmp_path):
    judge.answer = lambda prompt: "well"
    for _ in range(worker_module.MAX_ASKED + 2):
        annotator = build(cache=tmp_path / "labels.sqlite")
        annotator.labels(items("a"))
        assert annotator.wait(60)
        annotator.close()
    assert len(judge.batches) == 2 * worker_module.MAX_ASKED


def test_another_judge_has_other_labels(build, tmp_path):
    for name, label in (("one", 1.0), ("two", 0.0)):
        judge = Judge(name)
        judge.answer = lambda prompt, label=label: "helpful" if label else "unhelpful"
        annotator = build(judge, cache=tmp_path / "labels.sqlite")
        annotator.labels([KEY])
        assert annotator.wait(60)
        assert annotator.known() == {KEY: label}


def test_a_cache_that_cannot_be_used_leaves_the_labels_in_memory_with_one_warning(build, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    annotator = build(cache=tmp_path / "file" / "labels.sqlite", batch_size=1)
    annotator.labels(items("abc"))
    assert annotator.wait(60)
    assert annotator.labels(items("abc")) == [1.0] * 3
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "labels stay in memory" in warnings[0].message
    assert "cannot be used" in annotator.statistics.last_error


def test_labels_are_written_when_a_locked_cache_is_free_again(build, judge, tmp_path, monkeypatch):
    monkeypatch.setattr(worker_module, "_CACHE_PAUSE", 0.05)
    monkeypatch.setattr("rewardium.rewards.annotation.annotator._BUSY_SECONDS", 0.2)
    path = tmp_path / "labels.sqlite"
    first = build(cache=path)
    assert first.wait(60)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        first.labels(items("a"))
        until(lambda: first.labels(items("a")) == [1.0])
        until(lambda: first.statistics.last_error)
        other.execute("ROLLBACK")
    until(lambda: first.wait(60) and other_sees(path) == [("a",)])


def other_sees(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT json_extract(item, '$[0]') FROM labels").fetchall()


class NamelessJudge(Judge):
    """Does not know its model's name while its server is down."""

    up = False

    @property
    def name(self):
        if not self.up:
            raise JudgeError("who am I?")
        return "found"

    @name.setter
    def name(self, value):
        pass


def test_a_server_that_comes_late_is_asked_for_its_name_again(build, tmp_path):
    judge = NamelessJudge()
    annotator = build(judge, cache=tmp_path / "labels.sqlite")
    assert annotator.labels(items("a")) == [None]
    until(lambda: annotator.statistics.failures >= 2)
    assert judge.batches == []
    judge.up = True
    assert annotator.wait(60)
    assert annotator.labels(items("a")) == [1.0]
    assert other_sees(tmp_path / "labels.sqlite") == [("a",)]


# Ends.


def threads():
    return {thread for thread in threading.enumerate() if thread.name.startswith("annotate-")}


def test_close_ends_the_thread_and_may_be_repeated(build, judge):
    before = threads()
    annotator = build()
    annotator.labels(items("a"))
    assert annotator.wait(60)
    assert len(threads() - before) == 1
    annotator.close()
    annotator.close()
    assert threads() == before
    assert annotator.labels(items("ab")) == [1.0, None]
    annotator.ask(items("c"))
    assert annotator.statistics.queued == 0
    assert annotator.wait(60)  # nothing is left to do
    assert not judge.closed  # it belongs to whoever made it


def test_close_before_anything_was_asked_closes_an_own_judge(build):
    annotator = build("scripted:keyword")
    annotator.close()
    with pytest.raises(JudgeError, match="closed"):
        annotator.judge.complete(["x"])


def test_close_aborts_an_own_judge_that_is_slow(monkeypatch):
    monkeypatch.setattr("rewardium.rewards.annotation.annotator._CLOSE_SECONDS", 0.1)
    before = threads()
    annotator = Annotator(HELPFUL, "scripted:keyword?delay=1000")
    annotator.labels([KEY])
    until(lambda: annotator.statistics.in_flight)
    annotator.close()
    assert threads() == before


def test_close_waits_for_the_batch_that_is_being_answered_and_writes_it(build, judge, tmp_path):
    judge.may_go.clear()
    annotator = build(cache=tmp_path / "labels.sqlite", batch_size=1)
    annotator.labels(items("a"))
    assert judge.began.acquire(timeout=60)
    annotator.labels(items("b"))
    threading.Timer(0.2, judge.may_go.set).start()
    annotator.close()
    assert other_sees(tmp_path / "labels.sqlite") == [("a",)]


def test_an_annotator_that_nobody_closed_is_collected_with_its_thread():
    before = threads()
    annotator = Annotator(HELPFUL, "scripted:keyword")
    annotator.labels([KEY])
    assert annotator.wait(60)
    del annotator
    gc.collect()
    until(lambda: threads() == before)


def test_a_copy_begins_anew_with_the_same_arguments(build, tmp_path):
    annotator = build("scripted:keyword", cache=tmp_path / "labels.sqlite", batch_size=7, budget=Budget(items=9))
    annotator.labels([KEY])
    assert annotator.wait(60)
    for copied in (copy.deepcopy(annotator), pickle.loads(pickle.dumps(annotator))):  # noqa: S301
        assert copied.statistics.asked == 0
        assert copied.statistics.budget_left == Budget(items=9)
        assert copied.wait(60)
        assert copied.labels([KEY]) == [1.0]
        copied.close()


def test_statistics_hold_together_under_threads(build):
    annotator = build("scripted:keyword", batch_size=8)
    stop = threading.Event()
    broken = []

    def watch():
        while not stop.is_set():
            now = annotator.statistics
            if now.asked != now.labelled + now.unknown or now.asked > now.calls:
                broken.append(now)

    def ask(number):
        for start in range(0, 300, 10):
            annotator.labels([(f"message {number % 2} {index}",) for index in range(start, start + 10)])

    watcher = threading.Thread(target=watch)
    askers = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in (watcher, *askers):
        thread.start()
    for thread in askers:
        thread.join(60)
    assert annotator.wait(60)
    stop.set()
    watcher.join(60)
    assert broken == []
    assert annotator.statistics.asked == 600
    assert annotator.version == len(annotator.known()) == 600


def test_items_of_two_parts():
    with Annotator(PREFERENCE, "scripted:keyword") as annotator:
        pairs = [(KEY[0], WALL[0]), (WALL[0], KEY[0]), (WALL[0], WALL[0])]
        annotator.labels(pairs)
        assert annotator.wait(60)
        assert annotator.labels(pairs) == [1.0, 0.0, 0.5]
