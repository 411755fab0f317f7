from __future__ import annotations

import gc
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.envs.tools.sandbox import Limits, SandboxPool, SandboxUnavailableError, launch, shared_sandbox
from rewardium.envs.tools.sandbox.calls import CAPSET, DENIED, filter_program
from rewardium.envs.tools.sandbox.identity import FIRST_USER, USERS, choose_user, is_open_to_all
from rewardium.envs.tools.sandbox.interpreter import Interpreter
from rewardium.envs.tools.sandbox.limits import MAX_SECONDS
from rewardium.envs.tools.sandbox.messages import Channel, ChannelClosedError, decode
from rewardium.envs.tools.sandbox.output import Output
from rewardium.envs.tools.sandbox.pool import MAX_CODE_BYTES
from rewardium.envs.tools.sandbox.worker import START_SECONDS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux")

ROOT = Path(__file__).resolve().parents[3]
MODES = ("bubblewrap", "subprocess")
LIMITS = Limits(wall_seconds=30.0, cpu_seconds=10.0)


def make_pool(mode: str, **arguments) -> SandboxPool:
    try:
        return SandboxPool(**{"workers": 2, "limits": LIMITS, "mode": mode, **arguments})
    except SandboxUnavailableError as error:
        if mode == "bubblewrap" and "bubblewrap cannot run here" in str(error):
            pytest.skip(str(error))
        raise


@pytest.fixture(scope="module", params=MODES)
def pool(request):
    with make_pool(request.param) as pool:
        yield pool


@pytest.fixture
def session(pool, request):
    yield request.node.name
    pool.end(request.node.name)


@pytest.fixture(params=MODES)
def own_pool(request):
    with make_pool(request.param) as pool:
        yield pool


def descendants(process: int | None = None) -> list[psutil.Process]:
    return psutil.Process(process).children(recursive=True)


def is_running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def eventually(condition, seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def run_python(program: str, *, expected: int = 0, **arguments) -> str:
    """Run a program that uses the package in a process of its own."""
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=120, check=False,
        **arguments,
    )  # fmt: skip
    assert result.returncode == expected, result.stderr
    return result.stdout


# What a program is answered


@pytest.mark.parametrize(
    ("program", "status", "output", "value", "error"),
    [
        ("1 + 1", "ok", "", "2", ""),
        ("x = 1", "ok", "", None, ""),
        ("", "ok", "", None, ""),
        ("# nothing", "ok", "", None, ""),
        ("None", "ok", "", None, ""),
        ("print('a')", "ok", "a\n", None, ""),
        ("print('a', end='')\n'é→𝔸'", "ok", "a", "'é→𝔸'", ""),
        ("if True:\n    5", "ok", "", None, ""),
        ("x = [1]; x", "ok", "", "[1]", ""),
        ("import sys\nprint(1)\nprint(2, file=sys.stderr)\nprint(3)", "ok", "1\n2\n3\n", None, ""),
        ("1 / 0", "error", "ZeroDivisionError", None, "ZeroDivisionError: division by zero"),
        ("print('a')\nraise KeyError('k')", "error", "a\nTraceback", None, "KeyError: 'k'"),
        ("def f(:", "error", "SyntaxError", None, "SyntaxError: invalid syntax"),
        ("raise ValueError('two\\nlines')", "error", "ValueError: two\nlines", None, "ValueError: two\nlines"),
        ("raise KeyboardInterrupt", "error", "KeyboardInterrupt", None, "KeyboardInterrupt"),
        ("exit()", "ok", "", None, ""),
        ("import sys\nsys.exit(0)", "ok", "", None, ""),
        ("import sys\nsys.exit('no')", "error", "", None, "SystemExit: no"),
        ("quit(3)", "error", "", None, "SystemExit: 3"),
        ("__name__", "ok", "", "'__main__'", ""),
        ("input('?')", "error", "?", None, "EOFError: EOF when reading a line"),
        ("import threading\nthreading.Timer(0.05, print, ['late']).start()", "ok", "late\n", None, ""),
        ("import os\nif os.fork() == 0:\n    pass\nelse:\n    os.wait(); print('parent')", "ok", "parent\n", None, ""),
        ("import asyncio\nasync def f(): return 7\nasyncio.run(f())", "ok", "", "7", ""),
        ("import pickle\nclass A: pass\ntype(pickle.loads(pickle.dumps(A()))) is A", "ok", "", "True", ""),
        ("import decimal, sqlite3, zlib, hashlib, ctypes, lzma, bz2, uuid, csv, statistics", "ok", "", None, ""),
    ],
)  # fmt: skip
def test_a_program_is_answered_like_a_cell_of_a_notebook(pool, program, status, output, value, error):
    for name in (None, f"answered {program}"):
        result = pool.run(program, session=name)
        assert (result.status, result.value, result.error) == (status, value, error), result
        assert result.output == output or (status == "error" and output in result.output)
        assert 0 < result.seconds < 30
        if name:
            pool.end(name)


def test_a_traceback_shows_the_program_alone(pool, session):
    pool.run("def outer(x):\n    return inner(x)\ndef inner(x):\n    return 1 / x", session=session)
    lines = pool.run("y = 0\nouter(y)", session=session).output.splitlines()
    assert [line.strip() for line in lines if not set(line) <= set(" ~^")] == [
        "Traceback (most recent call last):",
        'File "<call 2>", line 2, in <module>', "outer(y)",
        'File "<call 1>", line 2, in outer', "return inner(x)",
        'File "<call 1>", line 4, in inner', "return 1 / x",
        "ZeroDivisionError: division by zero",
    ]  # fmt: skip


def test_a_program_can_run_python(pool):
    program = (
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'print(6 * 7)'], capture_output=True).stdout"
    )
    result = pool.run(program)
    if pool.mode == "bubblewrap" or is_open_to_all(sys.base_prefix):
        assert result.value == "b'42\\n'", result


def test_output_and_value_are_cut(pool):
    result = pool.run("for i in range(10**5): print(i)\n'v' * 20_000")
    assert result.output.startswith("0\n1\n2\n")
    assert result.output.endswith("\n99998\n99999\n")
    assert re.search(r"\n\[\.\.\. \d+ bytes cut \.\.\.\]\n", result.output)
    assert 10_000 <= len(result.output) <= 10_050
    assert result.value == "'" + "v" * 9_999 + "[... 10002 characters cut ...]"


def test_a_program_that_is_too_long_is_not_run(pool):
    for program in ("1" * (MAX_CODE_BYTES + 1), "é" * (MAX_CODE_BYTES // 4)):
        result = pool.run(program)
        assert (result.status, result.error) == ("error", f"the program is longer than {MAX_CODE_BYTES} bytes")
    assert pool.run("x = '" + "a" * (MAX_CODE_BYTES - 100) + "'\nlen(x)").value == str(MAX_CODE_BYTES - 100)


# Sessions


def test_a_session_keeps_variables_imports_and_files(pool, session):
    pool.run(
        "import math as m\nx = [1]\ndef f(): return m.floor(2.5) + len(x)\nopen('a', 'w').write('text')",
        session=session,
    )
    pool.run("x.append(2)", session=session)
    result = pool.run("f(), open('a').read(), _ if '_' in globals() else None", session=session)
    assert result.value == "(4, 'text', 4)"


def test_an_exception_leaves_what_was_done_before_it(pool, session):
    pool.run("x = 1\n1 / 0\nx = 2", session=session)
    assert pool.run("x", session=session).value == "1"


@pytest.mark.parametrize(
    ("program", "timeout", "status", "error"),
    [
        ("while True: pass", 0.3, "timeout", "timeout: more than 0.3 s"),
        ("import time\ntime.sleep(9)", 0.3, "timeout", "timeout: more than 0.3 s"),
        ("y = bytearray(2**40)", None, "memory", "MemoryError: the program needs more memory than it may have"),
        ("import os\nos._exit(3)", None, "killed", "killed: the program ended its process with exit status 3"),
        ("import os\nos.abort()", None, "killed", "killed: by SIGABRT"),
    ],
)
def test_after_a_call_that_was_killed_the_variables_are_as_before(pool, session, program, timeout, status, error):
    killed = "x = 'after'\nprint('begun', flush=True)\n" + program
    first = pool.run(killed, session=session, timeout=timeout)
    assert (first.status, first.output) == (status, "begun\n")
    assert pool.run("'x' in globals()", session=session).value == "False"
    pool.run("x = 'before'", session=session)
    second = pool.run(killed, session=session, timeout=timeout)
    assert (second.status, second.error) == (status, error + "; the variables are as before this call")
    assert pool.run("x", session=session).value == "'before'"
    assert pool.run(killed, timeout=timeout).error == error


def test_processor_time_is_that_of_all_processes():
    limits = Limits(cpu_seconds=0.3, wall_seconds=30.0)
    with make_pool("bubblewrap", workers=1, limits=limits) as pool:
        result = pool.run("import os\nos.fork()\nwhile True: pass")
        assert (result.status, result.error) == ("timeout", "timeout: more than 0.3 s of processor time")
        assert pool.run("import time\ntime.sleep(0.5)").status == "ok"


def test_random_numbers_go_on_within_a_session_and_differ_between_sessions(pool, session):
    pool.run("import random\nrandom.seed(1)", session=session)
    drawn = [pool.run("random.random()", session=session).value for _ in range(2)]
    assert drawn == pool.run("import random\nrandom.seed(1)\nrandom.random(), random.random()").value[1:-1].split(", ")
    assert len({pool.run("import random\nrandom.random()").value for _ in range(6)}) == 6


def test_sets_are_printed_in_the_same_order_everywhere(pool):
    assert len({pool.run("set('abcdefgh')").value for _ in range(4)}) == 1


def test_sessions_do_not_see_one_another(pool):
    assert pool.run("secret = 1\nopen('secret', 'w').write('x')", session="one").value == "1"
    program = "import os\n'secret' in globals(), os.path.exists('secret')"
    for name in ("two", "three", None):
        assert pool.run(program, session=name).value == "(False, False)"
    for name in ("one", "two", "three"):
        pool.end(name)


def test_a_session_that_has_ended_begins_anew(pool, session):
    pool.end(session)
    pool.run("x = 1", session=session)
    pool.end(session)
    pool.end(session)
    assert pool.run("'x' in globals()", session=session).value == "False"


@pytest.mark.parametrize("mode", MODES)
def test_the_session_that_was_not_used_for_longest_makes_room(mode):
    with make_pool(mode, workers=1, limits=Limits(sessions=2)) as pool:
        for name in ("a", "b", "a", "c"):
            assert pool.run(f"x = '{name}'", session=name).status == "ok"
        lost = pool.run("x", session="b")
        assert lost.status == "killed"
        assert lost.error == "killed: the session was ended to make room for others; the next call begins it anew"
        assert pool.run("x", session="a").value == "'a'"
        assert pool.run("x", session="b").error == "NameError: name 'x' is not defined"
        assert pool.run("x", session="c").status == "killed"
        pool.run("x", session="c")
        pool.end("a")  # it was evicted: there is nothing to end, and nothing to tell
        assert pool.run("'x' in globals()", session="a").value == "False"


def test_sessions_that_keep_too_much_memory_make_room():
    limits = Limits(resident_bytes=100 * 2**20)
    with make_pool("bubblewrap", workers=1, limits=limits) as pool:
        for name in ("a", "b", "c"):
            pool.run("x = bytearray(b'x') * (40 * 2**20)", session=name)
        assert pool.run("1", session="a").status == "killed"
        assert pool.run("len(x)", session="b").value == str(40 * 2**20)
        assert pool.run("x = bytearray(b'x') * (150 * 2**20)\nlen(x)", session="d").value == str(150 * 2**20)
        assert pool.run("len(x)", session="d").status == "ok", "the session used last is kept, however large"
        assert pool.run("1", session="b").status == "killed"


# Many programs at a time


def test_a_batch_is_answered_in_order(pool):
    calls = [(f"s{i % 3}" if i % 4 else None, f"n = globals().get('n', 0) + 1\nn, {i}") for i in range(40)]
    counts: dict[str | None, int] = {}
    for (name, _), (i, result) in zip(calls, enumerate(pool.run_batch(calls)), strict=True):
        counts[name] = counts.get(name, 0) + 1 if name else 1
        assert result.value == f"({counts[name]}, {i})"
    assert pool.run_batch([]) == []
    for name in ("s0", "s1", "s2"):
        pool.end(name)


def test_workers_run_side_by_side(pool):
    begin = time.monotonic()
    results = pool.run_batch([(None, "import time\ntime.sleep(0.7)"), ("slow", "import time\ntime.sleep(0.7)")])
    assert [result.status for result in results] == ["ok", "ok"]
    assert time.monotonic() - begin < 1.35
    pool.end("slow")


def test_a_batch_does_not_wait_for_one_session(pool):
    program = "import time\ntime.sleep(0.5)\ntime.monotonic()"
    calls = [("slow", program), *[(None, "import time\ntime.monotonic()")] * 6, ("slow", "2")]
    first, *others, last = (float(result.value) for result in pool.run_batch(calls))
    assert max(others) < first
    assert last == 2
    pool.end("slow")


def test_any_number_of_threads_may_use_a_pool(pool):
    def work(number: int) -> bool:
        name = f"thread {number}"
        values = [pool.run("x = globals().get('x', 0) + 1\nx", session=name).value for _ in range(5)]
        pool.end(name)
        return values == ["1", "2", "3", "4", "5"] and pool.run(f"{number} * 2").value == str(number * 2)

    with ThreadPoolExecutor(12) as threads:
        assert all(threads.map(work, range(12)))


def test_a_session_may_end_while_it_runs(pool):
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(pool.run, "import time\nx = 1\ntime.sleep(0.3)\nx", "ending")
        assert eventually(lambda: any(slot.is_busy for slot in pool._slots))
        pool.end("ending")
        assert call.result().value == "1"
    assert pool.run("'x' in globals()", session="ending").value == "False"
    pool.end("ending")


# Workers that are lost


def supervisor_of(pool: SandboxPool, index: int) -> psutil.Process:
    worker = pool._slots[index].worker.process
    return descendants(worker)[1] if pool.mode == "bubblewrap" and os.geteuid() == 0 else psutil.Process(worker)


def test_a_lost_worker_is_replaced_and_told_once(own_pool):
    for name in ("a", "b"):
        own_pool.run(f"x = '{name}'", session=name)
    processes = descendants(own_pool._slots[0].worker.process)
    for process in processes:
        process.suspend()  # so that nothing can end in an orderly way
    os.kill(own_pool._slots[0].worker.process, signal.SIGKILL)
    own_pool._slots[0].worker._process.wait()
    lost = own_pool.run("x", session="a")
    assert lost.status == "killed"
    assert "lost" in lost.error
    assert own_pool.run("'x' in globals()", session="a").value == "False"
    assert own_pool.run("x", session="b").value == "'b'"
    assert [result.value for result in own_pool.run_batch([(None, "1 + 1")] * 8)] == ["2"] * 8
    assert eventually(lambda: not any(map(is_running, processes)))


def test_a_worker_that_is_lost_during_a_call_is_replaced(own_pool):
    own_pool.run("x = 1", session="other")  # on the first worker
    own_pool.run("y = 1", session="a")
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(own_pool.run, "import time\ntime.sleep(60)", "a")
        assert eventually(lambda: own_pool._slots[1].is_busy)
        time.sleep(0.1)
        supervisor_of(own_pool, 1).kill()
        result = call.result(timeout=30)
    assert (result.status, result.error) == ("killed", "killed: the worker was lost: it has ended")
    assert own_pool.run("'y' in globals()", session="a").value == "False"
    assert own_pool.run("x", session="other").value == "1"


def test_a_single_program_does_not_notice_a_lost_worker(own_pool):
    for slot in own_pool._slots:
        os.kill(slot.worker.process, signal.SIGKILL)
        slot.worker._process.wait()
    assert own_pool.run("6 * 7").value == "42"
    assert own_pool.run("x = 1\nx", session="new").value == "1"


def test_an_interrupted_call_does_not_answer_the_next_one(own_pool):
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        own_pool.run("import time\ntime.sleep(20)\n'late'", session="a")
    timer.join()
    assert own_pool.run("1 + 1").value == "2"
    assert own_pool.run("2 + 2", session="a").value in ("4", None)
    assert own_pool.run("3 + 3", session="a").value == "6"


# The end


@pytest.mark.parametrize("mode", MODES)
def test_closing_ends_calls_and_leaves_nothing_behind(mode, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for folder in (tmp_path, *tmp_path.parents[:-1]):
        if folder.owner() == Path.home().owner() and not folder.stat().st_mode & 0o1:
            folder.chmod(folder.stat().st_mode | 0o1)
    files, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    pool = make_pool(mode)
    tops = [slot.worker.process for slot in pool._slots]
    processes = [process for top in tops for process in (psutil.Process(top), *descendants(top))]
    with ThreadPoolExecutor(1) as executor:
        call = executor.submit(pool.run, "import time\nopen('x', 'w')\ntime.sleep(60)", "a")
        assert eventually(lambda: any(slot.is_busy for slot in pool._slots))
        pool.close()
        assert call.result(timeout=30).status == "killed"
    pool.close()
    assert pool.is_closed
    for use in (lambda: pool.run("1"), lambda: pool.run_batch([(None, "1")] * 3)):
        with pytest.raises(RewardiumError, match="closed"):
            use()
    assert eventually(lambda: not any(map(is_running, processes)))
    assert eventually(lambda: (len(os.listdir("/proc/self/fd")), threading.active_count()) == (files, threads))
    assert not list(tmp_path.glob("rewardium-sandbox-*"))


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ending", ["pass", "os.kill(os.getpid(), 9)", "os._exit(0)"])
def test_nothing_outlives_the_process_that_used_it(mode, ending):
    make_pool(mode).close()
    program = f"""
        import os, psutil, sys
        from rewardium.envs.tools.sandbox import SandboxPool
        pool = SandboxPool(workers=1, mode={mode!r})
        pool.run("x = 1", session="a")
        print(*[process.pid for process in psutil.Process().children(recursive=True)], flush=True)
        {ending}
    """
    expected = -signal.SIGKILL if "kill" in ending else 0
    processes = list(map(int, run_python(program, expected=expected).split()))
    assert len(processes) >= 3
    assert eventually(lambda: not any(map(psutil.pid_exists, processes)))


def test_what_is_not_used_any_more_is_closed():
    pool = make_pool("bubblewrap", workers=1)
    worker = pool._slots[0].worker.process
    del pool
    gc.collect()
    assert eventually(lambda: not psutil.pid_exists(worker))


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_a_forked_process_has_workers_of_its_own(mode):
    make_pool(mode).close()
    program = f"""
        import os, sys
        from rewardium.envs.tools.sandbox import SandboxPool, shared_sandbox
        pool, shared = SandboxPool(workers=2, mode={mode!r}), shared_sandbox({mode!r})
        pool.run("x = 1", session="a")
        workers = {{slot.worker.process for slot in pool._slots}}
        if os.fork() == 0:
            lost = pool.run("x", session="a")
            assert lost.status == "killed" and "forked" in lost.error, lost
            assert pool.run("2", session="a").value == "2"
            assert not workers & {{slot.worker.process for slot in pool._slots if slot.worker}}
            assert shared_sandbox({mode!r}) is not shared and shared_sandbox({mode!r}).run("3").value == "3"
            sys.exit(0)
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
        assert pool.run("x", session="a").value == "1"
        assert {{slot.worker.process for slot in pool._slots}} == workers
        assert shared_sandbox({mode!r}) is shared and shared.run("4").value == "4"
    """
    run_python(program)


def test_the_shared_pool_is_one_and_is_renewed():
    make_pool("subprocess").close()
    pool = shared_sandbox("subprocess")
    assert shared_sandbox("subprocess") is pool
    pool.close()
    renewed = shared_sandbox("subprocess")
    assert renewed is not pool
    assert renewed.run("1").value == "1"
    renewed.close()


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_a_thousand_sessions_leave_nothing_behind(mode):
    episodes = 1000 if mode == "bubblewrap" else 200
    with make_pool(mode) as pool:

        def play(number: int) -> None:
            name = f"episode {number}"
            calls = [f"x = [0] * 10**5\nopen('f', 'w').write('{number}')", "print(len(x))", "1 / 0", "open('f').read()"]
            results = [pool.run(call, session=name) for call in calls]
            assert [result.status for result in results] == ["ok", "ok", "error", "ok"]
            assert results[3].value == f"'{number}'"
            pool.end(name)

        def measure() -> dict[str, int]:
            tops = [slot.worker.process for slot in pool._slots]
            processes = [process for top in tops for process in (psutil.Process(top), *descendants(top))]
            supervisors = [supervisor_of(pool, index) for index in range(2)]
            return {
                "processes": len(processes),
                "own files": len(os.listdir("/proc/self/fd")),
                "files": sum(process.num_fds() for process in supervisors),
                "folders": sum(len(os.listdir(slot.worker._folder)) for slot in pool._slots if slot.worker._folder),
                "memory": sum(process.memory_info().rss for process in supervisors),
                "own memory": psutil.Process().memory_info().rss,
            }

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(play, range(100)))
            time.sleep(0.5)
            before = measure()
            list(threads.map(play, range(100, 100 + episodes)))
        counted = ("processes", "own files", "files", "folders")
        assert eventually(lambda: all(measure()[name] <= before[name] for name in counted)), (before, measure())
        after = measure()
        assert after["memory"] - before["memory"] < 4 * 2**20, (before, after)
        assert after["own memory"] - before["own memory"] < 8 * 2**20, (before, after)
        assert not pool._sessions
        assert not pool._lost


# Where it cannot run


@pytest.fixture
def bare_path(tmp_path, monkeypatch):
    """Return a folder that is all of the PATH, and a function that puts a program into it."""

    def put(name: str, script: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)

    monkeypatch.setenv("PATH", str(tmp_path))
    return put


def test_without_bubblewrap_it_refuses_in_one_line(bare_path):
    with pytest.raises(SandboxUnavailableError) as caught:
        SandboxPool(workers=1)
    assert str(caught.value) == (
        "bubblewrap cannot run here: there is no program bwrap (install the package bubblewrap); "
        "mode='subprocess' runs programs with weaker protection"
    )
    with SandboxPool(workers=1, mode="subprocess") as pool:
        assert pool.run("1 + 1").value == "2"


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        ("echo 'bwrap: No permissions to create new namespace' >&2; exit 1", "No permissions to create new namespace"),
        ("exit 1", "it has ended"),
        ("echo 'bwrap: one' >&2; echo 'bwrap: two' >&2; exit 1", "bwrap: two"),
    ],
)
def test_where_bubblewrap_fails_it_refuses_in_one_line(bare_path, script, cause):
    for program in ("setpriv", "ldd"):
        bare_path(program, f'exec /usr/bin/{program} "$@"')
    bare_path("bwrap", script)
    if not Path("/usr/bin/setpriv").exists() or not Path("/usr/bin/ldd").exists():
        pytest.skip("setpriv and ldd are not where this test expects them")
    files = len(os.listdir("/proc/self/fd"))
    with pytest.raises(SandboxUnavailableError) as caught:
        SandboxPool(workers=2)
    assert cause in str(caught.value)
    assert "mode='subprocess'" in str(caught.value)
    assert "\n" not in str(caught.value)
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == files


@pytest.mark.parametrize(
    ("where", "what"), [("sys.platform", "darwin"), ("sys.platform", "win32"), ("platform.machine", lambda: "riscv64")]
)
@pytest.mark.parametrize("mode", MODES)
def test_on_other_systems_it_refuses_in_one_line(monkeypatch, mode, where, what):
    monkeypatch.setattr(f"rewardium.envs.tools.sandbox.launch.{where}", what)
    with pytest.raises(SandboxUnavailableError, match=r"^the sandbox (needs|knows) .*(darwin|win32|riscv64)$"):
        SandboxPool(workers=1, mode=mode)


def test_what_cannot_be_preloaded_is_named():
    with pytest.raises(SandboxUnavailableError, match="No module named 'no_such_module'"):
        SandboxPool(workers=1, mode="subprocess", preload=["no_such_module"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"workers": 0}, "workers"),
        ({"workers": True}, "workers"),
        ({"mode": "docker"}, "'bubblewrap', 'subprocess'"),
        ({"mode": "subprocess", "packages": ["/no/such/folder"]}, "/no/such/folder"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(RewardiumError, match=message):
        SandboxPool(**arguments)


@pytest.mark.parametrize("call", [(None, 1), (1, "1"), ("1",), "ab1", None])
def test_wrong_calls_are_refused(pool, call):
    with pytest.raises(RewardiumError, match="a call is"):
        pool.run_batch([(None, "1"), call])


@pytest.mark.parametrize("timeout", [0, -1.0, float("nan"), float("inf"), True, "1", MAX_SECONDS + 1])
def test_wrong_timeouts_are_refused(pool, timeout):
    with pytest.raises(RewardiumError, match="timeout must be"):
        pool.run("1", timeout=timeout)


@pytest.mark.parametrize(
    "wrong",
    [
        {"cpu_seconds": 0}, {"wall_seconds": float("nan")}, {"memory_bytes": 2**20}, {"memory_bytes": 2.0**30},
        {"file_bytes": -1}, {"disk_bytes": 0}, {"open_files": 8}, {"processes": 0}, {"processes": True},
        {"output_characters": 10}, {"sessions": 0}, {"resident_bytes": -1},
    ],
)  # fmt: skip
def test_wrong_limits_are_refused(wrong):
    with pytest.raises(RewardiumError, match=next(iter(wrong))):
        Limits(**wrong)


# Other ways to run it


def test_packages_are_seen_and_preloaded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packages")
    for place in (folder, folder.parent, folder.parent.parent):
        place.chmod(0o755)
    (folder / "local_package.py").write_text("VALUE = [1, 2]\n", encoding="utf-8")
    for mode in MODES:
        with make_pool(mode, workers=1, packages=[str(folder)], preload=["local_package"]) as pool:
            assert pool.run("import sys\n'local_package' in sys.modules").value == "True"
            assert pool.run("import local_package\nlocal_package.VALUE").value == "[1, 2]"
            assert pool.run(f"open('{folder}/local_package.py', 'a')").status == "error"


def test_an_older_bubblewrap_is_as_tight(monkeypatch):
    monkeypatch.setattr(launch, "_can_disable_user_namespaces", lambda bubblewrap: False)
    program = "import ctypes\n[ctypes.CDLL(None).unshare(flag) for flag in (0x10000000, 0x20000000)]"
    with make_pool("bubblewrap", workers=1) as pool:
        assert pool.run(program).value == "[-1, -1]"
        assert pool.run("1 + 1").value == "2"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("mode", MODES)
def test_who_is_not_root_can_use_it(mode):
    make_pool(mode).close()
    prefix = ["setpriv", "--reuid=4711", "--regid=4711", "--clear-groups", "--"]
    if not is_open_to_all(sys.base_prefix):
        home, below = (str(Path(*Path(sys.base_prefix).parts[:depth])) for depth in (2, 3))
        show = ["--tmpfs", home, "--ro-bind", below, below]
        if shutil.which("bwrap") is None:
            pytest.skip("needs bubblewrap to show this Python to other users")
        prefix = ["bwrap", "--dev-bind", "/", "/", *show, "--", *prefix]
    if not is_open_to_all(str(ROOT)) or not is_open_to_all(sys.prefix):
        pytest.skip("the repository or its environment is closed to other users")
    program = f"""
        import os
        from rewardium.envs.tools.sandbox import SandboxPool
        assert os.getuid() == 4711
        with SandboxPool(workers=2, mode={mode!r}) as pool:
            assert pool.run("x = 6", session="a").status == "ok"
            assert pool.run("x * 7", session="a").value == "42"
            assert pool.run("while True: pass", session="a", timeout=0.3).status == "timeout"
            assert pool.run("x", session="a").value == "6"
            assert pool.run("import socket; socket.socket()").status == "error"
            if {mode!r} == "bubblewrap":
                assert pool.run("import os\\nfor _ in range(99): os.fork()").status in ("error", "killed")
                assert pool.run("import os\\nos.path.exists('/etc')").value == "False"
            assert [result.value for result in pool.run_batch([(None, "1")] * 9)] == ["1"] * 9
    """
    result = subprocess.run(
        [*prefix, sys.executable, "-c", textwrap.dedent(program)], env={**os.environ, "HOME": "/tmp"}, cwd="/",
        capture_output=True, text=True, timeout=START_SECONDS, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


def test_without_bubblewrap_root_runs_nothing_as_root():
    if os.geteuid() != 0:
        pytest.skip("only for root")
    with make_pool("subprocess", workers=2) as pool:
        users = {result.value for result in pool.run_batch([(None, "import os\nos.getresuid()")] * 8)}
        assert all(re.fullmatch(r"\((\d{5,}), \1, \1\)", user) for user in users)
        assert pool.run("open('/etc/shadow')").status == "error"
        assert (
            pool.run(f"import os\nos.kill({os.getpid()}, 0)").error
            == "PermissionError: [Errno 1] Operation not permitted"
        )
        assert pool.run("import colorsys, html, xml.dom.minidom").status == "ok", "what was not imported can be"


def test_the_caller_never_loads_what_runs_programs():
    loaded = run_python(
        "import sys, rewardium.envs.tools.sandbox\nprint(*(n for n in sys.modules if n.startswith('rewardium')))"
    )
    assert "rewardium.envs.tools.sandbox.pool" in loaded.split()
    for name in ("inside", "zygote", "supervisor", "kernel"):
        assert f"rewardium.envs.tools.sandbox.{name}" not in loaded.split()


# Parts


def test_messages_travel_whole():
    near, far = (Channel(end, 10**6) for end in socket.socketpair())
    message = {"code": "\x00\ud800é" * 9999, "n": [1, None]}
    with ThreadPoolExecutor(1) as threads:
        sending = threads.submit(lambda: [near.send(message), near.send({"last": True})])
        assert far.receive(10) == message
        assert far.receive(10) == {"last": True}
        sending.result()
    with pytest.raises(ChannelClosedError, match="does not answer"):
        far.receive(0.01)
    near.close()
    with pytest.raises(ChannelClosedError, match="has ended"):
        far.receive(10)


@pytest.mark.parametrize("sent", [b"\xff\xff\xff\xff", b"\0\0\0\x02[]", b"\0\0\0\x02{]", b"\0\0\0\x04" + b"\xff" * 4])
def test_what_is_no_message_closes_the_channel(sent):
    end, other = socket.socketpair()
    with other:
        other.sendall(sent)
        with pytest.raises(ChannelClosedError):
            Channel(end, 100).receive(10)
    end.close()


@pytest.mark.parametrize(
    "body", [b"", b"[" * 10**5, b"{" * 10**5, b'"a"', b"1", b"null", b'{"a": ' + b"9" * 9999 + b"}"]
)
def test_what_is_no_object_is_a_value_error(body):
    with pytest.raises(ValueError, match=r"."):
        decode(body)


@pytest.mark.parametrize("chunk", [1, 7, 1000, 70_000])
@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 400, 401, 5000, 200_000])
def test_output_keeps_both_ends(chunk, count):
    near, far = os.pipe()
    os.set_blocking(near, False)
    output = Output(near, limit=100)
    text = "".join(str(i % 10) for i in range(count))
    step = max(chunk, count // 50)
    for start in range(0, count, step):
        for part in range(start, min(start + step, count), 60_000):
            os.write(far, text[part : min(part + 60_000, start + step)].encode())
            assert output.read_all()
    os.close(far)
    assert not output.read_all()
    os.close(near)
    expected = text if count <= 100 else f"{text[:50]}\n[... {count - 100} bytes cut ...]\n{text[-50:]}"
    assert output.text() == expected
    assert select.select([], [], [], 0) == ([], [], [])


def test_output_replaces_what_is_no_text():
    near, far = os.pipe()
    os.set_blocking(near, False)
    output = Output(near, limit=100)
    os.write(far, b"a\xff\xc3")
    output.read_all()
    assert output.text() == "a\ufffd\ufffd"
    os.write(far, "𝔸".encode() * 1000)
    output.read_all()
    assert output.text().startswith("a\ufffd")
    assert output.text().endswith("𝔸" * 50)
    os.close(near)
    os.close(far)


@pytest.mark.parametrize("user_map", ["0 0 4294967295", "0 100000 65536", "0 1000 1\n1 100000 65536", "  0  5  200\n"])
def test_workers_have_users_of_their_own(user_map):
    users = [choose_user(user_map, 4242, index) for index in range(64)]
    assert len(set(users)) == 64
    extents = [tuple(map(int, line.split())) for line in user_map.splitlines()]
    assert all(any(first < user < first + count for first, _, count in extents) for user in users)


@pytest.mark.parametrize("process", [1, 2, 32768, 2**22 - 1])
def test_users_of_other_processes_are_others(process):
    others = {choose_user("0 0 4294967295", process + step, index) for step in (1, 2, 3) for index in range(64)}
    assert not others & {choose_user("0 0 4294967295", process, index) for index in range(64)}
    assert all(FIRST_USER <= user < FIRST_USER + USERS for user in others)


@pytest.mark.parametrize("user_map", ["", "0 1000 1", "0 1000 1\n1 5 3"])
def test_without_other_users_there_is_none(user_map):
    assert choose_user(user_map, 1, 0) is None


def test_what_is_closed_to_others_is_not_open_to_all(tmp_path):
    for place in (tmp_path, *list(tmp_path.parents)[:-2]):
        place.chmod(place.stat().st_mode | 0o5)
    (tmp_path / "open").write_text("x", encoding="utf-8")
    (tmp_path / "open").chmod(0o644)
    (tmp_path / "link").symlink_to(tmp_path / "shut" / "file")
    (tmp_path / "shut").mkdir(0o700)
    (tmp_path / "shut" / "file").write_text("x", encoding="utf-8")
    (tmp_path / "shut" / "file").chmod(0o644)
    assert is_open_to_all(str(tmp_path / "open"))
    assert not is_open_to_all(str(tmp_path / "shut"))
    assert not is_open_to_all(str(tmp_path / "shut" / "file"))
    assert not is_open_to_all(str(tmp_path / "link"))
    assert not is_open_to_all(str(tmp_path / "missing"))


def test_the_command_shows_the_interpreter_and_nothing_else():
    interpreter = Interpreter(
        "/usr/bin/python3", ("/usr/lib/python3",), ("/usr/lib/python3/dist-packages",), ("/lib/c.so",)
    )
    command = launch.bubblewrap_command("/usr/bin/bwrap", interpreter, ["/opt/extra"], {"/opt/extra": "/tmp/0"})
    shown = [command[i + 1 : i + 3] for i, word in enumerate(command) if word.endswith("bind")]
    folder = str(Path(launch.__file__).parent)
    devices = [(f"/dev/{name}",) * 2 for name in ("null", "zero", "full", "random", "urandom")]
    assert shown == [
        ("/usr/bin/python3",) * 2, ("/usr/lib/python3",) * 2, ("/lib/c.so",) * 2, ("/tmp/0", "/opt/extra"),
        (folder, "/sandbox"), *devices,
    ]  # fmt: skip
    for option in ("--unshare-all", "--unshare-user", "--die-with-parent", "--new-session", "--clearenv", "--as-pid-1"):
        assert option in command
    assert command.index("--remount-ro") < len(command)
    assert "/" in [command[i + 1] for i, word in enumerate(command) if word == "--remount-ro"]


@pytest.mark.parametrize("machine", CAPSET)
def test_the_filter_refuses_what_it_lists(machine):
    """Run the filter's program as the kernel would."""
    program = filter_program(machine)
    column = list(CAPSET).index(machine)
    architecture = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}[machine]

    def judge(number: int, first: int = 0, architecture: int = architecture) -> int:
        data = {0: number, 4: architecture, 16: first}
        register, line = 0, 0
        while True:
            code = int.from_bytes(program[8 * line : 8 * line + 2], sys.byteorder)
            if_true, if_false = program[8 * line + 2], program[8 * line + 3]
            value = int.from_bytes(program[8 * line + 4 : 8 * line + 8], sys.byteorder)
            line += 1
            match code:
                case 0x20:
                    register = data[value]
                case 0x06:
                    return value
                case _:
                    holds = {0x15: register == value, 0x35: register >= value, 0x45: bool(register & value)}[code]
                    line += if_true if holds else if_false

    allowed, refused, unknown, killed = 0x7FFF0000, 0x50001, 0x50026, 0x80000000
    clone, read = {"x86_64": (56, 0), "aarch64": (220, 63)}[machine]
    for name, numbers in DENIED.items():
        assert numbers[column] is None or judge(numbers[column]) == refused, name
    assert judge(read) == judge(clone, 17) == judge(clone, 0x3D0F00) == allowed
    assert all(judge(clone, 1 << bit) == refused for bit in (17, 25, 26, 27, 28, 29, 30))
    assert judge(435) == unknown
    assert judge(read, architecture=0x40000003) == killed
    assert judge(0x40000000 + 41) == (refused if machine == "x86_64" else allowed)
