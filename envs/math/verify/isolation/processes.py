"""The parent's side of the zygote and of its workers: how they are started, spoken to and ended."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from typing import Any

from rewardium.envs.math.verify.isolation.zygote import COMMAND, MAX_REPLY_BYTES, MAX_REQUEST_BYTES, take

_BOOTSTRAP = """
import os, sys
sys.path[:] = sys.argv[5:]
control, parent, memory_bytes = map(int, sys.argv[1:4])
try:
    from rewardium.envs.math.verify.isolation.zygote import load, main
    function = load(sys.argv[4])
except BaseException as error:
    os.write(control, f"{type(error).__name__}: {error}".encode("utf-8", "replace")[:2000])
    os._exit(1)
main(function, control, parent, memory_bytes)
"""
_ENVIRONMENT = {
    # One thread for linear algebra: a process with more cannot fork safely.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    # sympy orders some of its work by hashes of strings; the same answer is to get the same verdict in every run.
    "PYTHONHASHSEED": "0",
}
_SECONDS_TO_END = 1.0
# macOS may lose a socket whose sender closes its own copy before it was received.
_KEEPS_SENT_SOCKETS = sys.platform == "darwin"


class WorkerLostError(Exception):
    """A worker has ended, or says what no worker says."""


class ZygoteLostError(Exception):
    """The zygote has ended or does not read."""


class Worker:
    """A worker process as its parent sees it; nothing here blocks.

    Args:
        number: What the zygote knows it by.
        channel: The parent's end of its socket.
        far_end: The worker's end, where this copy of it must live until the worker has said something.
    """

    def __init__(self, number: int, channel: socket.socket, far_end: socket.socket | None = None) -> None:
        self.number = number
        self.channel = channel
        self._far_end = far_end
        self._received = bytearray()

    def send(self, request: bytes) -> None:
        """Send a request of at most ``MAX_REQUEST_BYTES``, which an idle worker's socket takes whole.

        Raises:
            WorkerLostError: When the worker has ended or does not read.
        """
        try:
            sent = self.channel.send(request)
        except OSError as error:
            raise WorkerLostError(str(error)) from None
        if sent < len(request):
            raise WorkerLostError("it does not read")

    def receive(self) -> list[dict[str, Any]]:
        """Return the messages that have come.

        Raises:
            WorkerLostError: When the worker has ended, or sent something that is no message.
        """
        try:
            data = self.channel.recv(2 * MAX_REPLY_BYTES)
        except (BlockingIOError, InterruptedError):
            return []
        except OSError:
            data = b""  # it died before it read all of the request
        if not data:
            raise WorkerLostError("the worker process died")
        self._received += data
        self._close_far_end()
        try:
            return list(iter(lambda: take(self._received, MAX_REPLY_BYTES), None))
        except ValueError:
            raise WorkerLostError("the worker process sent no reply but something else") from None

    def close(self) -> None:
        """Close the socket; a worker that is idle then ends, one that is busy must be killed."""
        self._close_far_end()
        self.channel.close()

    def _close_far_end(self) -> None:
        if self._far_end is not None:
            self._far_end.close()
            self._far_end = None


class Zygote:
    """The process that forks and kills workers. It is started by the constructor, which does not wait for it.

    It lives in a session of its own, so that Ctrl-C in a terminal does not reach it.

    Args:
        target: The function that workers serve, as ``module:function``.
        memory_bytes: The address space of a worker.

    Raises:
        OSError: When no process can be started.
    """

    def __init__(self, target: str, memory_bytes: int) -> None:
        self._count = 0
        self.control, far_end = socket.socketpair()
        arguments = [str(far_end.fileno()), str(os.getpid()), str(memory_bytes), target]
        paths = [path for path in sys.path if isinstance(path, str)]
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BOOTSTRAP, *arguments, *paths],
                env=os.environ | _ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[far_end.fileno()],
                start_new_session=True,
            )
        except BaseException:
            self.control.close()
            raise
        finally:
            far_end.close()
        self.control.setblocking(False)

    def fork(self) -> Worker:
        """Ask for a worker and return at once; it is ready when it has said so, or its socket is closed.

        Raises:
            ZygoteLostError: When the zygote has ended or does not read.
            OSError: When this process has no more file descriptors.
        """
        self._count += 1
        channel, far_end = socket.socketpair()
        try:
            channel.setblocking(False)
            for end in (channel, far_end):  # macOS has room for 8 KiB by default, less than a request
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MAX_REQUEST_BYTES)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2 * MAX_REQUEST_BYTES)
            self._send(b"f", self._count, far_end)
        except BaseException:
            channel.close()
            far_end.close()
            raise
        if _KEEPS_SENT_SOCKETS:
            return Worker(self._count, channel, far_end)
        far_end.close()
        return Worker(self._count, channel)

    def kill(self, worker: Worker) -> None:
        """Have a worker killed, and return at once.

        Raises:
            ZygoteLostError: When the zygote has ended or does not read.
        """
        worker.close()
        self._send(b"k", worker.number)

    def _send(self, kind: bytes, number: int, *ends: socket.socket) -> None:
        command = COMMAND.pack(kind, number)
        try:
            if ends:
                socket.send_fds(self.control, [command], [end.fileno() for end in ends])
            else:
                self.control.send(command)
        except OSError as error:
            raise ZygoteLostError(str(error)) from None

    def last_words(self) -> str:
        """Return why the zygote could not start, or the empty string; call it when the control socket is readable."""
        with contextlib.suppress(OSError):
            return self.control.recv(2000).decode("utf-8", "replace")
        return ""

    def end(self) -> None:
        """End the zygote and every worker. If it does not end by itself at once, it is killed with its group."""
        self.control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_SECONDS_TO_END)
            return
        self.kill_group()

    def kill_group(self) -> None:
        """Kill the zygote and every worker the hard way."""
        self.control.close()
        # The group's number is taken until the zygote is reaped, hence the order.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_SECONDS_TO_END)

    def abandon(self) -> None:
        """Let go of a zygote that belongs to the process from which this one was forked."""
        self.control.close()
        self._process.returncode = 0  # it is no child of this process, there is nothing to wait for
