"""What runs outside the caller's process: the zygote, and the workers that it forks.

The zygote is a process that has imported everything a decision needs and then only waits: it forks a worker by request,
which takes milliseconds instead of a second of imports, and it kills a worker by request. Workers are its children
alone, and it reaps one only after it killed it, so a process number always means the process it was given to.

A worker answers one request after another on its own socket until the socket is closed. It cannot outlive the zygote,
nor the zygote its parent: the zygote ends when its control socket is closed or its parent has changed, and kills its
workers then; Linux kills the workers should the zygote be killed itself. Elsewhere nothing does; there the parent kills
the zygote's process group, which holds the workers.

Nothing is pickled. Commands to the zygote have a fixed size; requests and replies are JSON objects in ASCII, which
carries any Python string, after their length in four bytes.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, NamedTuple, NoReturn

Decide = Callable[[str, str], tuple[str, str]]
"""A function that workers serve: it takes two texts and returns a status and a reason."""

DECISIONS = ("equal", "different", "unknown")
"""What a served function may say."""

MAX_REQUEST_BYTES = 2**17
"""Length of an encoded request; two answers of 4000 characters are at most 96 000 bytes."""

MAX_REPLY_BYTES = 2**14
"""Length of an encoded reply."""

MAX_REASON_LENGTH = 300
"""Characters of a reason."""

MAX_REQUESTS = 500
"""Requests that one worker answers before it asks to be renewed; caches grow."""

COMMAND = struct.Struct("!cI")
"""A command to the zygote: ``b"f"`` (fork; a socket comes along) or ``b"k"`` (kill), and the worker's number."""

_LENGTH = struct.Struct("!I")
_PARENT_CHECK_MS = 500
_REAP_MS = 20
_PR_SET_PDEATHSIG = 1


def pack(message: dict[str, Any]) -> bytes:
    r"""Encode a request or a reply.

    Example:
        >>> pack({"id": 1})
        b'\x00\x00\x00\t{"id": 1}'
    """
    body = json.dumps(message).encode("ascii")
    return _LENGTH.pack(len(body)) + body


def take(buffer: bytearray, limit: int) -> dict[str, Any] | None:
    """Take the first message out of what was received.

    Args:
        buffer: What was received; the message is removed from it.
        limit: The greatest length of a message's body in bytes.

    Returns:
        The message, or None where it has not come whole.

    Raises:
        ValueError: When there is something else than a message, or a longer one.

    Example:
        >>> received = bytearray(pack({"id": 1}) + pack({"id": 2})[:3])
        >>> take(received, 100), take(received, 100), len(received)
        ({'id': 1}, None, 3)
    """
    if len(buffer) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack_from(buffer)
    if length > limit:
        raise ValueError(f"a message of {length} bytes, more than {limit}")
    end = _LENGTH.size + length
    if len(buffer) < end:
        return None
    body = bytes(buffer[_LENGTH.size : end])
    del buffer[:end]
    try:
        message = json.loads(body)
    except RecursionError:
        raise ValueError("a message that is nested too deep") from None
    if not isinstance(message, dict):
        raise ValueError("a message that is no object")
    return message


def load(target: str) -> Decide:
    """Import what workers serve.

    Args:
        target: The function, as ``module:function``. If its module has a function ``prepare()``, that is called:
            whatever it imports or computes, every worker has from its start.

    Returns:
        The function.

    Example:
        >>> load("operator:add")
        <built-in function add>
    """
    module_name, _, name = target.partition(":")
    module = import_module(module_name)
    function: Decide = getattr(module, name)
    prepare = getattr(module, "prepare", None)
    if callable(prepare):
        prepare()
    return function


def main(function: Decide, control: int, parent: int, memory_bytes: int) -> NoReturn:
    """Be the zygote.

    Args:
        function: What workers serve.
        control: The file descriptor of the socket on which commands come.
        parent: The process number of the parent.
        memory_bytes: The address space that a worker may use.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # the parent's SIG_IGN would come along, and reap behind our back
    end_with_parent = _parent_death_signal()
    gc.collect()
    gc.freeze()  # a collection in a worker would touch, and so copy, every page that it shares with the zygote
    own = os.getpid()

    def work(channel: socket.socket) -> None:
        end_with_parent()
        if os.getppid() == own:  # else the zygote ended before its end could be noticed
            _restrict(memory_bytes)
            serve(channel, function, memory_bytes)

    _attend(socket.socket(fileno=control), parent, work)
    os._exit(0)


def _parent_death_signal() -> Callable[[], object]:
    """Return a function after whose call this process is killed when its parent ends; it does nothing outside Linux."""
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            prctl = ctypes.CDLL(None).prctl
            return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    return lambda: None


class _Command(NamedTuple):
    kind: bytes
    number: int
    descriptor: int | None


def _attend(control: socket.socket, parent: int, work: Callable[[socket.socket], None]) -> None:
    """Follow commands until the parent is gone, then kill every worker."""
    workers: dict[int, int] = {}
    killed: set[int] = set()
    poller = select.poll()
    poller.register(control, select.POLLIN)
    try:
        # A closed socket tells that the parent has ended, unless some other process holds a copy of it.
        while os.getppid() == parent:
            is_ready = poller.poll(_REAP_MS if killed else _PARENT_CHECK_MS)
            killed = {process for process in killed if not _reaped(process)}
            if not is_ready:
                continue
            command = _next_command(control)
            if command is None:
                return
            if command.kind == b"k":
                process = workers.pop(command.number, None)
                if process is not None:
                    os.kill(process, signal.SIGKILL)
                    killed.add(process)
            elif command.descriptor is not None:
                with contextlib.suppress(OSError):  # no process to be had: the parent sees the worker's socket closed
                    workers[command.number] = _fork(control, command.descriptor, work)
                os.close(command.descriptor)
    finally:
        for process in workers.values():
            os.kill(process, signal.SIGKILL)
        for process in (*workers.values(), *killed):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process, 0)


def _reaped(process: int) -> bool:
    try:
        return os.waitpid(process, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True


def _next_command(control: socket.socket) -> _Command | None:
    """Read one command, which was sent whole; None where the parent has closed the socket."""
    try:
        data, descriptors, _, _ = socket.recv_fds(control, COMMAND.size, 1)
    except ConnectionError:
        return None
    if len(data) < COMMAND.size:
        return None
    kind, number = COMMAND.unpack(data)
    return _Command(kind, number, descriptors[0] if descriptors else None)


def _fork(control: socket.socket, descriptor: int, work: Callable[[socket.socket], None]) -> int:
    process = os.fork()
    if process:
        return process
    try:
        control.close()  # a copy here would hide the zygote's end from the parent
        work(socket.socket(fileno=descriptor))
    finally:
        os._exit(0)


def _restrict(memory_bytes: int) -> None:
    """Bound what this process can take from the machine."""
    import resource

    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # if the machine's memory ends all the same, a worker is to go and not who trains
    sys.dont_write_bytecode = True
    limits = {resource.RLIMIT_AS: memory_bytes, resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: 0}
    for limit, value in limits.items():
        _, hard = resource.getrlimit(limit)
        lowered = value if hard == resource.RLIM_INFINITY else min(value, hard)
        with contextlib.suppress(OSError, ValueError):  # macOS knows RLIMIT_AS but may refuse it
            resource.setrlimit(limit, (lowered, lowered))


def serve(channel: socket.socket, function: Decide, memory_bytes: int) -> None:
    """Answer requests, first of all that this process is ready, until the socket is closed or it is time to be renewed.

    The first message is ``{"process": its number}``. A request ``{"id", "gold", "answer"}``, or ``{"id"}`` alone to
    hear that all is well, is answered by ``{"id", "status", "reason", "retires"}``. A worker retires after
    ``MAX_REQUESTS``, when memory has run out, and when its resident memory once was a quarter of ``memory_bytes`` above
    what it began with.

    Args:
        channel: Connected to whoever asks.
        function: What to serve; whatever it raises is ``"unknown"``, and what it says on stdout nobody sees.
        memory_bytes: The address space that this process may use.
    """
    channel.sendall(pack({"process": os.getpid()}))
    allowed = _peak_memory() + memory_bytes // 4
    for count, request in enumerate(_requests(channel), start=1):
        status, reason, is_exhausted = "equal", "ready", False
        if "gold" in request:
            status, reason, is_exhausted = _answer(function, request["gold"], request["answer"])
        retires = is_exhausted or count >= MAX_REQUESTS or _peak_memory() > allowed
        channel.sendall(pack({"id": request["id"], "status": status, "reason": reason, "retires": retires}))
        if retires:
            return


def _requests(channel: socket.socket) -> Iterator[dict[str, Any]]:
    buffer = bytearray()
    while data := channel.recv(2**16):
        buffer += data
        while (request := take(buffer, MAX_REQUEST_BYTES)) is not None:
            yield request


def _answer(function: Decide, gold: str, answer: str) -> tuple[str, str, bool]:
    """Return status, reason, and whether memory ran out."""
    try:
        decision: object = function(gold, answer)
    except MemoryError:
        return "unknown", "out of memory", True
    except BaseException as error:
        return "unknown", describe(error), False
    match decision:
        case (str(status), str(reason)) if status in DECISIONS:
            return status, reason[:MAX_REASON_LENGTH], False
    return "unknown", "the decision is not a status and a reason", False


def describe(error: BaseException) -> str:
    """Return an exception's type and message in at most ``MAX_REASON_LENGTH`` characters.

    Example:
        >>> describe(ValueError("no such root"))
        'ValueError: no such root'
    """
    try:
        message = str(error)
    except Exception:
        message = ""
    return f"{type(error).__name__}: {message}"[:MAX_REASON_LENGTH].rstrip(": ")


def _peak_memory() -> int:
    """Return the largest resident size of this process in bytes."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
