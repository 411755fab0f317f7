"""How much of the machine a program may take."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

from rewardium.envs.errors import RewardiumError

MAX_SECONDS = 3600.0
"""The longest time-out."""

MIN_MEMORY_BYTES = 2**27
"""The least memory of a process; an interpreter that has done nothing maps some 40 MiB."""

MAX_OUTPUT_CHARACTERS = 10**6
"""The most output that can be asked for."""

MAX_PROCESSES = 256
"""The most processes that a program can be allowed."""

MAX_SESSIONS = 1024
"""The most sessions that a worker can be allowed."""


@dataclass(frozen=True)
class Limits:
    """What one call may use; whatever goes beyond ends the call, never the sandbox.

    Args:
        cpu_seconds: Processor time of all processes of a call together.
        wall_seconds: Time from the start of a call to its end.
        memory_bytes: Address space of each process of a call; together they may hold twice that in memory.
        file_bytes: Length of one file.
        disk_bytes: Length of all files of a session together, which lie in memory.
        open_files: Open file descriptors of a process.
        processes: Processes and threads of a call at one time, its own included.
        output_characters: Characters of the output; of more than that its middle is cut out.
        sessions: Sessions that a worker keeps; for one more, the one that has not been used for longest is ended.
        resident_bytes: Memory that the sessions of a worker may keep between calls; they are ended in the same order.

    Raises:
        RewardiumError: When a bound is of the wrong type or out of range.

    Example:
        >>> Limits(wall_seconds=1.0).processes
        8
        >>> Limits(open_files=2)
        Traceback (most recent call last):
        rewardium.envs.errors.RewardiumError: open_files must be a whole number from 16 to 1024, got 2
    """

    cpu_seconds: float = 2.0
    wall_seconds: float = 5.0
    memory_bytes: int = 512 * 2**20
    file_bytes: int = 2**20
    disk_bytes: int = 16 * 2**20
    open_files: int = 32
    processes: int = 8
    output_characters: int = 10_000
    sessions: int = 64
    resident_bytes: int = 2 * 2**30

    def __post_init__(self) -> None:
        for name in ("cpu_seconds", "wall_seconds"):
            check_seconds(name, getattr(self, name))
        _check_whole("memory_bytes", self.memory_bytes, MIN_MEMORY_BYTES, 2**46)
        _check_whole("file_bytes", self.file_bytes, 0, 2**40)
        _check_whole("disk_bytes", self.disk_bytes, 2**16, 2**40)
        _check_whole("open_files", self.open_files, 16, 1024)
        _check_whole("processes", self.processes, 1, MAX_PROCESSES)
        _check_whole("output_characters", self.output_characters, 100, MAX_OUTPUT_CHARACTERS)
        _check_whole("sessions", self.sessions, 1, MAX_SESSIONS)
        _check_whole("resident_bytes", self.resident_bytes, 0, 2**46)

    def as_message(self) -> dict[str, Any]:
        """Return the bounds by name, as they are told to a worker."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def check_seconds(name: str, value: float) -> None:
    """Check a number of seconds.

    Args:
        name: What the number is, for the error.
        value: The number.

    Raises:
        RewardiumError: When it is no number above 0 and at most ``MAX_SECONDS``.

    Example:
        >>> check_seconds("timeout", 0)
        Traceback (most recent call last):
        rewardium.envs.errors.RewardiumError: timeout must be above 0 and at most 3600 seconds, got 0
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not 0 < value <= MAX_SECONDS:
        raise RewardiumError(f"{name} must be above 0 and at most {MAX_SECONDS:g} seconds, got {value!r}")


def _check_whole(name: str, value: int, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise RewardiumError(f"{name} must be a whole number from {least} to {most}, got {value!r}")
