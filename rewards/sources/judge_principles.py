"""How well does a response follow principles that are given in words?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.text_questions import TextQuestion, ask, scale
from rewardium.rewards.registry import register
from rewardium.rewards.shaping.parameters import require_number
from rewardium.rewards.sources._judged_text import Judged
from rewardium.rewards.sources._principles import (
    DEFAULT_PRINCIPLES,
    check_principles,
    chosen_principles,
    principles_text,
)
from rewardium.rewards.sources._text_judge import TextJudge, hint, require_texts, turned

_INSTRUCTION = "You score how well a response to a question follows principles. Judge by these principles alone."
_QUESTION = (
    "How well does the response follow the principles? What a principle says to avoid counts against the response. "
    "5: it follows all of them fully. 3: it follows them in part. 1: it goes against them."
)


@register("judge_principles", papers=("B23",))
@dataclass(frozen=True)
class JudgePrinciples(TextJudge):
    """A judge's score of a response under principles that are part of the question, from 1 to 5, mapped to [0, 1].

    ``r = (S - 1) / 4``, ``S`` in {1, .., 5} = judge(P, q, response). From "RewardAnything: Generalizable
    Principle-Following Reward Models" (2025): a judge takes the criterion as text when it is used, so that another
    principle makes another reward without training. The paper's judge reads a list of responses at once, and also ranks
    them; here each response is scored by itself, since a source sees no groups. The scale is that of the paper
    (secondary summary and README), the map to [0, 1] and the wording our own.

    Subsets and negations as in "SALMON" (2023), where a reward model is trained to follow any of them: a negated
    principle is one to avoid. ``judge_decisive_principle`` has that paper's rule for pairs.

    Score: value float32 [B] in [0, 1].

    Args:
        principles: Texts, at least one.
        negated: The numbers, from 1, of principles to avoid.
        subset: How many are chosen for each task; 0 for all.
        negate: The share of chosen principles that is negated by chance, in [0, 1].
        seed: Makes other choices.

    The other parameters are those of all judges of texts, see ``TextJudge``.

    Raises:
        RewardiumError: When a parameter is wrong or a model cannot be loaded.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.transition import Transition, TransitionBatch
        >>> principles = ["The answer is right.", "The response is short."]
        >>> batch = TransitionBatch.from_transitions([Transition("", "", "5", task=Task("2 + 2", "4"))])
        >>> [JudgePrinciples("scripted:grader", principles=principles, negated=negated).score(batch).value.tolist()
        ...  for negated in ([], [1], [2])]
        [[0.5], [1.0], [0.0]]
    """

    principles: tuple[str, ...] = DEFAULT_PRINCIPLES
    negated: tuple[int, ...] = ()
    subset: int = 0
    negate: float = 0.0
    seed: int = 0

    def check(self) -> None:
        """Refuse principles, numbers and shares that are none."""
        require_texts(self, "principles", least=1)
        check_principles(self, self.principles, self.negated, self.subset)
        require_number(self, "negate", at_least=0.0, at_most=1.0)
        if type(self.seed) is not int:
            raise RewardiumError(f"judge_principles: 'seed' must be a whole number, got {self.seed!r}")

    def questions(self, row: Judged, vote: int, notes: Sequence[str]) -> Sequence[TextQuestion]:
        """Ask for a score under all principles at once."""
        chosen = chosen_principles(self.principles, self.negated, self.subset, self.negate, self.seed, row.question)
        blocks = [("question", row.question), ("response", row.response)]
        blocks += [] if row.reference is None else [("reference answer", row.reference)]
        shown = ("principles", principles_text(turned(chosen, vote)))
        return [ask(_INSTRUCTION, [shown, *turned(blocks, vote)], _QUESTION + hint(vote), scale(1, 5))]
