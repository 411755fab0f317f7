"""Does a response come to the reference answer? A judge says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rewardium.rewards.models.text_questions import YES_NO, TextQuestion, ask
from rewardium.rewards.registry import register
from rewardium.rewards.shaping.parameters import require_choice
from rewardium.rewards.sources._columns import NO_REFERENCE, WHERE, answer_of
from rewardium.rewards.sources._judged_text import NO_CONTENT, Judged, Settled
from rewardium.rewards.sources._text_judge import TextJudge, hint, turned

_INSTRUCTION = "You check whether a response to a question comes to the same answer as a reference answer."
_QUESTION = (
    "Does the response give a final answer, and does it equal the reference answer? Other ways to write the same "
    "answer are equal. Working alone, a promise of an answer, or an opening phrase is NO."
)


@register("judge_reference", papers=("A35",))
@dataclass(frozen=True)
class JudgeReference(TextJudge):
    r"""1 where a judge finds that the response's answer equals the reference, else 0.

    ``r = 1[judge(q, reference, response) = YES]``, the reference-based judge that "One Token to Fool LLM-as-a-Judge"
    (2025) attacks with *master keys*: responses such as ``":"`` or ``"Solution"`` that judges call right. The paper
    trains a judge on such responses as negatives; here they never reach the judge (``has_content`` in
    ``rewards/sources/_judged_text.py`` holds the rule), and ``where="boxed"`` shows it the answer alone, so that no
    opening can persuade it. The list of keys is from notes on the paper; rule and wording are our own.

    For mathematics and any task with a reference in words, where no verifier can tell equal answers.

    Score: value float32 [B] in {0, 1}, between them where votes are split; invalid where the task has no reference, or
    the judge no answer.

    Args:
        where: What of the response is shown: ``"response"`` all of it, ``"boxed"`` or ``"last_line"`` its answer.

    The other parameters are those of all judges of texts, see ``TextJudge``.

    Raises:
        RewardiumError: When a parameter is wrong or a model cannot be loaded.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.transition import Transition, TransitionBatch
        >>> rows = [Transition("", "", said, task=Task("2 + 2", "4")) for said in ("It is 4.", "It is 5.", "Solution:")]
        >>> score = JudgeReference("scripted:grader").score(TransitionBatch.from_transitions(rows))
        >>> score.value.tolist(), score.cost["calls"]
        ([1.0, 0.0, 0.0], 2.0)
    """

    where: Literal["response", "boxed", "last_line"] = "response"

    def check(self) -> None:
        """Refuse a place that is none."""
        require_choice(self, "where", ("response", *WHERE))

    def settle(self, row: Judged) -> Settled | None:
        """Settle a row without a reference, or without an answer in its place."""
        if row.reference is None or not row.reference.strip():
            return Settled(None, NO_REFERENCE)
        return Settled(0.0, NO_CONTENT) if not self._shown(row).strip() else None

    def questions(self, row: Judged, vote: int, notes: Sequence[str]) -> Sequence[TextQuestion]:
        """Ask whether the answers are equal."""
        blocks = [("question", row.question), ("reference answer", row.reference or ""), ("response", self._shown(row))]
        return [ask(_INSTRUCTION, turned(blocks, vote), _QUESTION + hint(vote), YES_NO)]

    def _shown(self, row: Judged) -> str:
        return row.response if self.where == "response" else answer_of(row.response, self.where) or ""
