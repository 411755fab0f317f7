"""A careless writer of programs.

What it does wrong in its first response::

    x is replaced, n times     loops over range(1, n), which is one time too few
    places of two letters      goes on behind each place, as if no place could begin at its second letter; a pair of
                               equal letters, as in "aaa", reminds it that places overlap
    whole numbers, counted     for a divisor above 7 makes no call, and answers with a number of the question
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product

from rewardium.agents.llm.pupil import CALL_WORDS, ERROR_WORDS, RESULT_WORDS, Pupil, boxed, content_of
from rewardium.envs.task import Task

_KINDS = {"How many": "digit sums", "Start with": "recurrence", "At how many": "letters"}
_QUESTION_WORDS = (
    "How many whole numbers from 1 to ", " have a sum of digits that is divisible by ",
    " and do not end in the digit ",
    "Start with x = ", ". Replace x by the remainder of ", " * x + ", " divided by ", " times. What is x then?",
    "At how many places does '", "' begin in the text '", "'? Places may overlap.",
)  # fmt: skip
_LOOP, _SHORT_LOOP = "\\nfor _ in range(", "\\nfor _ in range(1, "
_PLACES, _HOPS = "' for i in range(len(text) - 1)))", "' for i in range(0, len(text) - 1, 2)))"
_PROGRAM_WORDS = (
    "print(sum(1 for n in range(1, ", " + 1) if sum(map(int, str(n))) % ", " == 0 and n % 10 != ", "))",
    "x = ", _LOOP, _SHORT_LOOP, "):\\n    x = (x * ", " + ", ") % ", "\\nprint(x)",
    "text = '", "'\\nprint(sum(text[i:i + 2] == '", _PLACES, _HOPS,
)  # fmt: skip
_SYLLABLES = tuple("".join(letters) for letters in product("abcdef", repeat=3))
"""Three letters of a long text are one token: it is then copied in 20 to 40 steps, few of which come twice."""


class ProgramPupil(Pupil):
    """Solves ``python_program``."""

    template = "python_program"
    words = (*_QUESTION_WORDS, *CALL_WORDS, "run_python", "code", *_PROGRAM_WORDS, *RESULT_WORDS, *ERROR_WORDS,
             *_SYLLABLES)  # fmt: skip

    def careless_response(self, task: Task, right: str) -> str | None:
        """Loop once too few, hop from pair to pair, or run nothing."""
        kind = self.kind(task)
        if kind == "recurrence":
            return right.replace(_LOOP, _SHORT_LOOP)
        if kind == "letters":
            pair = pair_of(task.goal)
            return right.replace(_PLACES, _HOPS) if pair[0] != pair[1] else None
        numbers = re.findall("[0-9]+", task.goal)  # from 1 to the top, the divisor, the ending
        return boxed(numbers[1]) if int(numbers[2]) > 7 else None

    def read(self, reply: str) -> str:
        """Return what the program printed; 0 where it failed."""
        content = content_of(reply)
        return "0" if content is None else str(content)

    def shortened(self, task: Task, texts: Sequence[str], length: int) -> tuple[str, ...]:
        """Cut the text that letters are looked for in; without the turn after it, since the result is another then."""
        if self.kind(task) != "letters":
            return tuple(texts)
        text = text_of(task.goal)
        return tuple(each.replace(text, text[:length]) for each in texts[:2])

    def kind(self, task: Task) -> str:
        """Return ``"digit sums"``, ``"recurrence"`` or ``"letters"``."""
        return next(kind for opening, kind in _KINDS.items() if task.goal.startswith(opening))


def pair_of(goal: str) -> str:
    """Return the two letters that a question looks for.

    Example:
        >>> pair_of("At how many places does 'ab' begin in the text 'abab'? Places may overlap.")
        'ab'
    """
    return goal.split("'")[1]


def text_of(goal: str) -> str:
    """Return the text that a question looks in.

    Example:
        >>> text_of("At how many places does 'ab' begin in the text 'abab'? Places may overlap.")
        'abab'
    """
    return goal.split("'")[3]
