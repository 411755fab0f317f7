r"""From one row of a data set to a task: which column is the problem, which the answer, and what is wrong with a row.

A row is a mapping, from a line of JSON or a row of a data set. Columns are found by their usual names, unless a mapping
says otherwise:

===========  ==========================================================================================
``problem``  ``problem``, ``question``, ``prompt``, ``goal``
``answer``   ``answer``, ``final_answer``, ``gold``, ``reference``, ``solution``
``level``    ``level``: a number, also as ``"Level 3"``
``subject``  ``subject``, ``type``, ``problem_type``
===========  ==========================================================================================

The first name that a row has, with a value that is not null, is taken. An answer may be a worked one: what stands in
its last ``\boxed{}``, or after ``####`` (GSM8K), is then the reference, and the text stays in the task's fields as
``solution``. All other columns stay in the task's fields as they are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rewardium.envs.errors import RewardiumError, unknown_name_message
from rewardium.envs.math.rational import boxed
from rewardium.envs.math.verify.limits import MAX_ANSWER_LENGTH
from rewardium.envs.task import Task

NAMES: dict[str, tuple[str, ...]] = {
    "problem": ("problem", "question", "prompt", "goal"),
    "answer": ("answer", "final_answer", "gold", "reference", "solution"),
    "level": ("level",),
    "subject": ("subject", "type", "problem_type"),
}

MAX_PROBLEM_LENGTH = 2**15
"""Characters of a problem; a longer one is a bad row."""

MAX_PLAIN_SOLUTION_LENGTH = 200
r"""Characters of a ``solution`` without ``\boxed{}`` that is taken for the answer itself; a longer one is a bad row."""

EXAMPLE_ROW = '{"problem": "What is 1/4 + 1/4?", "answer": "1/2"}'

_LEVEL = re.compile(r"(?:level\s*+)?([0-9]{1,9})", re.IGNORECASE)
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})++(?:\.[0-9]++)?")


class BadRowError(RewardiumError):
    """A row is no task; the message says why in words."""


def check_columns(columns: Mapping[str, str] | None) -> dict[str, str]:
    """Check a mapping from the names of this module to the columns of a data set.

    Args:
        columns: For some of ``problem``, ``answer``, ``level`` and ``subject`` the name of the column; None for none.

    Returns:
        A copy.

    Raises:
        RewardiumError: When a name is unknown, or a column is no text.

    Example:
        >>> check_columns({"problem": "task_text"})
        {'problem': 'task_text'}
    """
    if columns is None:
        return {}
    if not isinstance(columns, Mapping):
        raise RewardiumError(f"columns must be a mapping such as {{'problem': 'question_text'}}, got {columns!r}")
    for name, column in columns.items():
        if name not in NAMES:
            raise RewardiumError(unknown_name_message("name in columns", str(name), NAMES))
        if not isinstance(column, str) or not column:
            raise RewardiumError(f"columns[{name!r}] must be the name of a column, got {column!r}")
    return dict(columns)


def read_row(row: object, columns: Mapping[str, str] | None = None) -> Task:
    r"""Turn a row into a task.

    Args:
        row: A mapping; anything else is a bad row.
        columns: Where the columns have other names, e.g. ``{"problem": "task_text"}``.

    Returns:
        The task: the problem is its goal, the answer its reference, the rest its fields.

    Raises:
        BadRowError: When the row is no mapping, has no problem or no answer, or one that is no text, empty or too
            long. A number as answer is turned into text.

    Example:
        >>> task = read_row({"problem": "2x = 3?", "solution": r"Thus \boxed{\frac32}.", "level": "Level 2"})
        >>> task.reference, task.fields["level"], task.fields["solution"]
        ('\\frac32', 2, 'Thus \\boxed{\\frac32}.')
    """
    if not isinstance(row, Mapping):
        raise BadRowError(f"it is no object but {_kind(row)}")
    columns = columns or {}
    problem_column = _column(row, columns, "problem")
    answer_column = _column(row, columns, "answer")
    if problem_column is None or answer_column is None:
        missing = "problem" if problem_column is None else "answer"
        names = (columns[missing],) if missing in columns else NAMES[missing]
        raise BadRowError(f"it has no {missing}: none of {', '.join(names)}")
    problem = _problem(row[problem_column])
    written = _text(row[answer_column], "answer")
    reference = _reference(written, is_solution=answer_column == "solution")
    return Task(problem, reference, _fields(row, columns, (problem_column, answer_column), written, reference))


def _column(row: Mapping[Any, Any], columns: Mapping[str, str], name: str) -> str | None:
    """Return the column that holds something, or None."""
    candidates = (columns[name],) if name in columns else NAMES[name]
    return next((candidate for candidate in candidates if row.get(candidate) is not None), None)


def _problem(value: object) -> str:
    if not isinstance(value, str):
        raise BadRowError(f"the problem is no text but {_kind(value)}")
    if not value.strip():
        raise BadRowError("the problem is empty")
    if len(value) > MAX_PROBLEM_LENGTH:
        raise BadRowError(f"the problem has {len(value)} characters, more than {MAX_PROBLEM_LENGTH}")
    return _encodable(value.strip(), "problem")


def _text(value: object, what: str) -> str:
    """Return an answer as text; a number is written out without an exponent."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**MAX_PLAIN_SOLUTION_LENGTH:
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return format(Decimal(repr(value)), "f")
    if not isinstance(value, str):
        raise BadRowError(f"the {what} is neither text nor a finite number but {_kind(value)}")
    if not value.strip():
        raise BadRowError(f"the {what} is empty")
    return _encodable(value.strip(), what)


def _encodable(text: str, what: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise BadRowError(f"the {what} holds half of a surrogate pair, which is no text") from None
    return text


def _reference(written: str, *, is_solution: bool) -> str:
    """Find the final answer in what was written."""
    answer = boxed(written)
    _, marker, after = written.rpartition("####")
    if answer is None and marker and "\n" not in after.strip():
        answer = after
    if answer is None:
        if is_solution and ("\n" in written or len(written) > MAX_PLAIN_SOLUTION_LENGTH):
            raise BadRowError(r"the solution has no \boxed{} that is closed, and no line that begins with ####")
        answer = written
    answer = answer.strip()
    if not answer:
        raise BadRowError("the answer is empty")
    if len(answer) > MAX_ANSWER_LENGTH:
        raise BadRowError(f"the answer has {len(answer)} characters, more than {MAX_ANSWER_LENGTH}")
    return answer.replace(",", "") if marker and _THOUSANDS.fullmatch(answer) else answer


def _fields(
    row: Mapping[Any, Any], columns: Mapping[str, str], used: tuple[str, str], written: str, reference: str
) -> dict[str, Any]:
    """Return what else the row says."""
    fields: dict[str, Any] = {}
    skipped = set(used)
    for name, convert in (("level", level_of), ("subject", subject_of)):
        column = _column(row, columns, name)
        if column is not None and column not in used:
            fields[name] = convert(row[column])
            skipped.add(column)
    if written != reference:
        fields["solution"] = written
    fields.update({key: value for key, value in row.items() if key not in skipped and key not in fields})
    return fields


def level_of(value: object) -> int | str:
    """Return a level as a number where it is one, else as text.

    Example:
        >>> level_of("Level 3"), level_of(3.0), level_of("Level ?")
        (3, 3, 'Level ?')
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = str(value).strip()
    match = _LEVEL.fullmatch(text)
    return int(match[1]) if match else text


def subject_of(value: object) -> str:
    """Return a subject as text.

    Example:
        >>> subject_of(" Number Theory ")
        'Number Theory'
    """
    return str(value).strip()


def _kind(value: object) -> str:
    """Say in JSON's words what a value is."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, (int, float)):
        return "a number"
    return f"a {type(value).__name__}"
