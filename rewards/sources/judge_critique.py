"""A critique in words first, then a score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.text_questions import TextQuestion, ask, scale
from rewardium.rewards.registry import register
from rewardium.rewards.sources._judged_text import Judged
from rewardium.rewards.sources._text_judge import TextJudge, hint, turned

_INSTRUCTION = "You criticise a response to a question, and then score it."
_FIRST = "First write a critique of at most 80 words: what is right, what is wrong, and where."
_HIGHEST_SCALE = 100


@register("judge_critique")
@dataclass(frozen=True)
class JudgeCritique(TextJudge):
    """A judge's score on a stated scale, given after a critique that it writes itself.

    ``r = (S - low) / (high - low)``, ``S`` = the whole number that the judge ends with. That a critique before the
    score makes the score better is the claim of, among others, "MM-RLHF: The Next Step Forward in Multimodal LLM
    Alignment" (2025), whose model scores with a trained head after its critique; here the score is a word of any judge.
    Scale and wording are our own. What the critique quotes of the response is never taken for the score: the line of
    the score begins with a code that the response cannot hold.

    Score: value float32 [B] in [0, 1].

    Args:
        low: The worst score.
        high: The best one, above ``low`` and at most 100.

    The other parameters are those of all judges of texts, see ``TextJudge``.

    Raises:
        RewardiumError: When a parameter is wrong or a model cannot be loaded.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.transition import Transition, TransitionBatch
        >>> rows = [Transition("", "", said, task=Task("2 + 2", "4")) for said in ("It is 4.", "It is 5.")]
        >>> JudgeCritique("scripted:grader").score(TransitionBatch.from_transitions(rows)).value.tolist()
        [1.0, 0.0]
    """

    low: int = 1
    high: int = 10

    answer_tokens = 200

    def check(self) -> None:
        """Refuse a scale that is none."""
        if type(self.low) is not int or type(self.high) is not int or not 0 <= self.low < self.high <= _HIGHEST_SCALE:
            raise RewardiumError(
                f"judge_critique: 'low' and 'high' must be whole numbers with 0 <= low < high <= {_HIGHEST_SCALE}, got "
                f"{self.low!r} and {self.high!r}"
            )

    def questions(self, row: Judged, vote: int, notes: Sequence[str]) -> Sequence[TextQuestion]:
        """Ask for a critique and a score."""
        blocks = [("question", row.question), ("response", row.response)]
        blocks += [] if row.reference is None else [("reference answer", row.reference)]
        question = (
            f"How good is the response? {self.high}: without any fault. {self.low}: wrong or useless.{hint(vote)}"
        )
        return [ask(_INSTRUCTION, turned(blocks, vote), question, scale(self.low, self.high), first=_FIRST)]
