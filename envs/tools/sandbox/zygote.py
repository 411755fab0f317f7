"""The process that makes sessions' processes, and what these are before they run a program.

The *zygote* has imported what programs are likely to need, and never sees one of them: so a session begins within
milliseconds and finds nothing of another in its memory. For a session it makes a copy of itself that is the first
process of a process namespace, with mounts of its own: the session's *init*. This gives up all privileges, puts all
limits in force and waits for programs (``rewardium.envs.tools.sandbox.inside``). It is a child of the supervisor.

This runs inside a worker and imports nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import resource
import socket
import sys
from dataclasses import dataclass
from typing import Any, NoReturn

from rewardium.envs.tools.sandbox import kernel
from rewardium.envs.tools.sandbox.inside import be_init
from rewardium.envs.tools.sandbox.messages import encode

WORK_FOLDER = "/tmp"
"""The working directory of programs in a worker with file systems of its own."""

_HIDDEN_FOLDER = "/proc"
_MAX_FILES = 4096
_REQUESTS, _REPORTS, _FIRST_FOLDER, _HIGH = 3, 4, 5, 64


@dataclass(frozen=True)
class Frame:
    """What is the same for all sessions of a worker.

    Args:
        limits: The fields of ``Limits``.
        tasks: Processes and threads that all sessions together can have at most; 0 where the kernel counts others too.
        is_isolated: Whether sessions get namespaces and file systems of their own.
        folders: Open folders of ``sys.path`` that the session's user could not open.
    """

    limits: dict[str, Any]
    tasks: int
    is_isolated: bool
    folders: dict[str, int]


def attend(commands: socket.socket, frame: Frame) -> NoReturn:
    """Be the zygote: for each command make a session, until the socket is closed.

    Args:
        commands: Where commands come from: the working directory, and with it three file descriptors, on which the init
            takes requests, on which programs report, and to which they write their output.
        frame: What all sessions have in common.
    """
    gc.collect()
    gc.freeze()  # a collection in a session would touch, and so copy, every page that it shares with the zygote
    namespaces = kernel.CLONE_NEWPID | kernel.CLONE_NEWNS if frame.is_isolated else 0
    while True:
        folder, descriptors, _, _ = socket.recv_fds(commands, 4096, 3)
        if not folder:
            os._exit(0)
        try:
            if not kernel.fork_sibling(namespaces):
                _be_session(folder.decode(), descriptors, frame)
        except OSError as error:
            _tell_fault(descriptors[0], error)
        for descriptor in descriptors:
            os.close(descriptor)


def _be_session(folder: str, descriptors: list[int], frame: Frame) -> NoReturn:
    requests = descriptors[0]
    try:
        os.setsid()  # a signal to one's process group goes to all of it, in whatever namespace
        if frame.is_isolated:
            kernel.mount_memory(WORK_FOLDER, frame.limits["disk_bytes"], _MAX_FILES)
            kernel.mount_memory(_HIDDEN_FOLDER, 4096, 1, kernel.MS_RDONLY)
        else:
            kernel.adopt_orphans()
        os.chdir(folder)
        os.environ["HOME"] = folder
        _keep_descriptors(descriptors, frame.folders)
        requests = _REQUESTS
        _limit(frame)
        kernel.drop_capabilities()
        kernel.restrict_calls()
        kernel.hide_memory()
        be_init(socket.socket(fileno=_REQUESTS), socket.socket(fileno=_REPORTS))
    except BaseException as error:
        _tell_fault(requests, error)
    os._exit(1)


def _tell_fault(requests: int, error: BaseException) -> None:
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(requests)) as channel:
        channel.send(encode({"fault": f"{type(error).__name__}: {error}"}))


def _keep_descriptors(descriptors: list[int], folders: dict[str, int]) -> None:
    """Keep the two sockets, the output as standard output and standard error, and open folders; close all else."""
    requests, reports, output = descriptors
    ends = (os.open(os.devnull, os.O_RDONLY), output, output, requests, reports, *folders.values())
    # Copied to high numbers first, so that none is overwritten before its turn.
    copies = [fcntl.fcntl(end, fcntl.F_DUPFD, _HIGH) for end in ends]
    for number, copy in enumerate(copies):
        os.dup2(copy, number, inheritable=number < _REQUESTS)
    os.closerange(len(ends), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    places = {folder: f"/proc/self/fd/{number}" for number, folder in enumerate(folders, start=_FIRST_FOLDER)}
    sys.path[:] = [places.get(path, path) for path in sys.path]


def _limit(frame: Frame) -> None:
    """Put the limits in force for good; what differs from call to call is a soft limit below them."""
    limits = frame.limits
    bounds = {
        resource.RLIMIT_AS: limits["memory_bytes"],
        resource.RLIMIT_FSIZE: limits["file_bytes"],
        resource.RLIMIT_NOFILE: limits["open_files"],
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_STACK: 8 * 2**20,
    }
    if frame.tasks:
        bounds[resource.RLIMIT_NPROC] = frame.tasks
    for limit, value in bounds.items():
        _, hard = resource.getrlimit(limit)
        lowered = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (lowered, lowered))
