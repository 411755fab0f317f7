"""A worker as its caller sees it: a process to which programs are sent, and which is replaced when it is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, NamedTuple

from rewardium.envs.tools.sandbox.folders import make_folder, remove_folder
from rewardium.envs.tools.sandbox.identity import kill_all_of
from rewardium.envs.tools.sandbox.launch import Mode, SandboxUnavailableError, plan_launch, unavailable
from rewardium.envs.tools.sandbox.limits import Limits
from rewardium.envs.tools.sandbox.messages import Channel, ChannelClosedError
from rewardium.envs.tools.sandbox.processes import birth, descendants, kill
from rewardium.envs.tools.sandbox.result import Result

START_SECONDS = 60.0
"""For a worker to be ready; it takes a tenth of a second on an idle machine, and what is preloaded."""

_SLACK_SECONDS = 20.0
_SECONDS_TO_END, _SECONDS_TO_DIE = 2.0, 0.5
_STATUSES = ("ok", "error", "timeout", "memory", "killed")


class WorkerLostError(Exception):
    """The worker's process has ended, or does not answer."""


class Setting(NamedTuple):
    """What all workers of a pool have in common.

    Args:
        mode: How programs are kept in.
        limits: What a call may use.
        packages: Folders with further packages.
        preload: Modules to import beforehand.
    """

    mode: Mode
    limits: Limits
    packages: Sequence[str]
    preload: Sequence[str]


class Reply(NamedTuple):
    """What a worker says of a call.

    Args:
        result: What came of it.
        is_lost: Whether the session has ended with it.
        evicted: Other sessions that have been ended to make room.
    """

    result: Result
    is_lost: bool
    evicted: list[int]


class Worker:
    """A process that runs programs. One thread at a time may use it.

    The constructor only starts the process; it can be used after ``wait_until_ready``.

    Args:
        setting: What it is to run, and how.
        starter: A thread that lives as long as the worker may: Linux ends the worker when the *thread* that started it
            ends.

    Raises:
        SandboxUnavailableError: When this machine cannot run it.
    """

    def __init__(self, setting: Setting, starter: ThreadPoolExecutor) -> None:
        launch = plan_launch(setting.mode, setting.packages)
        limits = setting.limits
        self._mode = setting.mode
        self._user = launch.user
        self._is_ready = False
        self._members: dict[int, int | None] = {}
        self._folder = make_folder(launch.user) if setting.mode == "subprocess" else ""
        near, far = socket.socketpair()
        self._channel = Channel(near, 16 * limits.output_characters + 2**20)
        try:
            self._process, self._errors = starter.submit(
                _start, (*launch.command, str(far.fileno())), launch.environment, far.fileno()
            ).result()
        except BaseException as error:
            self._channel.close()
            self._remove_folder()
            if isinstance(error, OSError):
                raise SandboxUnavailableError(self._refusal(str(error))) from None
            raise
        finally:
            far.close()
        message: dict[str, Any] = {
            "mode": setting.mode,
            "limits": limits.as_message(),
            "user": launch.user,
            "folder": self._folder,
        }
        message |= {"packages": list(setting.packages), "preload": list(setting.preload)}
        with contextlib.suppress(ChannelClosedError):  # it is noticed when nothing comes back
            self._channel.send(message)

    @property
    def process(self) -> int:
        """The number of the outermost process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the outermost process is there."""
        return self._process.poll() is None

    def wait_until_ready(self) -> None:
        """Wait until programs can be run.

        Raises:
            SandboxUnavailableError: When it does not come to that; the message says why.
        """
        if self._is_ready:
            return
        try:
            message = self._channel.receive(START_SECONDS)
        except ChannelClosedError as error:
            self.kill()
            raise SandboxUnavailableError(self._refusal(self._last_words() or str(error))) from None
        finally:
            self._errors.close()
        if message.get("ready") is not True:
            self.kill()
            raise SandboxUnavailableError(self._refusal(str(message.get("fault"))))
        self._members = {process: birth(process) for process in descendants(self._process.pid)}
        self._is_ready = True

    def run(self, code: str, session: int | None, seconds: float) -> Reply:
        """Run a program.

        Args:
            code: Its text.
            session: The number of its session; None for one of its own.
            seconds: How long it may take.

        Returns:
            What came of it.

        Raises:
            WorkerLostError: When the worker has ended or does not answer; it must be killed then.
        """
        try:
            self._channel.send({"code": code, "session": session, "seconds": seconds})
            return _reply(self._channel.receive(seconds + _SLACK_SECONDS))
        except (ChannelClosedError, KeyError, TypeError, ValueError) as error:
            raise WorkerLostError(f"the worker was lost: {error}") from None

    def end(self, sessions: list[int]) -> None:
        """End sessions.

        Raises:
            WorkerLostError: When the worker has ended.
        """
        try:
            self._channel.send({"ended": sessions})
        except ChannelClosedError as error:
            raise WorkerLostError(str(error)) from None

    def close(self) -> None:
        """End the worker and all of its sessions."""
        self._channel.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_SECONDS_TO_END)
        self.kill()

    def kill(self) -> None:
        """End the worker and all of its sessions the hard way."""
        self._channel.close()
        if self._process.poll() is None:
            # From the inside out: bubblewrap then ends by itself, and reaps on its way what no one else might.
            kill(reversed(descendants(self._process.pid)))
            if self._mode == "subprocess":
                self._process.kill()
            try:
                self._process.wait(_SECONDS_TO_DIE)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        # If someone else killed the outermost process, the others were not to be found below it any more.
        kill(process for process, born in self._members.items() if born is not None and birth(process) == born)
        if self._user:
            kill_all_of(self._user)
        self._remove_folder()

    def abandon(self) -> None:
        """Let go of a worker that belongs to the process from which this one was forked."""
        self._channel.close()
        self._errors.close()
        self._process.returncode = 0  # it is no child of this process, there is nothing to wait for

    def interrupt(self) -> None:
        """Have a call that another thread waits for end as if the worker were lost."""
        with contextlib.suppress(OSError):
            self._channel.socket.shutdown(socket.SHUT_RDWR)

    def _remove_folder(self) -> None:
        if self._folder:
            remove_folder(self._folder)

    def _refusal(self, cause: str) -> str:
        line = " ".join(cause.split())
        return unavailable(line) if self._mode == "bubblewrap" else f"the sandbox cannot run here: {line}"

    def _last_words(self) -> str:
        """Return what bubblewrap or Python wrote to standard error, without waiting for more."""
        with contextlib.suppress(OSError):
            os.set_blocking(self._errors.fileno(), False)
            words = (self._errors.read(4000) or b"").decode("utf-8", "replace").strip()
            return words.splitlines()[-1] if words else ""
        return ""


def _start(
    command: tuple[str, ...], environment: dict[str, str], descriptor: int
) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
    """Start the process, and return it with what it writes to standard error."""
    process = subprocess.Popen(
        command,
        env=environment,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        bufsize=0,
        pass_fds=[descriptor],
        start_new_session=True,
    )
    if process.stderr is None:
        raise OSError("there is no pipe for standard error")
    return process, process.stderr


def _reply(message: dict[str, Any]) -> Reply:
    """Take apart what a worker says; it is no program, but it does not hurt to look.

    Raises:
        TypeError: When something is of another type than it should be.
        KeyError: When something is missing.
        ValueError: When the status is none.
    """
    status, output, value, error = (message[name] for name in ("status", "output", "value", "error"))
    if status not in _STATUSES:
        raise ValueError(f"{status!r} is no status")
    if not (isinstance(output, str) and isinstance(error, str) and (value is None or isinstance(value, str))):
        raise TypeError("output, value or error is no text")
    result = Result(status, output, value, error, float(message["seconds"]))
    return Reply(result, bool(message["lost"]), [int(session) for session in message["evicted"]])
