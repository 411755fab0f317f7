"""Better or worse than a reference response, by a judge that reads twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.text_questions import A_B_TIE, TextQuestion, ask, ask_freely
from rewardium.rewards.registry import register
from rewardium.rewards.sources._columns import require_positive_int
from rewardium.rewards.sources._judge_pairs import in_both_orders, preference, reference_responses, settle_pairs
from rewardium.rewards.sources._judged_text import Judged, Settled
from rewardium.rewards.sources._text_judge import TextJudge, hint, require_texts

DEFAULT_DIMENSIONS = (
    "right answer",
    "sound steps",
    "keeps to what was asked",
    "uses tools well",
    "complete",
    "clear and short",
)
_BRANCH = "You prepare a comparison of two responses to a question. You do not decide it yet."
_RETHINK = "You decide which of two responses to a question is better. You have read them once already."
_DECIDE = (
    "Read both responses again, looking only for the issues in your notes, and check whether each is really there. "
    "Which response is better? Answer TIE where neither is."
)


@register("judge_rethink", papers=("B67",))
@dataclass(frozen=True)
class JudgeRethink(TextJudge):
    """How far a judge prefers a response to reference responses, after it has chosen what to look at.

    Two turns, after "Think Twice: Branch-and-Rethink Reasoning Reward Model" (2025): the judge first picks one to three
    dimensions of a list and notes the issues of each response there; it then reads both again under these notes and
    decides. ``r`` is the mean over references and orders of 1 for a win and 1/2 for a tie. The two turns are those of
    the authors' README, whose judge is trained for them; dimensions and wording are our own. Each turn is one call for
    the whole batch.

    The notes are the judge's own and are shown to it as data, since they may quote the response.

    Score: value float32 [B] in [0, 1]; invalid where the task has no reference responses.

    Args:
        dimensions: What the judge may choose from, at least one.
        field: The task's field that holds the reference responses.
        most: How many of them are read, at least 1.

    The other parameters are those of all judges of texts, see ``TextJudge``.

    Raises:
        RewardiumError: When a parameter is wrong or a model cannot be loaded.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.transition import Transition, TransitionBatch
        >>> task = Task("2 + 2", "4", {"reference_responses": ["It is 5."]})
        >>> batch = TransitionBatch.from_transitions([Transition("", "", "4", task=task)])
        >>> score = JudgeRethink("scripted:grader").score(batch)
        >>> score.value.tolist(), score.cost["calls"]
        ([1.0], 4.0)
    """

    dimensions: tuple[str, ...] = DEFAULT_DIMENSIONS
    field: str = "reference_responses"
    most: int = 1

    answer_tokens = 200

    def check(self) -> None:
        """Refuse dimensions and numbers that are none."""
        require_texts(self, "dimensions", least=1)
        require_positive_int("most", self.most)
        if not isinstance(self.field, str):
            raise RewardiumError(f"judge_rethink: 'field' must be the name of a task's field, got {self.field!r}")

    def settle(self, row: Judged) -> Settled | None:
        """Settle a row whose task has nothing to compare with."""
        return settle_pairs(row, self.field, self.most)

    def prepare(self, row: Judged, vote: int) -> Sequence[str]:
        """Have the judge choose dimensions and note issues, for each order."""
        question = (
            f"Choose one to three of these dimensions, those that decide here: {', '.join(self.dimensions)}. For each, "
            f"write one line about response a and one about response b: what may be wrong there.{hint(vote)}"
        )
        return [ask_freely(_BRANCH, blocks, question) for blocks in self._blocks(row)]

    def questions(self, row: Judged, vote: int, notes: Sequence[str]) -> Sequence[TextQuestion]:
        """Ask which is better, under the notes of the same order."""
        return [
            ask(_RETHINK, [*blocks, ("notes", text)], _DECIDE, A_B_TIE)
            for blocks, text in zip(self._blocks(row), notes, strict=True)
        ]

    def combine(self, row: Judged, values: Sequence[float]) -> float:
        """Average over references and orders."""
        return preference(values)

    def _blocks(self, row: Judged) -> list[list[tuple[str, str]]]:
        right = [] if row.reference is None else [("reference answer", row.reference)]
        others = reference_responses(row, self.field, self.most)
        return [[*pair, *right] for other in others for pair in in_both_orders(row, other)]
