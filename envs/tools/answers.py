r"""Final answers: where they stand in a response, and whether they are right.

A number must be written as a number. An unfinished calculation such as ``12 * 13 + 5`` has the right value as well, but
whoever writes it has not calculated, and a calculator task would be solved by copying it.
"""

from __future__ import annotations

import re
from typing import Literal

from rewardium.envs.math.rational import NotRationalError, parse_rational
from rewardium.envs.math.verify import verify
from rewardium.envs.math.verify.verdict import Verdict

AnswerFrom = Literal["boxed", "last_line", "whole"]
"""Where the answer stands: in the last ``\\boxed{}``, on the last line that is not empty, or the whole response."""

MAX_ANSWER = 500
"""Characters of an answer."""

_TEXT = re.compile(r"[A-Za-z]{2,}(?:[ ,'-]++[A-Za-z]{2,})*+|[^\s@]++@[^\s@]++")
_TEXT_COMMAND = re.compile(r"\\(?:text|mathrm|textbf|texttt)\{([^{}]*+)\}")


def find_answer(response: str, answer_from: AnswerFrom) -> str | None:
    r"""Find the final answer in a response.

    Args:
        response: The response, without calls.
        answer_from: Where it stands.

    Returns:
        The answer without white space around it; None where there is none, or it is longer than ``MAX_ANSWER``.

    Example:
        >>> find_answer(r"It is \boxed{\frac{1}{2}}.", "boxed"), find_answer("So:\n12\n", "last_line")
        ('\\frac{1}{2}', '12')
    """
    if answer_from == "boxed":
        found = _last_box(response)
    else:
        stripped = response.strip()
        found = stripped if answer_from == "whole" else stripped[-2 * MAX_ANSWER :].rpartition("\n")[2]
    found = None if found is None else found.strip()
    return found if found and len(found) <= MAX_ANSWER else None


def _last_box(response: str) -> str | None:
    start = response.rfind("\\boxed{")
    if start < 0:
        return None
    start += len("\\boxed{")
    depth = 1
    for end in range(start, min(len(response), start + MAX_ANSWER + 1)):
        depth += {"{": 1, "}": -1}.get(response[end], 0)
        if depth == 0:
            return response[start:end]
    return None


def judge(reference: str, answer: str) -> Verdict:
    r"""Say whether an answer is the right one.

    Numbers are compared by value and must be written as numbers. Words and e-mail addresses are compared as texts, in
    upper or lower case: ``verify`` might take the word of a policy for a formula, and an anagram for a product of the
    same letters. Everything else, which only tasks of one's own have, is compared as ``verify`` does.

    Args:
        reference: The right answer.
        answer: What ``find_answer`` found.

    Returns:
        The verdict.

    Example:
        >>> judge("1605", "1,605.0").status, judge("1605", "1600 + 5").reason
        ('equal', 'the answer must be written as a number')
        >>> judge("copper", r"\text{Copper}").status, judge("ada@example.org", "ada@example.com").status
        ('equal', 'different')
    """
    if _is_number(reference):
        plain = answer.strip("$ ")
        if not _is_number(plain):
            return Verdict("unparsed", "the answer must be written as a number", answer)
        return verify(reference, plain)
    if not _TEXT.fullmatch(reference):
        return verify(reference, f"\\boxed{{{answer}}}")
    if _plain(answer) == _plain(reference):
        return Verdict("equal", "both are written in the same way", answer)
    return Verdict("different", "they are different texts", answer)


def _plain(text: str) -> str:
    """Take off what words are put into, and what does not count."""
    return " ".join(_TEXT_COMMAND.sub(r"\1", text).strip("$ .\"'`").split()).casefold()


def _is_number(text: str) -> bool:
    try:
        parse_rational(text)
    except NotRationalError:
        return False
    return True
