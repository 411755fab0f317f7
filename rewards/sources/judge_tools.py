"""Is a response right? A judge with a calculator says so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rewardium.envs.tools.tool import ToolError
from rewardium.envs.tools.toolset.calculator import describe, evaluate
from rewardium.rewards.models.text_questions import YES_NO, TextQuestion, ask, ask_freely
from rewardium.rewards.registry import register
from rewardium.rewards.sources._columns import require_positive_int
from rewardium.rewards.sources._judged_text import Judged
from rewardium.rewards.sources._text_judge import TextJudge, hint, turned

_CALL = re.compile(r"^[ \t]*CALC:[ \t]*([^\n]{1,200})$", re.MULTILINE)
_PLAN = "You check a response to a question. You have an exact calculator."
_ASK = "You check a response to a question. The calculator's results are exact."
_QUESTION = "By these results, is the response's final answer right? A response without a final answer is NO."
_MOST_DIGITS = 200


@register("judge_tools", papers=("A37",))
@dataclass(frozen=True)
class JudgeTools(TextJudge):
    """1 where a judge with a calculator finds a response right, else 0.

    After "Tool-Augmented Reward Modeling" (Themis, 2023): the judge thinks, calls tools, reads what they return, and
    then gives its verdict. Here it writes its calculations (``CALC: 12 * (3 + 4)``) in a first call for the whole
    batch, the calculator of the tool-use environment computes them exactly, and a second call asks for the verdict. The
    paper's model is trained, has seven tools and a scalar head (recalled); one round of one tool and the wording are
    our own. Results are computed and never taken from a text: a judge that repeats what a response claims gains
    nothing but more true results.

    Score: value float32 [B] in {0, 1}.

    Args:
        most: How many calculations are run, at least 1; later ones are not.
        with_reference: Whether the judge sees the task's reference; without it, the calculator is what it has.

    The other parameters are those of all judges of texts, see ``TextJudge``.

    Raises:
        RewardiumError: When a parameter is wrong or a model cannot be loaded.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.transition import Transition, TransitionBatch
        >>> rows = [Transition("", "", said, task=Task("123 * 457")) for said in ("It is 56211.", "It is 56212.")]
        >>> JudgeTools("scripted:grader").score(TransitionBatch.from_transitions(rows)).value.tolist()
        [1.0, 0.0]
    """

    most: int = 5
    with_reference: bool = False

    answer_tokens = 120

    def check(self) -> None:
        """Refuse a number that is none."""
        require_positive_int("most", self.most)

    def prepare(self, row: Judged, vote: int) -> Sequence[str]:
        """Have the judge say what it wants computed."""
        question = (
            f"Which calculations decide whether the response is right? Write at most {self.most}, one a line, in the "
            f"form CALC: 12 * (3 + 4), and nothing else.{hint(vote)}"
        )
        return [ask_freely(_PLAN, self._blocks(row, vote), question)]

    def questions(self, row: Judged, vote: int, notes: Sequence[str]) -> Sequence[TextQuestion]:
        """Ask for the verdict, with the results."""
        results = calculated("\n".join(notes), self.most)
        return [ask(_ASK, [*self._blocks(row, vote), ("calculations", results)], _QUESTION + hint(vote), YES_NO)]

    def _blocks(self, row: Judged, vote: int) -> list[tuple[str, str]]:
        blocks = [("question", row.question), ("response", row.response)]
        shown = self.with_reference and row.reference is not None
        return turned([*blocks, ("reference answer", row.reference or "")] if shown else blocks, vote)


def calculated(notes: str, most: int) -> str:
    r"""Run the calculations of a judge's notes.

    Args:
        notes: What the judge wrote; only lines ``CALC: ...`` count.
        most: How many are run.

    Returns:
        One line each: the expression and what it comes to, or why it has no value.

    Example:
        >>> print(calculated("Let me see.\nCALC: 2 ** 10\nCALC: 1 / 3\nCALC: import os", 5))
        2 ** 10 = 1024
        1 / 3 = 1/3
        import os: not calculated
    """
    return "\n".join(_result(text.strip()) for text in _CALL.findall(notes)[:most]) or "(none)"


def _result(expression: str) -> str:
    try:
        number = describe(evaluate(expression))
    except ToolError:
        return f"{expression}: not calculated"
    exact = number["exact"]
    return f"{expression} = {exact if exact is not None and len(exact) <= _MOST_DIGITS else number['decimal']}"
