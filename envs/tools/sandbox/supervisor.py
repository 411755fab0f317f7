"""The process that is in charge of a worker's sessions, and the first of the worker's process namespace.

It runs one call at a time, and no program itself. It ends when the caller's end of its socket is closed; the
kernel then ends everything in the namespace.

This runs inside a worker and imports nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import resource
import select
import signal
import socket
import sys
import time
from collections import OrderedDict
from typing import Any, NoReturn

from rewardium.envs.tools.sandbox import kernel
from rewardium.envs.tools.sandbox.cell import START_SECONDS, CallerGoneError, Cell, CellError, Outcome
from rewardium.envs.tools.sandbox.identity import become, open_closed_folders
from rewardium.envs.tools.sandbox.messages import Channel, ChannelClosedError
from rewardium.envs.tools.sandbox.processes import children, descendants, kill, signal_all
from rewardium.envs.tools.sandbox.zygote import WORK_FOLDER, Frame, attend

MAX_REQUEST_BYTES = 2**20
"""The longest request; a program is at most ``MAX_PACKET_BYTES``."""

_OVERHEAD_TASKS = 4
"""Supervisor and zygote, and bubblewrap's own two processes, which Linux counted along before version 5.14."""

_MAX_DYING = 8
"""Sessions that may be about to end while others begin."""

_OPEN_FILES = 8192
_REAP_SECONDS = 0.005
_PRELOADED = (
    "bisect", "cmath", "collections", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools",
    "heapq", "io", "itertools", "json", "math", "operator", "random", "re", "statistics", "string", "textwrap",
    "threading", "time", "typing",
)  # fmt: skip


def main() -> NoReturn:
    """Be the supervisor; the last argument is the number of the socket to the caller."""
    control = Channel(socket.socket(fileno=int(sys.argv[-1])), MAX_REQUEST_BYTES)
    with contextlib.suppress(ChannelClosedError):
        settings = control.receive()
        try:
            supervisor = _start(settings, control)
        except Exception as error:
            control.send({"fault": f"{type(error).__name__}: {error}"})
            os._exit(1)
        control.send({"ready": True})
        supervisor.attend()
    os._exit(0)


def _start(settings: dict[str, Any], control: Channel) -> Supervisor:
    """Import what programs are likely to need, and fork the zygote."""
    is_isolated = settings["mode"] == "bubblewrap"
    if is_isolated and os.getpid() != 1:
        raise RuntimeError("the supervisor is not the first process of its namespace")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    kernel.load()
    sys.path += settings["packages"]
    for module in (*_PRELOADED, *settings["preload"]):
        importlib.import_module(module)
    return Supervisor(settings, control, is_isolated)


class Supervisor:
    """The sessions of a worker.

    Args:
        settings: What the caller says: ``"limits"``; ``"user"``, whom programs are to run as, or 0 for whoever this
            process runs as; and ``"folder"``, where sessions without file systems of their own have their folders.
        control: The channel to the caller.
        is_isolated: Whether this process is the first of a namespace.

    Raises:
        CellError: When no session can be made.
        ZygoteLostError: When the zygote does not live.
        OSError: When the system does not allow what this process must do.
    """

    def __init__(self, settings: dict[str, Any], control: Channel, is_isolated: bool) -> None:
        self._control = control
        self._limits: dict[str, Any] = settings["limits"]
        self._is_isolated = is_isolated
        self._user: int = settings["user"]
        self._folder: str = settings["folder"]
        self._cells: OrderedDict[int, Cell] = OrderedDict()
        self._count = 0
        if not is_isolated:
            kernel.adopt_orphans()
        self._commands, self._zygote = self._fork_zygote()
        if is_isolated:
            kernel.drop_capabilities()
        self._spare: Cell | None = None
        self._used: Cell | None = None
        self._try_out()
        self._spare = self._make_cell()

    def _try_out(self) -> None:
        """Run a program, so that what this system does not allow is known at once."""
        cell = self._make_cell()
        outcome, _ = self._run_in(cell, {"code": "", "seconds": START_SECONDS})
        self._let_go_on(cell)
        self._close_cell(cell)
        if outcome.status != "ok":
            raise CellError(f"not even a program that does nothing could be run: {outcome.error}")

    def _fork_zygote(self) -> tuple[socket.socket, int]:
        limits = self._limits
        tasks = _OVERHEAD_TASKS + (limits["sessions"] + 2 + _MAX_DYING) * (2 + limits["processes"])
        commands, far_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        process = os.fork()
        if process:
            far_end.close()
            return commands, process
        try:
            commands.close()
            self._control.close()
            folders = {}
            if self._user:
                folders = open_closed_folders(sys.path)
                become(self._user)
            attend(far_end, Frame(limits, tasks if self._counts_tasks else 0, self._is_isolated, folders))
        finally:
            os._exit(1)

    @property
    def _counts_tasks(self) -> bool:
        """Whether the kernel's count of this user's processes is that of this worker's."""
        return self._is_isolated or self._user != 0

    def attend(self) -> NoReturn:
        """Do what the caller asks, until it closes the channel."""
        try:
            while True:
                self._reap_until_asked()
                request = self._control.receive()
                for session in request.get("ended", ()):
                    self._end(session)
                if "code" in request:
                    self._control.send(self._run(request))
                self._renew_spare()
        finally:
            self._close()
            os._exit(0)

    def _renew_spare(self) -> None:
        """Have processes ready for the next program: those of the last one, where it has left nothing behind."""
        used, self._used = self._used, None
        if used and not self._spare and used.is_as_new():
            self._spare = used
        elif used:
            self._close_cell(used)
        if self._spare is None:
            with contextlib.suppress(CellError):
                self._spare = self._make_cell()

    def _run(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run a program, and return what the caller is told."""
        session: int | None = request["session"]
        begin = time.monotonic()
        output = ""
        cell: Cell | None = None
        try:
            taken = self._take_cell(session)
        except CellError as error:
            outcome = Outcome("killed", None, f"killed: the sandbox has no process for it: {error}", 0)
        else:
            cell = taken
            outcome, output = self._run_in(taken, request)
        seconds = time.monotonic() - begin
        self._let_go_on(cell)
        is_lost = session is not None and not outcome.keeper
        if cell is not None:
            self._put_back(session if outcome.keeper else None, cell, is_usable=bool(outcome.keeper))
        fault = outcome.error
        if session is not None and outcome.status not in ("ok", "error"):
            fault += (
                "; the session and its variables are lost" if is_lost else "; the variables are as before this call"
            )
        reply = {"status": outcome.status, "output": output, "value": outcome.value, "error": fault}
        return reply | {"seconds": seconds, "lost": is_lost, "evicted": self._evict()}

    def _run_in(self, cell: Cell, request: dict[str, Any]) -> tuple[Outcome, str]:
        try:
            run = cell.run_alone if self._runs_alone(request) else cell.run
            return run(request["code"], request["seconds"], self._count_tasks())
        except CallerGoneError:
            self._close_cell(cell)
            raise

    def _let_go_on(self, cell: Cell | None) -> None:
        """At the end of a call everything was stopped; those that run no programs go on, if only to reap."""
        cells = [*self._cells.values(), *(other for other in (self._spare, cell) if other)]
        signal_all([self._zygote, *(other.init for other in cells)], signal.SIGCONT)

    # Sessions

    def _take_cell(self, session: int | None) -> Cell:
        if session is not None and (cell := self._cells.pop(session, None)):
            return cell
        cell, self._spare = self._spare, None
        return cell or self._make_cell()

    def _runs_alone(self, request: dict[str, Any]) -> bool:
        """Whether the program belongs to no session; its processes can serve another only where none can harm them."""
        return self._is_isolated and request.get("session", 0) is None

    def _put_back(self, session: int | None, cell: Cell, *, is_usable: bool) -> None:
        if session is None and is_usable and self._is_isolated:
            self._used = cell
        elif session is None:
            self._close_cell(cell)
        else:
            self._cells[session] = cell  # as the last, so the first is the one not used for longest

    def _evict(self) -> list[int]:
        """End sessions until those that are left keep to the limits, and return which; the last is always left."""
        evicted = []
        while len(self._cells) > self._limits["sessions"] or (len(self._cells) > 1 and self._is_full()):
            session = next(iter(self._cells))
            self._end(session)
            evicted.append(session)
        return evicted

    def _is_full(self) -> bool:
        return bool(sum(cell.resident_bytes for cell in self._cells.values()) > self._limits["resident_bytes"])

    def _end(self, session: int) -> None:
        if cell := self._cells.pop(session, None):
            self._close_cell(cell)

    def _count_tasks(self) -> int | None:
        """Return how many processes and threads the kernel counts for this user; None where it counts others, too."""
        if not self._counts_tasks:
            return None
        if self._is_isolated:
            processes = sum(name.isdigit() for name in os.listdir("/proc"))
        else:
            processes = len(descendants(os.getpid()))
        idle_threads = sum(cell.threads for cell in self._cells.values())
        return _OVERHEAD_TASKS + processes + idle_threads

    # Processes and folders

    def _make_cell(self) -> Cell:
        if self._is_isolated:
            return Cell(self._control.socket, self._commands, WORK_FOLDER, self._limits, is_isolated=True)
        self._count += 1
        folder = os.path.join(self._folder, str(self._count))
        os.mkdir(folder, 0o700)
        if self._user:
            os.chown(folder, self._user, self._user)
        return Cell(self._control.socket, self._commands, folder, self._limits, is_isolated=False)

    def _close_cell(self, cell: Cell) -> None:
        cell.close()
        if not self._is_isolated:
            from rewardium.envs.tools.sandbox.folders import remove_folder

            remove_folder(cell.folder)

    def _reap_until_asked(self) -> None:
        """Wait for a request, and meanwhile for processes that have been killed, so that they do not pile up."""
        poller = select.poll()
        poller.register(self._control.socket, select.POLLIN)
        while dying := self._count_dying():
            if dying > _MAX_DYING:
                time.sleep(_REAP_SECONDS)
            elif poller.poll(_REAP_SECONDS * 1000):
                return

    def _count_dying(self) -> int:
        """Reap what has ended, and return how many children there are besides the zygote and the sessions."""
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        living = {self._zygote, *(cell.init for cell in self._cells.values()), self._spare and self._spare.init}
        dying = [process for process in children(os.getpid()) if process not in living]
        kill(dying)  # without a namespace there may be orphans of a session among them
        return len(dying)

    def _close(self) -> None:
        """End all sessions; without a namespace of their own nothing else does."""
        for cell in (*self._cells.values(), *([self._spare] if self._spare else [])):
            self._close_cell(cell)
        if self._folder:
            with contextlib.suppress(OSError):
                os.rmdir(self._folder)
