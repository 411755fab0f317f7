"""Level descriptions compiled into the data file that the game reads, each description once a process."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

from rewardium.envs.errors import RewardiumError
from rewardium.envs.nethack.packages import load

LEVEL = "mylevel.des"
_SECONDS = 60.0


@lru_cache(maxsize=128)
def compile_level(description: str) -> bytes:
    """Compile a level's description and pack it with MiniHack's data.

    MiniHack does this with a shell script for each environment it makes, which costs some 17 ms of the 20 ms that
    making one takes, and it does not look at the compiler's answer.

    Args:
        description: The text of a des-file with one level named ``mylevel``.

    Returns:
        The content of the game's ``nhdat``, some 120 KB.

    Raises:
        RewardiumError: When NetHack's level compiler refuses the description; with what it said.

    Example:
        >>> compile_level("no level at all")
        Traceback (most recent call last):
        ...
        rewardium.envs.errors.RewardiumError: NetHack's level compiler refuses the level: ...
    """
    base = load("minihack.base")
    tools = Path(base.HACKDIR)
    with tempfile.TemporaryDirectory(prefix="rewardium-level-") as name:
        folder = Path(name)
        for path in Path(base.LIB_DIR).iterdir():
            shutil.copyfile(path, folder / path.name)
        source = folder / LEVEL
        source.write_text(description, encoding="utf-8")
        said = _run([str(tools / "lev_comp"), LEVEL], folder)
        source.unlink()
        levels = sorted(path.name for path in folder.iterdir())
        if "mylevel.lev" not in levels:
            raise RewardiumError(f"NetHack's level compiler refuses the level: {said[:1000]}")
        _run([str(tools / "dlb"), "cf", "nhdat", *levels], folder)
        return (folder / "nhdat").read_bytes()


def read_description(description: str) -> str:
    """Return a description as text, also where MiniHack gives the name of one of its files.

    Args:
        description: The text itself, or a file's path, absolute or in MiniHack's folder of data.

    Returns:
        The text.

    Raises:
        RewardiumError: When there is no such file.
    """
    if not description.endswith(".des"):
        return description
    path = Path(load("minihack.base").PATH_DAT_DIR) / description
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise RewardiumError(f"the level's description cannot be read: {error}") from error


def _run(command: list[str], folder: Path) -> str:
    """Run one of NetHack's tools and return what it said."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RewardiumError(f"NetHack's {Path(command[0]).name} cannot be run: {error}") from error
    said = f"{done.stdout}{done.stderr}".strip()
    if done.returncode != 0:
        raise RewardiumError(f"NetHack's level compiler refuses the level: {said[:1000]}")
    return said
