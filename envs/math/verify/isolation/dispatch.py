"""Which request goes to which worker, and when a worker has had its time; no threads and no locks here.

A ``Dispatcher`` is a state that one thread at a time moves on: it hears what sockets say, ends what is overdue and
hands out what waits. It never blocks, but where it ends a zygote.

At most ``workers`` requests run at a time, in a call and in all calls together. A request that has run for a tenth of a
second no longer counts, since it may be stuck and then must delay no other; with these there are at most
``SPARE_WORKERS`` processes more. Calls take turns, so that a single answer waits for no batch.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from threading import Event
from typing import Any, NamedTuple

from rewardium.envs.errors import RewardiumError
from rewardium.envs.math.verify.isolation.processes import Worker, WorkerLostError, Zygote, ZygoteLostError
from rewardium.envs.math.verify.isolation.zygote import DECISIONS, MAX_REASON_LENGTH, MAX_REQUEST_BYTES, pack

GRACE_SECONDS = 0.1
"""For so long a request counts against the number of workers."""

SPARE_WORKERS = 8
"""Processes beyond the number of workers, for requests that no longer count."""

START_SECONDS = 60.0
"""Time for a zygote to import what it serves and to fork a worker; it takes 1 to 2 seconds on an idle machine."""

START_ATTEMPTS = 5
"""Starts that may fail in a row before what waits is given up."""


class Outcome(NamedTuple):
    """What came of a pair.

    Args:
        status: ``"equal"``, ``"different"``, ``"unknown"`` or ``"timeout"``.
        reason: Why, in words; at most 300 characters.
    """

    status: str
    reason: str


class Call:
    """The pairs that a caller wants decided, and what has come of them.

    Args:
        pairs: Gold and answer; None asks a worker whether it is ready.
        timeout: Seconds for each pair, from the moment a worker takes it up.
        workers: How many pairs run at a time.
    """

    def __init__(self, pairs: Sequence[tuple[str, str] | None], timeout: float, workers: int) -> None:
        self.pairs = pairs
        self.timeout = timeout
        self.workers = workers
        self.waiting = deque(range(len(pairs)))
        self.finished = Event()
        self.is_withdrawn = False
        self._outcomes: list[Outcome | None] = [None] * len(pairs)
        self._missing = len(pairs)
        self._fault = ""

    def settle(self, index: int, outcome: Outcome) -> None:
        """Note what came of a pair."""
        if self._outcomes[index] is None:
            self._outcomes[index] = outcome
            self._missing -= 1
        if not self._missing:
            self.finished.set()

    def settle_waiting(self, outcome: Outcome) -> None:
        """Note the same of every pair that has not begun."""
        while self.waiting:
            self.settle(self.waiting.popleft(), outcome)

    def settle_rest(self, outcome: Outcome) -> None:
        """Note the same of every pair that nothing has come of, and so finish the call."""
        for index in range(len(self._outcomes)):
            self.settle(index, outcome)

    def fail(self, fault: str) -> None:
        """End the call by an error."""
        self._fault = fault
        self.finished.set()

    def result(self) -> list[Outcome]:
        """Return the outcomes of a call that has finished.

        Raises:
            RewardiumError: When the call has failed.
        """
        if self._fault:
            raise RewardiumError(self._fault)
        return [outcome for outcome in self._outcomes if outcome is not None]

    def request(self, index: int, number: int) -> bytes | None:
        """Encode a pair; None where it is too long."""
        pair = self.pairs[index]
        if pair is None:
            return pack({"id": number})
        if sum(map(len, pair)) > MAX_REQUEST_BYTES:
            return None
        request = pack({"id": number, "gold": pair[0], "answer": pair[1]})
        return request if len(request) <= MAX_REQUEST_BYTES else None


class _Task:
    """A pair that has a worker. Until the worker is ready ``taken_up`` is None, and the deadline that of its start."""

    def __init__(self, call: Call, index: int, number: int, request: bytes, now: float) -> None:
        self.call = call
        self.index = index
        self.number = number
        self.request = request
        self.taken_up: float | None = None
        self.deadline = now + START_SECONDS

    def take_up(self, now: float) -> None:
        self.taken_up = now
        self.deadline = now + self.call.timeout

    def counts(self, now: float) -> bool:
        return self.taken_up is None or now < self.taken_up + GRACE_SECONDS

    def settle(self, status: str, reason: str) -> None:
        self.call.settle(self.index, Outcome(status, reason))


class Dispatcher:
    """Zygote, workers and calls.

    Args:
        target: The function that workers serve, as ``module:function``.
        memory_bytes: The address space of a worker.
    """

    def __init__(self, target: str, memory_bytes: int) -> None:
        self.target = target
        self.memory_bytes = memory_bytes
        self._calls: list[Call] = []
        self._zygote: Zygote | None = None
        self._idle: list[Worker] = []
        self._busy: dict[Worker, _Task] = {}
        self._limit = 1
        self._number = 0
        self._failed_starts = 0
        self._has_started = False

    def add(self, call: Call) -> None:
        """Take in a call; the next ``advance`` begins it."""
        self._calls.append(call)
        self._limit = max(known.workers for known in self._calls)

    def descriptors(self) -> list[int]:
        """Return the file descriptors from which something may come."""
        sockets = [worker.channel for worker in (*self._busy, *self._idle)]
        return [end.fileno() for end in sockets] + ([self._zygote.control.fileno()] if self._zygote else [])

    def hear(self, ready: Collection[int]) -> None:
        """Read from the descriptors from which something has come."""
        zygote = self._zygote
        is_zygote_ready = zygote is not None and zygote.control.fileno() in ready
        if is_zygote_ready and not self._has_started:
            self._lose_zygote()  # it says why it cannot start; that its workers do not start either is no news
        for worker in [worker for worker in (*self._busy, *self._idle) if worker.channel.fileno() in ready]:
            self._hear_worker(worker)
        if is_zygote_ready and self._zygote is zygote:
            self._lose_zygote()

    def advance(self, now: float) -> float | None:
        """End what is overdue and begin what may begin.

        Args:
            now: The time of ``time.monotonic``.

        Returns:
            When to advance again if nothing is heard before, or None where there is nothing to be done.
        """
        self._drop_finished_calls()
        self._end_overdue(now)
        self._begin_waiting(now)
        self._drop_finished_calls()
        while len(self._idle) > self._limit:
            self._kill(self._idle.pop(0))
        return self._next_time(now)

    def close(self, reason: str) -> None:
        """End all processes; what has no outcome is unknown for the given reason."""
        for call in self._calls:
            call.settle_rest(Outcome("unknown", reason))
        zygote, has_started = self._zygote, self._has_started
        self._forget()
        if zygote is not None and has_started:
            zygote.end()
        elif zygote is not None:
            zygote.kill_group()  # it may be deep in an import, and would not notice

    def abandon(self) -> None:
        """Let go of everything in a forked process, to whose parent all of it belongs."""
        zygote = self._zygote
        self._forget()
        self._failed_starts = 0
        if zygote is not None:
            zygote.abandon()

    def _forget(self) -> None:
        for worker in (*self._busy, *self._idle):
            worker.close()
        self._calls, self._busy, self._idle = [], {}, []
        self._zygote, self._has_started = None, False

    # What is heard

    def _hear_worker(self, worker: Worker) -> None:
        if worker not in self._busy and worker not in self._idle:
            return  # lost together with another one
        try:
            messages = worker.receive()
        except WorkerLostError as error:
            self._lose_worker(worker, str(error))
            return
        for message in messages:
            task = self._busy.get(worker)
            if task is None:
                if worker in self._idle:  # it speaks without being asked
                    self._lose_worker(worker, "")
                return
            if task.taken_up is None:
                self._has_started = True
                self._hand_over(worker, task)
            else:
                self._note_reply(worker, task, message)

    def _note_reply(self, worker: Worker, task: _Task, message: dict[str, Any]) -> None:
        status, reason, retires = message.get("status"), message.get("reason"), message.get("retires")
        if message.get("id") != task.number or status not in DECISIONS or type(reason) is not str:
            self._lose_worker(worker, "the worker process sent a reply that is none")
            return
        self._failed_starts = 0
        del self._busy[worker]
        if retires is False:
            self._idle.append(worker)
        else:
            self._kill(worker)
        task.settle(str(status), reason[:MAX_REASON_LENGTH])

    # What is lost

    def _lose_worker(self, worker: Worker, reason: str) -> None:
        task = self._busy.pop(worker, None)
        if task is None:
            self._idle.remove(worker)
        elif task.taken_up is None:
            self._put_back([task])
        else:
            task.settle("unknown", reason)
        self._kill(worker)

    def _lose_zygote(self) -> None:
        """Without it no worker can be started or ended, so all of them are given up, and a new one starts at need."""
        zygote, tasks = self._zygote, list(self._busy.values())
        if zygote is None:
            return
        for worker in (*self._busy, *self._idle):
            worker.close()
        self._zygote, self._busy, self._idle, self._has_started = None, {}, [], False
        fault = zygote.last_words()
        zygote.kill_group()
        for task in tasks:
            if task.taken_up is not None:
                task.settle("unknown", "the worker process died")
        if fault:
            for call in self._calls:
                call.fail(f"the worker process for {self.target} cannot start: {fault}")
            self._calls = []
        else:
            self._put_back([task for task in tasks if task.taken_up is None])

    def _put_back(self, tasks: Iterable[_Task]) -> None:
        """Let tasks whose worker never was ready wait again, unless workers fail to start again and again."""
        for task in tasks:
            task.call.waiting.appendleft(task.index)
        self._failed_starts += 1
        if self._failed_starts >= START_ATTEMPTS:
            self._give_up("no worker process could be started")

    def _give_up(self, reason: str) -> None:
        self._failed_starts = 0
        for call in self._calls:
            call.settle_waiting(Outcome("unknown", reason))

    def _kill(self, worker: Worker) -> None:
        worker.close()
        try:
            if self._zygote is not None:
                self._zygote.kill(worker)
        except ZygoteLostError:
            self._lose_zygote()

    # What is overdue

    def _drop_finished_calls(self) -> None:
        dropped = [call for call in self._calls if call.is_withdrawn or call.finished.is_set()]
        if not dropped:
            return
        self._calls = [call for call in self._calls if call not in dropped]
        for worker in [worker for worker, task in self._busy.items() if task.call in dropped]:
            if self._busy.pop(worker, None) is not None:
                self._kill(worker)

    def _end_overdue(self, now: float) -> None:
        for worker, task in [(worker, task) for worker, task in self._busy.items() if task.deadline <= now]:
            if worker not in self._busy:
                continue  # lost together with another one
            if task.taken_up is None:
                self._lose_zygote()
                self._give_up(f"no worker process was ready after {START_SECONDS:g} s")
            else:
                del self._busy[worker]
                self._kill(worker)
                task.settle("timeout", f"more than {task.call.timeout:g} s")

    def _next_time(self, now: float) -> float | None:
        times = [task.deadline for task in self._busy.values()]
        if any(call.waiting for call in self._calls):
            if not times:
                return now
            grown = [task.taken_up + GRACE_SECONDS for task in self._busy.values() if task.taken_up is not None]
            times += [moment for moment in grown if moment > now]
        return min(times, default=None)

    # What begins

    def _begin_waiting(self, now: float) -> None:
        while self._has_room(self._busy.values(), self._limit, now):
            call = next((call for call in self._calls if call.waiting and self._may_begin(call, now)), None)
            if call is None:
                return
            self._calls.remove(call)
            self._calls.append(call)  # the others have their turn first
            self._begin(call, call.waiting.popleft(), now)

    def _may_begin(self, call: Call, now: float) -> bool:
        return self._has_room([task for task in self._busy.values() if task.call is call], call.workers, now)

    @staticmethod
    def _has_room(tasks: Collection[_Task], workers: int, now: float) -> bool:
        return len(tasks) < workers + SPARE_WORKERS and sum(task.counts(now) for task in tasks) < workers

    def _begin(self, call: Call, index: int, now: float) -> None:
        self._number += 1
        request = call.request(index, self._number)
        if request is None:
            call.settle(index, Outcome("unknown", "the two answers are too long"))
            return
        task = _Task(call, index, self._number, request, now)
        if self._idle:
            worker = self._idle.pop()  # the one used last, whose memory is warm
            self._busy[worker] = task
            self._hand_over(worker, task)
            return
        try:
            if self._zygote is None:
                self._zygote = Zygote(self.target, self.memory_bytes)
            self._busy[self._zygote.fork()] = task
        except ZygoteLostError:
            self._lose_zygote()
            self._put_back([task])
        except OSError as error:
            task.settle("unknown", f"no worker process could be started: {error}"[:MAX_REASON_LENGTH])

    def _hand_over(self, worker: Worker, task: _Task) -> None:
        try:
            worker.send(task.request)
        except WorkerLostError:
            self._lose_worker(worker, "")  # it was not taken up, so it waits for another one
        else:
            task.take_up(time.monotonic())
