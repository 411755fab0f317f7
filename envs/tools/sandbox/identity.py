"""Being another user than root, who cannot open everything that root can.

This runs inside a worker, too, and imports nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import time
from collections.abc import Iterable
from pathlib import PurePosixPath

FIRST_USER, USERS = 0x70000000, 0x0FFFFFFE
"""User numbers that no system gives to anyone."""

SLOTS = 64
"""Users that one process has for its workers."""

_ROUNDS, _ROUND_SECONDS = 100, 0.01


def is_open_to_all(path: str) -> bool:
    """Return whether every user may read a file, or list a folder and what is in it.

    Args:
        path: The file or folder.

    Returns:
        Whether its mode and those of the folders above it say so; False where it does not exist.

    Example:
        >>> is_open_to_all("/"), is_open_to_all("/no/such/file")
        (True, False)
    """
    try:
        return all(_is_open(place) for place in {os.path.abspath(path), os.path.realpath(path)})
    except OSError:
        return False


def _is_open(path: str) -> bool:
    above = (os.stat(folder).st_mode & stat.S_IXOTH for folder in PurePosixPath(path).parents)
    mode = os.stat(path).st_mode
    needed = stat.S_IROTH | stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH
    return all(above) and mode & needed == needed


def choose_user(user_map: str, process: int, index: int) -> int | None:
    """Choose a user number for a worker that no other worker of this machine has.

    The kernel counts processes by user, so that workers of one user would take them from one another.

    Args:
        user_map: The text of ``/proc/self/uid_map``: the first number inside, the first outside, and how many.
        process: The number of the process that uses the worker.
        index: The number of the worker; numbers that differ by a multiple of 64 give the same user.

    Returns:
        The number, or None where there are no users but root.

    Example:
        >>> choose_user("0 0 4294967295", process=1, index=0)
        1879048256
        >>> choose_user("0 100000 65536", process=1, index=0)
        32832
        >>> choose_user("0 1000 1", process=1, index=0)
    """
    slot = process * SLOTS + index % SLOTS
    extents = [tuple(map(int, line.split())) for line in user_map.splitlines()]
    first, _, count = max(extents, key=lambda extent: extent[2], default=(0, 0, 0))
    if first <= FIRST_USER and first + count > FIRST_USER + USERS:
        return FIRST_USER + slot % USERS
    half = count // 2  # the lower half may be in use
    return first + half + slot % half if half >= SLOTS else None


def become(user: int) -> None:
    """Become a user, for good.

    Args:
        user: The number of the user, and of the only group.

    Raises:
        OSError: When this process is not allowed to.
    """
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def kill_all_of(user: int) -> None:
    """Kill every process of a user; only root can.

    Args:
        user: A number from ``choose_user``; a smaller one than that is left alone.
    """
    if user < SLOTS:
        return
    for _ in range(_ROUNDS):
        processes = [process for process, owner in _owners().items() if owner == user]
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        if not processes:
            return
        time.sleep(_ROUND_SECONDS)


def owners() -> set[int]:
    """Return the users that have processes.

    Example:
        >>> os.getuid() in owners()
        True
    """
    return set(_owners().values())


def _owners() -> dict[int, int]:
    """Return the user of each process, but for dead ones that wait to be reaped."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/status", encoding="ascii", errors="replace") as file:
            status = dict(line.split(":", 1) for line in file if line.startswith(("State:", "Uid:", "Threads:")))
            if status["State"].split()[0] != "Z" or int(status["Threads"]) > 1:
                found[int(name)] = int(status["Uid"].split()[0])
    return found


def open_closed_folders(paths: Iterable[str]) -> dict[str, int]:
    """Open the folders among some paths that are not open to all, for who will not be able to.

    Args:
        paths: Any paths.

    Returns:
        The file descriptors of those folders; what lies below is found by ``/proc/self/fd/<number>/<name>``.
    """
    closed = [path for path in dict.fromkeys(paths) if os.path.isdir(path) and not is_open_to_all(path)]
    return {path: os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) for path in closed}
