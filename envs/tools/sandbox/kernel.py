"""What the standard library does not offer of Linux, called through ctypes.

This runs inside a worker and imports nothing but the standard library.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import signal
from functools import cache
from typing import Any

from rewardium.envs.tools.sandbox.calls import CAPSET, CLONE, filter_program

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
CLONE_NEWNS, CLONE_NEWPID = 0x20000, 0x20000000

_CLONE_PARENT = 0x8000
_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_SECCOMP_MODE_FILTER = 2
_CAPABILITY_VERSION_3 = 0x20080522


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def load() -> None:
    """Do beforehand what can be, so that a session begins sooner, and in a process that still can read files."""
    _machine()
    _filter()
    for name in ("mount", "prctl", "syscall"):
        getattr(_libc(), name)


@cache
def _machine() -> str:
    return platform.machine()


def fork_sibling(namespaces: int) -> int:
    """Fork a process that is a child of this one's parent, and the first of new namespaces.

    It is to run few lines of Python and to fork with ``os.fork`` what runs more: the C library has not been told of it.

    Args:
        namespaces: Of ``CLONE_NEWNS`` and ``CLONE_NEWPID``, which the process gets of its own.

    Returns:
        0 in the new process, and its number in this one.

    Raises:
        OSError: When the system does not allow it.
    """
    flags = ctypes.c_ulong(namespaces | _CLONE_PARENT | signal.SIGCHLD)
    nothing = ctypes.c_ulong(0)
    # With the lock of the interpreter held, which the new process could not take from a thread that it does not have.
    function = ctypes.PyDLL(None, use_errno=True).syscall
    process: int = function(ctypes.c_long(CLONE[_machine()]), flags, nothing, nothing, nothing, nothing)
    if process == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"clone: {os.strerror(code)}")
    return process


def mount_memory(target: str, size: int, files: int, flags: int = 0) -> None:
    """Cover a folder with an empty file system in memory.

    Args:
        target: The folder.
        size: How many bytes the files may have together.
        files: How many files and folders there may be.
        flags: Further mount flags; programs, devices and set-user-id bits are never honoured there.

    Raises:
        OSError: When the system does not allow it.
    """
    options = f"size={size},nr_inodes={files},mode=0700".encode("ascii")
    flags |= MS_NOSUID | MS_NODEV | MS_NOEXEC
    _call("mount", b"tmpfs", os.fsencode(target), b"tmpfs", ctypes.c_ulong(flags), options)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent has ended.

    Raises:
        OSError: When the system does not allow it.
    """
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def hide_memory() -> None:
    """Keep other processes of the same user from tracing this one.

    Raises:
        OSError: When the system does not allow it.
    """
    _prctl(_PR_SET_DUMPABLE, 0)


def drop_capabilities() -> None:
    """Give up every privilege of this process, and of all programs that it will ever run.

    Raises:
        OSError: When the system does not allow it.
    """
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    _call("syscall", ctypes.c_long(CAPSET[_machine()]), header, nothing)


def restrict_calls() -> None:
    """Refuse this process, and its descendants, the system calls of ``calls.DENIED`` for ever.

    Raises:
        OSError: When the system does not allow it.
    """
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(_filter()))


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


@cache
def _filter() -> _FilterProgram:
    instructions = filter_program(_machine())
    return _FilterProgram(len(instructions) // 8, instructions)


def _prctl(option: int, *values: int) -> None:
    rest = [ctypes.c_ulong(value) for value in values + (0,) * (4 - len(values))]
    _call("prctl", ctypes.c_int(option), *rest)


def _call(name: str, *arguments: Any) -> None:
    if getattr(_libc(), name)(*arguments) == -1:
        code = ctypes.get_errno() or errno.EPERM
        raise OSError(code, f"{name}: {os.strerror(code)}")
