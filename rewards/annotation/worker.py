"""What an annotator does in the background: all that touches a judge or a disk happens in its thread."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from rewardium.rewards.annotation.asking import Answers, ask_judge
from rewardium.rewards.annotation.budget import Budget, Spent
from rewardium.rewards.annotation.cache import CacheError, LabelCache, LabelRecord
from rewardium.rewards.annotation.question import Item, Question
from rewardium.rewards.annotation.queue import ItemQueue
from rewardium.rewards.models.judge import Judge, JudgeError

logger = logging.getLogger(__name__)

MAX_ASKED = 3
"""How many runs ask about an item that a judge never answers with an allowed word."""
MAX_ATTEMPTS = 3
"""How often one run sends an item that the judge takes no notice of, while it answers others."""
LONGEST_PAUSE = 60.0
"""Seconds between two attempts to reach a judge that is down."""

_POLL = 0.5  # seconds between two looks at what other processes wrote
# Seconds in which a batch fills: a request costs the policy's process as much as a hundred prompts in it do, and a
# policy meets new items in ones and twos.
_GATHERING = 0.25
_CACHE_PAUSE = 10.0  # seconds between two attempts to use a cache that cannot be used
_MAX_OWED = 100_000  # labels that are kept for a cache that cannot be written
_ROWS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class AnnotatorStatistics:
    """What an annotator did so far, in this process.

    Args:
        asked: Items put to the judge; again for those that were put to it again.
        labelled: Items that the judge labelled.
        recalled: Labels that came from the cache, from earlier runs and other processes.
        unknown: Items without an allowed answer, which are not asked about again in this run.
        failures: Batches that the judge did not answer.
        calls: Prompts sent.
        tokens: Tokens that the judge read and wrote, as it counts them.
        seconds: Spent waiting for answers.
        queued: Items that wait.
        in_flight: Items that the judge has before it.
        dropped: Items that were dropped because too many waited; they may be asked for again.
        budget_left: What is left of the budget.
        last_error: What went wrong last, of judge or cache; None where nothing did.
    """

    asked: int = 0
    labelled: int = 0
    recalled: int = 0
    unknown: int = 0
    failures: int = 0
    calls: int = 0
    tokens: int = 0
    seconds: float = 0.0
    queued: int = 0
    in_flight: int = 0
    dropped: int = 0
    budget_left: Budget = field(default_factory=Budget)
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """What a worker works on and with.

    Args:
        question: What is asked.
        judge: Whom.
        owns_judge: Whether the judge is closed with the worker.
        cache: Where labels are kept, or None.
        budget: What the judge may cost.
        batch_size: Items a batch.
        capacity: Items that may wait.
        retry_seconds: The first pause after a failure; each further one is twice as long.
    """

    question: Question
    judge: Judge
    owns_judge: bool
    cache: LabelCache | None
    budget: Budget
    batch_size: int
    capacity: int
    retry_seconds: float


class Worker:
    """Labels in memory, items that wait, and a daemon thread between them and judge and cache.

    The condition's lock guards everything that callers see. It is held for moments only, never while the judge or the
    disk is used, so that no caller waits for either.
    """

    def __init__(self, work: Work, heir_of: Worker | None = None) -> None:
        self._work = work
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._queue = ItemQueue(work.capacity)
        self._known: dict[Item, float] = dict(heir_of._known) if heir_of else {}
        self._unknown: set[Item] = set(heir_of._unknown) if heir_of else set()
        self._spent: Spent = replace(heir_of._spent) if heir_of else Spent()
        self.version: int = heir_of.version if heir_of else 0
        self._labelled = self._recalled = self._failures = 0
        self._attempts: dict[Item, int] = {}
        self._last_error: str | None = None
        self._resume_at = 0.0
        self._waiting = 0  # callers of wait()
        self._streak = 0  # failures in a row
        self._owed: deque[LabelRecord] = deque(maxlen=_MAX_OWED)
        self._judge_name: str | None = None
        self._revision = 0
        self._first_read = True
        self._loaded = work.cache is None
        self._cache_works = True
        self._cache_resume_at = 0.0

    # What callers use.

    def labels(self, items: Sequence[Item]) -> list[float | None]:
        """Return what is known and queue the rest; only what is not known is looked at more closely."""
        missing = []
        with self._condition:
            try:
                labels = [self._known.get(item) for item in items]
            except TypeError:  # a list or worse, which is checked below
                labels = [None] * len(items)
            for row, label in enumerate(labels):
                if label is None:
                    item = self._work.question.item(items[row])
                    labels[row] = self._known.get(item)
                    missing += [item] if labels[row] is None else []
            self._add(missing)
        return labels

    def ask(self, items: Sequence[Item]) -> None:
        """Queue what is not known."""
        with self._condition:
            self._add([item for item in items if item not in self._known])

    def known(self) -> dict[Item, float]:
        """Return a copy of all labels."""
        with self._condition:
            self._ensure_thread()
            return dict(self._known)

    def wait(self, timeout: float | None) -> bool:
        """Wait until there is nothing left to do, or nothing more can be done."""
        with self._condition:
            self._ensure_thread()
            self._waiting += 1
            self._condition.notify_all()
            try:
                self._condition.wait_for(lambda: self._settled() or self._stuck(), timeout)
            finally:
                self._waiting -= 1
            return self._settled()

    def statistics(self) -> AnnotatorStatistics:
        """Return all numbers, as of one moment."""
        with self._condition:
            return AnnotatorStatistics(
                asked=self._spent.items,
                labelled=self._labelled,
                recalled=self._recalled,
                unknown=len(self._unknown),
                failures=self._failures,
                calls=self._spent.calls,
                tokens=self._spent.tokens,
                seconds=self._spent.seconds,
                queued=len(self._queue),
                in_flight=self._queue.in_flight,
                dropped=self._queue.dropped,
                budget_left=self._budget_left(),
                last_error=self._last_error,
            )

    def stop_soon(self) -> None:
        """End the thread at its next look around; takes no lock, so that a garbage collector may call it anywhere."""
        self._stopping = True

    def stop(self, timeout: float) -> None:
        """Drop what waits, let the batch that is being answered finish, write it, and end the thread.

        Args:
            timeout: Seconds to wait for that batch; then an own judge is closed, which aborts it.
        """
        with self._condition:
            self._stopping = True
            self._queue.clear()
            self._condition.notify_all()
            thread = self._thread
        if thread is None:
            self._release()
            return
        if thread is threading.current_thread():
            return
        thread.join(timeout)
        if thread.is_alive() and self._work.owns_judge:
            self._work.judge.close()
            thread.join(1.0)
        if thread.is_alive():
            logger.warning("%s is still busy with a batch; its thread ends after it", self._work.judge)

    # Under the lock.

    def _add(self, items: Sequence[Item]) -> None:
        if self._stopping:
            return
        self._ensure_thread()
        before, full = len(self._queue), self._work.batch_size
        wanted = [item for item in items if item not in self._unknown]
        now = self._queue.add(wanted) if wanted else before
        if now and (not before or before < full <= now):
            self._condition.notify_all()  # else the thread is busy, or pauses, and looks at the queue by itself

    def _ensure_thread(self) -> None:
        if self._thread is not None or self._stopping:
            return
        thread = threading.Thread(target=self._run, name=f"annotate-{self._work.question.name}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the interpreter is about to end, or the machine has no more threads
            self._last_error = str(error)
            return
        self._thread = thread

    def _budget_left(self) -> Budget:
        return self._work.budget.minus(self._spent)

    def _settled(self) -> bool:
        return self._loaded and self._queue.empty and not (self._owed and self._cache_works)

    def _stuck(self) -> bool:
        out_of_budget = self._loaded and not self._queue.in_flight and self._budget_left().exhausted
        return self._stopping or self._thread is None or (out_of_budget and not (self._owed and self._cache_works))

    def _room(self) -> int:
        if not self._loaded or time.monotonic() < self._resume_at:
            return 0
        return self._budget_left().room(min(self._work.batch_size, len(self._queue)), self._spent)

    def _batch_is_full(self) -> bool:
        return len(self._queue) >= self._work.batch_size

    def _set_label(self, item: Item, label: float) -> bool:
        if self._known.get(item) == label:
            return False
        self._known[item] = label
        self._unknown.discard(item)
        self.version += 1
        return True

    def _fail(self, error: Exception | str) -> None:
        """Count a failure of the judge and pause, longer each time."""
        self._streak += 1
        self._failures += 1
        self._last_error = str(error)
        pause = min(self._work.retry_seconds * 2 ** min(self._streak - 1, 30), LONGEST_PAUSE)
        self._resume_at = time.monotonic() + pause
        level = logging.WARNING if self._streak == 1 else logging.DEBUG
        logger.log(level, "no labels for %r, next attempt in %.1f s: %s", self._work.question.name, pause, error)

    # In the thread.

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._guarded(self._exchange)
                batch = self._next_batch()
                if batch:
                    self._guarded(lambda items=batch: self._annotate(items))  # type: ignore[misc]
        finally:
            self._guarded(self._exchange)
            self._release()

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do some work; whatever goes wrong must not end the thread, since nobody would ever be asked again."""
        try:
            work()
        except Exception as error:
            logger.exception("annotation of %r failed", self._work.question.name)
            with self._condition:
                self._fail(error)
        with self._condition:
            self._condition.notify_all()

    def _release(self) -> None:
        if self._work.cache is not None:
            self._work.cache.close()
        if self._work.owns_judge:
            self._work.judge.close()

    def _next_batch(self) -> list[Item]:
        """Wait for items that may be asked about, though no longer than until the next look at the cache."""
        with self._condition:
            pause = self._resume_at - time.monotonic()
            self._condition.wait_for(lambda: self._stopping or self._room(), pause if 0 < pause < _POLL else _POLL)
            if self._room():
                self._condition.wait_for(lambda: self._stopping or self._waiting or self._batch_is_full(), _GATHERING)
            return [] if self._stopping else self._queue.take(self._room())

    def _annotate(self, items: list[Item]) -> None:
        try:
            answers = ask_judge(self._work.question, self._work.judge, items, self._budget_left().calls)
        except JudgeError as error:
            with self._condition:
                self._queue.put_back(items)
                self._fail(error)
        except BaseException:
            with self._condition:
                self._queue.put_back(items)
            raise
        else:
            with self._condition:
                self._take_in(answers)

    def _take_in(self, answers: Answers) -> None:
        for record in answers.records:
            if record.label is None:
                self._unknown.add(record.item)
            else:
                self._labelled += self._set_label(record.item, record.label)
            self._attempts.pop(record.item, None)
        self._queue.finish([record.item for record in answers.records])
        self._put_aside(answers.unanswered)
        spent = answers.spent
        self._spent = Spent(
            self._spent.items + spent.items,
            self._spent.calls + spent.calls,
            self._spent.tokens + spent.tokens,
            self._spent.seconds + spent.seconds,
        )
        if self._work.cache is not None:
            self._owed.extend(answers.records)
        if answers.trouble is not None or not answers.records:
            self._fail(answers.trouble or "the judge answered no prompt of a batch")
        elif self._streak:
            logger.info("labels for %r again, after %d failures", self._work.question.name, self._streak)
            self._streak = 0

    def _put_aside(self, items: Sequence[Item]) -> None:
        """Queue again what got no answer, up to a limit: there are prompts that a judge never takes."""
        for item in items:
            self._attempts[item] = self._attempts.get(item, 0) + 1
        given_up = [item for item in items if self._attempts[item] >= MAX_ATTEMPTS]
        self._unknown.update(given_up)
        self._queue.finish(given_up)
        self._queue.put_back(items)
        for item in given_up:
            del self._attempts[item]

    def _exchange(self) -> None:
        """Read from the cache what is new there, and write what it does not have yet."""
        cache, now = self._work.cache, time.monotonic()
        if cache is None or (now < self._cache_resume_at and not self._stopping):
            return
        if self._judge_name is None and not self._find_judge_name(now):
            return
        try:
            self._read(cache)
            self._write(cache)
        except CacheError as error:
            self._cache_failed(error)
        else:
            if not self._cache_works:
                logger.info("the labels in %s can be used again", cache.path)
            self._cache_works = True

    def _find_judge_name(self, now: float) -> bool:
        """Ask the judge who it is: labels are kept under its name, and only it may know the model that it runs."""
        if now < self._resume_at or self._stopping:
            return False
        try:
            self._judge_name = self._work.judge.name
        except Exception as error:
            with self._condition:
                self._fail(error)
            return False
        return True

    def _read(self, cache: LabelCache) -> None:
        if not cache.changed() and self._loaded and self._cache_works:
            return
        while not self._stopping:
            records, self._revision = cache.read(
                self._name(), self._work.question.key, after=self._revision, limit=_ROWS_AT_ONCE
            )
            with self._condition:
                self._recall(records)
            if len(records) < _ROWS_AT_ONCE:
                self._first_read = False
                break
        with self._condition:
            self._loaded = True

    def _name(self) -> str:
        return self._judge_name or ""

    def _recall(self, records: Sequence[LabelRecord]) -> None:
        for record in records:
            if record.label is not None:
                self._recalled += self._set_label(record.item, record.label)
            elif record.item not in self._known and (not self._first_read or record.asked >= MAX_ASKED):
                self._unknown.add(record.item)
        self._queue.finish([record.item for record in records if record.item in self._known])
        self._queue.finish([record.item for record in records if record.item in self._unknown])

    def _write(self, cache: LabelCache) -> None:
        while self._owed:
            with self._condition:
                records = list(self._owed)[:_ROWS_AT_ONCE]
            cache.write(self._name(), self._work.question.key, records)
            with self._condition:
                for _ in records:
                    self._owed.popleft()

    def _cache_failed(self, error: CacheError) -> None:
        """Go on with the labels in memory; what was answered is written when that works again."""
        with self._condition:
            self._last_error = str(error)
            self._loaded = True
        if self._cache_works:
            logger.warning("%s; labels stay in memory meanwhile", error)
        self._cache_works = False
        self._cache_resume_at = time.monotonic() + _CACHE_PAUSE
