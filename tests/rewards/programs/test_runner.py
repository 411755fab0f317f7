from __future__ import annotations

import json
import pickle
import textwrap
import threading

import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.envs.tools.sandbox import SandboxUnavailableError
from rewardium.rewards.programs import runner as runner_module
from rewardium.rewards.programs.check import CheckedProgram, check_program, refusals_of
from rewardium.rewards.programs.driver import MAX_MEMORY_CHARACTERS
from rewardium.rewards.programs.runner import MAX_CALL_CHARACTERS, Answer, ProgramRunner, _calls, definition_of
from rewardium.rewards.programs.step import step_of

NOTHING = '{"sparse": 0, "dense": 0}'
MODES = ("bubblewrap", "subprocess")
GOOD = """
def reward(step, memory):
    memory["n"] = memory.get("n", 0) + 1
    return {"sparse": memory["n"], "dense": step["step"]}
"""


def make_runner(text: str, mode: str = "bubblewrap", seconds: float = 5.0) -> ProgramRunner:
    try:
        return ProgramRunner(check_program(textwrap.dedent(text)), mode, seconds)
    except SandboxUnavailableError as error:
        if mode == "bubblewrap" and "bubblewrap cannot run here" in str(error):
            pytest.skip(str(error))
        raise


def program(body: str) -> str:
    return f"def reward(step, memory):\n{textwrap.indent(body.replace('NOTHING', NOTHING), '    ')}\n"


@pytest.fixture(params=MODES)
def mode(request):
    return request.param


def steps(count: int, **changes) -> list[dict]:
    return [{**step_of("You wait.", "wait", number, False, False), **changes} for number in range(count)]


def reasons(played) -> list[str]:
    return [answer.reason for episode in played for answer in episode.answers]


def test_memory_persists_over_the_steps_of_an_episode(mode):
    runner = make_runner(GOOD, mode)
    first, second = runner.play([({}, steps(3)), ({"n": 10}, steps(1))])
    assert [answer.sparse for answer in first.answers] == [1, 2, 3]
    assert first.memory == {"n": 3}
    assert second == ({"n": 11}, [Answer(11, 0)])
    assert runner.play([(first.memory, steps(1))])[0].memory == {"n": 4}
    assert runner.play([]) == []


def test_step_by_step_is_as_all_at_once(mode):
    runner = make_runner(GOOD, mode)
    at_once = runner.play([({}, steps(4))])[0].answers
    memory, answers = {}, []
    for step in steps(4):
        (played,) = runner.play([(memory, [step])])
        memory, answers = played.memory, answers + played.answers
    assert answers == at_once


# Programs that the check lets pass, and that are bounded where they run.
BOUNDED = {
    "an endless loop": ("while True:\n    pass", "timeout"),
    "a loop that catches everything": (
        "while True:\n    try:\n        while True:\n            pass\n    except Exception:\n        pass",
        "timeout",
    ),
    "an endless generator": ("n = 0\nfor i in (j for j in range(10 ** 15)):\n    n += i", "timeout"),
    "10 GB of text": ("x = 'a' * 10 ** 10", "MemoryError"),
    "10 GB in small pieces": ("x = []\nfor i in range(1000):\n    x.append('a' * 10 ** 7 + str(i))", "MemoryError"),
    "recursion": ("def f(n):\n    return f(n + 1)\nf(0)", "RecursionError"),
    "a huge power": ("x = 10 ** 10 ** 9", "timeout"),
    "a regular expression bomb": ("import re\nre.match('(a+)+$', 'a' * 60 + 'b')", "timeout"),
    "a width of a formatted text": ("width = 10 ** 10\nx = f'{1:>{width}}'", "MemoryError"),
    "an old-fashioned formatted text": ("x = '%0*d' % (10 ** 10, 1)", "MemoryError"),
    "a factorial": ("import math\nx = math.factorial(10 ** 8)", "timeout"),
    "a huge range in a list": ("x = list(range(10 ** 12))", "MemoryError"),
    "an exception": ("x = 1 / 0", "line 2: ZeroDivisionError: division by zero"),
    "an exception with a long text": ("x = {}['k' * 10 ** 6]", "line 2: KeyError: 'kkkk"),
    "a missing key": ("x = step['reward']", "line 2: KeyError: 'reward'"),
    "nothing returned": ("return None", "it must return"),
    "not a number": ("return {'sparse': float('nan'), 'dense': 0}", "sparse must be finite, and is nan"),
    "infinity": ("return {'sparse': 0, 'dense': -float('inf')}", "dense must be finite, and is -inf"),
    "a text": ("return {'sparse': '1', 'dense': 0}", "sparse must be a number, and is a text"),
    "a boolean": ("return {'sparse': True, 'dense': 0}", "sparse must be a number, and is a boolean"),
    "a huge integer": ("return {'sparse': 10 ** 4000 * 10 ** 4000, 'dense': 0}", "sparse is larger than 1e+300"),
    "a function": ("return {'sparse': len, 'dense': 0}", "sparse must be a number"),
    "a memory that grows": ("memory['x'] = 'a' * 10 ** 6\nreturn NOTHING", "memory holds 10000"),
    "a memory that holds itself": ("memory['x'] = memory\nreturn NOTHING", "memory is nested deeper"),
    "a memory of a deep list": (
        "x = []\nfor i in range(10 ** 5):\n    x = [x]\nmemory['x'] = x\nreturn NOTHING",
        "nested deeper",
    ),
    "a memory that holds a function": ("memory['x'] = reward\nreturn NOTHING", "memory holds of the type function"),
    "an old value of another step": ("return {'sparse': 0, 'dense': len(memory)}[0]", "KeyError: 0"),
}


@pytest.mark.parametrize("name", BOUNDED)
def test_hostile_programs_are_bounded_and_the_next_batch_is_unharmed(name):
    body, reason = BOUNDED[name]
    text = program(body)
    assert not refusals_of(text)
    hostile, good = make_runner(text, seconds=0.25 if reason == "timeout" else 10.0), make_runner(GOOD)
    (played,) = hostile.play([({"kept": 1}, steps(1))])
    (answer,) = played.answers
    assert (answer.sparse, answer.dense) == (None, None)
    assert reason in answer.reason
    assert len(answer.reason) < 300
    assert "\n" not in answer.reason
    assert played.memory == {"kept": 1}
    assert good.play([({}, steps(2))])[0].answers == [Answer(1, 0), Answer(2, 1)]


def test_a_program_may_fail_again_and_again():
    hostile = make_runner(program("if step['step']:\n    x = 'a' * 10 ** 10\nreturn NOTHING"))
    for number in (1, 1, 0, 1):
        (played,) = hostile.play([({}, steps(number + 1)[-1:])])
        assert ("MemoryError" in played.answers[0].reason) == (number == 1)
        assert (played.answers[0] == Answer(0, 0)) == (number == 0)


def test_only_the_step_that_fails_has_no_answer():
    runner = make_runner(
        """
        def reward(step, memory):
            if step["step"] == 1:
                step["status"]["missing"]
            memory["last"] = step["step"]
            return {"sparse": 0, "dense": memory["last"]}
        """
    )
    one, other = runner.play([({}, steps(3)), ({}, steps(1))])
    assert [answer.dense for answer in one.answers] == [0, None, 2]
    assert one.answers[1].reason == "line 4: KeyError: 'missing'"
    assert other.answers == [Answer(0, 0)]


@pytest.mark.parametrize(
    "body",
    [
        "step['message'] = 'key'\nstep.clear()\nreturn {'sparse': 0, 'dense': len(step)}",
        "SEEN.append(1)\nreturn {'sparse': 0, 'dense': len(SEEN)}",
        "reward_count = TABLE.setdefault('n', 0)\nTABLE['n'] += 1\nreturn {'sparse': 0, 'dense': TABLE['n']}",
        "def f(x=[]):\n    x.append(1)\n    return len(x)\nreturn {'sparse': 0, 'dense': f()}",
        "return {'sparse': 0, 'dense': len(sorted({step['message'], 'a', 'b'})[0])}",
    ],
)
def test_nothing_outlives_a_step_but_memory(body):
    runner = make_runner(f"SEEN = []\nTABLE = {{}}\n{program(body)}")
    one = runner.play([({}, steps(3, step=0)), ({}, steps(2, step=0))])
    again = runner.play([({}, steps(1, step=0))])
    assert len({answer for episode in [*one, *again] for answer in episode.answers}) == 1


def unchecked(text: str) -> CheckedProgram:
    """Return a program as if the check had been got around."""
    return CheckedProgram(text, textwrap.dedent(text), (), "unchecked")


# What the sandbox refuses or bounds by itself, should the check ever let it pass.
UNCHECKED = {
    "files of this machine": "open('/etc/passwd')",
    "files to write": "open('/tmp/x', 'w').write('x' * 10)",
    "sockets": "import socket; socket.socket()",
    "other processes": "import os; os.fork(); os.fork(); os.fork(); os.fork()\nraise ValueError",
    "leaving": "import os; os._exit(0)",
    "sys.exit": "raise SystemExit",
    "a flood of output": "while True:\n    print('x' * 10 ** 6)",
    "a signal": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "a thread that goes on": (
        "import threading, time\nthreading.Thread(target=time.sleep, args=(99,), daemon=True).start()\n1 / 0"
    ),
    "a number in disguise": "class A:\n    def __float__(self): return 9.0\nreturn {'sparse': A(), 'dense': 0}",
    "an answer of its own": "import os; os.write(1, b'[[{}, [[9, 9, \"\", 0]]]]\\n'); 1 / 0",
    "text that is no JSON": "print('no JSON')\nreturn {'sparse': 0, 'dense': 0}",
    "text that is nested deep": "print('[' * 10 ** 5)\nreturn {'sparse': 0, 'dense': 0}",
    "a broken driver": "import json; json.dumps = lambda *_: 'null'\nreturn {'sparse': 0, 'dense': 0}",
    "a driver that boasts": "import json; json.dumps = lambda *_: '[[{}, [[Infinity, 1, \"\", 0]]]]'",
    "a driver that hoards": f'import json; json.dumps = lambda *_: \'[[{{"a": "{"x" * 5000}"}}, [[1, 1, "", 0]]]]\'',
    "a driver that counts": "import json; json.dumps = lambda *_: '[[{}, [[true, 1, \"\", 0]]]]'",
    "a driver that is generous": 'import json; json.dumps = lambda *_: \'[[{}, [[1, 1, "", 0], [1, 1, "", 0]]]]\'',
}


@pytest.mark.parametrize("name", UNCHECKED)
def test_the_sandbox_does_not_rely_on_the_check(name):
    good = make_runner(GOOD)  # skips where there is no sandbox
    seconds = 0.25 if "while True" in UNCHECKED[name] else 10.0
    hostile = ProgramRunner(unchecked(program(UNCHECKED[name])), "bubblewrap", seconds)
    (played,) = hostile.play([({"kept": 1}, steps(1))])
    assert played.answers[0].sparse is None, "no answer can be had from it"
    assert played.answers[0].reason
    assert played.memory == {"kept": 1}
    assert good.play([({}, steps(1))])[0].answers == [Answer(1, 0)]


def test_a_program_that_cannot_be_defined_is_told():
    make_runner(GOOD)
    (played,) = ProgramRunner(unchecked("def reward(:")).play([({}, steps(1))])
    assert played.answers[0].reason.startswith("the program cannot be defined: ")


def test_a_lost_session_is_begun_again():
    runner = make_runner(GOOD)
    before = runner.play([({}, steps(2))])
    runner_module.program_pool().end(runner._session)
    assert runner.play([({}, steps(2))])[0].answers[0].reason != ""  # a session that someone else ended is an error
    assert runner.play([({}, steps(2))]) == before
    runner_module.program_pool().close()
    assert runner.play([({}, steps(2))]) == before


def test_sessions_end_with_their_runners():
    runner = make_runner(GOOD)
    runner.play([({}, steps(1))])
    pool = runner_module.program_pool()
    assert runner._session in pool._sessions
    name = runner._session
    del runner
    assert name not in pool._sessions


def test_threads_may_share_a_runner():
    runner = make_runner(GOOD)
    found = []
    threads = [
        threading.Thread(target=lambda n=n: found.append((n, runner.play([({"n": n}, steps(1))])[0].memory["n"])))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [(n, n + 1) for n in range(8)]


@pytest.mark.parametrize("sizes", [[1], [0, 3], [300], [1] * 250, [40, 40, 1, 90], [7] * 30])
def test_calls_are_small_and_in_order(sizes):
    episodes = [({}, steps(size, map="." * 2000)) for size in sizes]
    seen: dict[int, list[int]] = {}
    for part in _calls(episodes):
        assert part
        assert len({index for index, _ in part}) == len(part)
        length = len(json.dumps([[{}, list(own)] for _, own in part])) + len(part) * MAX_MEMORY_CHARACTERS
        assert length < MAX_CALL_CHARACTERS + 5000
        for index, own in part:
            seen.setdefault(index, []).extend(step["step"] for step in own)
    assert seen == {index: list(range(size)) for index, size in enumerate(sizes) if size}


def test_large_batches_and_odd_letters_fit():
    runner = make_runner(GOOD)
    wide = steps(40, map="'\"\\\n\ud800é" * 600, message="'" * 2000)
    played = runner.play([({"n": 0, "text": "\\'\"" * 400}, wide)] * 3)
    assert [answer.sparse for answer in played[2].answers] == list(range(1, 41))
    assert played[0].memory == {"n": 40, "text": "\\'\"" * 400}


def test_the_definition_puts_the_program_after_the_driver():
    checked = check_program(textwrap.dedent(GOOD))
    text, first = definition_of(checked)
    assert text.splitlines()[first - 1] == "    def reward(step, memory):"
    assert checked.line_of(1) == 2


@pytest.mark.parametrize("arguments", [{"mode": "docker"}, {"seconds": 0}, {"seconds": True}, {"seconds": 11}])
def test_wrong_arguments_are_refused(arguments):
    with pytest.raises(RewardiumError, match=next(iter(arguments))):
        ProgramRunner(check_program(textwrap.dedent(GOOD)), **{"mode": "subprocess", **arguments})


def test_checked_programs_pickle():
    checked = check_program(textwrap.dedent(GOOD))
    assert pickle.loads(pickle.dumps(checked)) == checked  # noqa: S301  our own bytes
