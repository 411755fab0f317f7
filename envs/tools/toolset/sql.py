"""A SQL database of the episode's own, in SQLite."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from rewardium.envs.errors import RewardiumError
from rewardium.envs.tools.registry import register_toolset
from rewardium.envs.tools.tool import StatefulToolset, ToolError, ToolTimeoutError, tool

MAX_STATEMENT_LENGTH = 5000
"""Characters of a statement."""

MAX_ROWS = 50
"""Rows of a result that are shown."""

MAX_CELL_LENGTH = 200
"""Characters of a value that are shown."""

MAX_VALUE_LENGTH = 4000
"""Bytes of one value and of one row; with the bound on steps it bounds what sorting writes to temporary files."""

MAX_PAGES = 4096
"""Pages of the database, of 4096 bytes each."""

MAX_STEPS = 5_000_000
"""Steps of SQLite's virtual machine that a statement may take: the same bound on every machine."""

STEPS_BETWEEN_LOOKS = 1000
"""Steps after which the bounds are looked at."""

_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: MAX_VALUE_LENGTH,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 4 * MAX_STATEMENT_LENGTH,
    sqlite3.SQLITE_LIMIT_COLUMN: 100,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 200,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 10,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_ALLOWED = frozenset(
    {
        sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE,
        sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE,
        sqlite3.SQLITE_CREATE_TABLE, sqlite3.SQLITE_CREATE_INDEX, sqlite3.SQLITE_CREATE_VIEW,
        sqlite3.SQLITE_CREATE_TRIGGER, sqlite3.SQLITE_ALTER_TABLE,
        sqlite3.SQLITE_DROP_TABLE, sqlite3.SQLITE_DROP_INDEX, sqlite3.SQLITE_DROP_VIEW, sqlite3.SQLITE_DROP_TRIGGER,
        sqlite3.SQLITE_ANALYZE, sqlite3.SQLITE_REINDEX,
    }
)  # fmt: skip
# They look at a schema and change nothing; with an argument they say what to look at.
_READING_PRAGMAS = frozenset(
    {"table_info", "table_xinfo", "table_list", "index_list", "index_info", "foreign_key_list"}
)
# What would make two runs of one episode differ, and what reaches out of the database.
_REFUSED_FUNCTIONS = frozenset(
    {
        "random", "randomblob", "zeroblob", "load_extension", "fts3_tokenizer",
        "current_date", "current_time", "current_timestamp",
    }
)  # fmt: skip
_REASONS = {
    sqlite3.SQLITE_ATTACH: "other databases cannot be attached",
    sqlite3.SQLITE_DETACH: "other databases cannot be attached",
    sqlite3.SQLITE_PRAGMA: f"only the pragmas {', '.join(sorted(_READING_PRAGMAS))} can be used",
    sqlite3.SQLITE_TRANSACTION: "there are no transactions: every statement counts at once",
    sqlite3.SQLITE_SAVEPOINT: "there are no transactions: every statement counts at once",
    sqlite3.SQLITE_CREATE_VTABLE: "virtual tables cannot be made",
    sqlite3.SQLITE_FUNCTION: f"the functions {', '.join(sorted(_REFUSED_FUNCTIONS))} cannot be used",
}


@register_toolset("sql")
class Sql(StatefulToolset):
    """A database in memory that belongs to one episode, to be read and written.

    One statement a call. Refused are several statements, transactions, other databases, pragmas that change something,
    extensions, and what differs from run to run (``random()``, ``CURRENT_TIMESTAMP``; ``date('now')`` gives the time of
    the machine). A statement is bounded in steps, so that what is too much on one machine is too much on every other.

    Two databases are equal when their tables hold the same rows in any order; indexes, views and triggers do not count.

    Args:
        schema: The statements that make the tables, separated by semicolons.
        rows: For each table its rows: lists of values, or mappings by column.
        timeout: Seconds after which a statement is stopped even if it took few steps.

    Raises:
        RewardiumError: When the schema or the rows are wrong.

    Example:
        >>> sql = Sql("CREATE TABLE pets (name TEXT, age INTEGER)", {"pets": [["Rex", 3], ["Mia", 5]]})
        >>> print(sql.run_sql("SELECT name, age FROM pets WHERE age > 4"))
        name | age
        Mia | 5
        (1 row)
        >>> before = sql.copy()
        >>> sql.run_sql("DELETE FROM pets WHERE name = 'Rex'"), sql == before
        ('1 row changed', False)
    """

    def __init__(
        self,
        schema: str,
        rows: Mapping[str, Iterable[Sequence[Any] | Mapping[str, Any]]] | None = None,
        timeout: float = 2.0,
    ) -> None:
        self._open(timeout)
        try:
            self._connection.executescript(schema)
            for table, entries in (rows or {}).items():
                for entry in entries:
                    _insert(self._connection, table, entry)
        except (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeEncodeError) as error:
            raise RewardiumError(f"the database cannot be made: {error}") from None
        self._restrict()

    def _open(self, timeout: float) -> None:
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not timeout > 0:
            raise RewardiumError(f"timeout must be a number of seconds above 0, got {timeout!r}")
        self.timeout = float(timeout)
        self._connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        # SQLite stores any bytes as text; what cannot be read must not make the state unreadable.
        self._connection.text_factory = lambda value: value.decode("utf-8", "replace")
        for limit, size in _LIMITS.items():
            self._connection.setlimit(limit, size)
        self._steps_left = 0
        self._deadline = 0.0
        self._reason = ""

    def _restrict(self) -> None:
        """Put the bounds in place, once the tables are there."""
        self._connection.execute(f"PRAGMA max_page_count = {MAX_PAGES}")
        self._connection.set_authorizer(self._authorize)

    def _authorize(self, action: int, first: str | None, second: str | None, database: str | None, _: Any) -> int:
        if action == sqlite3.SQLITE_FUNCTION:
            allowed = (second or "").lower() not in _REFUSED_FUNCTIONS
        elif action == sqlite3.SQLITE_PRAGMA:
            allowed = (first or "").lower() in _READING_PRAGMAS
        else:
            allowed = action in _ALLOWED
        if not allowed:
            self._reason = _REASONS.get(action, "it is not allowed here")
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY

    def _look(self) -> int:
        """Say whether a statement is to be stopped."""
        self._steps_left -= STEPS_BETWEEN_LOOKS
        return int(self._steps_left <= 0 or time.monotonic() > self._deadline)

    @tool
    def run_sql(self, statement: str) -> str:
        """Run one SQL statement (SQLite) on the database and return its rows, or how many rows it changed.

        Args:
            statement: One statement, e.g. SELECT name FROM pets WHERE age > 3.
        """
        if len(statement) > MAX_STATEMENT_LENGTH:
            raise ToolError(f"a statement has at most {MAX_STATEMENT_LENGTH} characters, this one has {len(statement)}")
        if not statement.strip("; \t\r\n"):
            raise ToolError("there is no statement")
        self._steps_left, self._deadline = MAX_STEPS, time.monotonic() + self.timeout
        self._reason = ""
        self._connection.set_progress_handler(self._look, STEPS_BETWEEN_LOOKS)
        try:
            return self._run(statement)
        except (sqlite3.Error, sqlite3.Warning, OverflowError, ValueError) as error:
            raise self._explained(error) from None
        finally:
            self._connection.set_progress_handler(None, 0)

    def _run(self, statement: str) -> str:
        cursor = self._connection.execute(statement)
        try:
            if cursor.description is None:
                return "done" if cursor.rowcount < 0 else _counted(cursor.rowcount, "row") + " changed"
            rows = cursor.fetchmany(MAX_ROWS + 1)
            return _table([column[0] for column in cursor.description], rows)
        finally:
            cursor.close()

    def _explained(self, error: Exception) -> ToolError:
        text = str(error)
        if self._reason:
            return ToolError(f"the statement was refused: {self._reason}")
        if text == "interrupted":
            return ToolTimeoutError("the statement was stopped: it takes too much work; make it simpler")
        if "one statement at a time" in text:
            return ToolError("one statement a call: send the others in calls of their own")
        if "too big" in text or "is full" in text:
            return ToolError(f"the statement was refused: a value or the database would become too large ({text})")
        return ToolError(f"the statement failed: {text[:500]}")

    @tool
    def list_tables(self) -> dict[str, list[str]]:
        """List the tables of the database with their columns and types."""
        return {
            name: [f"{column[1]} {column[2]}".strip() for column in self._query(f"PRAGMA table_info({_quoted(name)})")]
            for name in self._table_names()
        }

    def _query(self, statement: str) -> list[Any]:
        return self._connection.execute(statement).fetchall()

    def _table_names(self) -> list[str]:
        names = self._query("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        return [name for (name,) in names if not name.startswith("sqlite_")]

    def state(self) -> dict[str, Any]:
        """Return for each table its ``columns`` and ``rows``; the rows are sorted, bytes are ``{"hex": "..."}``."""
        found = {}
        for name in self._table_names():
            cursor = self._connection.execute(f"SELECT * FROM {_quoted(name)}")
            rows = [[_plain(value) for value in row] for row in cursor]
            found[name] = {
                "columns": [column[0] for column in cursor.description],
                "rows": sorted(rows, key=lambda row: json.dumps(row, ensure_ascii=False)),
            }
        return found

    @classmethod
    def from_state(cls, state: Any) -> Self:
        """Build a database from a state: the same rows in tables whose columns have neither types nor constraints.

        ``copy`` keeps everything.
        """
        try:
            tables = {name: (table["columns"], table["rows"]) for name, table in state.items()}
            schema = ";".join(
                f"CREATE TABLE {_quoted(name)} ({', '.join(map(_quoted, columns))})"
                for name, (columns, _) in tables.items()
            )
            return cls(schema, {name: [[_value(v) for v in row] for row in rows] for name, (_, rows) in tables.items()})
        except (AttributeError, TypeError, KeyError, ValueError) as error:
            raise RewardiumError(f"this is no state of a database: {error}") from None

    def copy(self) -> Self:
        """Return a database of its own with the same tables, rows, indexes, views and triggers."""
        other = type(self).__new__(type(self))
        other._open(self.timeout)
        self._connection.backup(other._connection)
        other._restrict()
        return other

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


def _insert(connection: sqlite3.Connection, table: str, entry: Sequence[Any] | Mapping[str, Any]) -> None:
    """Insert one row into a table."""
    if isinstance(entry, str) or not isinstance(entry, (Mapping, Sequence)):
        raise RewardiumError(f"a row of {table!r} is a list of values or a mapping by column, got {entry!r}")
    values = list(entry.values()) if isinstance(entry, Mapping) else list(entry)
    for value in values:
        if not isinstance(value, (int, float, str, bytes, type(None))):
            raise RewardiumError(f"a value of {table!r} is a number, a text, bytes or None, got {value!r}")
    columns = f" ({', '.join(_quoted(str(key)) for key in entry)})" if isinstance(entry, Mapping) else ""
    marks = ", ".join("?" * len(values))
    connection.execute(f"INSERT INTO {_quoted(table)}{columns} VALUES ({marks})", values)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _plain(value: Any) -> Any:
    return {"hex": value.hex()} if isinstance(value, bytes) else value


def _value(plain: Any) -> Any:
    return bytes.fromhex(plain["hex"]) if isinstance(plain, dict) else plain


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _table(columns: list[str], rows: list[tuple[Any, ...]]) -> str:
    """Write a result as text: a line of names, then a line for each row."""
    shown = rows[:MAX_ROWS]
    lines = [" | ".join(_cell(name) for name in columns), *(" | ".join(_cell(value) for value in row) for row in shown)]
    if len(rows) > len(shown):
        return "\n".join(
            [*lines, f"(the first {len(shown)} rows; there are more: narrow the query, or use LIMIT and OFFSET)"]
        )
    return "\n".join([*lines, f"({_counted(len(shown), 'row')})"])


def _cell(value: Any) -> str:
    if value is None:
        return "NULL"
    text = f"x'{value[: MAX_CELL_LENGTH // 2].hex()}'" if isinstance(value, bytes) else str(value)
    text = text.replace("\\", "\\\\").replace("\n", "\\n").replace("|", "\\|")
    return text if len(text) <= MAX_CELL_LENGTH else text[: MAX_CELL_LENGTH - 3] + "..."
