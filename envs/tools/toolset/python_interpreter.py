"""A Python interpreter in a sandbox, whose variables last for an episode."""

from __future__ import annotations

import os
from itertools import count
from typing import TYPE_CHECKING

from rewardium.envs.tools.registry import register_toolset
from rewardium.envs.tools.tool import ToolError, Toolset, ToolTimeoutError, tool

if TYPE_CHECKING:
    from rewardium.envs.tools.sandbox import Mode, SandboxPool

MAX_CODE_LENGTH = 50_000
"""Characters of a program."""

_numbers = count(1)


@register_toolset("python_interpreter")
class PythonInterpreter(Toolset):
    """Runs Python in a sandbox, as in the cells of a notebook.

    Each toolset has a session of its own, which begins with the first program and ends with ``close``: what one program
    defines the next one finds. A program that raises, takes too long or needs too much memory is an error that the
    agent reads. ``state`` is None: what an interpreter holds does not decide an episode.

    Args:
        pool: The sandboxes to run in; None for those that the process shares, which are started here at the latest.
        mode: How the shared sandboxes keep programs in; ``"subprocess"`` is for programs that one trusts.
        timeout: Seconds for one program; None for the pool's own bound.

    Raises:
        SandboxUnavailableError: When this machine cannot run the shared sandboxes in this mode.
        RewardiumError: When the time-out is out of range.

    Example:
        >>> with PythonInterpreter(mode="subprocess") as interpreter:
        ...     _ = interpreter.run_python("x = 20")
        ...     print(interpreter.run_python("print('twice is'); 2 * x"))
        twice is
        40
    """

    def __init__(
        self, pool: SandboxPool | None = None, mode: Mode = "bubblewrap", timeout: float | None = None
    ) -> None:
        # Here and not at the first program: a machine without a sandbox is no fault of the agent's.
        from rewardium.envs.tools.sandbox import shared_sandbox
        from rewardium.envs.tools.sandbox.limits import check_seconds

        if timeout is not None:
            check_seconds("timeout", timeout)
        self._pool = shared_sandbox(mode) if pool is None else pool
        self._timeout = timeout
        self._session: str | None = None

    @tool
    def run_python(self, code: str) -> str:
        """Run a Python program and return what it prints, and the value of its last line.

        Variables, functions and imports last until the episode ends. There is no network, and no input.

        Args:
            code: The program.
        """
        if len(code) > MAX_CODE_LENGTH:
            raise ToolError(f"a program has at most {MAX_CODE_LENGTH} characters, this one has {len(code)}")
        if self._session is None:
            self._session = f"python-{os.getpid()}-{next(_numbers)}"
        result = self._pool.run(code, session=self._session, timeout=self._timeout)
        shown = "\n".join(part for part in (result.output.rstrip("\n"), result.value) if part)
        if result.status == "ok":
            return shown or "(no output)"
        verb = "failed" if result.status == "error" else "was ended"
        message = f"the program {verb}: {result.error}\n{shown}".rstrip()
        raise ToolTimeoutError(message) if result.status == "timeout" else ToolError(message)

    def close(self) -> None:
        """End the session; a later program begins a new one."""
        if self._session is not None:
            self._pool.end(self._session)
        self._session = None
