"""A careless pupil of one template of tool tasks: what it says, and where it slips."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from rewardium.envs.task import Task
from rewardium.envs.tools.observations import read_observation

CALL_WORDS = (
    "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", '{"name": "', '{"name": ',
    '", "arguments": {"',
)  # fmt: skip
"""The fixed parts of every call."""

RESULT_WORDS = ('": "', '"}}', '", "status": "', ', "status": "', "ok", "null", "malformed", '", "content": ')
"""The fixed parts of every result."""

ERROR_WORDS = ("error: ", "&lt;", "tool_call>", " has no ", " behind its JSON")
"""Parts of what an unreadable call gives."""


class Pupil(ABC):
    """What a pupil does in the tasks of one template, which are solved by at most one call.

    It responds as the oracle does, or slips; an answer that it reads from a result it copies well or badly. Slips
    depend on the task alone, so that a model can learn them: where there is an occasion, its most likely response is
    then wrong, while the right one keeps a part of the probability.

    A class sets ``template``, the name of its template, and ``words``, the texts that are one token to the policy.
    """

    template: ClassVar[str]
    words: ClassVar[tuple[str, ...]]

    @abstractmethod
    def careless_response(self, task: Task, right: str) -> str | None:
        """Write what it writes in place of the right first response; None where it knows how.

        Args:
            task: What it is asked.
            right: The right response.
        """

    @abstractmethod
    def read(self, reply: str) -> str:
        """Return the answer that a reply gives; some answer also where the reply gives none."""

    def shortened(self, task: Task, texts: Sequence[str], length: int) -> tuple[str, ...]:
        """Return a conversation with what is long to copy cut to a length; as it is where nothing is long.

        Args:
            task: What it is about.
            texts: The prompt, the responses and the replies.
            length: Number of characters.
        """
        return tuple(texts)

    def kind(self, task: Task) -> str:
        """Name the kind of a task within the template, for figures; empty where there is but one."""
        return ""


def careless_copy(answer: str) -> str:
    """Copy an answer, with a last digit of 6 to 9 as 0; an e-mail address has its digits before the ``@``.

    Example:
        >>> careless_copy("4657"), careless_copy("-31"), careless_copy("ada.king38@example.org")
        ('4650', '-31', 'ada.king30@example.org')
    """
    return re.sub(r"[6-9](?=\Z|@)", "0", answer)


def boxed(answer: str) -> str:
    r"""Write a final answer.

    Example:
        >>> print(boxed("42"))
        \boxed{42}
    """
    return f"\\boxed{{{answer}}}"


def content_of(reply: str) -> Any:
    r"""Return what the first tool of a reply answered, JSON data or a text; None where it gave an error, or none ran.

    Example:
        >>> content_of('<tool_response>\n{"name": "f", "status": "ok", "content": {"n": 3}}\n</tool_response>')
        {'n': 3}
    """
    results = read_observation(reply)
    return results[0].content if results and results[0].status == "ok" else None
