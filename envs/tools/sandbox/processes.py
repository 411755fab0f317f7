"""Reading the process table: who descends from whom, and what they use.

This runs inside a worker and imports nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from typing import NamedTuple

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Usage(NamedTuple):
    """What processes use.

    Args:
        cpu_seconds: Processor time that they and their reaped children have used.
        resident_bytes: Memory that they hold, pages that several of them share counted for each.
        threads: Threads that they have, at least one each.
    """

    cpu_seconds: float
    resident_bytes: int
    threads: int


def descendants(process: int) -> list[int]:
    """Return the numbers of all processes that descend from one, dead ones that wait to be reaped among them.

    Example:
        >>> child = os.posix_spawn("/bin/sleep", ["sleep", "9"], {})
        >>> child in descendants(os.getpid())
        True
        >>> os.kill(child, signal.SIGKILL); _ = os.waitpid(child, 0)
    """
    found: list[int] = []
    open_ends = [process]
    while open_ends:
        next_ones = children(open_ends.pop())
        found += next_ones
        open_ends += next_ones
    return found


def children(process: int) -> list[int]:
    """Return a process's children, which its threads have each for itself; none where it is gone."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{process}/task"):
            with contextlib.suppress(OSError):
                found += map(int, _read(f"/proc/{process}/task/{thread}/children").split())
    return found


def usage(processes: Iterable[int]) -> Usage:
    """Return what some processes use together; those that are gone use nothing.

    Example:
        >>> usage([os.getpid()]).threads >= 1
        True
    """
    ticks = pages = threads = 0
    for process in processes:
        with contextlib.suppress(OSError):
            fields = _fields(process)
            ticks += sum(map(int, fields[11:15]))
            threads += int(fields[17])
            pages += int(fields[21])
    return Usage(ticks / _TICKS_PER_SECOND, pages * _PAGE_BYTES, threads)


def is_alive(process: int) -> bool:
    """Return whether a process is there and not only waits to be reaped.

    Example:
        >>> is_alive(os.getpid())
        True
    """
    try:
        fields = _fields(process)
    except OSError:
        return False
    # A process whose first thread has ended looks like a dead one while its other threads run on.
    return fields[0] not in (b"Z", b"X") or int(fields[17]) > 1


def birth(process: int) -> int | None:
    """Return when a process began, in clock ticks; with its number that tells it from any other. None if it is gone.

    Example:
        >>> birth(os.getpid()) == birth(os.getpid()) is not None
        True
    """
    try:
        return int(_fields(process)[19])
    except OSError:
        return None


def signal_all(processes: Iterable[int], number: int) -> None:
    """Send a signal to processes, of which some may be gone."""
    for process in processes:
        if process > 1:  # 0, 1 and negative numbers are not single processes, or not ours
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)


def stop_all_others() -> None:
    """Stop every process of this process namespace but its first, in one step that no fork can slip through.

    Raises:
        RuntimeError: When this process is not the first of its namespace; it would stop what is not its business.
    """
    if os.getpid() != 1:
        raise RuntimeError("only the first process of a namespace may stop all others")
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGSTOP)


def kill(processes: Iterable[int]) -> None:
    """Kill processes, of which some may be gone."""
    signal_all(processes, signal.SIGKILL)


def _fields(process: int) -> list[bytes]:
    """Return what /proc tells, from the state on; before it stands the name, in which a program may write anything."""
    text = _read(f"/proc/{process}/stat")
    return text[text.rindex(b")") + 2 :].split()


def _read(path: str) -> bytes:
    """Read a small file whole; the C library's way, since Python's own files cost three times as much."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 2**16)
    finally:
        os.close(descriptor)
