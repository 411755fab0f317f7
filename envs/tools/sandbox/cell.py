"""A session as the supervisor of its worker sees it: it runs calls, and holds them to their limits.

Of what comes from a session's processes only what the kernel vouches for is believed: who sent it, who is alive, and
what is used. When a call ends, all processes of the worker are stopped in one step, so that none can fork or die while
it is found out which there are; then all of the session are killed but the one that is its head from then on. A head
stays stopped until the next call, and what threads it may have with it; inits and zygote the supervisor lets go on.

This runs inside a worker and imports nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from rewardium.envs.tools.sandbox.messages import MAX_PACKET_BYTES, decode, encode
from rewardium.envs.tools.sandbox.output import Output
from rewardium.envs.tools.sandbox.processes import descendants, is_alive, kill, signal_all, stop_all_others, usage

CHECK_SECONDS = 0.05
"""Between two looks at what a call uses."""

START_SECONDS = 10.0
"""For a session's processes to be made; it takes some milliseconds."""

_MAX_ERROR_CHARACTERS = 500
_MAX_VALUE_CHARACTERS = 20_000
_CREDENTIALS = struct.Struct("=iII")
_MAX_STALE_PACKETS = 1000
_SECONDS_TO_DIE, _PAUSE_SECONDS = 2.0, 0.0002
_SECONDS_TO_LOOK = 1.0
_SWEEPS = 100
_NO_LIMIT = -1
_NO_REPORT = "killed: the program wrote to the sandbox's own socket"
_ALL_ENDED = "killed: the program ended the processes of its session"


class CellError(Exception):
    """A session's processes cannot be made; the message says why."""


class ZygoteLostError(Exception):
    """The zygote does not answer, so no more sessions can be made."""


class CallerGoneError(Exception):
    """The caller has closed its end of the supervisor's socket."""


class Outcome(NamedTuple):
    """What came of a call.

    Args:
        status: One of ``result.Status``.
        value: The last expression's value.
        error: One line, empty after ``"ok"``.
        keeper: The process that is to be the head, 0 where there is none.
    """

    status: str
    value: str | None
    error: str
    keeper: int


class _Packet(NamedTuple):
    sender: int
    body: bytes


class Cell:
    """The processes of a session.

    Args:
        control: The supervisor's socket, of which only the end is watched.
        commands: The zygote's socket.
        folder: The working directory.
        limits: The fields of ``Limits``.
        is_isolated: Whether it has namespaces of its own, and the supervisor those of the worker.

    Raises:
        CellError: When its processes cannot be made.
        ZygoteLostError: When the zygote does not answer.
    """

    def __init__(
        self,
        control: socket.socket,
        commands: socket.socket,
        folder: str,
        limits: dict[str, Any],
        is_isolated: bool,
    ) -> None:
        self._control = control
        self.folder = folder
        self.resident_bytes = 0
        self.threads = 0
        self._limits = limits
        self._is_isolated = is_isolated
        self._calls = 0
        self._calls_of_session = 0
        self._killed: list[int] = []
        self._output, output_end = _open_output(limits["output_characters"])
        self._requests, far_requests = _packet_sockets()
        self._reports, far_reports = _packet_sockets()
        try:
            descriptors = [far_requests.fileno(), far_reports.fileno(), output_end]
            socket.send_fds(commands, [folder.encode()], descriptors)
        except OSError as error:
            self._close()
            raise ZygoteLostError(str(error)) from None
        finally:
            far_requests.close()
            far_reports.close()
            os.close(output_end)
        self.init = self._head = self._begin()
        self._bare_bytes = usage([self.init]).resident_bytes

    def _begin(self) -> int:
        """Wait for the init to say that it is there, and return its number."""
        self._requests.settimeout(START_SECONDS)
        try:
            packet = _receive(self._requests)
            message = decode(packet.body)
        except (OSError, ValueError) as error:
            self._close()
            raise ZygoteLostError(str(error)) from None
        if message.get("ready") is not True:
            self._close()
            raise CellError(str(message.get("fault")))
        self._requests.setblocking(False)
        self._reports.setblocking(False)
        return packet.sender

    def run_alone(self, code: str, wall_seconds: float, tasks: int | None) -> tuple[Outcome, str]:
        """Run a program that belongs to no session, as ``run`` does.

        It gets a socket and a pipe of its own, so that nothing it does to them is felt by the next one, and its
        process ends with it. If ``is_as_new`` says so afterwards, another program may run here.
        """
        kept = self._reports, self._output
        self._reports, far_reports = _packet_sockets()
        self._reports.setblocking(False)
        self._output, output_end = _open_output(self._limits["output_characters"])
        descriptors = [far_reports.fileno(), output_end]
        try:
            return self.run(code, wall_seconds, tasks, descriptors)
        finally:
            for descriptor in (far_reports, self._reports):
                descriptor.close()
            os.close(output_end)
            os.close(self._output.descriptor)
            self._reports, self._output = kept

    def is_as_new(self) -> bool:
        """Return whether a program that ran alone has left nothing: no process, no file, and a waiting init."""
        try:
            self._await_deaths()
            if self._head != self.init or any(map(is_alive, descendants(self.init))):
                return False
            self._drop_packets()
            self._requests.send(encode({"look": True}))
            return self._says_new(time.monotonic() + _SECONDS_TO_LOOK)
        except (OSError, ValueError):
            return False

    def _says_new(self, deadline: float) -> bool:
        poller = select.poll()
        poller.register(self._requests, select.POLLIN)
        while (left := deadline - time.monotonic()) > 0:
            if poller.poll(left * 1000 + 1):
                message = decode(_receive(self._requests).body)
                if "new" in message:  # and not of the death of the program's process
                    return message["new"] is True
        return False

    def run(
        self, code: str, wall_seconds: float, tasks: int | None, descriptors: Sequence[int] = ()
    ) -> tuple[Outcome, str]:
        """Run a program.

        Args:
            code: Its text.
            wall_seconds: How long it may take.
            tasks: Processes and threads that there are before, as the kernel counts them for this user; None where it
                counts others, too.
            descriptors: For a program that is to run alone, its ends of socket and pipe.

        Returns:
            How it ended, and its output. Without a keeper the session has ended and must be closed.

        Raises:
            CallerGoneError: When no one waits for the outcome any more.
        """
        self._calls += 1
        self._output.clear()
        request = {
            "call": self._calls,
            "name": "<call 1>" if descriptors else self._next_name(),
            "code": code,
            "cpu_seconds": int(self._limits["cpu_seconds"]) + 1,
            "tasks": _NO_LIMIT if tasks is None else tasks + self._limits["processes"],
            "value_characters": self._limits["output_characters"],
        }
        if descriptors:
            request["alone"] = True
        deadline = time.monotonic() + wall_seconds
        try:
            self._await_deaths()
            self._drop_packets()
            channel = self._requests if self._head == self.init else self._reports
            socket.send_fds(channel, [encode(request)], list(descriptors))
            signal_all([self._head], signal.SIGCONT)
            outcome = self._watch(deadline, wall_seconds)
        except OSError:
            outcome = Outcome("killed", None, _ALL_ENDED, 0)
        keeper = self._settle(self.init if descriptors and outcome.keeper else outcome.keeper)
        return outcome._replace(keeper=keeper), self._output.text()

    def _next_name(self) -> str:
        self._calls_of_session += 1
        return f"<call {self._calls_of_session}>"

    def close(self) -> None:
        """Kill all processes of the session; the init is left to be reaped."""
        if not self._is_isolated:
            self._sweep(0)
        kill([self.init])
        self._close()

    def _close(self) -> None:
        self._requests.close()
        self._reports.close()
        os.close(self._output.descriptor)

    # While a program runs

    def _watch(self, deadline: float, wall_seconds: float) -> Outcome:
        """Wait for the end of the call, reading the output so that the program is never held up by it."""
        poller = select.poll()
        for descriptor in (self._requests, self._reports, self._output.descriptor):
            poller.register(descriptor, select.POLLIN)
        poller.register(self._control, select.POLLRDHUP)
        next_check = time.monotonic() + CHECK_SECONDS
        while (now := time.monotonic()) < deadline:
            if now >= next_check:
                if excess := self._excess():
                    return excess
                next_check = time.monotonic() + CHECK_SECONDS
            ready = dict(poller.poll(max(0.0, min(deadline, next_check) - now) * 1000 + 1))
            if self._control.fileno() in ready:
                raise CallerGoneError
            if self._output.descriptor in ready and not self._output.read():
                poller.unregister(self._output.descriptor)
            for channel in (self._reports, self._requests):
                if channel.fileno() in ready and (outcome := self._hear(channel)):
                    return outcome
        return Outcome("timeout", None, f"timeout: more than {wall_seconds:g} s", self._head)

    def _excess(self) -> Outcome | None:
        """Return how the call ends if it uses more than it may."""
        limits = self._limits
        processes = descendants(self.init)
        if self._head != self.init and not any(map(is_alive, processes)):
            return Outcome("killed", None, _ALL_ENDED, 0)
        used = usage(process for process in processes if process != self._head)
        if used.cpu_seconds > limits["cpu_seconds"]:
            return self._cpu_timeout()
        if used.resident_bytes > 2 * limits["memory_bytes"]:
            return Outcome("memory", None, "memory: the processes of the program hold more than they may", self._head)
        if used.threads > limits["processes"]:
            error = f"killed: more than {limits['processes']} processes and threads"
            return Outcome("killed", None, error, self._head)
        return None

    def _cpu_timeout(self) -> Outcome:
        error = f"timeout: more than {self._limits['cpu_seconds']:g} s of processor time"
        return Outcome("timeout", None, error, self._head)

    def _hear(self, channel: socket.socket) -> Outcome | None:
        """Take in one packet; None where it does not tell the end of this call."""
        packet = _receive(channel)
        if not packet.body:
            return Outcome("killed", None, _ALL_ENDED, 0)
        try:
            message = decode(packet.body)
        except ValueError:
            return Outcome("killed", None, _NO_REPORT, self._head)
        if message.get("call") != self._calls:
            return None  # the last call was over before its end was told
        if packet.sender == self._head:
            return self._death(message)
        return self._report(message, packet.sender)

    def _report(self, message: dict[str, Any], sender: int) -> Outcome:
        status, value, error = (message.get(name) for name in ("status", "value", "error"))
        if status == "ok":
            return Outcome("ok", _text(value, _MAX_VALUE_CHARACTERS) if isinstance(value, str) else None, "", sender)
        if status == "error" and error and isinstance(error, str):
            return Outcome("error", None, _text(error, _MAX_ERROR_CHARACTERS), sender)
        if status == "memory" and error and isinstance(error, str):
            return Outcome("memory", None, _text(error, _MAX_ERROR_CHARACTERS), self._head)
        return Outcome("killed", None, _NO_REPORT, self._head)

    def _death(self, message: dict[str, Any]) -> Outcome:
        """Return what it means that the program's process ended without a report."""
        if "fault" in message:
            return Outcome("killed", None, f"killed: {_text(message['fault'], _MAX_ERROR_CHARACTERS)}", self._head)
        status, used = message.get("exit"), message.get("cpu_seconds")
        if not isinstance(status, int) or not 0 <= status < 2**16 or not isinstance(used, float):
            return Outcome("killed", None, _NO_REPORT, self._head)
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            if number == signal.SIGXCPU or used > self._limits["cpu_seconds"]:
                return self._cpu_timeout()
            return Outcome("killed", None, f"killed: by {_signal_name(number)}", self._head)
        error = f"killed: the program ended its process with exit status {os.WEXITSTATUS(status)}"
        return Outcome("killed", None, error, self._head)

    def _await_deaths(self) -> None:
        """Wait for those that were killed after the last call; within a system call they may read a packet before."""
        deadline = time.monotonic() + _SECONDS_TO_DIE
        while any(map(is_alive, self._killed)) and time.monotonic() < deadline:
            time.sleep(_PAUSE_SECONDS)

    def _drop_packets(self) -> None:
        """Forget what was sent since the last call ended."""
        for channel in (self._requests, self._reports):
            with contextlib.suppress(BlockingIOError):
                for _ in range(_MAX_STALE_PACKETS):
                    _receive(channel)

    # When a call is over

    def _settle(self, keeper: int) -> int:
        """Stop everything, kill all but the keeper, and make it the head; return it, or 0 where it is dead."""
        if self._is_isolated:
            stop_all_others()
        else:
            signal_all([keeper], signal.SIGSTOP)
        self._output.read_all()
        self._sweep(keeper)
        if not keeper or not is_alive(keeper):
            return 0
        used = usage({keeper, self.init})
        self._head, self.threads = keeper, used.threads - len({keeper, self.init})
        self.resident_bytes = max(0, used.resident_bytes - 2 * self._bare_bytes)
        return keeper

    def _sweep(self, keeper: int) -> None:
        """Kill the session's processes but for init and keeper."""
        if self._is_isolated:  # none of them runs, so these are all
            self._killed = [process for process in descendants(self.init) if process != keeper]
            kill(self._killed)
            return
        for _ in range(_SWEEPS):
            others = [process for process in descendants(self.init) if process != keeper and is_alive(process)]
            if not others:
                return
            signal_all(others, signal.SIGSTOP)
            kill(others)


def _open_output(characters: int) -> tuple[Output, int]:
    """Return what keeps the output of a program, and the descriptor that the program writes to."""
    output, output_end = os.pipe()
    os.set_blocking(output, False)
    return Output(output, characters), output_end


def _packet_sockets() -> tuple[socket.socket, socket.socket]:
    """Return two connected sockets; who receives at the first one is told who has sent."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    near.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    for end in (near, far):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MAX_PACKET_BYTES)
    return near, far


def _receive(channel: socket.socket) -> _Packet:
    """Receive one packet with the number of the process that sent it, as the kernel gives it."""
    body, extra, _, _ = channel.recvmsg(MAX_PACKET_BYTES, socket.CMSG_SPACE(_CREDENTIALS.size))
    for level, kind, data in extra:
        if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            return _Packet(_CREDENTIALS.unpack(data[: _CREDENTIALS.size])[0], body)
    return _Packet(0, body)


def _text(value: object, limit: int) -> str:
    """Return a text of bounded length that can be encoded, whatever was sent."""
    text = value[:limit] if isinstance(value, str) else ""
    return text.encode("utf-8", "replace").decode("utf-8")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
