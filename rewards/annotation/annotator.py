"""Labels from a judge, in the background: the policy never waits for them."""

from __future__ import annotations

import atexit
import logging
import math
import time
import weakref
from collections.abc import Sequence
from functools import cache as cached
from pathlib import Path
from types import TracebackType
from typing import Any

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.annotation.budget import Budget
from rewardium.rewards.annotation.cache import LabelCache
from rewardium.rewards.annotation.question import Item, Question
from rewardium.rewards.annotation.worker import AnnotatorStatistics, Work, Worker
from rewardium.rewards.models.after_fork import renew_after_fork
from rewardium.rewards.models.judge import Judge
from rewardium.rewards.models.spec import make_judge

logger = logging.getLogger(__name__)

_CLOSE_SECONDS = 5.0
_EXIT_SECONDS = 2.0
_BUSY_SECONDS = 2.0


class Annotator:
    """Asks a judge one question about many items, in the background, each item once.

    ``labels`` gives what is known at once, None for the rest, and queues the rest: newest first, since what a policy
    saw last is what it will see next. A daemon thread takes batches from the queue to the judge, a quarter of a second
    after the first item came unless the batch is full or somebody waits. It reads the answers strictly (see
    ``Question.read``), asks once more where one cannot be read, and then calls the item unknown: it has no label, which
    is not the label 0. With a cache, labels of earlier runs and of other processes are used too, at the
    latest seconds after they were written.

    Nothing that goes wrong behind stops the caller or loses a label. A judge that is down is tried again, with pauses
    of 1 to 60 seconds, and the items wait. A cache that cannot be used leaves the labels in memory, with one warning.
    When the budget is used up, nothing more is asked. A process that is forked goes on with the labels known so far, a
    queue of its own, and what was left of the budget; it needs a judge that may be forked, which one in this process
    is not. A pickled or copied annotator begins anew, with the labels in the cache.

    Args:
        question: What to ask.
        judge: Whom to ask; a text is built by ``make_judge``, and closed with the annotator.
        cache: The file that keeps labels, or None to keep them in memory only.
        budget: What the judge may cost.
        batch_size: Items that the judge gets at once.
        capacity: Items that may wait; beyond it the oldest is dropped, and may be asked for again.
        retry_seconds: The first pause after the judge failed; each further one is twice as long, up to 60 seconds.

    Raises:
        RewardiumError: When an argument is wrong, or the judge cannot be built.

    Example:
        >>> from rewardium.rewards.annotation.questions import HELPFUL
        >>> annotator = Annotator(HELPFUL, "scripted:keyword")
        >>> annotator.labels([("You see here a key.",)])
        [None]
        >>> annotator.wait(timeout=30)
        True
        >>> annotator.labels([("You see here a key.",), ("It's a wall.",)])
        [1.0, None]
        >>> annotator.close()
    """

    _work: Work
    _worker: Worker

    def __init__(
        self,
        question: Question,
        judge: Judge | str,
        *,
        cache: str | Path | None = None,
        budget: Budget = Budget(),  # noqa: B008 - frozen
        batch_size: int = 64,
        capacity: int = 10_000,
        retry_seconds: float = 1.0,
    ) -> None:
        for name, value in (("batch_size", batch_size), ("capacity", capacity)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise RewardiumError(f"annotator: {name} must be a whole number of at least 1, got {value!r}")
        if not math.isfinite(retry_seconds) or retry_seconds < 0:
            raise RewardiumError(f"annotator: retry_seconds must be at least 0, got {retry_seconds!r}")
        self.question = question
        self._arguments: dict[str, Any] = {
            "question": question,
            "judge": judge,
            "cache": None if cache is None else Path(cache).absolute(),
            "budget": budget,
            "batch_size": batch_size,
            "capacity": capacity,
            "retry_seconds": retry_seconds,
        }
        self.judge = self._open_judge(judge)
        self._start_anew()
        renew_after_fork(self)
        _OPEN.add(self)
        _close_at_exit()

    def labels(self, items: Sequence[Item]) -> list[float | None]:
        """Return what is known now, and queue what is not. Takes microseconds.

        Args:
            items: Length B, each a tuple of as many texts as the question has parts; the last is the newest.

        Returns:
            Length B; None for an item that has no label yet, or gets none.

        Raises:
            RewardiumError: When an item is no such tuple.
        """
        return self._worker.labels(items)

    def ask(self, items: Sequence[Item]) -> None:
        """Queue items without looking at what is known.

        Raises:
            RewardiumError: When an item is no tuple of as many texts as the question has parts.
        """
        self._worker.ask([self.question.item(item) for item in items])

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the cache is read, the queue is empty, and all labels are written.

        Args:
            timeout: Seconds, or None for any time; with a judge that stays down that is for ever.

        Returns:
            Whether it is so; False also at once when it will never be, since the budget is used up or the annotator is
            closed.
        """
        return self._worker.wait(timeout)

    def known(self) -> dict[Item, float]:
        """Return all labels of this question and judge that are in memory, as a copy.

        Right after the start that is nothing yet; ``wait`` first to have what the cache holds.
        """
        return self._worker.known()

    @property
    def version(self) -> int:
        """A number that grows with every new label."""
        return self._worker.version

    @property
    def statistics(self) -> AnnotatorStatistics:
        """What was done so far in this process, all numbers as of one moment."""
        return self._worker.statistics()

    def close(self) -> None:
        """Drop what waits, write what was answered, and end the thread; further calls do nothing.

        A batch that is being answered gets 5 seconds; then a judge built from a text is aborted. A closed annotator
        still tells what it knows, and asks nothing.
        """
        self._worker.stop(_CLOSE_SECONDS)
        _OPEN.discard(self)

    def __enter__(self) -> Annotator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return dict(self._arguments)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.question.name!r}, {self._arguments['judge']!r})"

    def after_fork_in_child(self) -> None:
        """Give the child a worker of its own: threads do not survive a fork."""
        self._worker = Worker(self._work, heir_of=self._worker)
        self._stop_with_self()

    def _open_judge(self, judge: Judge | str) -> Judge:
        return make_judge(judge) if isinstance(judge, str) else judge

    @property
    def _owns_judge(self) -> bool:
        return isinstance(self._arguments["judge"], str)

    def _start_anew(self) -> None:
        given = self._arguments
        path = given["cache"]
        self._work = Work(
            question=self.question,
            judge=self.judge,
            owns_judge=self._owns_judge,
            cache=None if path is None else LabelCache(path, busy_seconds=_BUSY_SECONDS),
            budget=given["budget"],
            batch_size=given["batch_size"],
            capacity=given["capacity"],
            retry_seconds=given["retry_seconds"],
        )
        self._worker = Worker(self._work)
        self._stop_with_self()

    def _stop_with_self(self) -> None:
        # The thread knows the worker only, so that an annotator that nobody closed is collected, and its thread ends.
        weakref.finalize(self, self._worker.stop_soon).atexit = False


_OPEN: weakref.WeakSet[Annotator] = weakref.WeakSet()


@cached
def _close_at_exit() -> None:
    atexit.register(_end_all)


def _end_all() -> None:
    """Give the batches under way a moment at the interpreter's end, and write what was answered."""
    deadline = time.monotonic() + _EXIT_SECONDS
    workers = [annotator._worker for annotator in list(_OPEN)]
    for worker in workers:
        worker.stop_soon()
    for worker in workers:
        worker.stop(max(deadline - time.monotonic(), 0.0))
