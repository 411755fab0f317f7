"""A pool of workers, among which programs are shared out.

Sessions stay with the worker that they began on, since that has their variables. Everything else goes to whichever
worker is free.
"""

from __future__ import annotations

import logging
import os
import time
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from threading import Condition, RLock, Thread
from types import TracebackType
from typing import NamedTuple, get_args

from rewardium.envs.errors import RewardiumError
from rewardium.envs.tools.sandbox.launch import Mode
from rewardium.envs.tools.sandbox.limits import Limits, check_seconds
from rewardium.envs.tools.sandbox.messages import MAX_PACKET_BYTES, encode
from rewardium.envs.tools.sandbox.result import Result
from rewardium.envs.tools.sandbox.worker import Setting, Worker, WorkerLostError

logger = logging.getLogger(__name__)

MAX_CODE_BYTES = MAX_PACKET_BYTES - 1024
"""Length of a program as JSON in ASCII, where a letter that is not ASCII takes 6 or 12 bytes."""

MAX_LOST_SESSIONS = 65_536
"""Sessions that have ended by themselves and whose callers have not heard of it; of more, the oldest are forgotten."""

_POOLS: weakref.WeakSet[SandboxPool] = weakref.WeakSet()
# Which a fork takes first, so that a forked process finds the pools between two steps.
_LOCK = RLock()


class _Slot:
    """A worker's place, whose worker may be replaced."""

    def __init__(self) -> None:
        self.worker: Worker | None = None
        self.is_busy = False
        self.idle_since = 0.0
        self.sessions: dict[int, str] = {}
        self.ended: list[int] = []


class _Session(NamedTuple):
    number: int
    slot: _Slot


class _Claim(NamedTuple):
    place: int
    slot: _Slot
    number: int | None
    is_new: bool


class _Batch:
    """Programs that one caller wants run, and what has come of them."""

    def __init__(self, calls: Sequence[tuple[str | None, str]], seconds: float) -> None:
        self.calls = calls
        self.seconds = seconds
        self.waiting = list(range(len(calls)))
        self.results: list[Result | None] = [None] * len(calls)
        self.error: BaseException | None = None

    def fail(self, error: BaseException) -> None:
        self.error = self.error or error
        self.waiting.clear()


class SandboxPool:
    r"""Persistent sandboxed worker processes that run Python programs. Any number of threads may use one pool.

    A program sees the interpreter, its standard library and an empty folder ``/tmp``, which is its working directory;
    no other file, and no process, environment variable or network of this machine. What it may use is bounded by
    ``limits``, and what it starts ends with its call. Programs of one session follow upon one another like the cells of
    a notebook: variables, imports and files persist. Sessions cannot see one another. After a call that was killed the
    variables are as before it, while files are as the call left them; threads end with their call.

    The workers are started by the constructor, and replaced when one is lost. In a process forked with ``os.fork`` a
    pool begins anew.

    Args:
        workers: How many programs run at a time; None means one for each CPU that this process may use.
        limits: What a call may use.
        mode: ``"bubblewrap"``, or ``"subprocess"`` where that cannot run. This one bounds time and memory and refuses
            sockets; for root, it runs programs as a user who can only read what everyone can. It does not hide files
            and processes of this machine, or the sessions of a worker from one another; it does not bound the disk, and
            without root not the number of processes. It is for programs of a policy that one trusts.
        packages: Folders with packages that programs may import, such as a ``site-packages``; all of it can be read.
        preload: Modules that are imported beforehand, so that programs import them in no time.

    Raises:
        SandboxUnavailableError: When this machine cannot run the sandbox in this mode.
        RewardiumError: When an argument is out of range.

    Example:
        >>> with SandboxPool(workers=1, mode="subprocess") as pool:
        ...     _ = pool.run("def area(r): return 3 * r * r", session="geometry")
        ...     result = pool.run("print('area'); area(2)", session="geometry")
        >>> result.status, result.output, result.value
        ('ok', 'area\n', '12')
    """

    def __init__(
        self,
        workers: int | None = None,
        limits: Limits | None = None,
        mode: Mode = "bubblewrap",
        *,
        packages: Sequence[str] = (),
        preload: Sequence[str] = (),
    ) -> None:
        if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
            raise RewardiumError(f"workers must be a positive whole number or None, got {workers!r}")
        if mode not in get_args(Mode):
            raise RewardiumError(f"mode must be one of {', '.join(map(repr, get_args(Mode)))}, got {mode!r}")
        self.limits = limits or Limits()
        self.mode = mode
        self._setting = Setting(mode, self.limits, [os.path.abspath(folder) for folder in packages], tuple(preload))
        self._slots = [_Slot() for _ in range(workers or usable_cpus())]
        self._count = 0
        self._sessions: dict[str, _Session] = {}
        self._lost: OrderedDict[str, str] = OrderedDict()
        self._is_closed = False
        self._begin()
        _follow_this_process()
        with _LOCK:
            _POOLS.add(self)
        try:
            for slot in self._slots:
                slot.worker = Worker(self._setting, self._starter)
            for slot in self._slots:
                if slot.worker is not None:
                    slot.worker.wait_until_ready()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        """Make what belongs to this process alone."""
        self._changed = Condition()
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="rewardium-sandbox")
        self._finalizer = weakref.finalize(self, _end, self._slots, self._starter)

    def run(self, code: str, session: str | None = None, timeout: float | None = None) -> Result:
        """Run a program.

        Args:
            code: Its text; one that takes more than ``MAX_CODE_BYTES`` is not run, and its result is an error.
            session: Whose variables it shall have; a name that is not known begins a session. None runs it in an empty
                one, which ends with it.
            timeout: Seconds for it, in place of ``limits.wall_seconds``; waiting for a free worker does not count.

        Returns:
            What came of it; whatever the program does, nothing is raised. Where its session was ended to make room, or
            lost with its worker, the program is not run, the status is ``"killed"``, and the session begins anew with
            the next call.

        Raises:
            RewardiumError: When an argument is of the wrong type or out of range, or the pool is closed.
            SandboxUnavailableError: When no worker can be started any more.
        """
        return self._run([(session, code)], timeout)[0]

    def run_batch(self, calls: Sequence[tuple[str | None, str]], timeout: float | None = None) -> list[Result]:
        """Run programs, as many at a time as there are workers.

        Args:
            calls: Length N; session and program. Those of one session run in the order in which they stand here.
            timeout: Seconds for each, in place of ``limits.wall_seconds``.

        Returns:
            Length N, what came of them, in the same order.

        Raises:
            RewardiumError: As ``run`` does.
        """
        return self._run(list(calls), timeout)

    def end(self, session: str) -> None:
        """End a session; one that is not known is none to end. This does not wait for programs that run."""
        with self._changed:
            self._lost.pop(session, None)
            known = self._sessions.pop(session, None)
            if known is None:
                return
            known.slot.sessions.pop(known.number, None)
            known.slot.ended.append(known.number)
            if not known.slot.is_busy:
                self._tell_ended(known.slot)

    def close(self) -> None:
        """End all workers. Programs that run end with ``"killed"``, later calls raise; closing twice does nothing."""
        with self._changed:
            self._is_closed = True
            for slot in self._slots:
                if slot.is_busy and slot.worker is not None:
                    slot.worker.interrupt()
            self._changed.notify_all()
            self._changed.wait_for(lambda: not any(slot.is_busy for slot in self._slots))
            self._finalizer()

    @property
    def is_closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._is_closed

    def __enter__(self) -> SandboxPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Sharing out

    def _run(self, calls: list[tuple[str | None, str]], timeout: float | None) -> list[Result]:
        for call in calls:
            _check_call(call)
        if timeout is not None:
            check_seconds("timeout", timeout)
        batch = _Batch(calls, self.limits.wall_seconds if timeout is None else float(timeout))
        helpers = [Thread(target=self._work, args=(batch,)) for _ in range(min(len(self._slots), len(calls)) - 1)]
        try:
            for helper in helpers:
                helper.start()
            self._work(batch)
        finally:
            with self._changed:
                batch.waiting.clear()
                self._changed.notify_all()
            for helper in helpers:
                if helper.ident is not None:
                    helper.join()
        if batch.error is not None:
            raise batch.error
        return [result for result in batch.results if result is not None]

    def _work(self, batch: _Batch) -> None:
        """Run programs of a batch until none is left that another thread does not run."""
        try:
            while (claim := self._claim(batch)) is not None:
                try:
                    batch.results[claim.place] = self._call(claim, batch.calls[claim.place], batch.seconds)
                finally:
                    self._leave(claim.slot)
        except BaseException as error:
            with self._changed:
                batch.fail(error)
                self._changed.notify_all()

    def _claim(self, batch: _Batch) -> _Claim | None:
        """Take the first program whose worker is free, and that worker; None where no program is left."""
        with self._changed:
            while batch.waiting:
                if self._is_closed:
                    raise RewardiumError("the pool of sandboxes is closed")
                for index in batch.waiting:
                    claim = self._try_claim(batch, index)
                    if claim is not None or batch.results[index] is not None:
                        batch.waiting.remove(index)
                        break
                else:
                    self._changed.wait()
                    continue
                if claim is not None:
                    return claim
            return None

    def _try_claim(self, batch: _Batch, index: int) -> _Claim | None:
        session, code = batch.calls[index]
        batch.results[index] = self._result_without_run(session, code)
        known = self._sessions.get(session) if session is not None else None
        if batch.results[index] is not None or (known is not None and known.slot.is_busy):
            return None
        slot = known.slot if known is not None else self._free_slot(is_for_session=session is not None)
        if slot is None:
            return None
        slot.is_busy = True
        if session is None:
            return _Claim(index, slot, None, is_new=True)
        if known is not None:
            return _Claim(index, slot, known.number, is_new=False)
        self._count += 1
        self._sessions[session] = _Session(self._count, slot)
        slot.sessions[self._count] = session
        return _Claim(index, slot, self._count, is_new=True)

    def _result_without_run(self, session: str | None, code: str) -> Result | None:
        if session is not None and (reason := self._lost.pop(session, None)):
            return Result("killed", "", None, f"killed: {reason}; the next call begins it anew", 0.0)
        if len(code) > MAX_CODE_BYTES or len(encode({"code": code})) > MAX_CODE_BYTES:
            return Result("error", "", None, f"the program is longer than {MAX_CODE_BYTES} bytes", 0.0)
        return None

    def _free_slot(self, is_for_session: bool) -> _Slot | None:
        """Return the free worker with the fewest sessions; for a lone program, the one that has rested longest."""
        free = [slot for slot in self._slots if not slot.is_busy]
        return min(free, key=lambda slot: (len(slot.sessions) * is_for_session, slot.idle_since), default=None)

    def _leave(self, slot: _Slot) -> None:
        with self._changed:
            self._tell_ended(slot)
            slot.is_busy, slot.idle_since = False, time.monotonic()
            self._changed.notify_all()

    def _tell_ended(self, slot: _Slot) -> None:
        """Tell a worker that has no call which sessions have ended."""
        ended, slot.ended = slot.ended, []
        if ended and slot.worker is not None:
            with suppress(WorkerLostError):  # its next call notices
                slot.worker.end(ended)

    # What the thread does that has claimed a worker

    def _call(self, claim: _Claim, call: tuple[str | None, str], seconds: float) -> Result:
        session, code = call
        begin = time.monotonic()
        try:
            worker = claim.slot.worker
            if worker is None or not worker.is_alive:
                if session is not None and not claim.is_new:
                    raise WorkerLostError("the worker was lost, and the session with it")
                worker = self._replace(claim.slot, spared=claim.number)
            worker.wait_until_ready()
            reply = worker.run(code, claim.number, seconds)
        except WorkerLostError as error:
            self._lose(claim.slot)
            with self._changed:
                self._lost.pop(session or "", None)  # it is told here
            return Result("killed", "", None, f"killed: {error}", time.monotonic() - begin)
        except BaseException:  # such as KeyboardInterrupt: the answer would be taken for that of the next call
            self._lose(claim.slot)
            raise
        with self._changed:
            if reply.is_lost:
                self._forget(claim.slot, claim.number)
            for number in reply.evicted:
                self._forget(claim.slot, number, "the session was ended to make room for others")
        return reply.result

    def _lose(self, slot: _Slot) -> None:
        """End a worker, and start another one in its place."""
        try:
            self._replace(slot)
        except WorkerLostError:
            return
        except RewardiumError:  # the next call tries again, and tells why it cannot
            logger.exception("a worker of the sandbox could not be replaced")

    def _replace(self, slot: _Slot, spared: int | None = None) -> Worker:
        """End a worker and all of its sessions but one that has not begun yet, and start another one in its place.

        Raises:
            WorkerLostError: When the pool is closed, so that there is no other one.
            SandboxUnavailableError: When none can be started.
        """
        with self._changed:
            for number in [number for number in slot.sessions if number != spared]:
                self._forget(slot, number, "the session was lost with its worker")
            worker, slot.worker, slot.ended = slot.worker, None, []
        if worker is not None:
            worker.kill()
        if self._is_closed:
            raise WorkerLostError("the pool of sandboxes was closed")
        slot.worker = Worker(self._setting, self._starter)
        return slot.worker

    def _forget(self, slot: _Slot, number: int | None, reason: str = "") -> None:
        """Take a session out of the books; where there is a reason, its next call is told."""
        name = slot.sessions.pop(number, None) if number is not None else None
        if name is None:
            return
        del self._sessions[name]
        if reason:
            self._lost[name] = reason
            while len(self._lost) > MAX_LOST_SESSIONS:
                self._lost.popitem(last=False)

    def _abandon(self) -> None:
        """Begin anew in a forked process: the workers are the parent's."""
        self._finalizer.detach()
        for slot in self._slots:
            if slot.worker is not None:
                slot.worker.abandon()
            slot.worker, slot.is_busy, slot.ended = None, False, []
            for number in list(slot.sessions):
                self._forget(slot, number, "the session belongs to the process from which this one was forked")
        self._begin()


def usable_cpus() -> int:
    """Return the number of CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _check_call(call: tuple[str | None, str]) -> None:
    is_pair = isinstance(call, (tuple, list)) and len(call) == 2
    if not is_pair or not isinstance(call[1], str) or not (call[0] is None or isinstance(call[0], str)):
        raise RewardiumError(f"a call is a session (text or None) and a program (text), got {repr(call)[:200]}")


def _end(slots: list[_Slot], starter: ThreadPoolExecutor) -> None:
    workers = [slot.worker for slot in slots if slot.worker is not None]
    for worker in workers:
        worker.interrupt()
    for worker in workers:
        worker.close()
    for slot in slots:
        slot.worker = None
    starter.shutdown(wait=False)


_shared: dict[Mode, SandboxPool] = {}


def shared_sandbox(mode: Mode = "bubblewrap") -> SandboxPool:
    """Return the pool that this process shares, with the default limits; a new one where the last was closed.

    Args:
        mode: How programs are kept in; each mode has a pool of its own.

    Raises:
        SandboxUnavailableError: When this machine cannot run the sandbox in this mode.

    Example:
        >>> shared_sandbox("subprocess").run("6 * 7").value
        '42'
    """
    with _LOCK:
        if mode not in _shared or _shared[mode].is_closed:
            _shared[mode] = SandboxPool(mode=mode)
        return _shared[mode]


@cache
def _follow_this_process() -> None:
    """Have pools begun anew in processes forked from this one."""
    os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_begin_anew)


def _begin_anew() -> None:
    _shared.clear()
    for pool in list(_POOLS):
        pool._abandon()
    _LOCK.release()
