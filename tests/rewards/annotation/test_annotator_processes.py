from __future__ import annotations

import multiprocessing
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest

from rewardium.rewards.annotation.annotator import Annotator
from rewardium.rewards.annotation.questions import HELPFUL

KEY, WALL = ("You see here a key.",), ("It's a wall.",)


def threads():
    return {thread for thread in threading.enumerate() if thread.name.startswith("annotate-")}


def written(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT json_extract(item, '$[0]') FROM labels").fetchall()


OTHER_PROCESS = """
import sys
from rewardium.rewards.annotation.cache import LabelCache, LabelRecord
from rewardium.rewards.annotation.questions import HELPFUL

records = [LabelRecord((f"other {number}",), 0.0) for number in range(5)]
LabelCache(sys.argv[1]).write("scripted:keyword/1?error=0&seed=0", HELPFUL.key, records)
"""


def test_labels_of_other_processes_become_visible(tmp_path):
    path = tmp_path / "labels.sqlite"
    annotator = Annotator(HELPFUL, "scripted:keyword", cache=path)
    annotator.labels([KEY])
    assert annotator.wait(60)
    subprocess.run([sys.executable, "-c", OTHER_PROCESS, str(path)], check=True, timeout=60)
    deadline = time.monotonic() + 60
    while ("other 4",) not in annotator.known():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert annotator.statistics.asked == 1
    assert annotator.statistics.recalled == 5
    annotator.close()


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes fork on POSIX")


def in_child(annotator, results):
    before = annotator.labels([KEY, WALL])
    settled = annotator.wait(60)
    results.put((before, settled, annotator.labels([KEY, WALL]), len(threads())))
    annotator.close()


@needs_fork
def test_a_forked_process_has_a_worker_of_its_own(tmp_path):
    annotator = Annotator(HELPFUL, "scripted:keyword?delay=0.05", cache=tmp_path / "labels.sqlite", batch_size=1)
    annotator.labels([KEY])
    assert annotator.wait(60)
    annotator.labels([(f"message {number}",) for number in range(100)])  # the thread is at work when the fork comes
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    children = [context.Process(target=in_child, args=(annotator, results)) for _ in range(3)]
    for child in children:
        child.start()
    for _ in children:
        assert results.get(timeout=60) == ([1.0, None], True, [1.0, 0.0], 1)
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    assert annotator.labels([KEY]) == [1.0]
    annotator.close()


EXIT = """
import sys
from rewardium.rewards.annotation.annotator import Annotator
from rewardium.rewards.annotation.questions import HELPFUL

path, judge, answers = sys.argv[1:]
annotator = Annotator(HELPFUL, judge, cache=path, batch_size=2)
annotator.labels([(f"message {number}",) for number in range(1000)])
while answers == "answers" and not annotator.known():
    pass
while not annotator.statistics.in_flight:
    pass
print("end")
"""


def leave(path, judge, answers):
    result = subprocess.run(
        [sys.executable, "-c", EXIT, str(path), judge, answers], capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.stdout, result.returncode) == ("end\n", 0), result.stderr


@pytest.mark.slow
def test_the_interpreter_ends_with_work_in_the_queue_and_what_was_answered_is_written(tmp_path):
    leave(tmp_path / "labels.sqlite", "scripted:keyword?delay=0.1", "answers")
    assert len(written(tmp_path / "labels.sqlite")) >= 2


@pytest.mark.slow
def test_the_interpreter_ends_while_a_judge_is_slow(tmp_path):
    leave(tmp_path / "labels.sqlite", "scripted:keyword?delay=1000", "nothing")


@pytest.mark.slow
def test_the_interpreter_ends_while_a_server_hangs(tmp_path):
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:  # takes connections and never says a word
        port = silent.getsockname()[1]
        leave(tmp_path / "labels.sqlite", f"http://127.0.0.1:{port}/v1#model=m&chat&timeout=600", "nothing")
