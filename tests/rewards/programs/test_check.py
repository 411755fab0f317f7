from __future__ import annotations

import ast
import textwrap

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.programs import scripted
from rewardium.rewards.programs.check import (
    MAX_CHARACTERS,
    MAX_CONSTANT_CHARACTERS,
    MAX_REFUSALS,
    check_program,
    refusals_of,
)

BODY = '    return {"sparse": 0, "dense": 1}\n'


def program(body: str, head: str = "") -> str:
    return f"{head}\ndef reward(step, memory):\n{textwrap.indent(textwrap.dedent(body), '    ')}\n{BODY}"


def reasons(text: str) -> list[str]:
    return [str(refusal) for refusal in refusals_of(text)]


@pytest.mark.parametrize(
    "text",
    [
        f"def reward(step, memory):\n{BODY}",
        f"def reward(step: dict, memory: dict) -> dict:\n{BODY}",
        f'"""What it does."""\nimport math\nfrom re import compile as pattern\nLIMIT = 3\nWORDS: dict = {{}}\n'
        f"KEY = pattern('k.y')\n\n\ndef helper(*values, **more):\n    return sum(values)\n\n\n"
        f"def reward(step, memory):\n{BODY}",
        program("while memory.get('n', 0) < 3:\n    memory['n'] = memory.get('n', 0) + 1\nelse:\n    del memory['n']"),
        program("x = [a for a in step['inventory'] if a] or {a: 1 for a in 'ab'}"),
        program("y = (lambda z: z ** 2)(3) if step['map'] else -1"),
        program("try:\n    n = int(step['message'].split()[0])\nexcept (ValueError, IndexError) as error:\n    n = 0"),
        program("map = step['map']\nid = f\"{map[:3]!r:>5}\"\nif (n := len(id)) > 3:\n    pass"),
        program("import math\nmemory['far'] = max(memory.get('far', 0), math.hypot(3, 4), key=abs)"),
        *(text for text in (*scripted.FIRST_PROPOSALS, scripted.LAVA) if text is not scripted.BROKEN),
    ],
)  # fmt: skip
def test_ordinary_programs_are_accepted(text):
    assert reasons(text) == []
    checked = check_program(text)
    assert ast.dump(ast.parse(checked.body)) == ast.dump(ast.parse(text))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the program is empty"),
        ("x = 1", "a program defines one function reward(step, memory), and this one defines 0"),
        (f"def reward(step, memory):\n{BODY}" * 2, "and this one defines 2"),
        ("def reward(step): return 1", "line 1: reward must take exactly two parameters"),
        ("def reward(step, memory, *more): return 1", "line 1: reward must take exactly two parameters"),
        ("def reward(step, memory={}): return 1", "line 1: reward must take exactly two parameters"),
        ("def reward(step, memory)\n    return 1", "line 1: it cannot be read: expected ':'"),
        ("reward = lambda step, memory: 1", "this one defines 0"),
        (f"print('now')\n{program('')}", "line 1: outside of functions"),
        (program("import os"), "line 3: a program may import math and re only, not os"),
        (program("from os import path"), "not os"),
        (program("from . import x"), "not ."),
        (program("import math.os"), "not math.os"),
        (program("from re import sys"), "sys may not be imported from re"),
        (program("from math import *"), "* may not be imported from math"),
        (program("import re\nre.sys.exit()"), "the attribute sys is not among the allowed ones"),
        (program("open('x')"), "the name open is neither defined by the program nor among the allowed functions"),
        (program("eval('1')"), "the name eval"),
        (program("exec('1')"), "the name exec"),
        (program("getattr(step, 'x')"), "the name getattr"),
        (program("print('x')"), "the name print"),
        (program("globals()"), "the name globals"),
        (program("vars()"), "the name vars"),
        (program("type(step)"), "the name type"),
        (program("hash('x')"), "the name hash"),
        (program("id(step)"), "the name id"),
        (program("iter(int, 1)"), "the name iter"),
        (program("answer_all"), "the name answer_all"),
        (program("__import__('os')"), "the name __import__"),
        (program("x = __builtins__"), "the name __builtins__"),
        (program("__x = 1"), "the name __x begins with two underscores"),
        (program("step.__class__"), "the attribute __class__ is not among the allowed ones"),
        (program("().__class__.__base__.__subclasses__()"), "the attribute __subclasses__"),
        (program("(lambda: 0).__globals__"), "the attribute __globals__"),
        (program("'{0.__class__}'.format(step)"), "the attribute format is not among the allowed ones"),
        (program("'{x}'.format_map(step)"), "the attribute format_map"),
        (program("f = 'x'.format"), "the attribute format"),
        (program("try:\n    pass\nexcept KeyError as e:\n    e.__traceback__.tb_frame"), "the attribute tb_frame"),
        (program("try:\n    pass\nexcept:\n    pass"), "an except clause must name what it catches"),
        (program("try:\n    pass\nexcept BaseException:\n    pass"), "the name BaseException"),
        (program("reward.count = 1"), "the attribute count is set"),
        (program("del step.items"), "the attribute items is set"),
        (program("class A:\n    pass"), "line 3: a program has no class"),
        (program("yield 1"), "a program has no yield"),
        (program("await step"), "a program has no await"),
        (program("global x\nx = 1"), "a program has no global"),
        (program("def f():\n    nonlocal step"), "a program has no nonlocal"),
        (program("with step: pass"), "a program has no with"),
        (program("raise ValueError"), "a program has no raise"),
        (program("assert step"), "a program has no assert"),
        (program("match step:\n    case {}: pass"), "a program has no match"),
        (program("@max\ndef f(): pass"), "a program has no decorators"),
        (program("x = b'bytes'"), "a constant of the type bytes"),
        (program("x = ..."), "a constant of the type ellipsis"),
        (program("x = 1j"), "a constant of the type complex"),
        (program(f"x = {10**16}"), "an integer above 10**15"),
        (program(f"x = {'a' * (MAX_CONSTANT_CHARACTERS + 1)!r}"), "a text of 2001 characters"),
        (program("x = 1") + "#" * MAX_CHARACTERS, "at most 20000 are read"),
        (program(f"x = {[1] * 5000}"), "more than 5000 nodes"),
        (program("x = " + "-" * 60 + "1"), "line 3: the program is nested deeper than 50 levels"),
        (program("x = " + "(" * 900 + ")" * 900), "it cannot be read"),
        (program("x = " + "-" * 15_000 + "1"), "it cannot be read"),
        (program("x = '\x00'"), "it cannot be read"),
    ],
)  # fmt: skip
def test_others_are_refused_with_line_and_reason(text, reason):
    told = reasons(text)
    assert any(reason in line for line in told), told
    with pytest.raises(RewardiumError, match="the reward program is refused"):
        check_program(text)


def test_all_reasons_are_told_at_once_up_to_a_number():
    told = reasons(program("import os\nopen('x')\nstep.__dict__"))
    assert [line.split(":")[0] for line in told] == ["line 3", "line 4", "line 5"]
    assert len(reasons(program("\n".join(f"import m{i}" for i in range(200))))) == MAX_REFUSALS


def test_lines_are_those_of_the_text():
    text = (
        '"""Doc."""\n\n# a comment\n\n\ndef reward(step,\n           memory):\n    # another\n'
        f"    x = (1 +\n         2)\n{BODY}"
    )
    checked = check_program(text)
    lines = checked.body.splitlines()
    assert checked.line_of(lines.index("    x = 1 + 2") + 1) == 9
    assert checked.line_of(len(lines)) == 11
    assert checked.line_of(0) == 0


def test_equal_programs_have_equal_digests():
    text = program("x = 1")
    assert check_program(text).digest == check_program(text + "# a comment\n").digest
    assert check_program(text).digest != check_program(program("x = 2")).digest


PIECES = st.sampled_from(
    ["def reward(step, memory):", "    return {}", "    x = [", "]", "'", '"""', "\\", "\n", "lambda: ", "(", ")", "{",
     "}", "f'{x!r:>{9}}'", "@", "*", ":", "\x00", "\ud800", "é", "import os", "    yield", "\t", "9" * 5000, "0x"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=200))
@example("f'{'")
@example("def reward(step, memory):\n    return f'{step[\"a\"]}\\n{1!r}'\n")
@example("def reward(step, memory):\n    return '\ud800'\n")
def test_any_text_is_read_and_nothing_raises(text):
    told = reasons(text)
    assert all(isinstance(line, str) and "\n" not in line[:1] for line in told)
    if not told:
        assert "reward" in check_program(text).body
