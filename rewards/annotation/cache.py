"""Labels on disk: what was answered once is never paid for again."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.annotation.question import Item
from rewardium.rewards.models.after_fork import renew_after_fork

T = TypeVar("T")

_SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS labels (
    revision INTEGER PRIMARY KEY,      -- grows with every write, so that readers find what is new
    key BLOB NOT NULL UNIQUE,          -- digest of judge, question and item
    judge TEXT NOT NULL,
    question TEXT NOT NULL,            -- name, version and digest of the wording
    item TEXT NOT NULL,                -- JSON list of its parts
    label REAL,                        -- NULL where no answer could be read
    asked INTEGER NOT NULL,            -- how often the judge was asked
    answer TEXT NOT NULL,              -- its last answer as it stood
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    time REAL NOT NULL                 -- of the last answer, in seconds since 1970
)
"""
# A label stays; only an unknown is replaced. Tokens add up, since an unknown was paid for too.
_WRITE = """
INSERT INTO labels VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET
    revision = excluded.revision, label = excluded.label, asked = asked + excluded.asked, answer = excluded.answer,
    prompt_tokens = prompt_tokens + excluded.prompt_tokens,
    completion_tokens = completion_tokens + excluded.completion_tokens, time = excluded.time
WHERE label IS NULL
"""
_READ = """
SELECT revision, item, label, answer, asked, prompt_tokens, completion_tokens, time FROM labels
WHERE revision > ? AND revision <= ? AND judge = ? AND question = ? ORDER BY revision LIMIT ?
"""
_PAUSE = (
    0.1  # seconds of waiting inside of SQLite for a lock; the rest of the waiting is outside, where a fork may come
)
_MAX_ANSWER_LENGTH = 2_000

# Held by a thread that is inside of SQLite. A fork waits for it: SQLite's own locks, held by a thread that the child
# does not have, would never open there.
_inside_sqlite = threading.Lock()
_INHERITED: list[sqlite3.Connection] = []  # connections of the parent, in a forked process: never used, never closed


class CacheError(RewardiumError):
    """The file of labels cannot be read or written."""


@dataclass(frozen=True, slots=True)
class LabelRecord:
    """A label, and where it comes from.

    Args:
        item: What was asked about.
        label: What the answer is worth; None where no answer could be read.
        answer: The judge's last answer as it stood; beyond 2,000 characters it is cut.
        asked: How often the judge was asked about the item, in different runs.
        prompt_tokens: Read by the judge for it, all in all.
        completion_tokens: Written by the judge for it, all in all.
        time: When it answered, in seconds since 1970.
    """

    item: Item
    label: float | None
    answer: str = ""
    asked: int = 1
    prompt_tokens: int = 0
    completion_tokens: int = 0
    time: float = field(default_factory=time.time)


class LabelCache:
    """A file of labels, shared safely between threads and processes of one machine.

    Labels are kept under judge, question and item. The first label of an item stays; an item without one (the judge
    wrote nonsense) is kept with how often it was asked, and gets its label when there is one. Every write has a
    *revision* larger than all before it, in the order in which writes become visible, so that ``read`` from the last
    known revision misses nothing that other processes wrote.

    The file is an SQLite database with a write-ahead log, which several processes can use at once on one machine; it
    must not lie on a network drive that two machines write to.

    Args:
        path: The file; made, with its folder, when it is first used.
        busy_seconds: How long to wait while others write.

    Example:
        >>> cache = LabelCache("labels.sqlite")
        >>> cache.write("judge", "helpful/1", [LabelRecord(("You see here a key.",), 1.0, "Helpful.")])
        >>> records, revision = cache.read("judge", "helpful/1")
        >>> records[0].item, records[0].label, cache.read("judge", "helpful/1", after=revision)[0]
        (('You see here a key.',), 1.0, [])
        >>> cache.close()
    """

    def __init__(self, path: str | Path, *, busy_seconds: float = 10.0) -> None:
        self.path = Path(path).absolute()
        self.busy_seconds = busy_seconds
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._seen_version: int | None = None
        _register_fork_hooks()
        renew_after_fork(self)

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path, "busy_seconds": self.busy_seconds}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def after_fork_in_child(self) -> None:
        """Leave the parent's connection alone; the child opens its own."""
        self._lock = threading.Lock()
        if self._connection is not None:
            _INHERITED.append(self._connection)
            self._connection = None
        self._seen_version = None

    def write(self, judge: str, question: str, records: Sequence[LabelRecord]) -> None:
        """Write labels in one transaction: all of them, or none.

        Args:
            judge: The judge's name.
            question: The question's key.
            records: The labels; an item that has a label already keeps it.

        Raises:
            CacheError: When the file cannot be written; nothing was.
        """
        if not records:
            return
        rows = [
            (
                _key(judge, question, item := json.dumps(record.item)),
                *(_storable(judge), _storable(question), item, record.label, record.asked),
                _storable(record.answer[:_MAX_ANSWER_LENGTH]),
                *(record.prompt_tokens, record.completion_tokens, record.time),
            )
            for record in records
        ]
        self._with_connection(lambda connection: _write_rows(connection, rows))

    def read(self, judge: str, question: str, *, after: int = 0, limit: int = 10_000) -> tuple[list[LabelRecord], int]:
        """Read the labels of a judge and a question that were written after a revision, in the order of writing.

        Args:
            judge: The judge's name.
            question: The question's key.
            after: The last revision that is known already.
            limit: The most labels to return; ask again from the new revision until there are none.

        Returns:
            The labels, and the revision to go on from.

        Raises:
            CacheError: When the file cannot be read.
        """
        rows, top = self._with_connection(
            lambda connection: _read_rows(connection, after, _storable(judge), _storable(question), limit)
        )
        records = [LabelRecord(_item(text), *values) for _, text, *values in rows]
        return records, (rows[-1][0] if len(rows) == limit else top)

    def changed(self) -> bool:
        """Say, at next to no cost, whether another connection may have written since the last call of this method.

        Raises:
            CacheError: When the file cannot be read.
        """
        version = self._with_connection(lambda connection: connection.execute("PRAGMA data_version").fetchone()[0])
        changed, self._seen_version = version != self._seen_version, version
        return bool(changed)

    def close(self) -> None:
        """Close the file; it is opened again when it is used again."""
        with self._lock, _inside_sqlite:
            if self._connection is not None:
                connection, self._connection = self._connection, None
                with suppress(sqlite3.Error):
                    connection.close()

    def _with_connection(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do some work with the connection, again and again while the file is locked, up to ``busy_seconds``."""
        deadline = time.monotonic() + self.busy_seconds
        while True:
            try:
                with self._lock, _inside_sqlite:
                    if self._connection is None:
                        self._connection = _open(self.path)
                        self._seen_version = None
                    return work(self._connection)
            except (sqlite3.Error, OSError) as error:
                if not _is_busy(error) or time.monotonic() > deadline:
                    self.close()  # the next attempt opens the file anew: it may have been moved, or be mended
                    raise CacheError(f"the labels in {self.path} cannot be used: {error}") from error
            time.sleep(_PAUSE / 10)


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Autocommit: transactions are written out, so that each begins with the right to write and cannot fail midway.
    connection = sqlite3.connect(path, timeout=_PAUSE, isolation_level=None, check_same_thread=False)
    try:
        _make_tables(connection)  # first, so that a database of something else stays as it is
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # a power failure may cost the last labels, never the file
    except BaseException:
        connection.close()
        raise
    return connection


def _make_tables(connection: sqlite3.Connection) -> None:
    if _version(connection) == 0:
        _in_transaction(connection, lambda: _make_tables_unless_made(connection))
    if (version := _version(connection)) != _SCHEMA_VERSION:
        raise sqlite3.DatabaseError(f"its format has version {version}, and this program knows {_SCHEMA_VERSION}")


def _make_tables_unless_made(connection: sqlite3.Connection) -> None:
    if _version(connection) != 0:
        return  # by another process, since we looked
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise sqlite3.DatabaseError("it is a database of something else")
    connection.execute(_SCHEMA)
    connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _write_rows(connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    def write() -> None:
        # Writers come one after another, so that revisions grow in the order in which readers see them.
        last = connection.execute("SELECT coalesce(max(revision), 0) FROM labels").fetchone()[0]
        connection.executemany(_WRITE, [(last + number, *row) for number, row in enumerate(rows, start=1)])

    _in_transaction(connection, write)


def _read_rows(
    connection: sqlite3.Connection, after: int, judge: str, question: str, limit: int
) -> tuple[list[Any], int]:
    """Return the rows, and the revision up to which the file was searched."""
    top = max(after, connection.execute("SELECT coalesce(max(revision), 0) FROM labels").fetchone()[0])
    return connection.execute(_READ, (after, top, judge, question, limit)).fetchall(), top


def _in_transaction(connection: sqlite3.Connection, work: Callable[[], object]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        work()
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _is_busy(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _key(judge: str, question: str, item: str) -> bytes:
    return hashlib.sha256(json.dumps([judge, question, item]).encode()).digest()


def _item(text: str) -> Item:
    try:
        parts = json.loads(text)
    except (ValueError, RecursionError):
        parts = None
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise CacheError(f"the cache holds an item that is no list of texts: {text[:100]!r}")
    return tuple(parts)


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")  # lone surrogates cannot be stored


@cache
def _register_fork_hooks() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork)


_forking = threading.local()


def _before_fork() -> None:
    _forking.holds = _inside_sqlite.acquire(timeout=10.0)


def _after_fork_in_parent() -> None:
    if _forking.holds:
        _inside_sqlite.release()


def _after_fork() -> None:
    global _inside_sqlite
    _inside_sqlite = threading.Lock()
