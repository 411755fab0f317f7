"""Running programs: the only file of the project that compiles and runs text, and it does so in a sandboxed process.

A session is a chain of processes. Its *head* has the variables and waits. For a call it forks a child, which runs the
program; if that ends, also by an ordinary exception, the child says so and is the head from then on, and the supervisor
kills the old one. If the child does not come to that, the head says how its child died, and stays: the variables are as
before the call. The first head is the session's *init*, which never runs a program. When it is no longer the head it
stays to reap orphans; as the first process of its namespace no program can kill it. A program that belongs to no
session runs in a child of the init as well, with descriptors of its own, and the init stays the head.

Programs share the interpreter with the code below and may change it as they like. That harms nobody but their own
session: to the supervisor everything that is said from here is mere text.

This runs inside a worker and imports nothing but the standard library.
"""

from __future__ import annotations

import _thread
import ast
import builtins
import contextlib
import io
import linecache
import os
import random
import resource
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Iterator
from types import CodeType, ModuleType
from typing import Any, NoReturn

from rewardium.envs.tools.sandbox.messages import MAX_PACKET_BYTES, decode, encode

MAX_VALUE_CHARACTERS = 10_000
"""Characters of the last expression's value; in JSON they take at most 12 bytes each."""

MAX_ERROR_CHARACTERS = 500
"""Characters of the line that tells an exception."""

_CPU_SLACK_SECONDS = 2
_MAX_FRAMES = 6
_MAX_TRACEBACK_CHARACTERS = 4000


def be_init(requests: socket.socket, reports: socket.socket) -> NoReturn:
    """Be the first head of a session, and reap orphans, until the supervisor closes its end of ``requests``.

    A request is ``{"call", "name", "code", "cpu_seconds", "tasks", "value_characters"}``, with ``"alone"`` where it
    brings two descriptors that take the place of ``reports`` and of the output. Or it is ``{"look"}``, to which the
    answer is ``{"new": whether the working directory is as it was}``. Of the child that runs the program it is answered
    on ``reports``, by ``{"call", "status", "value", "error"}``; of a child that dies before, its parent tells where it
    had the request from, ``{"call", "exit": its wait status, "cpu_seconds"}``, or ``{"call", "fault"}`` where there
    could be no child.

    Args:
        requests: A socket of packets for requests to this process.
        reports: A socket of packets, for reports and for requests to later heads.
    """
    _prepare()
    bell, rope = os.pipe()
    for end in (bell, rope):
        os.set_blocking(end, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Python has a handler for it, so that it could be killed by it
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(rope, warn_on_full_buffer=False)
    poller = select.poll()
    poller.register(bell, select.POLLIN)
    poller.register(requests, select.POLLIN)
    folder = _state_of_folder()
    requests.send(encode({"ready": True}))
    child: int | None = 0
    request: dict[str, Any] = {}
    while True:
        ready = dict(poller.poll())
        if bell in ready:
            os.read(bell, 4096)
            for process, status, used in _reaped():
                if process == child:
                    requests.send(encode({"call": request["call"]} | _death(status, used)))
        if requests.fileno() in ready:
            asked, descriptors = _next_request_with_descriptors(requests)
            if "look" in asked:
                requests.send(encode({"new": _state_of_folder() == folder}))
                continue
            request = asked
            child = _fork(requests, request)
            if child == 0:
                requests.close()
                if descriptors:
                    reports = _take(descriptors, reports)
                signal.set_wakeup_fd(-1)
                os.close(bell)
                os.close(rope)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                _run(reports, request)
                _be_head(reports)
            for descriptor in descriptors:
                os.close(descriptor)


def _state_of_folder() -> tuple[object, ...] | None:
    """Return what of the working directory a program can have changed; None where it cannot be told."""
    try:
        status = os.stat(".")
        return status.st_mode, status.st_uid, status.st_gid, os.listdir("."), os.listxattr(".")
    except OSError:
        return None


def _take(descriptors: list[int], reports: socket.socket) -> socket.socket:
    """Put descriptors in the place of those that later programs will have, which this one is not to touch."""
    own, output = descriptors
    os.dup2(own, reports.fileno(), inheritable=False)
    for stream in (1, 2):
        os.dup2(output, stream)
    for descriptor in descriptors:
        os.close(descriptor)
    return reports


def _prepare() -> None:
    main = ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = main
    for name in ("exit", "quit"):  # what the module site would have defined
        setattr(builtins, name, sys.exit)
    _seed()


def _seed() -> None:
    random.seed()
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()


def _reaped() -> Iterator[tuple[int, int, resource.struct_rusage]]:
    with contextlib.suppress(ChildProcessError):
        while True:
            process, status, used = os.wait4(-1, os.WNOHANG)
            if not process:
                return
            yield process, status, used


def _be_head(channel: socket.socket) -> NoReturn:
    """Have children run programs, until one of them is the head."""
    while True:
        request = _next_request(channel)
        child = _fork(channel, request)
        if child == 0:
            _run(channel, request)
        elif child is not None:
            _, status, used = os.wait4(child, 0)
            channel.send(encode({"call": request["call"]} | _death(status, used)))


def _next_request(channel: socket.socket) -> dict[str, Any]:
    return _next_request_with_descriptors(channel)[0]


def _next_request_with_descriptors(channel: socket.socket) -> tuple[dict[str, Any], list[int]]:
    body, descriptors, _, _ = socket.recv_fds(channel, MAX_PACKET_BYTES, 2)
    if not body:
        os._exit(0)
    return decode(body), descriptors


def _fork(channel: socket.socket, request: dict[str, Any]) -> int | None:
    """Fork, and return as ``os.fork`` does; None, of which the supervisor is told, where that fails."""
    _set_soft_limit(resource.RLIMIT_NPROC, request["tasks"])
    try:
        return _fork_keeping_state()
    except OSError as error:
        channel.send(encode({"call": request["call"], "fault": f"no process could be forked: {error.strerror}"}))
        return None


def _fork_keeping_state() -> int:
    """Fork without the new seed that comes with it: this is the same session."""
    drawn = random.getstate()
    child = os.fork()
    if not child:
        random.setstate(drawn)
    return child


def _death(status: int, used: resource.struct_rusage) -> dict[str, Any]:
    return {"exit": status, "cpu_seconds": used.ru_utime + used.ru_stime}


def _run(channel: socket.socket, request: dict[str, Any]) -> None:
    """Run a program in a process forked for it, and report."""
    own = os.getpid()
    if "alone" in request:
        _seed()
    _limit_cpu(request["cpu_seconds"])
    _open_streams()
    variables = sys.modules["__main__"].__dict__
    report = run_program(request["code"], request["name"], variables, request["value_characters"])
    if os.getpid() != own:  # the program forked, and this is not the process that was to run it
        os._exit(0)
    _leave_threads()
    _set_soft_limit(resource.RLIMIT_CPU, resource.RLIM_INFINITY)  # as the head it needs a little more
    channel.send(encode({"call": request["call"]} | report))
    if report["status"] == "memory":  # the head stays, so this process has to wait for its end
        signal.pause()


def _leave_threads() -> None:
    """If the program's threads still run, go on in a copy of this process, which does not have them."""
    if not _thread._count():
        return
    with contextlib.suppress(OSError):  # no further process: they run on while the next program does
        if _fork_keeping_state():
            while True:
                signal.pause()  # until the supervisor ends this process and its threads


def _limit_cpu(seconds: int) -> None:
    """End this process after so many seconds of processor time, by a signal, and soon after that for good."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if hard == resource.RLIM_INFINITY or hard > seconds + _CPU_SLACK_SECONDS:
        hard = seconds + _CPU_SLACK_SECONDS
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (min(seconds, hard), hard))


def _set_soft_limit(limit: int, value: int) -> None:
    """Set a soft limit to a value, or to the hard limit where that is less."""
    _, hard = resource.getrlimit(limit)
    if value == resource.RLIM_INFINITY or (hard != resource.RLIM_INFINITY and value > hard):
        value = hard
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(limit, (value, hard))


def _open_streams() -> None:
    """Give a call streams of its own; the last program may have closed or replaced its."""
    for descriptor, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        stream = _stream(descriptor, mode)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _stream(descriptor: int, mode: str) -> io.TextIOWrapper:
    file = open(descriptor, mode + "b", closefd=False)  # noqa: SIM115  # it lives as long as the call
    return io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", line_buffering=True)


def run_program(code: str, name: str, variables: dict[str, Any], value_characters: int) -> dict[str, Any]:
    r"""Run a program as a notebook runs a cell.

    Args:
        code: Its text.
        name: What tracebacks call it.
        variables: Its global variables; the value of the last expression is put into ``_``.
        value_characters: How much of the last expression's value is kept.

    Returns:
        ``"status"``: ``"ok"``, ``"error"`` or ``"memory"``; ``"value"``: text or None; ``"error"``: one line, or empty.

    Example:
        >>> run_program("a = 20\na + 1", "<call 1>", {}, 100)  # doctest: +SKIP
        {'status': 'ok', 'value': '21', 'error': ''}
    """
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    value, status, error = None, "ok", ""
    try:
        value = _run_cell(code, name, variables, value_characters)
        _join_threads()
    except SystemExit as leaving:
        if leaving.code not in (None, 0):
            status, error = "error", _line_of(leaving)
    except MemoryError as full:
        full.__traceback__ = None  # what the frames hold is what fills the memory
        status, error = "memory", "MemoryError: the program needs more memory than it may have"
    except BaseException as raised:
        status, error = "error", _line_of(raised)
        _show_traceback(raised, error)
    _flush()
    return {"status": status, "value": value, "error": error}


def _run_cell(code: str, name: str, variables: dict[str, Any], value_characters: int) -> str | None:
    tree = ast.parse(code, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    _execute(compile(tree, name, "exec", dont_inherit=True), variables)
    if not isinstance(last, ast.Expr):
        return None
    value = _execute(compile(ast.Expression(last.value), name, "eval", dont_inherit=True), variables)
    if value is None:
        return None
    variables["_"] = value
    text = str(repr(value))
    limit = min(value_characters, MAX_VALUE_CHARACTERS)
    return text if len(text) <= limit else f"{text[:limit]}[... {len(text) - limit} characters cut ...]"


def _execute(code: CodeType, variables: dict[str, Any]) -> Any:
    """Run a program; beyond this frame every frame of a traceback is the program's."""
    return eval(code, variables)  # noqa: S307  # this is what the sandbox is for


def _join_threads() -> None:
    """Wait for threads as a script does at its end; daemon threads end with the call."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()


def _line_of(error: BaseException) -> str:
    """Return the last line of an exception's traceback, whatever the exception does to prevent it."""
    try:
        line = traceback.format_exception_only(error)[-1].strip()
        return str(line)[:MAX_ERROR_CHARACTERS]
    except BaseException:
        return "an exception that cannot be shown"


def _show_traceback(error: BaseException, line: str) -> None:
    """Write a short traceback to standard error, of the program's own frames alone."""
    with contextlib.suppress(BaseException):
        frames = error.__traceback__
        while frames is not None and frames.tb_frame.f_code is not _execute.__code__:
            frames = frames.tb_next
        shown = error.with_traceback(frames.tb_next if frames is not None else None)
        text = "".join(traceback.format_exception(shown, limit=-_MAX_FRAMES))
        if len(text) > _MAX_TRACEBACK_CHARACTERS:
            text = f"[...]\n{text[-_MAX_TRACEBACK_CHARACTERS:]}"
        _flush()
        if sys.__stderr__ is not None:
            sys.__stderr__.write(text or line)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        if stream is not None:
            with contextlib.suppress(BaseException):
                stream.flush()
