"""The database of an episode: what can be done with it, and what cannot."""

from __future__ import annotations

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.envs.tools.tool import ToolError, ToolTimeoutError
from rewardium.envs.tools.toolset.sql import MAX_CELL_LENGTH, MAX_ROWS, Sql

SCHEMA = """
CREATE TABLE pets (id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER);
CREATE TABLE visits (pet INTEGER REFERENCES pets(id), day TEXT, cost REAL);
CREATE INDEX by_day ON visits(day);
"""
ROWS = {
    "pets": [[1, "Rex", 3], {"name": "Mia", "id": 2}, (3, "Bo", 7)],
    "visits": [[1, "2031-05-20", 80.5], [3, "2031-06-01", 20]],
}
COUNT_UP = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"


@pytest.fixture
def sql():
    with Sql(SCHEMA, ROWS) as database:
        yield database


def test_reading(sql):
    assert (
        sql.run_sql("SELECT name, age FROM pets ORDER BY age DESC")
        == "name | age\nBo | 7\nRex | 3\nMia | NULL\n(3 rows)"
    )
    assert sql.run_sql("SELECT sum(cost) AS total FROM visits WHERE pet = 1;") == "total\n80.5\n(1 row)"
    assert sql.run_sql("SELECT * FROM pets WHERE id > 9") == "id | name | age\n(0 rows)"
    assert sql.list_tables() == {
        "pets": ["id INTEGER", "name TEXT", "age INTEGER"],
        "visits": ["pet INTEGER", "day TEXT", "cost REAL"],
    }
    assert sql.run_sql("PRAGMA table_info(pets)").count("\n") == 4


def test_writing(sql):
    assert sql.run_sql("INSERT INTO pets (name) VALUES ('Kim'), ('Lea')") == "2 rows changed"
    assert sql.run_sql("UPDATE pets SET age = 1 WHERE name = 'Kim'") == "1 row changed"
    assert sql.run_sql("DELETE FROM pets WHERE age IS NULL RETURNING name") == "name\nMia\nLea\n(2 rows)"
    assert sql.run_sql("SELECT count(*) FROM pets") == "count(*)\n3\n(1 row)"
    for statement in (
        "CREATE TABLE notes (text)",
        "ALTER TABLE notes RENAME TO remarks",
        "ALTER TABLE remarks ADD COLUMN day",
        "CREATE VIEW old AS SELECT * FROM pets WHERE age > 5",
        "CREATE TRIGGER t AFTER INSERT ON remarks BEGIN DELETE FROM visits; END",
        "CREATE INDEX i ON remarks(text)",
    ):
        assert sql.run_sql(statement) == "done"
    sql.run_sql("INSERT INTO remarks VALUES ('x', 'y')")
    assert sql.state()["visits"]["rows"] == []
    assert sql.state()["remarks"] == {"columns": ["text", "day"], "rows": [["x", "y"]]}


def test_how_values_are_shown(sql):
    sql.run_sql("INSERT INTO pets (name) VALUES ('a|b\nc\\d')")
    assert sql.run_sql("SELECT name FROM pets WHERE id = 4") == "name\na\\|b\\nc\\\\d\n(1 row)"
    assert sql.run_sql("SELECT x'00ff', 1.5, CAST(x'ff' AS TEXT)").splitlines()[1] == "x'00ff' | 1.5 | \ufffd"
    shown = sql.run_sql(f"SELECT printf('%{10 * MAX_CELL_LENGTH}d', 1)").splitlines()[1]
    assert len(shown) == MAX_CELL_LENGTH
    assert shown.endswith("...")


def test_results_are_bounded(sql):
    result = sql.run_sql(f"{COUNT_UP} SELECT x FROM c LIMIT {MAX_ROWS}")
    assert result.endswith(f"\n{MAX_ROWS}\n({MAX_ROWS} rows)")
    result = sql.run_sql(f"{COUNT_UP} SELECT x FROM c")
    assert result.endswith(
        f"\n{MAX_ROWS}\n(the first {MAX_ROWS} rows; there are more: narrow the query, or use LIMIT and OFFSET)"
    )


def test_a_statement_that_returns_rows_changes_them_all(sql):
    sql.run_sql(f"INSERT INTO pets (name) SELECT 'n' FROM ({COUNT_UP} SELECT x FROM c LIMIT 500)")
    assert "there are more" in sql.run_sql("UPDATE pets SET age = 9 RETURNING id")
    assert sql.run_sql("SELECT count(*) FROM pets WHERE age = 9") == "count(*)\n503\n(1 row)"


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("SELECT 1; SELECT 2", "one statement a call"),
        ("DELETE FROM pets; DROP TABLE visits", "one statement a call"),
        ("", "there is no statement"),
        (" ;\n", "there is no statement"),
        ("ATTACH ':memory:' AS other", "other databases cannot be attached"),
        ("ATTACH '/etc/passwd' AS other", "other databases cannot be attached"),
        ("DETACH main", "other databases cannot be attached"),
        ("VACUUM INTO '/tmp/copy.db'", "was refused"),
        ("PRAGMA writable_schema = ON", "only the pragmas"),
        ("PRAGMA max_page_count = 99999999", "only the pragmas"),
        ("PRAGMA query_only", "only the pragmas"),
        ("BEGIN", "no transactions"),
        ("COMMIT", "no transactions"),
        ("SAVEPOINT a", "no transactions"),
        ("SELECT load_extension('x')", "cannot be used"),
        ("SELECT LOAD_EXTENSION('x')", "cannot be used"),
        ("SELECT random()", "cannot be used"),
        ("SELECT name FROM pets ORDER BY random()", "cannot be used"),
        ("SELECT CURRENT_TIMESTAMP", "cannot be used"),
        ("CREATE TEMP TABLE t (a)", "not allowed"),
        ("CREATE VIRTUAL TABLE t USING fts5(a)", "virtual tables"),
        ("INSERT INTO sqlite_master VALUES (1, 2, 3, 4, 5)", "may not be modified"),
        ("SELEC 1", 'near "SELEC": syntax error'),
        ("SELECT fur FROM pets", "no such column: fur"),
        ("SELECT * FROM nowhere", "no such table: nowhere"),
        ("INSERT INTO pets VALUES (1, 'x', 1)", "UNIQUE constraint failed"),
        ("INSERT INTO pets (age) VALUES (1)", "NOT NULL constraint failed"),
        ("SELECT ?", "failed"),
        ("SELECT 1\x00", "null character"),
        ("SELECT '\ud800'", "failed"),
        ("SELECT " + "(" * 300 + "1" + ")" * 300, "failed"),
        ("SELECT '" + "x" * 6000 + "'", "at most 5000 characters"),
        ("SELECT zeroblob(1000000000)", "cannot be used"),
        ("SELECT replace(hex(printf('%3000d', 1)), '2', 'aaaaaaaaaaaaaa')", "too large"),
        (f"CREATE TABLE big AS {COUNT_UP} SELECT printf('%03000d', x) FROM c", "too large"),
    ],
)
def test_refusals(sql, statement, words):
    before = sql.state()
    with pytest.raises(ToolError) as caught:
        sql.run_sql(statement)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 600
    assert sql.state() == before


@pytest.mark.parametrize(
    "statement",
    [
        f"{COUNT_UP} SELECT count(*) FROM c",
        f"{COUNT_UP} SELECT printf('%03000d', x) AS y FROM c ORDER BY y",
        f"INSERT INTO pets (name) {COUNT_UP} SELECT 'x' FROM c WHERE x < 0",
        "SELECT count(*) FROM sqlite_master a, sqlite_master b, sqlite_master c, sqlite_master d, sqlite_master e, "
        "sqlite_master f, sqlite_master g, sqlite_master h, sqlite_master i, sqlite_master j, sqlite_master k, "
        "sqlite_master l, sqlite_master m, sqlite_master n, sqlite_master o",
    ],
    ids=range(4),
)
def test_a_statement_that_takes_too_much_is_stopped(sql, statement):
    before = sql.state()
    start = time.perf_counter()
    with pytest.raises(ToolTimeoutError, match="too much work"):
        sql.run_sql(statement)
    assert time.perf_counter() - start < 8.0
    assert sql.state() == before
    assert sql.run_sql("SELECT 1") == "1\n1\n(1 row)"


def test_the_time_itself_is_bounded():
    with Sql(SCHEMA, timeout=0.000001) as sql, pytest.raises(ToolTimeoutError):
        sql.run_sql(f"{COUNT_UP} SELECT x FROM c LIMIT 49, 100000")


def test_state_copy_and_equality(sql):
    assert json.loads(json.dumps(sql.state())) == sql.state()
    copy = sql.copy()
    assert copy == sql
    copy.run_sql("UPDATE pets SET age = 4 WHERE id = 1")
    assert copy != sql
    assert sql.state()["pets"]["rows"][0] == [1, "Rex", 3]
    copy.run_sql("UPDATE pets SET age = 3 WHERE id = 1")
    assert copy == sql
    assert "by_day" in copy.run_sql("SELECT name FROM sqlite_master")
    with pytest.raises(ToolError, match="NOT NULL"):
        copy.run_sql("INSERT INTO pets (age) VALUES (1)")
    with pytest.raises(ToolError, match="attached"):
        copy.run_sql("ATTACH ':memory:' AS x")
    assert Sql.from_state(sql.state()) == sql
    assert sql != "sql"


def test_the_order_of_rows_does_not_matter():
    one = Sql("CREATE TABLE t (a, b)", {"t": [[1, "x"], [None, "y"], [b"\x00", 2.5]]})
    other = Sql("CREATE TABLE t (a, b)", {"t": [[b"\x00", 2.5], [1, "x"], [None, "y"]]})
    assert one == other
    assert one.state()["t"]["rows"][0] == [1, "x"]
    assert Sql.from_state(one.state()) == one
    other.run_sql("INSERT INTO t VALUES (1, 'x')")
    assert one != other


@pytest.mark.parametrize(
    ("schema", "rows"),
    [
        ("CREATE TABL t (a)", {}),
        ("CREATE TABLE t (a)", {"nowhere": [[1]]}),
        ("CREATE TABLE t (a)", {"t": [[1, 2]]}),
        ("CREATE TABLE t (a)", {"t": ["text"]}),
        ("CREATE TABLE t (a)", {"t": [[[1]]]}),
        ("CREATE TABLE t (a)", {"t": [[2**70]]}),
        ("CREATE TABLE t (a)", {"t": [["\ud800"]]}),
        ("CREATE TABLE t (a)", {"t": [{"b": 1}]}),
        ("CREATE TABLE t (a)", {"t": [["x" * 5000]]}),
    ],
)
def test_what_is_no_database(schema, rows):
    with pytest.raises(RewardiumError):
        Sql(schema, rows)


def test_settings_and_states_are_checked():
    for timeout in (0, -1, "1", True):
        with pytest.raises(RewardiumError, match="timeout"):
            Sql(SCHEMA, timeout=timeout)
    for state in (None, {"t": 1}, {"t": {"columns": []}}):
        with pytest.raises(RewardiumError):
            Sql.from_state(state)


def test_names_that_need_quotes():
    sql = Sql('CREATE TABLE "my table" ("a ""b" INTEGER, "select" TEXT)', {"my table": [{'a "b': 1, "select": "x"}]})
    assert sql.state() == {"my table": {"columns": ['a "b', "select"], "rows": [[1, "x"]]}}
    assert Sql.from_state(sql.state()) == sql


SHARED = Sql(SCHEMA, ROWS)


@given(
    st.text(max_size=200)
    | st.lists(st.sampled_from(["SELECT", "FROM", "pets", "*", "(", ")", "'", "--", "1", ";", "DROP", "TABLE"])).map(
        " ".join
    )
)
def test_nothing_else_is_raised(statement):
    with suppress(ToolError):
        assert isinstance(SHARED.run_sql(statement), str)
    json.dumps(SHARED.state())
