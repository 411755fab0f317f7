"""Better or worse than a reference response, by the one principle that decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.text_questions import TextQuestion
from rewardium.rewards.registry import register
from rewardium.rewards.shaping.parameters import require_number
from rewardium.rewards.sources._columns import require_positive_int
from rewardium.rewards.sources._judge_pairs import comparisons, preference, reference_responses, settle_pairs
from rewardium.rewards.sources._judged_text import Judged, Settled
from rewardium.rewards.sources._principles import DEFAULT_PRINCIPLES, Principle, check_principles, chosen_principles
from rewardium.rewards.sources._text_judge import TextJudge, hint, require_texts

_INSTRUCTION = "You compare two responses to a question by one principle, and by nothing else."
_QUESTION = "Which response follows the principle better? Answer TIE where neither does."


@register("judge_decisive_principle", papers=("B57",))
@dataclass(frozen=True)
class JudgeDecisivePrinciple(TextJudge):
    """Of several principles, the verdict of the one on which response and reference response differ most.

    For each principle ``p`` the judge says which response follows it better, in both orders; with ``s_p`` in [-1, 1],
    the mean over orders of +1 for the response and -1 for the reference, and ``d = argmax_p |s_p|``::

        r = (1 + s_d) / 2, or (1 - s_d) / 2 where d is negated

    That is how "SALMON: Self-Alignment with Principle-Following Reward Models" (2023) labels a pair for a random subset
    of its principles with random negations (recalled): there ``s_p = log P(A better | p) - log P(B better | p)``, here
    the judge's words. Where all principles are tied the first decides, and r is 1/2. The reward at training time is the
    same with chosen principles; adding one repairs a reward that is being exploited, without training anything.

    Score: value float32 [B] in [0, 1]; invalid where the task has no reference responses.

    Args:
        principles: Texts, at least one.
        negated: The numbers, from 1, of principles whose opposite is wanted.
        subset: How many are chosen for each task; 0 for all.
        negate: The share of chosen principles that is negated by chance, in [0, 1].
        seed: Makes other choices.
        field: The task's field that holds the reference responses.
        most: How many of them are read, at least 1.

    The other parameters are those of all judges of texts, see ``TextJudge``.

    Raises:
        RewardiumError: When a parameter is wrong or a model cannot be loaded.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.transition import Transition, TransitionBatch
        >>> source = JudgeDecisivePrinciple("scripted:grader", principles=["Be right.", "Be short."])
        >>> task = Task("2 + 2", "4", {"reference_responses": ["It is 5."]})
        >>> rows = [Transition("", "", said, task=task) for said in ("4", "5" + " so 5" * 40, "It is 6.")]
        >>> source.score(TransitionBatch.from_transitions(rows)).value.tolist()
        [1.0, 0.0, 0.5]
    """

    principles: tuple[str, ...] = DEFAULT_PRINCIPLES
    negated: tuple[int, ...] = ()
    subset: int = 0
    negate: float = 0.0
    seed: int = 0
    field: str = "reference_responses"
    most: int = 1

    def check(self) -> None:
        """Refuse principles, numbers and shares that are none."""
        require_texts(self, "principles", least=1)
        check_principles(self, self.principles, self.negated, self.subset)
        require_number(self, "negate", at_least=0.0, at_most=1.0)
        require_positive_int("most", self.most)
        if type(self.seed) is not int or not isinstance(self.field, str):
            raise RewardiumError(
                f"judge_decisive_principle: 'seed' must be a whole number and 'field' a name, got {self.seed!r} and "
                f"{self.field!r}"
            )

    def settle(self, row: Judged) -> Settled | None:
        """Settle a row whose task has nothing to compare with."""
        return settle_pairs(row, self.field, self.most)

    def questions(self, row: Judged, vote: int, notes: Sequence[str]) -> Sequence[TextQuestion]:
        """Compare under each principle, in both orders."""
        others = reference_responses(row, self.field, self.most)
        return [
            question
            for one in self._chosen(row)
            for question in comparisons(
                row, others, _INSTRUCTION, _QUESTION + hint(vote), blocks=[("criterion", one.text), *_right(row)]
            )
        ]

    def combine(self, row: Judged, values: Sequence[float]) -> float:
        """Let the principle with the largest difference decide."""
        chosen = self._chosen(row)
        each = len(values) // len(chosen)
        leads = [2.0 * preference(values[start : start + each]) - 1.0 for start in range(0, len(values), each)]
        place = max(range(len(leads)), key=lambda index: abs(leads[index]))
        return (1.0 - leads[place] if chosen[place].negated else 1.0 + leads[place]) / 2.0

    def _chosen(self, row: Judged) -> tuple[Principle, ...]:
        return chosen_principles(self.principles, self.negated, self.subset, self.negate, self.seed, row.question)


def _right(row: Judged) -> list[tuple[str, str]]:
    return [] if row.reference is None else [("reference answer", row.reference)]
