from __future__ import annotations

import multiprocessing
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rewardium.rewards.annotation.cache import CacheError, LabelCache, LabelRecord

JUDGE, QUESTION = "judge#chat", "helpful/1/abc"


@pytest.fixture
def cache(tmp_path):
    cache = LabelCache(tmp_path / "deep" / "labels.sqlite")
    yield cache
    cache.close()


def texts(records):
    return [record.item[0] for record in records]


def test_a_label_comes_back_with_where_it_comes_from(cache):
    record = LabelRecord(("a", "b\n\x00'\"\ud800"), 0.5, "None.", 1, 30, 2, 1234.5)
    cache.write(JUDGE, QUESTION, [record])
    again = LabelCache(cache.path)
    assert again.read(JUDGE, QUESTION)[0] == [record]
    again.close()


def test_judges_and_questions_do_not_mix(cache):
    cache.write(JUDGE, QUESTION, [LabelRecord(("a",), 1.0)])
    cache.write("other", QUESTION, [LabelRecord(("a",), 0.0)])
    cache.write(JUDGE, "helpful/2", [LabelRecord(("a",), 0.5), LabelRecord(("b",), 0.5)])
    assert [record.label for record in cache.read(JUDGE, QUESTION)[0]] == [1.0]
    assert [record.label for record in cache.read("other", QUESTION)[0]] == [0.0]
    assert texts(cache.read(JUDGE, "helpful/2")[0]) == ["a", "b"]
    assert cache.read("nobody", QUESTION)[0] == []


def test_the_first_label_stays(cache):
    cache.write(JUDGE, QUESTION, [LabelRecord(("a",), 1.0, "helpful", 1, 10)])
    cache.write(JUDGE, QUESTION, [LabelRecord(("a",), 0.0, "unhelpful", 1, 10)])
    (record,) = cache.read(JUDGE, QUESTION)[0]
    assert (record.label, record.answer, record.prompt_tokens) == (1.0, "helpful", 10)


def test_an_unknown_counts_how_often_it_was_asked_until_it_has_a_label(cache):
    for asked in (1, 2):
        cache.write(JUDGE, QUESTION, [LabelRecord(("a",), None, "Well", 1, 10, 3)])
        (record,), revision = cache.read(JUDGE, QUESTION)
        assert (record.label, record.asked, record.prompt_tokens, record.completion_tokens) == (
            None,
            asked,
            10 * asked,
            3 * asked,
        )
    cache.write(JUDGE, QUESTION, [LabelRecord(("a",), 1.0, "helpful", 1, 10, 1)])
    (record,), _ = cache.read(JUDGE, QUESTION, after=revision)
    assert (record.label, record.asked, record.prompt_tokens) == (1.0, 3, 30)


def test_reading_on_from_a_revision_in_pages(cache):
    for number in range(25):
        cache.write(JUDGE, QUESTION, [LabelRecord((str(number),), 1.0)])
        cache.write("other", QUESTION, [LabelRecord((str(number),), 1.0)])
    seen, revision = [], 0
    while True:
        records, revision = cache.read(JUDGE, QUESTION, after=revision, limit=10)
        seen += texts(records)
        if len(records) < 10:
            break
    assert seen == [str(number) for number in range(25)]
    assert cache.read(JUDGE, QUESTION, after=revision) == ([], revision)


def test_changed_sees_other_connections(cache):
    other = LabelCache(cache.path)
    assert cache.changed()
    assert not cache.changed()
    other.write(JUDGE, QUESTION, [LabelRecord(("a",), 1.0)])
    assert cache.changed()
    assert not cache.changed()
    other.close()


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.text(max_size=20), st.none() | st.floats(-5, 5)), max_size=20))
def test_the_cache_is_a_dictionary_of_first_labels(cache, writes):
    judge = f"judge {os.urandom(8).hex()}"
    expected = {}
    for text, label in writes:
        cache.write(judge, QUESTION, [LabelRecord((text,), label)])
        if expected.get((text,)) is None:
            expected[(text,)] = label
    assert {record.item: record.label for record in cache.read(judge, QUESTION)[0]} == expected


def test_a_write_is_all_or_nothing(cache):
    cache.write(JUDGE, QUESTION, [LabelRecord(("a",), 1.0)])
    with pytest.raises(Exception, match=r"supported|bind|cannot be used"):
        cache.write(JUDGE, QUESTION, [LabelRecord(("b",), 1.0), LabelRecord(("c",), object())])
    assert texts(cache.read(JUDGE, QUESTION)[0]) == ["a"]


def test_a_locked_file_is_waited_for_and_then_refused(cache):
    cache.write(JUDGE, QUESTION, [LabelRecord(("a",), 1.0)])
    impatient = LabelCache(cache.path, busy_seconds=0.3)
    with closing(sqlite3.connect(cache.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(CacheError, match="locked"):
            impatient.write(JUDGE, QUESTION, [LabelRecord(("b",), 1.0)])
        assert texts(impatient.read(JUDGE, QUESTION)[0]) == ["a"]  # readers do not wait for writers
        writer = threading.Thread(target=cache.write, args=(JUDGE, QUESTION, [LabelRecord(("b",), 1.0)]))
        writer.start()
        other.execute("ROLLBACK")
        writer.join(30)
    assert texts(impatient.read(JUDGE, QUESTION)[0]) == ["a", "b"]
    impatient.close()


def spoil_with_a_folder(path):
    path.mkdir()


def spoil_with_text(path):
    path.write_text("This is my diary. " * 1000)


def spoil_with_other_tables(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE accounts (name)")
        connection.commit()


def spoil_with_another_version(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.commit()


@pytest.mark.parametrize(
    "spoil", [spoil_with_a_folder, spoil_with_text, spoil_with_other_tables, spoil_with_another_version]
)
def test_what_is_no_cache_is_refused_and_left_as_it_is(tmp_path, spoil):
    path = tmp_path / "labels.sqlite"
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    cache = LabelCache(path)
    with pytest.raises(CacheError, match=r"labels\.sqlite"):
        cache.write(JUDGE, QUESTION, [LabelRecord(("a",), 1.0)])
    assert (path.read_bytes() if path.is_file() else None) == before
    cache.close()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="cannot be used"):
        LabelCache(tmp_path / "file" / "labels.sqlite").read(JUDGE, QUESTION)


FULL_DISK = """
import resource, sys
from rewardium.rewards.annotation.cache import CacheError, LabelCache, LabelRecord

cache = LabelCache(sys.argv[1], busy_seconds=0.5)
cache.write("judge", "question", [LabelRecord(("small",), 1.0)])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    cache.write("judge", "question", [LabelRecord((f"{number}" * 500,), 1.0) for number in range(2000)])
    print("no error")
except CacheError as error:
    print("refused")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
cache.write("judge", "question", [LabelRecord(("later",), 1.0)])
print([record.item[0] for record in cache.read("judge", "question")[0]])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are POSIX")
def test_a_full_disk_loses_nothing_that_was_written(tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "labels.sqlite")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert result.stdout == "refused\n['small', 'later']\n", result.stderr


def test_threads_share_one_cache(cache):
    def write(writer):
        for number in range(50):
            cache.write(JUDGE, QUESTION, [LabelRecord((f"{writer} {number}",), 1.0), LabelRecord(("both",), 0.0)])

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(cache.read(JUDGE, QUESTION)[0]) == 4 * 50 + 1


# In each process: own items, and items that the other one writes too, with another label.
WRITER = """
import sys
from rewardium.rewards.annotation.cache import LabelCache, LabelRecord

path, writer, count, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
cache = LabelCache(path, busy_seconds=60)
for start in range(0, count, size):
    records = []
    for number in range(start, start + size):
        own = number % 2
        records.append(LabelRecord((f"{writer if own else 'both'} {number}",), float(writer), "yes", 1, 7, 1))
    cache.write("judge", "question", records)
cache.close()
"""


def run_writers(path, count, size):
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(writer), str(count), str(size)])
        for writer in (0, 1)
    ]
    assert [writer.wait(100) for writer in writers] == [0, 0]


def check_writers(path, count):
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT item, label, revision, prompt_tokens, asked FROM labels").fetchall()
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    labels = {item: label for item, label, *_ in rows}
    assert len(rows) == len(labels) == count + count // 2
    for number in range(count):
        if number % 2:
            assert [labels[f'["{writer} {number}"]'] for writer in (0, 1)] == [0.0, 1.0]
        else:
            assert labels[f'["both {number}"]'] in (0.0, 1.0)
    assert len({revision for _, _, revision, _, _ in rows}) == len(rows)
    assert {(tokens, asked) for *_, tokens, asked in rows} == {(7, 1)}  # a label that stands is not counted again


@pytest.mark.slow
def test_two_processes_write_a_hundred_thousand_labels(tmp_path):
    path = tmp_path / "labels.sqlite"
    reader, seen, revision = LabelCache(path, busy_seconds=60), {}, 0
    writers = threading.Thread(target=run_writers, args=(path, 50_000, 100))
    writers.start()
    while writers.is_alive():
        writers.join(0.2)
        records, revision = reader.read("judge", "question", after=revision, limit=20_000)
        for record in records:
            assert record.item not in seen  # read on from a revision, each label comes once
            seen[record.item] = record.label
    while records := reader.read("judge", "question", after=revision, limit=20_000)[0]:
        seen.update({record.item: record.label for record in records})
        revision = reader.read("judge", "question", after=revision, limit=20_000)[1]
    reader.close()
    check_writers(path, 50_000)
    assert len(seen) == 75_000  # a reader that follows misses nothing


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes fork on POSIX")
def test_a_forked_process_opens_the_file_anew(cache):
    cache.write(JUDGE, QUESTION, [LabelRecord(("parent",), 1.0)])
    stop = threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            cache.write(JUDGE, QUESTION, [LabelRecord((f"{number}",), 1.0)])
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    context = multiprocessing.get_context("fork")
    try:
        children = [context.Process(target=write_as_child, args=(cache, child)) for child in range(10)]
        for child in children:
            child.start()
            child.join(60)
        assert [child.exitcode for child in children] == [0] * 10
    finally:
        stop.set()
        writer.join(30)
    found = texts(cache.read(JUDGE, QUESTION, limit=1_000_000)[0])
    assert {f"child {child}" for child in range(10)} <= set(found)
    with closing(sqlite3.connect(cache.path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def write_as_child(cache, child):
    cache.write(JUDGE, QUESTION, [LabelRecord((f"child {child}",), 1.0)])
    cache.close()
