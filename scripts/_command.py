"""The frame of a script: flags are read, the work is done, and what goes wrong is one line and an exit status."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

import tyro
from rich.console import Console
from rich.logging import RichHandler

from rewardium.envs.errors import RewardiumError

Flags = TypeVar("Flags")

STOPPED = 130
"""The exit status of what Ctrl-C stopped."""


def run_command_line(
    flags: type[Flags],
    work: Callable[[Flags, Console], object],
    description: str | None,
    *,
    default: Flags | None = None,
    arguments: Sequence[str] | None = None,
    stopped: str | None = None,
    warnings: bool = False,
) -> int:
    """Read the command line, do the work, and return the exit status.

    Args:
        flags: The dataclass of the flags.
        work: Does the work; a whole number that it returns is the exit status, anything else is 0.
        description: What ``--help`` says first.
        default: The flags' values where they are not given.
        arguments: What was given; by default the command line.
        stopped: What to say after Ctrl-C, with exit status 130; None where the script does nothing about it.
        warnings: Whether warnings of the library's log are shown.

    Returns:
        The exit status; 1 after an error, which is told in one line.
    """
    console = Console()
    if warnings:
        logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[RichHandler(console=console)])
    try:
        values = {} if default is None else {"default": default}
        status = work(tyro.cli(flags, args=arguments, description=description, **values), console)
    except RewardiumError as error:
        console.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        if stopped is None:
            raise
        console.print(stopped)
        return STOPPED
    return status if isinstance(status, int) else 0
