"""Asynchronous scoring: a slow source works in the background, and what it has not said yet is unknown."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.source import Score, Segments

logger = logging.getLogger(__name__)

_COLUMNS = {
    "observation": ("observations", "previous_observations"),
    "action": ("actions",),
    "text": ("texts",),
    "frame": ("frames",),
    "task": ("tasks",),
    "history": ("histories",),
}
_ALWAYS = ("rewards", "terminated", "truncated")  # what a source may read without asking for it


def transition_keys(batch: TransitionBatch, needs: frozenset[str]) -> list[str]:
    """Return a digest a row of just the columns that a source reads: equal rows get equal scores.

    The extrinsic reward and the episode's end count always; the numbers of environment, episode and step never do.

    Args:
        batch: B transitions.
        needs: The columns that count.

    Returns:
        Length B, hexadecimal.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> batch = TransitionBatch.from_transitions([Transition("", "", "a", env=0), Transition("", "", "a", env=1)])
        >>> first, second = transition_keys(batch, frozenset({"action"}))
        >>> first == second
        True
    """
    names = [name for need in sorted(needs) for name in _COLUMNS[need]]
    columns = [getattr(batch, name) for name in (*names, *_ALWAYS)]
    return [
        hashlib.sha256(_bytes([None if column is None else column[row] for column in columns])).hexdigest()
        for row in range(len(batch))
    ]


def _bytes(value: Any) -> bytes:
    """Write a value so that different values differ; the repr of a large array would leave out its middle."""
    if isinstance(value, np.ndarray) and value.dtype != np.object_:
        body = f"{value.dtype.str}{value.shape}".encode() + value.tobytes()
    elif isinstance(value, Mapping):
        body = b"{" + b"".join(_bytes(key) + _bytes(item) for key, item in value.items())
    elif isinstance(value, (list, tuple, np.ndarray)):
        body = b"[" + b"".join(_bytes(item) for item in value)
    elif is_dataclass(value):
        body = b"(" + b"".join(_bytes(getattr(value, item.name)) for item in fields(value))
    else:
        body = f"{type(value).__name__} {value!r}".encode("utf-8", "backslashreplace")
    return len(body).to_bytes(8, "big") + body


class _Worker:
    """One background thread, the items in flight, and a bounded memory of finished scores."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.lock = threading.Lock()
        self.executor: ThreadPoolExecutor | None = None
        self.in_flight: set[str] = set()
        self.futures: set[Future[None]] = set()
        self.known: OrderedDict[str, tuple[float, Segments]] = OrderedDict()
        self.failures = 0

    def forget(self, future: Future[None]) -> None:
        with self.lock:
            self.futures.discard(future)

    def remember(self, keys: list[str], score: Score | None) -> None:
        with self.lock:
            for row, key in enumerate(keys):
                self.in_flight.discard(key)
                if score is not None and bool(score.valid[row]):
                    segments = () if score.segments is None else score.segments[row]
                    self.known[key] = (float(score.value[row]), segments)
            while len(self.known) > self.capacity:
                self.known.popitem(last=False)


@register("asynchronous")
@dataclass(frozen=True)
class Asynchronous(RewardSource):
    """Score in a background thread; a row that has no score yet is invalid, never 0.

    A row is asked for once: rows with equal columns (those that the source needs) share one score, rows in flight are
    not asked for again. A score that the source could not give is asked for again the next time the row appears. A
    source that raises loses its batch, is logged and counted, and stops nothing.

    Args:
        source: The slow source.
        capacity: The number of scores to remember; the oldest are forgotten first.
        pending: The number of rows that may wait; rows beyond it are asked for when they appear again.

    Raises:
        RewardiumError: When ``capacity`` or ``pending`` is not positive.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> from rewardium.rewards import make
        >>> source = Asynchronous(make("repetition"))
        >>> batch = TransitionBatch.from_transitions([Transition("", "", "one two")])
        >>> bool(source.score(batch).valid[0])
        False
        >>> source.drain()
        >>> bool(source.score(batch).valid[0])
        True
        >>> source.close()
    """

    source: RewardSource
    capacity: int = 1_000_000
    pending: int = 100_000
    _worker: _Worker = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.capacity < 1 or self.pending < 1:
            raise RewardiumError(
                f"asynchronous: capacity and pending must be positive, got {self.capacity} and {self.pending}"
            )
        object.__setattr__(self, "_worker", _Worker(self.capacity))

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """What the slow source needs."""
        return self.source.needs

    def __getstate__(self) -> dict[str, Any]:
        return {"source": self.source, "capacity": self.capacity, "pending": self.pending}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_worker", _Worker(self.capacity))

    @property
    def failures(self) -> int:
        """The number of background batches that the source could not score because it raised."""
        return self._worker.failures

    def score(self, batch: TransitionBatch) -> Score:
        """Return what is known of each row and ask for the rest in the background."""
        keys = transition_keys(batch, self.needs)
        worker = self._worker
        with worker.lock:
            known = [worker.known.get(key) for key in keys]
            asked: dict[str, int] = {}
            for row, key in enumerate(keys):
                if known[row] is None and key not in worker.in_flight:
                    asked.setdefault(key, row)
            room = self.pending - len(worker.in_flight)
            asked = dict(list(asked.items())[: max(room, 0)])
            worker.in_flight.update(asked)
        if asked:
            rows = batch.select(np.array(list(asked.values()), dtype=np.int64))
            self._submit(list(asked), rows.copied("observations", "previous_observations", "actions", "frames"))
        has_segments = any(item is not None and item[1] for item in known)
        return Score.of(
            [None if item is None else item[0] for item in known],
            segments=[() if item is None else item[1] for item in known] if has_segments else None,
            reasons=["not scored yet" if item is None else None for item in known],
        )

    def drain(self) -> None:
        """Wait until nothing is in flight."""
        while True:
            with self._worker.lock:
                futures = list(self._worker.futures)
            if not futures:
                return
            for future in futures:
                future.result()

    def close(self) -> None:
        """Wait for the batch being scored, drop the ones waiting, and end the thread."""
        executor, self._worker.executor = self._worker.executor, None
        if executor is not None:
            executor.shutdown(wait=True, cancel_futures=True)
        with self._worker.lock:
            self._worker.in_flight.clear()  # what was dropped may be asked for again
            self._worker.futures.clear()

    def _submit(self, keys: list[str], batch: TransitionBatch) -> None:
        worker = self._worker
        if worker.executor is None:
            worker.executor = ThreadPoolExecutor(
                max_workers=1, thread_name_prefix=f"score-{self.source.registered_name}"
            )
        future = worker.executor.submit(self._score_in_background, keys, batch)
        with worker.lock:
            worker.futures.add(future)
        future.add_done_callback(worker.forget)

    def _score_in_background(self, keys: list[str], batch: TransitionBatch) -> None:
        try:
            score: Score | None = self.source.score(batch)
            if score is not None and len(score) != len(batch):
                raise RewardiumError(f"{self.source} returned {len(score)} scores for {len(batch)} transitions")
        except Exception:
            logger.exception("%s failed on %d transitions; their scores stay unknown", self.source, len(batch))
            self._worker.failures += 1
            score = None
        self._worker.remember(keys, score)
