"""Decisions in processes of their own, for what may hang or eat memory: with a deadline, a hard kill and a memory cap.

A pool starts one *zygote*, a process that imports what a decision needs and forks workers from there
(``isolation.zygote``). Nothing of it rests on signals in the caller's process, on ``multiprocessing``
or on pickles. So it works from any thread, from a running event loop (which it blocks), in daemonic processes, which
may have no ``multiprocessing`` children, and in scripts whose ``__main__`` has no guard. In a process forked with
``os.fork`` a pool begins anew, with a zygote and workers of its own.

While calls are under way a thread of the pool looks after the workers; it ends a moment after the last of them.
Everything ends with the process that uses it, also when that is killed.

On Linux everything holds. On macOS memory is capped only as far as the system takes ``RLIMIT_AS``. Windows cannot fork.
"""

from __future__ import annotations

import atexit
import logging
import math
import os
import re
import select
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from threading import RLock, Thread, current_thread
from types import TracebackType
from weakref import WeakSet

from rewardium.envs.errors import RewardiumError
from rewardium.envs.math.verify.isolation.dispatch import START_SECONDS, Call, Dispatcher, Outcome
from rewardium.envs.math.verify.isolation.zygote import describe

__all__ = ["Outcome", "WorkerPool", "shared_pool", "usable_cpus"]

logger = logging.getLogger(__name__)

MIN_MEMORY_BYTES = 2**28
"""The least memory of a worker; one that has imported sympy takes 160 MiB of address space before it does anything."""

LINGER_SECONDS = 2.0
"""For so long the thread waits for another call."""

_LONGEST_SLEEP = 3600.0  # poll counts milliseconds in an int
_TARGET = re.compile(r"[A-Za-z_][\w.]*+:[A-Za-z_]\w*+", re.ASCII)
_POOLS: WeakSet[WorkerPool] = WeakSet()
# One lock for all pools, which a fork takes first: a forked process then finds every pool between two steps.
_LOCK = RLock()


class WorkerPool:
    """Persistent worker processes that decide pairs of answers. Any number of threads may use one pool.

    Workers are started at need, stay for further requests, and are replaced when one is killed, dies, runs out of
    memory, has grown, or has answered 500 requests. A call with n workers takes at most n + 8 processes.

    Args:
        target: The function that workers serve, as ``module:function``, chosen by code and never by an answer. It takes
            gold and answer and returns a status and a reason; what it raises is ``"unknown"``. A function ``prepare()``
            in its module is called once, before workers are forked.
        memory_bytes: The address space of a worker; beyond it is a ``MemoryError``.

    Raises:
        RewardiumError: When the target is no such name, the memory is less than 256 MiB, or the system cannot fork.

    Example:
        >>> with WorkerPool("operator:add") as pool:
        ...     pool.run([("no", "pair")], timeout=5)
        [Outcome(status='unknown', reason='the decision is not a status and a reason')]
    """

    def __init__(
        self, target: str = "rewardium.envs.math.verify.algebra.symbolic:decide", *, memory_bytes: int = 2**30
    ) -> None:
        if not hasattr(os, "fork"):
            raise RewardiumError("answers that need a worker process cannot be decided here: this system cannot fork")
        if not sys.executable:
            raise RewardiumError("worker processes need a Python interpreter, and sys.executable names none")
        if not _TARGET.fullmatch(target):
            raise RewardiumError(f"a target is 'module:function', got {target!r}")
        if memory_bytes < MIN_MEMORY_BYTES:
            raise RewardiumError(f"a worker needs at least {MIN_MEMORY_BYTES} bytes of memory, got {memory_bytes!r}")
        self._dispatcher = Dispatcher(target, memory_bytes)
        self._thread: Thread | None = None
        self._bell: tuple[socket.socket, socket.socket] | None = None
        self._is_closed = False
        with _LOCK:
            _follow_this_process()
            _POOLS.add(self)

    def run(self, pairs: Sequence[tuple[str, str]], *, timeout: float, workers: int | None = None) -> list[Outcome]:
        """Decide pairs of gold and answer.

        Args:
            pairs: Length N; of a pair that takes more than 128 KiB to write down the outcome is ``"unknown"``.
            timeout: Seconds for each pair, counted from the moment a worker takes it up; neither waiting for a worker
                nor the start of the first one counts. A pair is then answered within a quarter of a second more.
            workers: How many pairs are decided at a time; None means one for each CPU that this process may use. A pair
                that takes longer than 0.1 s no longer counts, and up to 8 processes more go on with the others.

        Returns:
            Length N, in the order of the pairs. What a worker could not decide is ``"unknown"``, also where the worker
            died or none could be had; where the time did not suffice the status is ``"timeout"``.

        Raises:
            RewardiumError: When an argument is out of range, the pool is closed, or the target cannot be imported.
        """
        items = [_checked(pair) for pair in pairs]
        if not isinstance(timeout, (int, float)) or not 0 < timeout < math.inf:
            raise RewardiumError(f"timeout must be a positive number of seconds, got {timeout!r}")
        if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
            raise RewardiumError(f"workers must be a positive whole number or None, got {workers!r}")
        return self._finish(Call(items, float(timeout), workers or usable_cpus())) if items else []

    def warm_up(self) -> None:
        """Start zygote and worker, and return when a request would be taken up at once.

        Raises:
            RewardiumError: When the pool is closed, or no worker can be started.
        """
        (outcome,) = self._finish(Call([None], START_SECONDS, usable_cpus()))
        if outcome.status != "equal":
            raise RewardiumError(outcome.reason)

    def close(self) -> None:
        """End all processes. Calls under way end with ``"unknown"``, later ones raise; closing twice does nothing."""
        with _LOCK:
            self._is_closed = True
            thread, self._thread = self._thread, None
            self._ring()
        if thread is not None and thread.is_alive():
            thread.join()
        with _LOCK:
            self._dispatcher.close("the pool was closed")
            self._drop_bell()

    @property
    def is_closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._is_closed

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # What the caller's thread does

    def _finish(self, call: Call) -> list[Outcome]:
        try:
            self._submit(call)
            call.finished.wait()
        finally:
            if not call.finished.is_set():  # KeyboardInterrupt: whoever works on it is killed
                with _LOCK:
                    call.is_withdrawn = True
                    self._ring()
        return call.result()

    def _submit(self, call: Call) -> None:
        with _LOCK:
            if self._is_closed:
                raise RewardiumError("the pool of worker processes is closed")
            try:
                if self._bell is None:
                    self._bell = _make_bell()
                self._dispatcher.add(call)
                if self._thread is None or not self._thread.is_alive():
                    # Assigned before it starts: whatever interrupts the start, at most one thread is the pool's.
                    self._thread = Thread(target=self._attend, name="rewardium-workers", daemon=True)
                    self._thread.start()
            except (OSError, RuntimeError) as error:  # no file descriptor or no thread to be had
                call.settle_waiting(Outcome("unknown", f"no worker process could be used: {describe(error)}"))
                return
            self._ring()

    def _ring(self) -> None:
        if self._bell is not None:
            with suppress(BlockingIOError):  # it has been rung often enough
                self._bell[0].send(b"\0")

    def _drop_bell(self) -> None:
        for end in self._bell or ():
            end.close()
        self._bell = None

    # What the pool's thread does

    def _attend(self) -> None:
        """Look after the workers until there was nothing to do for a while."""
        pause = 0.0
        try:
            while (ready := self._listen(pause)) is not None:
                with _LOCK:
                    if self._thread is not current_thread():
                        return
                    self._dispatcher.hear(ready)
                    now = time.monotonic()
                    next_time = self._dispatcher.advance(now)
                    if next_time is None and not ready and pause == LINGER_SECONDS:
                        self._thread = None
                        return
                    pause = LINGER_SECONDS if next_time is None else max(next_time - now, 0.0)
        except Exception as error:
            with _LOCK:
                if self._thread is current_thread():
                    logger.exception("the thread of the worker processes failed")
                    self._thread = None
                    self._dispatcher.close(f"the dispatcher failed: {describe(error)}")

    def _listen(self, seconds: float) -> set[int] | None:
        """Wait until something comes; None where the pool no longer needs this thread."""
        poller = select.poll()
        with _LOCK:
            if self._thread is not current_thread() or self._bell is None:
                return None
            ear = self._bell[1]
            for descriptor in (ear.fileno(), *self._dispatcher.descriptors()):
                poller.register(descriptor, select.POLLIN)
        ready = {descriptor for descriptor, _ in poller.poll(math.ceil(min(seconds, _LONGEST_SLEEP) * 1000))}
        if ear.fileno() in ready:
            with suppress(BlockingIOError):
                ear.recv(4096)
        return ready

    def _abandon(self) -> None:
        """Begin anew in a forked process: the thread, the zygote and the workers are the parent's."""
        self._thread = None
        self._dispatcher.abandon()
        self._drop_bell()


def usable_cpus() -> int:
    """Return the number of CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _checked(pair: tuple[str, str]) -> tuple[str, str]:
    if not (isinstance(pair, (tuple, list)) and len(pair) == 2 and all(isinstance(text, str) for text in pair)):
        raise RewardiumError(f"a pair is the texts of gold and answer, got {repr(pair)[:200]}")
    return pair[0], pair[1]


def _make_bell() -> tuple[socket.socket, socket.socket]:
    bell, ear = socket.socketpair()
    bell.setblocking(False)
    ear.setblocking(False)
    return bell, ear


_shared: WorkerPool | None = None


def shared_pool() -> WorkerPool:
    """Return the pool that this process shares, which decides with sympy; a new one where the last was closed.

    Raises:
        RewardiumError: When the system cannot fork.
    """
    global _shared
    with _LOCK:
        if _shared is None or _shared.is_closed:
            _shared = WorkerPool()
        return _shared


@cache
def _follow_this_process() -> None:
    """Have pools closed when this process ends, and begun anew in processes forked from it."""
    atexit.register(_close_pools)
    os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_begin_anew)


def _close_pools() -> None:
    for pool in list(_POOLS):
        pool.close()


def _begin_anew() -> None:
    try:
        for pool in list(_POOLS):
            pool._abandon()
    finally:
        _LOCK.release()
