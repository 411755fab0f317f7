"""What came of a program."""

from __future__ import annotations

from typing import Literal, NamedTuple

Status = Literal["ok", "error", "timeout", "memory", "killed"]
"""How a call ended: ``ok``; ``error``, by an exception; ``timeout``, at a bound on time; ``memory``, at the one on
memory; ``killed``, when its process ended without a word, or could not be run at all."""


class Result(NamedTuple):
    r"""What came of a call.

    A program can write what it likes, so ``output`` and ``value`` are its claims and prove nothing. After ``"ok"`` and
    ``"error"`` the session holds what the program left; after anything else its variables are as before the call, or,
    where ``error`` says so, lost.

    Args:
        status: How it ended.
        output: Its standard output and standard error as they were written, with a short traceback after an exception;
            of more than ``Limits.output_characters`` the middle is cut out, with a note of how much.
        value: The ``repr`` of the last statement, if that is an expression and its value is not None, as in a notebook;
            cut likewise.
        error: One line: the last of the traceback, or what ended the call; empty after ``"ok"``.
        seconds: How long it took.

    Example:
        >>> Result("ok", "", "4", "", 0.001).value
        '4'
    """

    status: Status
    output: str
    value: str | None
    error: str
    seconds: float
