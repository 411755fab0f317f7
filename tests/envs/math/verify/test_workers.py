from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.envs.math.verify.isolation import dispatch, workers
from rewardium.envs.math.verify.isolation.workers import Outcome, WorkerPool, shared_pool, usable_cpus
from rewardium.envs.math.verify.isolation.zygote import MAX_REQUESTS, describe, pack, take

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="workers are forked")

SLACK = 1.5
"""Seconds that a busy machine may add to a bound."""

SERVED = r'''
"""What the workers of these tests serve: the gold answer says what to do."""
import json, os, resource, signal, struct, sys, time

PREPARED = []

def prepare():
    PREPARED.append(os.getpid())

def decide(gold, answer):
    return globals()["do_" + gold](answer)

def do_echo(answer):
    return "equal", answer

def do_process(answer):
    time.sleep(float(answer or 0))
    return "different", str(os.getpid())

def do_sleep(answer):
    time.sleep(float(answer))
    return "unknown", "awake"

def do_sum(answer):
    return "equal", str(sum(range(10**12)))

def do_power(answer):
    return "equal", str(10 ** (10**9))[:3]

def do_allocate(answer):
    block = bytearray(3 * 2**30)
    return "equal", str(len(block))

def do_pile_up(answer):
    pile = []
    while True:
        pile.append(bytes(2**20))

def do_grow(answer):
    block = bytearray(300 * 2**20)
    for start in range(0, len(block), 4096):
        block[start] = 1
    return "equal", str(os.getpid())

def do_exit(answer):
    os._exit(0)

def do_leave(answer):
    sys.exit(3)

def do_kill(answer):
    os.kill(os.getpid(), signal.SIGSEGV)

def do_stop(answer):
    os.kill(os.getpid(), signal.SIGSTOP)

def do_raise(answer):
    raise ValueError("no such root " + answer)

def do_raise_badly(answer):
    class Bad(Exception):
        def __str__(self):
            raise RuntimeError
    raise Bad

def do_interrupt(answer):
    raise KeyboardInterrupt

def do_recurse(answer):
    return do_recurse(answer)

def do_print(answer):
    print("x" * 10**6, flush=True)
    print("x" * 10**6, file=sys.stderr, flush=True)
    os.write(1, b"y" * 10**6)
    return "equal", repr(sys.stdin.read())

def do_nonsense(answer):
    return {"none": None, "text": "equal", "pair": ("maybe", ""), "number": ("equal", 1), "list": (["equal"], ""),
            "triple": ("equal", "", ""), "generator": (c for c in iter(int, 1)), "timeout": ("timeout", "")}[answer]

def do_write_file(answer):
    with open(answer, "w") as file:
        file.write("text")
    return "equal", "written"

def write_on_sockets(data):
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, data)
        except OSError:
            pass

def do_garbage(answer):
    write_on_sockets(b"\xff" * 64)
    return "equal", ""

def do_forge(answer):
    body = json.dumps({"id": -1, "status": "equal", "reason": "forged", "retires": False}).encode()
    write_on_sockets(struct.pack("!I", len(body)) + body)
    return "different", "true"

def do_nest(answer):
    body = b"[" * 10000
    write_on_sockets(struct.pack("!I", len(body)) + body)
    return "different", "true"

def do_state(answer):
    limits = [resource.getrlimit(limit) for limit in (resource.RLIMIT_AS, resource.RLIMIT_CORE)]
    threads = [line for line in open("/proc/self/status") if line.startswith("Threads:")]
    return "equal", json.dumps({"limits": limits, "threads": threads, "prepared": PREPARED, "parent": os.getppid(),
                                "files": len(os.listdir("/proc/self/fd")) - 1, "hash": hash("x")})

def run_in_child():
    """For multiprocessing: exit with 0 where a pool works in this process."""
    from rewardium.envs.math.verify.isolation.workers import WorkerPool
    with WorkerPool("rewardium_served:decide") as pool:
        statuses = [outcome.status for outcome in pool.run([("echo", "a"), ("sleep", "9"), ("echo", "b")], timeout=1)]
    sys.exit(0 if statuses == ["equal", "timeout", "equal"] else 1)
'''

TARGET = "rewardium_served:decide"


@pytest.fixture(autouse=True)
def no_internal_error(caplog):
    yield
    assert not [record.getMessage() for record in caplog.get_records("call") if record.name == workers.logger.name]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    (folder / "rewardium_served.py").write_text(SERVED, encoding="utf-8")
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def pool(served):
    with WorkerPool(TARGET) as pool:
        pool.warm_up()
        yield pool


@pytest.fixture
def own_pool(served):
    with WorkerPool(TARGET) as pool:
        pool.warm_up()
        yield pool


def one(pool: WorkerPool, gold: str, answer: str = "", timeout: float = 10.0, workers: int | None = None) -> Outcome:
    (outcome,) = pool.run([(gold, answer)], timeout=timeout, workers=workers)
    return outcome


def zygote_of(pool: WorkerPool) -> psutil.Process:
    return psutil.Process(pool._dispatcher._zygote._process.pid)


def workers_of(pool: WorkerPool) -> list[psutil.Process]:
    return [process for process in zygote_of(pool).children() if is_alive(process.pid)]


def is_alive(process: int) -> bool:
    try:
        return psutil.Process(process).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False


def eventually(condition, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


@contextmanager
def script(served: Path, text: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program that has no guard for its main module."""
    path = served / f"script_{time.monotonic_ns()}.py"
    path.write_text("import sys\nsys.path.insert(0, sys.argv[1])\n" + textwrap.dedent(text), encoding="utf-8")
    with subprocess.Popen([sys.executable, str(path), str(served)], stdout=subprocess.PIPE, text=True) as program:
        try:
            yield program
        finally:
            program.kill()


# Messages


@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers())), st.integers(1, 50))
def test_messages_come_out_as_they_went_in_however_they_are_cut(messages, size):
    stream = b"".join(map(pack, messages))
    buffer, seen = bytearray(), []
    for start in range(0, len(stream), size):
        buffer += stream[start : start + size]
        while (message := take(buffer, 10**6)) is not None:
            seen.append(message)
    assert seen == messages
    assert not buffer


@given(st.binary())
def test_anything_else_than_a_message_is_a_value_error(data):
    buffer = bytearray(data)
    try:
        while take(buffer, 1000) is not None:
            pass
    except ValueError:
        return
    assert len(buffer) < 4 + 1000


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b"\xff", b"[" * 900, b'{"a": ' + b"9" * 900 + b"}x"])
def test_a_body_that_is_no_object_is_a_value_error(body):
    with pytest.raises(ValueError, match=r"."):
        take(bytearray(len(body).to_bytes(4) + body), 1000)


def test_a_long_message_is_refused_before_it_has_come():
    with pytest.raises(ValueError, match="more than 10"):
        take(bytearray((11).to_bytes(4)), 10)


def test_a_description_is_short():
    assert describe(KeyError()) == "KeyError"
    assert len(describe(ValueError("x" * 1000))) == 300


# What is served


@pytest.mark.parametrize("text", ["", "x^2", "½ ∑ 𝔄", "\ud800 alone", "\0\n\r\x1f", '"\\'])
def test_texts_arrive_and_return_as_they_are(pool, text):
    assert one(pool, "echo", text) == ("equal", text)


def test_order_is_kept(pool):
    pairs = [("process", "0.02") if index % 7 == 0 else ("echo", str(index)) for index in range(60)]
    outcomes = pool.run(pairs, timeout=10, workers=4)
    assert [outcome.reason for index, outcome in enumerate(outcomes) if index % 7] == [
        str(index) for index in range(60) if index % 7
    ]
    assert {outcome.status for outcome in outcomes[::7]} == {"different"}


def test_no_pairs_no_outcomes(pool):
    assert pool.run([], timeout=1) == []


@pytest.mark.parametrize(
    ("gold", "answer", "reason"),
    [
        ("raise", "here", "ValueError: no such root here"),
        ("raise_badly", "", "Bad"),
        ("interrupt", "", "KeyboardInterrupt"),
        ("leave", "", "SystemExit: 3"),
        ("recurse", "", "RecursionError: maximum recursion depth exceeded"),
        ("no_such", "", "KeyError: 'do_no_such'"),
        ("exit", "", "the worker process died"),
        ("kill", "", "the worker process died"),
        ("allocate", "", "out of memory"),
        ("pile_up", "", "out of memory"),
        ("garbage", "", "the worker process sent no reply but something else"),
        ("nest", "", "the worker process sent no reply but something else"),
        ("forge", "", "the worker process sent a reply that is none"),
        *[
            ("nonsense", kind, "the decision is not a status and a reason")
            for kind in ("none", "text", "pair", "number", "list", "triple", "generator", "timeout")
        ],
    ],
)
def test_what_fails_is_unknown_and_the_next_answer_is_unharmed(pool, gold, answer, reason):
    outcome = one(pool, gold, answer)
    assert outcome.status == "unknown"
    assert outcome.reason.startswith(reason)
    assert one(pool, "echo", "next") == ("equal", "next")


@pytest.mark.parametrize("gold", ["sleep", "sum", "power", "stop"])
def test_what_hangs_is_killed_in_time_and_the_next_answer_is_unharmed(pool, gold):
    begin = time.monotonic()
    assert one(pool, gold, "1000", timeout=0.3) == ("timeout", "more than 0.3 s")
    assert 0.3 <= time.monotonic() - begin < 0.3 + 0.25 + SLACK
    assert one(pool, "echo", "next") == ("equal", "next")
    assert eventually(lambda: len(workers_of(pool)) <= usable_cpus())


def test_printing_disturbs_nobody(pool, capfd):
    assert one(pool, "print") == ("equal", "''")
    assert capfd.readouterr() == ("", "")


def test_no_file_is_written(pool, tmp_path):
    outcome = one(pool, "write_file", str(tmp_path / "file"))
    assert outcome.status == "unknown"
    assert "File too large" in outcome.reason


@pytest.mark.parametrize("pair", [("echo", "x" * 2**17), ("echo", "𝔄" * 12_000), ("x" * 10**7, "")])
def test_a_pair_that_is_too_long_is_unknown(pool, pair):
    (outcome,) = pool.run([pair], timeout=5)
    assert outcome == ("unknown", "the two answers are too long")


def test_two_answers_of_the_greatest_length_are_served(pool):
    assert one(pool, "echo", "𝔄" * 8000) == ("equal", "𝔄" * 300)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_state_of_a_worker(pool):
    import json

    state = json.loads(one(pool, "state").reason)
    again = json.loads(one(pool, "state").reason)
    assert state == again
    assert state["limits"] == [[2**30, 2**30], [0, 0]]
    assert [line.split() for line in state["threads"]] == [["Threads:", "1"]]
    assert state["prepared"] == [state["parent"]] == [zygote_of(pool).pid], "prepare() runs once, in the zygote"
    assert state["files"] == 4, "its own socket, and /dev/null three times"
    assert zygote_of(pool).num_threads() == 1


@pytest.mark.slow
def test_hashes_of_strings_are_the_same_in_every_pool(pool, own_pool):
    import json

    assert json.loads(one(pool, "state").reason)["hash"] == json.loads(one(own_pool, "state").reason)["hash"]


# Replacement


@pytest.mark.slow
@pytest.mark.parametrize("gold", ["allocate", "grow"])
def test_a_worker_that_has_grown_is_replaced(own_pool, gold):
    before = one(own_pool, "process").reason
    assert one(own_pool, "process").reason == before
    one(own_pool, gold)
    assert one(own_pool, "process").reason != before


@pytest.mark.slow
def test_a_worker_is_renewed_after_many_requests(own_pool, monkeypatch):
    monkeypatch.setattr(dispatch, "GRACE_SECONDS", 60.0)
    outcomes = own_pool.run([("process", "")] * (2 * MAX_REQUESTS), timeout=10, workers=1)
    served = Counter(outcome.reason for outcome in outcomes)
    assert max(served.values()) == MAX_REQUESTS
    assert len(served) == 3, "the first worker had answered that it was ready before"


@pytest.mark.slow
def test_a_killed_worker_is_noticed_and_replaced(own_pool):
    with ThreadPoolExecutor() as threads:
        stuck = threads.submit(one, own_pool, "sleep", "1000", 60.0)
        assert eventually(lambda: any(workers_of(own_pool)) and own_pool._dispatcher._busy)
        time.sleep(0.2)
        for worker in workers_of(own_pool):
            worker.kill()
        assert stuck.result(5) == ("unknown", "the worker process died")
    assert one(own_pool, "echo", "next") == ("equal", "next")


@pytest.mark.slow
def test_an_idle_worker_that_was_killed_harms_nobody(own_pool, monkeypatch):
    monkeypatch.setattr(workers, "LINGER_SECONDS", 0.05)
    assert one(own_pool, "echo", "first") == ("equal", "first")
    assert eventually(lambda: own_pool._thread is None), "the thread ends when there is nothing to do"
    for worker in workers_of(own_pool):
        worker.kill()
    assert eventually(lambda: not workers_of(own_pool))
    assert one(own_pool, "echo", "next") == ("equal", "next")


@pytest.mark.slow
def test_a_zygote_killed_at_work(own_pool):
    with ThreadPoolExecutor() as threads:
        stuck = threads.submit(own_pool.run, [("sleep", "1000")] * 6, timeout=60.0, workers=6)
        assert eventually(lambda: len(workers_of(own_pool)) == 6)
        time.sleep(0.2)
        orphans = workers_of(own_pool)
        with workers._LOCK:  # so that the pool hears of all their ends at once
            zygote_of(own_pool).kill()
            assert eventually(lambda: not any(is_alive(worker.pid) for worker in orphans), 2)
        assert stuck.result(5) == [("unknown", "the worker process died")] * 6
    assert one(own_pool, "echo", "next") == ("equal", "next")


@pytest.mark.slow
def test_a_zygote_killed_at_rest(own_pool):
    first = zygote_of(own_pool)
    first.kill()
    assert eventually(lambda: not is_alive(first.pid))
    assert one(own_pool, "echo", "next") == ("equal", "next")
    assert zygote_of(own_pool).pid != first.pid


@pytest.mark.slow
def test_a_stopped_zygote_does_not_stop_the_clock(own_pool):
    one(own_pool, "echo")
    zygote_of(own_pool).suspend()
    begin = time.monotonic()
    assert one(own_pool, "sleep", "1000", timeout=0.3).status == "timeout"
    assert time.monotonic() - begin < 0.3 + SLACK


@pytest.mark.slow
def test_a_zygote_that_does_not_start_workers_is_given_up(own_pool, monkeypatch):
    zygote_of(own_pool).suspend()
    with monkeypatch.context() as patch:
        patch.setattr(dispatch, "START_SECONDS", 0.5)
        outcomes = own_pool.run([("sleep", "1000"), ("sleep", "1000")], timeout=0.3, workers=1)
    assert outcomes == [("timeout", "more than 0.3 s"), ("unknown", "no worker process was ready after 0.5 s")]
    assert one(own_pool, "echo", "next") == ("equal", "next")


# How many at a time


@pytest.mark.slow
def test_a_stuck_answer_delays_no_other(own_pool):
    with ThreadPoolExecutor() as threads:
        stuck = [threads.submit(one, own_pool, "sleep", "1000", 4.0, 1) for _ in range(2)]
        time.sleep(0.3)
        begin = time.monotonic()
        assert one(own_pool, "echo", "free", workers=1) == ("equal", "free")
        assert time.monotonic() - begin < 0.2 + SLACK
        assert not any(future.done() for future in stuck)
        own_pool.close()
        assert {future.result(5) for future in stuck} == {("unknown", "the pool was closed")}


@pytest.mark.slow
def test_stuck_answers_run_beside_each_other_but_not_all(own_pool):
    most = 0
    with ThreadPoolExecutor() as threads:
        begin = time.monotonic()
        batch = threads.submit(own_pool.run, [("sleep", "1000")] * 12 + [("echo", "last")], timeout=1.5, workers=1)
        while not batch.done():
            most = max(most, len(zygote_of(own_pool).children()))
            time.sleep(0.01)
        assert [outcome.status for outcome in batch.result()] == ["timeout"] * 12 + ["equal"]
    assert dispatch.SPARE_WORKERS <= most <= 1 + dispatch.SPARE_WORKERS + 1, "one more may be dying"
    assert time.monotonic() - begin < 2 * 1.5 + 0.9 + 2 * SLACK
    assert eventually(lambda: len(workers_of(own_pool)) <= 1), "one is kept"


def test_no_more_than_the_given_number_run_at_a_time(own_pool, monkeypatch):
    monkeypatch.setattr(dispatch, "GRACE_SECONDS", 60.0)
    outcomes = own_pool.run([("process", "0.01")] * 30, timeout=10, workers=2)
    assert len({outcome.reason for outcome in outcomes}) == 2


@pytest.mark.slow
def test_a_single_answer_waits_for_no_batch(own_pool):
    with ThreadPoolExecutor() as threads:
        batch = threads.submit(own_pool.run, [("process", "0.02")] * 1000, timeout=10, workers=1)
        time.sleep(0.2)
        begin = time.monotonic()
        assert one(own_pool, "echo", "free", workers=1) == ("equal", "free")
        assert time.monotonic() - begin < 0.2 + SLACK
        assert not batch.done()
        own_pool.close()
        assert batch.result(5)[-1] == ("unknown", "the pool was closed")


# Who calls


def test_sixty_four_threads(pool):
    def call(number: int) -> list[Outcome]:
        return pool.run([("echo", f"{number} {index}") for index in range(20)], timeout=20)

    with ThreadPoolExecutor(64) as threads:
        for number, outcomes in enumerate(threads.map(call, range(64))):
            assert outcomes == [("equal", f"{number} {index}") for index in range(20)]


@pytest.mark.slow
def test_sixty_four_threads_whose_answers_hang_die_and_raise(own_pool):
    kinds = {"echo": "equal", "exit": "unknown", "raise": "unknown", "sleep": "timeout"}

    def call(number: int) -> bool:
        pairs = [(kind, "30") for kind in list(kinds) * 2]
        pairs = pairs[number % 8 :] + pairs[: number % 8]
        outcomes = own_pool.run(pairs, timeout=0.2)
        # On a busy machine a quick answer may take longer than its time; it then must say so and nothing else.
        return all(
            outcome.status in (kinds[gold], "timeout") for (gold, _), outcome in zip(pairs, outcomes, strict=True)
        )

    with ThreadPoolExecutor(64) as threads:
        assert all(threads.map(call, range(64)))
    assert one(own_pool, "echo", "next") == ("equal", "next")


def test_asyncio(pool):
    async def main() -> list[Outcome]:
        in_the_loop = one(pool, "echo", "loop")
        in_threads = await asyncio.gather(*[asyncio.to_thread(one, pool, "echo", str(number)) for number in range(8)])
        return [in_the_loop, *in_threads]

    assert asyncio.run(main()) == [("equal", text) for text in ("loop", *map(str, range(8)))]


def in_forked_child(work) -> int:
    """Return the exit status of a forked process: 0 where ``work`` returned True there."""
    child = os.fork()
    if not child:
        status = 1
        try:
            status = 0 if work() else 2
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_workers_of_its_own(own_pool):
    parents = {worker.pid for worker in workers_of(own_pool)}

    def work() -> bool:
        process = int(one(own_pool, "process").reason)
        is_own = process not in parents and psutil.Process(process).ppid() != zygote.pid
        own_pool.close()
        return is_own

    zygote = zygote_of(own_pool)
    assert in_forked_child(work) == 0
    assert int(one(own_pool, "process").reason) in parents, "and the parent's are as they were"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forks_in_the_midst_of_calls(own_pool):
    is_over = threading.Event()
    wrong: list[Outcome] = []

    def call() -> None:
        while not is_over.is_set():
            for gold, expected in (("echo", ("equal", "x")), ("exit", ("unknown", "the worker process died"))):
                outcome = one(own_pool, gold, "x")
                if outcome != expected:
                    wrong.append(outcome)

    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(12):
            assert in_forked_child(lambda: one(own_pool, "echo", "child") == ("equal", "child")) == 0
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert not wrong


FORK = """
child = os.fork()
if not child:
    time.sleep(60)
    os._exit(0)
"""
# What a fork from C does, of which Python does not know.
INHERIT = """
sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
child = subprocess.Popen(sleep, pass_fds=[pool._dispatcher._zygote.control.fileno()]).pid
"""


@pytest.mark.slow
@pytest.mark.parametrize("start", [FORK, INHERIT], ids=["fork", "inherit"])
def test_a_child_of_the_parent_does_not_keep_the_zygote_alive(served, start):
    with script(
        served,
        f"""
import os, subprocess, time
from rewardium.envs.math.verify.isolation.workers import WorkerPool
pool = WorkerPool("rewardium_served:decide")
pool.warm_up()
{start}
print(child, pool._dispatcher._zygote._process.pid, flush=True)
time.sleep(60)
""",
    ) as program:
        child, zygote = map(int, program.stdout.readline().split())
        try:
            program.kill()
            program.wait()
            assert eventually(lambda: not is_alive(zygote), 2 + SLACK)
            assert is_alive(child)
        finally:
            os.kill(child, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "fork"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_daemonic_processes_of_multiprocessing(served, method):
    import rewardium_served

    process = multiprocessing.get_context(method).Process(target=rewardium_served.run_in_child, daemon=True)
    process.start()
    process.join(60)
    assert process.exitcode == 0


# How it ends


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_everything_ends_with_the_parent(served, end):
    with script(
        served,
        """
        import threading, time
        import psutil
        from rewardium.envs.math.verify.isolation.workers import WorkerPool
        pool = WorkerPool("rewardium_served:decide")
        pairs = [("sum", "")] * 2 + [("sleep", "1000")]
        threading.Thread(target=pool.run, args=(pairs,), kwargs={"timeout": 600, "workers": 3}).start()
        while len(psutil.Process().children(recursive=True)) < 4:
            time.sleep(0.01)
        time.sleep(0.2)
        print(*[process.pid for process in psutil.Process().children(recursive=True)], flush=True)
        time.sleep(600)
        """,
    ) as program:
        processes = list(map(int, program.stdout.readline().split()))
        assert len(processes) == 4
        assert all(map(is_alive, processes))
        program.send_signal(end)
        program.wait()
        assert eventually(lambda: not any(map(is_alive, processes)), 2 + SLACK)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the parent has to end the workers")
def test_workers_end_with_the_zygote_even_if_the_parent_does_nothing(served):
    with script(
        served,
        """
        import threading, time
        import psutil
        from rewardium.envs.math.verify.isolation.workers import WorkerPool
        pool = WorkerPool("rewardium_served:decide")
        pairs = [("sum", ""), ("sleep", "1000")]
        threading.Thread(target=pool.run, args=(pairs,), kwargs={"timeout": 600, "workers": 2}, daemon=True).start()
        while len(psutil.Process().children(recursive=True)) < 3:
            time.sleep(0.01)
        time.sleep(0.2)
        zygote = psutil.Process().children()[0]
        print(zygote.pid, *[process.pid for process in zygote.children()], flush=True)
        time.sleep(600)
        """,
    ) as program:
        zygote, *its_workers = map(int, program.stdout.readline().split())
        assert len(its_workers) == 2
        assert all(map(is_alive, its_workers))
        program.send_signal(signal.SIGSTOP)
        os.kill(zygote, signal.SIGKILL)
        assert eventually(lambda: not any(map(is_alive, its_workers)), 2)


@pytest.mark.slow
def test_a_program_that_forgets_to_close_ends_at_once_and_quietly(served):
    with script(
        served,
        """
        import psutil
        from rewardium.envs.math.verify.isolation.workers import WorkerPool
        pool = WorkerPool("rewardium_served:decide")
        print(*pool.run([("echo", "x")], timeout=5)[0], flush=True)
        print(*[process.pid for process in psutil.Process().children(recursive=True)], flush=True)
        """,
    ) as program:
        assert program.stdout.readline() == "equal x\n"
        processes = list(map(int, program.stdout.readline().split()))
        begin = time.monotonic()
        assert program.wait(10) == 0
        assert time.monotonic() - begin < 0.5 + SLACK
        assert len(processes) >= 2
        assert not any(map(is_alive, processes))


@pytest.mark.slow
def test_ctrl_c_kills_what_is_under_way_and_the_pool_stays_usable(served):
    with script(
        served,
        """
        import os, signal, threading, time
        import psutil
        from rewardium.envs.math.verify.isolation.workers import WorkerPool
        pool = WorkerPool("rewardium_served:decide")
        pool.warm_up()
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        begin = time.monotonic()
        try:
            pool.run([("sum", ""), ("sleep", "1000")] * 20, timeout=600, workers=2)
        except KeyboardInterrupt:
            print("interrupted", time.monotonic() - begin, flush=True)
        print(*pool.run([("echo", "x")], timeout=5)[0], flush=True)
        end = time.monotonic() + 5
        while len(psutil.Process().children(recursive=True)) > 2 and time.monotonic() < end:
            time.sleep(0.01)
        print(len(psutil.Process().children(recursive=True)), flush=True)
        """,
    ) as program:
        output, _ = program.communicate(timeout=60)
        word, seconds, *rest = output.split()
        assert (word, rest) == ("interrupted", ["equal", "x", "2"]), (
            "the zygote and the one worker that echoed are left"
        )
        assert float(seconds) < 0.5 + SLACK
        assert program.returncode == 0


def test_closing_ends_everything_and_closing_twice_does_nothing(served):
    pool = WorkerPool(TARGET)
    pool.close()
    pool = WorkerPool(TARGET)
    pool.warm_up()
    processes = [zygote_of(pool).pid, *[worker.pid for worker in workers_of(pool)]]
    pool.close()
    pool.close()
    assert len(processes) == 2
    assert not any(map(is_alive, processes))
    with pytest.raises(RewardiumError, match="closed"):
        pool.run([("echo", "")], timeout=1)
    with pytest.raises(RewardiumError, match="closed"):
        pool.warm_up()


@pytest.mark.slow
def test_closing_while_the_zygote_starts(served):
    pool = WorkerPool(TARGET)
    with ThreadPoolExecutor() as threads:
        call = threads.submit(one, pool, "echo")
        assert eventually(lambda: pool._dispatcher._zygote is not None)
        pool.close()
        assert call.result(5).status in ("unknown", "equal")


@pytest.mark.slow
def test_no_file_descriptors_leak(own_pool):
    def count() -> int:
        gc.collect()
        return len(os.listdir("/dev/fd"))

    own_pool.run([("process", "0.01")] * 8, timeout=10, workers=2)
    before = count()
    pairs = [("sleep", "1000") if index % 15 == 0 else ("echo", "") for index in range(300)]
    outcomes = own_pool.run(pairs, timeout=0.5, workers=2)
    assert Counter(outcome.status for outcome in outcomes)["timeout"] >= 20
    own_pool.run([("process", "0.01")] * 8, timeout=10, workers=2)
    assert count() <= before
    own_pool.close()
    assert count() < before


@pytest.mark.slow
def test_the_pool_holds_nothing_when_closed(served):
    before = len(os.listdir("/dev/fd"))
    for _ in range(2):
        with WorkerPool(TARGET) as pool:
            assert one(pool, "echo", "x") == ("equal", "x")
    assert len(os.listdir("/dev/fd")) == before
    assert not [thread for thread in threading.enumerate() if thread is pool._thread]


# What cannot start


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("rewardium_no_such_module:decide", "ModuleNotFoundError: No module named 'rewardium_no_such_module'"),
        ("json:no_such_function", "has no attribute 'no_such_function'"),
        ("rewardium_leaves:decide", "SystemExit: not today"),
    ],
)
def test_a_target_that_cannot_be_imported_is_an_error_each_time(served, target, message):
    (served / "rewardium_leaves.py").write_text("import sys\nsys.exit('not today')\n", encoding="utf-8")
    with WorkerPool(target) as pool:
        for _ in range(2):
            with pytest.raises(RewardiumError, match=message):
                pool.run([("", "")] * 3, timeout=1, workers=3)
        with pytest.raises(RewardiumError, match=message):
            pool.warm_up()


@pytest.mark.slow
def test_a_zygote_that_dies_at_its_start_is_given_up(served):
    (served / "rewardium_dies.py").write_text("import os\nos.kill(os.getpid(), 9)\n", encoding="utf-8")
    with WorkerPool("rewardium_dies:decide") as pool:
        outcomes = pool.run([("", "")] * 100, timeout=1)
        assert set(outcomes) == {("unknown", "no worker process could be started")}
        with pytest.raises(RewardiumError, match="no worker process could be started"):
            pool.warm_up()


@pytest.mark.slow
def test_without_file_descriptors_the_outcome_is_unknown(served):
    with script(
        served,
        """
        import resource, time
        from concurrent.futures import ThreadPoolExecutor
        from rewardium.envs.math.verify.isolation.workers import WorkerPool
        pool = WorkerPool("rewardium_served:decide")
        threads = ThreadPoolExecutor(1)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
        print(pool.run([("echo", "x")] * 3, timeout=5)[2].status, flush=True)
        resource.setrlimit(resource.RLIMIT_NOFILE, (6, limits[1]))
        print(pool.run([("echo", "x")] * 3, timeout=5)[2].status, flush=True)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        print(pool.run([("echo", "x")] * 3, timeout=5, workers=1)[2].status, flush=True)
        stuck = threads.submit(pool.run, [("sleep", "1000")], timeout=1.5, workers=1)
        time.sleep(0.5)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
        print(pool.run([("echo", "x")], timeout=5, workers=1)[0].status, flush=True)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        print(pool.run([("echo", "x")], timeout=5, workers=1)[0].status, stuck.result()[0].status, flush=True)
        """,
    ) as program:
        output, _ = program.communicate(timeout=60)
        assert output.split() == ["unknown", "unknown", "equal", "unknown", "equal", "timeout"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pairs": [("a", "b")], "timeout": 0}, "timeout"),
        ({"pairs": [("a", "b")], "timeout": float("nan")}, "timeout"),
        ({"pairs": [("a", "b")], "timeout": float("inf")}, "timeout"),
        ({"pairs": [("a", "b")], "timeout": "1"}, "timeout"),
        ({"pairs": [("a", "b")], "timeout": 1, "workers": 0}, "workers"),
        ({"pairs": [("a", "b")], "timeout": 1, "workers": True}, "workers"),
        ({"pairs": [("a", "b")], "timeout": 1, "workers": 1.5}, "workers"),
        ({"pairs": ["ab"], "timeout": 1}, "a pair"),
        ({"pairs": [("a", 1)], "timeout": 1}, "a pair"),
        ({"pairs": [("a", "b", "c")], "timeout": 1}, "a pair"),
    ],
)
def test_wrong_arguments_are_errors(served, arguments, message):
    pool = WorkerPool(TARGET)
    with pytest.raises(RewardiumError, match=message):
        pool.run(**arguments)


@pytest.mark.parametrize("target", ["", "json", "json:", ":loads", "json loads:x", "json:loads:x", "json:1", "../x:y"])
def test_wrong_targets_are_errors(target):
    with pytest.raises(RewardiumError, match="module:function"):
        WorkerPool(target)


def test_too_little_memory_is_an_error():
    with pytest.raises(RewardiumError, match="memory"):
        WorkerPool(TARGET, memory_bytes=2**20)


def test_a_system_that_cannot_fork_is_an_error(monkeypatch):
    monkeypatch.delattr(os, "fork")
    with pytest.raises(RewardiumError, match="cannot fork"):
        WorkerPool(TARGET)


@pytest.mark.slow
def test_the_least_memory_suffices(served):
    with WorkerPool(TARGET, memory_bytes=workers.MIN_MEMORY_BYTES) as pool:
        assert one(pool, "echo", "x") == ("equal", "x")
        assert one(pool, "grow") == ("unknown", "out of memory")


def test_the_memory_of_the_caller_is_not_limited(pool):
    assert resource.getrlimit(resource.RLIMIT_AS)[0] in (
        resource.RLIM_INFINITY,
        resource.getrlimit(resource.RLIMIT_AS)[1],
    )


# The shared pool


def test_the_shared_pool_is_one_until_it_is_closed():
    first = shared_pool()
    with ThreadPoolExecutor() as threads:
        assert {id(pool) for pool in threads.map(lambda _: shared_pool(), range(8))} == {id(first)}
    first.close()
    assert shared_pool() is not first
    assert not shared_pool().is_closed
