"""The command that starts a worker: bubblewrap with all that it is asked for, or Python alone.

A worker sees a root of its own with the interpreter and nothing else, read-only; it has no network, and no privilege
but the one with which its zygote gives each session file systems and processes of its own. Root hands it to a user
number that is no one's; where that user could not reach the interpreter, bubblewrap first shows it at a place that it
can reach.
"""

from __future__ import annotations

import itertools
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from rewardium.envs.errors import RewardiumError
from rewardium.envs.tools.sandbox.calls import CAPSET
from rewardium.envs.tools.sandbox.identity import SLOTS, choose_user, is_open_to_all, owners
from rewardium.envs.tools.sandbox.interpreter import Interpreter, find_interpreter

Mode = Literal["bubblewrap", "subprocess"]
"""How programs are kept in: by bubblewrap, or only by limits and time-outs."""

_FOLDER = str(Path(__file__).resolve().parent)
_INSIDE = "/sandbox"
_STAGE = "/tmp"
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    # The same program is to print the same in every run.
    "PYTHONHASHSEED": "0",
    # One thread for linear algebra: a process with more cannot fork safely.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
_PYTHON_OPTIONS = ("-s", "-S", "-P", "-B", "-X", "utf8")
# The package's parents would import what is not there in the sandbox, so they are replaced by empty ones.
_BOOTSTRAP = """
import sys, types
for name in ("rewardium", "rewardium.envs", "rewardium.envs.tools", "rewardium.envs.tools.sandbox"):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = []
sys.modules[name].__path__.append(sys.argv[1])
from rewardium.envs.tools.sandbox.supervisor import main
main()
"""
_COUNT = itertools.count()


class SandboxUnavailableError(RewardiumError):
    """Programs cannot be sandboxed on this machine, or not in the way that was asked for; the message says why."""


@dataclass(frozen=True)
class Launch:
    """How a worker is started.

    Args:
        command: The command, without the number of the worker's socket, which is its last argument.
        environment: Its environment.
        user: Whom programs are to run as, where the worker itself is to become that user; else 0.
    """

    command: tuple[str, ...]
    environment: dict[str, str]
    user: int


def plan_launch(mode: Mode, packages: Sequence[str] = ()) -> Launch:
    """Find out how a worker is started on this machine.

    Args:
        mode: How programs are kept in.
        packages: Folders with further packages that programs may import.

    Returns:
        The command; each call gives one for a worker of its own.

    Raises:
        SandboxUnavailableError: When this is not Linux on a known machine, or bubblewrap is missing.
        RewardiumError: When a folder does not exist.
    """
    _check_machine()
    for folder in packages:
        if not os.path.isdir(folder):
            raise RewardiumError(f"packages must be folders, and {folder!r} is none")
    user = _choose_user()
    if mode == "subprocess":
        program = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
        return Launch((program, *_PYTHON_OPTIONS, "-c", _BOOTSTRAP, _FOLDER), _ENVIRONMENT, user)
    bubblewrap = _find_program("bwrap", "bubblewrap")
    interpreter = find_interpreter(packages)
    if not user:
        return Launch(bubblewrap_command(bubblewrap, interpreter, packages, {}), {}, 0)
    change_user = (_find_program("setpriv", "util-linux"), f"--reuid={user}", f"--regid={user}", "--clear-groups", "--")
    stage = _plan_stage(_seen(interpreter, packages))
    command = (*change_user, *bubblewrap_command(bubblewrap, interpreter, packages, stage))
    if not stage:
        return Launch(command, {}, 0)
    return Launch((*stage_command(bubblewrap, stage), *command), {}, 0)


def bubblewrap_command(
    bubblewrap: str, interpreter: Interpreter, packages: Sequence[str], stage: dict[str, str]
) -> tuple[str, ...]:
    """Build the command for the sandbox itself.

    Args:
        bubblewrap: The program.
        interpreter: What is to be seen.
        packages: Folders that are to be seen, too.
        stage: Where paths are found that cannot be reached at their own place.

    Returns:
        The command, without the number of the worker's socket.
    """
    arguments = [bubblewrap, "--unshare-all", "--unshare-user", "--hostname", "sandbox"]
    arguments += ["--disable-userns"] if _can_disable_user_namespaces(bubblewrap) else []
    arguments += ["--die-with-parent", "--new-session", "--as-pid-1", "--cap-add", "CAP_SYS_ADMIN"]
    for path in _seen(interpreter, packages):
        arguments += ["--ro-bind", stage.get(path, path), _INSIDE if path == _FOLDER else path]
    for folder in interpreter.hidden:
        arguments += ["--tmpfs", folder, "--remount-ro", folder]
    for device in _DEVICES:
        arguments += ["--dev-bind", device, device]
    arguments += ["--proc", "/proc", "--dir", "/tmp", "--remount-ro", "/", "--chdir", "/tmp", "--clearenv"]
    libraries = ":".join(dict.fromkeys(map(os.path.dirname, interpreter.libraries)))
    for name, value in {**_ENVIRONMENT, "LD_LIBRARY_PATH": libraries}.items():
        arguments += ["--setenv", name, value]
    return (*arguments, "--", interpreter.executable, *_PYTHON_OPTIONS, "-c", _BOOTSTRAP, _INSIDE)


def stage_command(bubblewrap: str, stage: dict[str, str]) -> tuple[str, ...]:
    """Build the command that goes before: it lets root show paths at other places, and everything else as it is.

    Args:
        bubblewrap: The program.
        stage: Where each path is to be found, below ``/tmp``.

    Returns:
        The command, without the one that it is to run.

    Example:
        >>> " ".join(stage_command("bwrap", {"/root/python": "/tmp/0"}))
        'bwrap --die-with-parent --dev-bind / / --tmpfs /tmp --ro-bind /root/python /tmp/0 --'
    """
    shown = [argument for path, place in stage.items() for argument in ("--ro-bind", path, place)]
    return (bubblewrap, "--die-with-parent", "--dev-bind", "/", "/", "--tmpfs", _STAGE, *shown, "--")


def _plan_stage(paths: Sequence[str]) -> dict[str, str]:
    """Return where paths are shown that not everyone can reach, if there are any; then what lies on the stage moves."""
    if all(map(is_open_to_all, paths)):
        return {}
    moved = [path for path in paths if path.startswith(_STAGE + os.sep) or not is_open_to_all(path)]
    return {path: f"{_STAGE}/{index}" for index, path in enumerate(moved)}


def _seen(interpreter: Interpreter, packages: Sequence[str]) -> list[str]:
    files = (interpreter.executable, *interpreter.folders, *interpreter.libraries, *packages, _FOLDER)
    return list(dict.fromkeys(files))


def _check_machine() -> None:
    if sys.platform != "linux":
        raise SandboxUnavailableError(f"the sandbox needs Linux, and this is {sys.platform}")
    if platform.machine() not in CAPSET:
        raise SandboxUnavailableError(
            f"the sandbox knows the machines {', '.join(CAPSET)}, and this is {platform.machine()}"
        )
    if not os.path.exists("/proc/thread-self/children"):
        raise SandboxUnavailableError("the sandbox needs /proc/<process>/task/<thread>/children, which is not there")


def _choose_user() -> int:
    """Return whom programs are to run as where this process is root; else 0, for whoever this process runs as."""
    if os.geteuid() != 0:
        return 0
    user_map = Path("/proc/self/uid_map").read_text(encoding="ascii")
    taken = owners()
    user: int | None = None
    for index in itertools.islice(_COUNT, SLOTS):
        user = choose_user(user_map, os.getpid(), index)
        if user is None:
            raise SandboxUnavailableError("the sandbox does not run programs as root, and no other user is known here")
        if user not in taken:
            break
    if user is None:
        raise SandboxUnavailableError("no user is left for another worker of the sandbox")
    return user


def _find_program(name: str, package: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise SandboxUnavailableError(unavailable(f"there is no program {name} (install the package {package})"))
    return path


def unavailable(cause: str) -> str:
    """Say in one line that bubblewrap cannot run, why, and what is left.

    Example:
        >>> unavailable("there is no program bwrap")
        "bubblewrap cannot run here: there is no program bwrap; mode='subprocess' runs programs with weaker protection"
    """
    line = " ".join(cause.split())
    return f"bubblewrap cannot run here: {line}; mode='subprocess' runs programs with weaker protection"


@cache
def _can_disable_user_namespaces(bubblewrap: str) -> bool:
    """Return whether this bubblewrap, from 0.8 on, knows the option; without it the filter of system calls suffices."""
    try:
        listing = subprocess.run([bubblewrap, "--help"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return "--disable-userns" in listing.stdout + listing.stderr
