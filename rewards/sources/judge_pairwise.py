"""Better or worse than a reference response, after a judge has reasoned about both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.text_questions import TextQuestion
from rewardium.rewards.registry import register
from rewardium.rewards.sources._columns import require_positive_int
from rewardium.rewards.sources._judge_pairs import comparisons, preference, reference_responses, settle_pairs
from rewardium.rewards.sources._judged_text import Judged, Settled
from rewardium.rewards.sources._text_judge import TextJudge, hint

_INSTRUCTION = "You decide which of two responses to a question is better."
_QUESTION = "Which response is better? A right answer counts before everything else. Answer TIE where neither is."
_REASON = """\
First write, in at most 150 words:
<type> Reasoning or Chat </type>
If it is Reasoning (mathematics, code, tools): <solution> your own solution of the question </solution>
If it is Chat: <rubric> what matters for this question, with weights </rubric> <justify> why </justify>
<eval> both responses against that, quoting from them </eval>"""


@register("judge_pairwise", papers=("A9",))
@dataclass(frozen=True)
class JudgePairwise(TextJudge):
    """How far a judge prefers a response to reference responses, over both orders.

    ``r = mean over references and orders of 1[response wins] + 1/2 [tie]``. With ``reasoning`` the judge first sorts
    the question, then solves it itself or writes a rubric, and evaluates both responses by that: the Chain-of-Rubrics
    prompt of "RM-R1: Reward Modeling as Reasoning" (2025). Its structure is recalled, the wording our own; the paper's
    judge is trained for it, and shuffles the orders that are both asked here.

    A judge that prefers what stands first says 1/2 of everything. The references are responses of the policy before
    training, or anything else that is to be beaten.

    Score: value float32 [B] in [0, 1]; invalid where the task has no reference responses.

    Args:
        reasoning: Whether the judge reasons first, in up to 400 tokens.
        field: The task's field that holds the reference responses, a list of texts.
        most: How many of them are read, at least 1.

    The other parameters are those of all judges of texts, see ``TextJudge``.

    Raises:
        RewardiumError: When a parameter is wrong or a model cannot be loaded.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.transition import Transition, TransitionBatch
        >>> task = Task("2 + 2", "4", {"reference_responses": ["It is 5.", "It is 4."]})
        >>> rows = [Transition("", "", said, task=task) for said in ("4", "6")]
        >>> JudgePairwise("scripted:grader", most=2).score(TransitionBatch.from_transitions(rows)).value.tolist()
        [0.75, 0.25]
    """

    reasoning: bool = True
    field: str = "reference_responses"
    most: int = 1

    @property
    def answer_tokens(self) -> int:  # type: ignore[override]
        """Tokens of an answer."""
        return 400 if self.reasoning else 24

    def check(self) -> None:
        """Refuse what is no switch, no name and no number."""
        require_positive_int("most", self.most)
        if not isinstance(self.reasoning, bool) or not isinstance(self.field, str):
            raise RewardiumError(
                f"judge_pairwise: 'reasoning' must be True or False and 'field' a name, got {self.reasoning!r} and "
                f"{self.field!r}"
            )

    def settle(self, row: Judged) -> Settled | None:
        """Settle a row whose task has nothing to compare with."""
        return settle_pairs(row, self.field, self.most)

    def questions(self, row: Judged, vote: int, notes: Sequence[str]) -> Sequence[TextQuestion]:
        """Compare with each reference response, in both orders."""
        others = reference_responses(row, self.field, self.most)
        right = [] if row.reference is None else [("reference answer", row.reference)]
        first = _REASON if self.reasoning else ""
        return comparisons(row, others, _INSTRUCTION, _QUESTION + hint(vote), blocks=right, first=first)

    def combine(self, row: Judged, values: Sequence[float]) -> float:
        """Average over references and orders."""
        return preference(values)
