"""Folders of programs that have no file system of their own.

This runs inside a worker, too, and imports nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile


def make_folder(user: int) -> str:
    """Make an empty folder for a worker.

    Args:
        user: Who must be able to pass through it, besides this process; 0 for no one.

    Returns:
        Its path.
    """
    folder = tempfile.mkdtemp(prefix="rewardium-sandbox-")
    os.chmod(folder, 0o711 if user else 0o700)
    return folder


def remove_folder(folder: str) -> None:
    """Remove a folder, in which a program may have made anything.

    Example:
        >>> folder = make_folder(0)
        >>> remove_folder(folder)
        >>> os.path.exists(folder)
        False
    """
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except (OSError, RecursionError):  # closed to its owner, or nested deeper than Python's stack
        with contextlib.suppress(OSError):
            subprocess.run(["chmod", "-R", "u+rwx", folder], check=False, stderr=subprocess.DEVNULL)
            subprocess.run(["rm", "-rf", "--", folder], check=False, stderr=subprocess.DEVNULL)
