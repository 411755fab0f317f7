from __future__ import annotations

import asyncio
import threading

import pytest

from rewardium.rewards.models.event_loop import EventLoopThread, LoopClosedError


async def double(number):
    await asyncio.sleep(0)
    return 2 * number


async def fail():
    raise ValueError("no")


def test_many_threads_run_in_one_loop():
    thread = EventLoopThread("loop-test")
    results = []
    callers = [threading.Thread(target=lambda n=n: results.append(thread.run(double(n)))) for n in range(10)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(30)
    assert sorted(results) == [2 * number for number in range(10)]
    assert [each.name for each in threading.enumerate()].count("loop-test") == 1
    with pytest.raises(ValueError, match="no"):
        thread.run(fail())
    thread.close()
    assert "loop-test" not in [each.name for each in threading.enumerate()]


def test_close_aborts_what_runs_and_refuses_what_comes():
    ended = []

    async def end():
        ended.append(True)

    thread = EventLoopThread("loop-test", at_end=end)
    began, outcome = threading.Event(), []

    async def hang():
        began.set()
        await asyncio.sleep(1000)

    def ask():
        try:
            thread.run(hang())
        except LoopClosedError:
            outcome.append("closed")

    asker = threading.Thread(target=ask)
    asker.start()
    assert began.wait(30)
    thread.close()
    thread.close()
    asker.join(30)
    assert outcome == ["closed"]
    assert ended == [True]
    with pytest.raises(LoopClosedError):
        thread.run(double(1))


def test_a_loop_that_never_ran_is_closed_at_once():
    thread = EventLoopThread("loop-test")
    thread.close()
    with pytest.raises(LoopClosedError):
        thread.run(double(1))


def test_an_end_that_fails_ends_all_the_same():
    thread = EventLoopThread("loop-test", at_end=fail)
    assert thread.run(double(1)) == 2
    thread.close()
    assert "loop-test" not in [each.name for each in threading.enumerate()]
