"""Better or worse than a reference response, averaged over what the question may be about."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.text_questions import TextQuestion, ask
from rewardium.rewards.registry import register
from rewardium.rewards.sources._columns import require_positive_int
from rewardium.rewards.sources._judge_pairs import comparisons, preference, reference_responses, settle_pairs
from rewardium.rewards.sources._judged_text import Judged, Settled
from rewardium.rewards.sources._text_judge import TextJudge, hint, require_texts

DEFAULT_CONTEXTS = (
    "Whoever asks wants the right answer, and nothing beside it.",
    "Whoever asks wants to learn how the answer is found, step by step.",
)
_COMPARE = "You compare two responses to a question in the context in which it was asked."
_BETTER = "Which response is better in this context? Answer TIE where neither is."
_INFER = "You decide in which of several contexts a question was asked."
_WHICH = "Which context, by its number, fits the question best?"


@register("judge_contexts", papers=("B28",))
@dataclass(frozen=True)
class JudgeContexts(TextJudge):
    """How likely a response beats a reference response, with the context either known or inferred.

    ``r = P(y > y_ref | x) = sum_c P(c | x) P(y > y_ref | x, c)``, from "Improving Context-Aware Preference Modeling for
    Language Models" (2024) (recalled): a preference that looks unclear may be clear in each context. ``P(y > y_ref | x,
    c)`` is the judge's verdict with the context in the question, averaged over both orders. ``P(c | x)`` is
    ``weights``, or without weights the judge's own choice of one context, so that ``votes`` and ``agree="mean"`` give a
    distribution. The contexts that ship and the wording are our own.

    Score: value float32 [B] in [0, 1]; invalid where the task has no reference responses.

    Args:
        contexts: Texts, two to nine.
        weights: One number of at least 0 a context, not all 0; empty to let the judge infer the context.
        field: The task's field that holds the reference responses.
        most: How many of them are read, at least 1.

    The other parameters are those of all judges of texts, see ``TextJudge``.

    Raises:
        RewardiumError: When a parameter is wrong or a model cannot be loaded.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.transition import Transition, TransitionBatch
        >>> task = Task("2 + 2", "4", {"reference_responses": ["It is 5."]})
        >>> batch = TransitionBatch.from_transitions([Transition("", "", "4" + " so 4" * 40, task=task)])
        >>> contexts = ["They want it right.", "They want it short."]
        >>> [JudgeContexts("scripted:grader", contexts=contexts, weights=weights).score(batch).value.tolist()
        ...  for weights in ([1, 0], [0, 1], [3, 1])]
        [[1.0], [0.0], [0.75]]
    """

    contexts: tuple[str, ...] = DEFAULT_CONTEXTS
    weights: tuple[float, ...] = ()
    field: str = "reference_responses"
    most: int = 1

    def check(self) -> None:
        """Refuse contexts and weights that do not fit."""
        require_texts(self, "contexts", least=2)
        weights = self.weights
        numbers = isinstance(weights, (list, tuple)) and all(
            isinstance(weight, (int, float)) and not isinstance(weight, bool) and 0 <= weight < math.inf
            for weight in weights
        )
        if not numbers or (weights and (len(weights) != len(self.contexts) or not sum(weights))):
            raise RewardiumError(
                f"judge_contexts: 'weights' must be {len(self.contexts)} numbers of at least 0, not all 0, "
                f"got {weights!r}"
            )
        object.__setattr__(self, "weights", tuple(weights))
        require_positive_int("most", self.most)
        if len(self.contexts) > 9 or not isinstance(self.field, str):
            raise RewardiumError(
                f"judge_contexts: at most 9 contexts and the name of a field, got {len(self.contexts)} and "
                f"{self.field!r}"
            )

    def settle(self, row: Judged) -> Settled | None:
        """Settle a row whose task has nothing to compare with."""
        return settle_pairs(row, self.field, self.most)

    def questions(self, row: Judged, vote: int, notes: Sequence[str]) -> Sequence[TextQuestion]:
        """Compare in each context, in both orders; and ask for the context where it is not known."""
        others = reference_responses(row, self.field, self.most)
        right = [] if row.reference is None else [("reference answer", row.reference)]
        asked = [
            question
            for context in self.contexts
            for question in comparisons(
                row, others, _COMPARE, _BETTER + hint(vote), blocks=[("context", context), *right]
            )
        ]
        return asked if self.weights else [*asked, self._which(row, vote)]

    def combine(self, row: Judged, values: Sequence[float]) -> float:
        """Weigh the contexts' preferences."""
        if self.weights:
            weights = [weight / sum(self.weights) for weight in self.weights]
        else:
            *values, place = values
            weights = [float(index == round(place)) for index in range(len(self.contexts))]
        each = len(values) // len(self.contexts)
        leads = [preference(values[start : start + each]) for start in range(0, len(values), each)]
        return sum(weight * lead for weight, lead in zip(weights, leads, strict=True))

    def _which(self, row: Judged, vote: int) -> TextQuestion:
        listed = "\n".join(f"{number}. {text}" for number, text in enumerate(self.contexts, start=1))
        places = {str(number): number - 1.0 for number in range(1, len(self.contexts) + 1)}
        return ask(_INFER, [("contexts", listed), ("question", row.question)], _WHICH + hint(vote), places)
