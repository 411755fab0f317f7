"""What stands around a reward program in the sandbox: it hands the program its steps, and looks at what comes back.

The text of this file is sent to a session of the sandbox, followed by the program inside of a function that defines it.
The program is defined anew for every step, so that nothing of it outlives the step but the memory that it is handed.

It imports nothing but the standard library. What it says is believed by no one: whoever reads it checks it again.
"""

from __future__ import annotations

import json
import linecache
import math
from collections.abc import Callable
from typing import Any

MAX_MEMORY_CHARACTERS = 4_000
"""Length of a memory as JSON in ASCII."""

MAX_REASON_CHARACTERS = 200
"""Length of a reason."""

_MAX_MEMORY_DEPTH = 20
_MAX_SIZE = 1e300
_MAX_INTEGER = 2**63
_KINDS = {"NoneType": "None", "str": "a text", "bool": "a boolean"}

Program = Callable[[dict[str, Any], dict[str, Any]], Any]


class Unanswered(Exception):  # noqa: N818  it is no error of this code
    """A step without an answer; the message says why."""


def answer_all(make: Callable[[], Program], request: str) -> str:
    r"""Run a program on the steps of several episodes.

    Args:
        make: Defines the program and returns it.
        request: JSON: ``[[memory, [step, ...]], ...]``, the steps of each episode in order.

    Returns:
        JSON: ``[[memory, [[sparse, dense, reason, line], ...]], ...]``: the memory after the last step, and for each
        step two numbers, or None twice with a reason and the line of this text at which it arose (0 where none did).
        A step without an answer leaves the memory as it was.

    Example:
        >>> def make():
        ...     def reward(step, memory):
        ...         memory["steps"] = memory.get("steps", 0) + 1
        ...         return {"sparse": 0, "dense": memory["steps"] / step["turn"]}
        ...     return reward
        >>> answer_all(make, '[[{}, [{"turn": 1}, {"turn": 4}, {"turn": 0}]]]')
        '[[{"steps": 2}, [[0, 1.0, "", 0], [0, 0.5, "", 0], [null, null, "ZeroDivisionError: division by zero", ...]]]]'
    """
    linecache.clearcache()  # each call's text would stay there for good
    answered = []
    for memory, steps in json.loads(request):
        text, answers = json.dumps(memory), []
        for step in steps:
            answer, text = _answer(make, step, text)
            answers.append(answer)
        answered.append([json.loads(text), answers])
    return json.dumps(answered)


def _answer(make: Callable[[], Program], step: dict[str, Any], text: str) -> tuple[list[Any], str]:
    """Return the answer to one step, and the memory after it as JSON."""
    memory = json.loads(text)
    try:
        sparse, dense = _two_numbers(make()(step, memory))
        return [sparse, dense, "", 0], _memory_text(memory)
    except Unanswered as refused:
        return [None, None, str(refused)[:MAX_REASON_CHARACTERS], 0], text
    except Exception as error:
        return [None, None, _words(error), _line_of(error)], text


def _two_numbers(returned: Any) -> tuple[float, float]:
    if type(returned) is not dict or set(returned) != {"sparse", "dense"}:
        keys = f" with the keys {sorted(map(str, returned))}" if type(returned) is dict else ""
        raise Unanswered(f'it must return {{"sparse": number, "dense": number}}, and returned {_kind(returned)}{keys}')
    for name in ("sparse", "dense"):
        value = returned[name]
        if type(value) not in (int, float):
            raise Unanswered(f"{name} must be a number, and is {_kind(value)}")
        if type(value) is float and not math.isfinite(value):
            raise Unanswered(f"{name} must be finite, and is {value}")
        if abs(value) > _MAX_SIZE:
            raise Unanswered(f"{name} is larger than {_MAX_SIZE:g}")
    return returned["sparse"], returned["dense"]


def _memory_text(memory: Any) -> str:
    _check_memory(memory, _MAX_MEMORY_DEPTH)
    text = json.dumps(memory)
    if len(text) > MAX_MEMORY_CHARACTERS:
        raise Unanswered(f"memory holds {len(text)} characters as JSON; at most {MAX_MEMORY_CHARACTERS} are kept")
    return text


def _check_memory(value: Any, depth: int) -> None:
    """Refuse what would come back from JSON as something else, or not at all."""
    kind = type(value)
    if depth == 0:
        raise Unanswered(f"memory is nested deeper than {_MAX_MEMORY_DEPTH} levels")
    if kind is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise Unanswered(f"memory has a key that is {_kind(key)}; its keys must be texts")
            _check_memory(item, depth - 1)
    elif kind is list:
        for item in value:
            _check_memory(item, depth - 1)
    elif kind is float and not math.isfinite(value):
        raise Unanswered(f"memory holds {value}; its numbers must be finite")
    elif kind is int and abs(value) > _MAX_INTEGER:
        raise Unanswered("memory holds an integer above 2**63")
    elif value is not None and kind not in (bool, int, float, str):
        raise Unanswered(f"memory holds {_kind(value)}; it keeps None, booleans, numbers, texts, lists and dicts only")


def _kind(value: Any) -> str:
    name = type(value).__name__
    return _KINDS.get(name, f"of the type {name}")


def _words(error: Exception) -> str:
    try:
        return f"{type(error).__name__}: {str(error)[:MAX_REASON_CHARACTERS]}"[:MAX_REASON_CHARACTERS]
    except Exception:
        return "an exception that cannot be shown"


def _line_of(error: Exception) -> int:
    """Return the line of this text at which the program was when the exception was raised."""
    line, frames = 0, error.__traceback__
    while frames is not None:
        if frames.tb_frame.f_code.co_filename == _line_of.__code__.co_filename:
            line = frames.tb_lineno
        frames = frames.tb_next
    return line
