"""Folders that are either there as a whole or not at all, whenever the process is killed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STATE_FILE = "state.json"
"""The file that makes a folder a checkpoint: a JSON object with the number of the ``step`` it was saved after."""


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to write into, and move it to its place once it is on the disk.

    Args:
        folder: Its place; what is there is replaced.

    Yields:
        A folder beside it. Where the block raises, the place stays as it was.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as root:
        ...     with whole_folder(Path(root) / "00000010") as partial:
        ...         _ = (partial / STATE_FILE).write_text('{"step": 10}')
        ...     latest_checkpoint(Path(root)).name
        '00000010'
    """
    temporary = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    yield temporary
    for path in [*temporary.rglob("*"), temporary]:
        _sync(path)
    if folder.exists():
        shutil.rmtree(folder)
    temporary.rename(folder)
    _sync(folder.parent)


def latest_checkpoint(root: Path) -> Path | None:
    """Return the newest complete checkpoint below ``root``, or None.

    Example:
        >>> latest_checkpoint(Path("no/such/run")) is None
        True
    """
    complete = _complete(root)
    return complete[-1] if complete else None


def keep_latest(root: Path, count: int) -> None:
    """Delete all but the ``count`` newest checkpoints below ``root``, and what an interrupted save has left.

    Args:
        root: The folder of the checkpoints.
        count: How many to keep, at least one.
    """
    for folder in _complete(root)[: -max(count, 1)]:
        shutil.rmtree(folder)
    for folder in root.glob(".*.partial"):
        shutil.rmtree(folder)


def _complete(root: Path) -> list[Path]:
    found = [path.parent for path in root.glob(f"*/{STATE_FILE}") if not path.parent.name.startswith(".")]
    return sorted(found, key=lambda path: int(json.loads((path / STATE_FILE).read_text(encoding="utf-8"))["step"]))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
