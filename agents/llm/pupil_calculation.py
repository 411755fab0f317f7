r"""A careless user of a calculator, who slips by the form of the expression.

What it does wrong in its call::

    a * b - c         makes no call, and answers with a number of the question
    (c - a) * d       calculates with the digits of the first operand reversed
    a ** 2 - b * d    leaves the call unclosed, which then runs nothing
"""

from __future__ import annotations

import re
from typing import Literal

from rewardium.agents.llm.pupil import CALL_WORDS, ERROR_WORDS, RESULT_WORDS, Pupil, boxed, content_of
from rewardium.envs.task import Task

Slip = Literal["no_call", "operand", "unclosed"]
"""What the pupil may do wrong when it calls."""


class CalculationPupil(Pupil):
    """Solves ``single_calculation``."""

    template = "single_calculation"
    words = (
        "Calculate ", *CALL_WORDS, "calculate", "expression", *RESULT_WORDS, '{"exact": "', '", "decimal": "',
        '", "note": "the decimal is exact"}}', *ERROR_WORDS,
    )  # fmt: skip

    def careless_response(self, task: Task, right: str) -> str | None:
        """Slip as the form of the expression says."""
        expression = str(task.fields["gold_calls"][0]["arguments"]["expression"])
        slip = call_slip(expression)
        return None if slip is None else careless_call(right, expression, slip)

    def read(self, reply: str) -> str:
        """Return the number that a reply gives; 0 where the call ran nothing."""
        content = content_of(reply)
        return str(content["exact"]) if isinstance(content, dict) and "exact" in content else "0"


def call_slip(expression: str) -> Slip | None:
    """Return what a careless pupil does wrong in the call for an expression; None where it knows how.

    Example:
        >>> [call_slip(text) for text in ("12 * 13 + 100", "12 * 13 - 100", "(100 - 12) * 3", "12 ** 2 - 13 * 3")]
        [None, 'no_call', 'operand', 'unclosed']
    """
    if "**" in expression:
        return "unclosed"
    if " - " not in expression:
        return None
    return "operand" if expression.startswith("(") else "no_call"


def careless_call(call: str, expression: str, slip: Slip) -> str:
    r"""Write what the pupil writes in place of the right call.

    Args:
        call: The right response, with the expression in it.
        expression: What is to be calculated.
        slip: What it does wrong.

    Returns:
        The response.

    Example:
        >>> careless_call("<tool_call>(100 - 12) * 3</tool_call>", "(100 - 12) * 3", "operand")
        '<tool_call>(001 - 12) * 3</tool_call>'
        >>> print(careless_call("<tool_call>12 * 13 - 140</tool_call>", "12 * 13 - 140", "no_call"))
        \boxed{140}
        >>> careless_call("<tool_call>12 ** 2</tool_call>", "12 ** 2", "unclosed")
        '<tool_call>12 ** 2'
    """
    if slip == "no_call":
        return boxed(re.findall("[0-9]+", expression)[-1])
    if slip == "operand":
        return call.replace(expression, re.sub("[0-9]+", lambda found: found[0][::-1], expression, count=1))
    return call.removesuffix("</tool_call>").rstrip("\n")
