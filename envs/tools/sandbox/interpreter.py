"""Which files of this machine a program must see: the interpreter, its standard library and shared libraries."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rewardium.envs.errors import RewardiumError

# Extension modules for screens, which would bring the libraries of a desktop with them.
_LEFT_OUT = ("_tkinter.", "_curses", "readline.", "nis.")
# What Python itself opens by name: to end a thread, and for extension modules in C++.
_BY_NAME = ("libgcc_s.so.1", "libstdc++.so.6")
_LDD_SECONDS = 120.0


@dataclass(frozen=True)
class Interpreter:
    """The files of a Python interpreter.

    Args:
        executable: The program.
        folders: Folders with the standard library.
        hidden: Folders in these that hold other packages.
        libraries: Shared libraries, the loader among them, by the names under which they are looked for.
    """

    executable: str
    folders: tuple[str, ...]
    hidden: tuple[str, ...]
    libraries: tuple[str, ...]


def find_interpreter(packages: Sequence[str] = ()) -> Interpreter:
    """Find the files of the running interpreter.

    Args:
        packages: Folders with further packages, whose shared libraries are needed, too.

    Returns:
        The files of the interpreter below any virtual environment.

    Raises:
        RewardiumError: When the shared libraries cannot be found out.

    Example:
        >>> find_interpreter().executable == os.path.realpath(sys.executable)
        True
    """
    return _find_interpreter(tuple(packages))


@lru_cache(maxsize=8)
def _find_interpreter(packages: tuple[str, ...]) -> Interpreter:
    executable = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    library = sysconfig.get_path("stdlib")
    extensions = [path for path in sys.path if os.path.basename(path) == "lib-dynload" and os.path.isdir(path)]
    folders = [library, *(path for path in extensions if not path.startswith(library + os.sep))]
    hidden = [os.path.join(library, name) for name in ("site-packages", "dist-packages")]
    programs = [executable, *(path for folder in extensions for path in _extension_modules(folder))]
    programs += [path for folder in packages for path in _shared_objects(folder)]
    seen = tuple(folder + os.sep for folder in (*folders, *packages))
    libraries = [path for path in _shared_libraries(programs) if not path.startswith(seen)]
    return Interpreter(executable, tuple(folders), tuple(filter(os.path.isdir, hidden)), tuple(libraries))


def _extension_modules(folder: str) -> list[str]:
    names = [name for name in sorted(os.listdir(folder)) if name.endswith(".so") and not name.startswith(_LEFT_OUT)]
    return [os.path.join(folder, name) for name in names]


def _shared_objects(folder: str) -> list[str]:
    """Return all shared objects below a folder, as they need others of this machine."""
    found = []
    for place, _, names in os.walk(folder):
        found += [os.path.join(place, name) for name in names if name.endswith(".so") or ".so." in name]
    return sorted(found)


def _shared_libraries(programs: Sequence[str]) -> list[str]:
    """Return the paths at which the loader finds what some programs need."""
    ldd = shutil.which("ldd")
    if ldd is None:
        raise RewardiumError("the shared libraries of Python cannot be found out: there is no program ldd")
    try:
        listing = subprocess.run(
            [ldd, *programs], capture_output=True, text=True, timeout=_LDD_SECONDS, check=False, env={"LC_ALL": "C"}
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RewardiumError(f"the shared libraries of Python cannot be found out: {error}") from None
    words = [word for line in listing.splitlines() if line.startswith("\t") for word in line.split()]
    found = dict.fromkeys(word for word in words if word.startswith("/") and os.path.isfile(word))
    beside = {os.path.join(folder, name) for folder in map(os.path.dirname, found) for name in _BY_NAME}
    return sorted({*found, *filter(os.path.isfile, beside)})
