"""A checklist: which criteria does a response meet?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.text_questions import YES_NO, TextQuestion, ask
from rewardium.rewards.registry import register
from rewardium.rewards.sources._judged_text import Judged, Settled
from rewardium.rewards.sources._text_judge import TextJudge, hint, require_texts, turned

DEFAULT_CRITERIA = (
    "The final answer is right.",
    "The steps are shown, and each follows from the ones before.",
    "The response is short and says nothing twice.",
)
_INSTRUCTION = "You check one criterion of a response to a question. Judge by this criterion and nothing else."
_QUESTION = "Does the response meet the criterion, fully and beyond doubt?"
_MOST = 50


@register("judge_rubric", papers=("A39",))
@dataclass(frozen=True)
class JudgeRubric(TextJudge):
    """The weighted share of a rubric's criteria that a judge finds met; hard ones close the gate.

    ``r = prod_h 1[met_h] * sum_i w_i met_i / sum_i w_i``, each ``met`` one question of its own. From "OpenRubrics:
    Towards Scalable Synthetic Rubric Generation for Reward Modeling and LLM Alignment" (2025): a rubric holds *hard
    rules* (explicit, pass or fail) and *principles* (implicit quality), and the rules come before the principles; the
    weighted sum of verdicts a criterion is from notes on the paper, gate and normalisation are our own. The paper
    judges principles in pairs with a vote of 5: ``judge_pairwise(votes=5)``. A rubric that belongs to the task stands
    in its fields.

    Without ``criteria`` of any weight the reward is the gate alone. A gate can leave all samples of a prompt at 0 early
    in training: put a rule among the criteria with a large weight then.

    Score: value float32 [B] in [0, 1]; invalid where a criterion of the row has no verdict.

    Args:
        criteria: Texts.
        weights: One number of at least 0 a criterion, not all 0; empty for 1 each.
        hard: Rules, without any of which the response is worth 0.
        field: The name of the task's field with criteria of its own, which take the place of ``criteria``: a list of
            texts, or of pairs of a text and a weight; at most 50 are read. "" for none.

    The other parameters are those of all judges of texts, see ``TextJudge``.

    Raises:
        RewardiumError: When a parameter is wrong or a model cannot be loaded.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.transition import Transition, TransitionBatch
        >>> source = JudgeRubric("scripted:grader", criteria=["The answer is right.", "It is short."], weights=[3, 1])
        >>> rows = [Transition("", "", said, task=Task("2 + 2", "4")) for said in ("4", "5", "4" + " so 4" * 40)]
        >>> source.score(TransitionBatch.from_transitions(rows)).value.tolist()
        [1.0, 0.25, 0.75]
    """

    criteria: tuple[str, ...] = DEFAULT_CRITERIA
    weights: tuple[float, ...] = ()
    hard: tuple[str, ...] = ()
    field: str = ""

    def check(self) -> None:
        """Refuse weights that do not fit, and a rubric that asks nothing."""
        require_texts(self, "criteria")
        require_texts(self, "hard")
        weights = self.weights
        fits = isinstance(weights, (list, tuple)) and all(map(_is_weight, weights))
        if not fits or (weights and (len(weights) != len(self.criteria) or not sum(weights))):
            raise RewardiumError(
                f"judge_rubric: 'weights' must be {len(self.criteria)} numbers of at least 0, not all 0, got {weights}"
            )
        object.__setattr__(self, "weights", tuple(weights))
        if not isinstance(self.field, str):
            raise RewardiumError(f"judge_rubric: 'field' must be the name of a task's field, got {self.field!r}")
        if not (self.criteria or self.hard or self.field):
            raise RewardiumError("judge_rubric: without criteria, hard rules and a field there is nothing to judge")

    def settle(self, row: Judged) -> Settled | None:
        """Settle a row whose task brings no rubric that can be read."""
        return None if self._weighted(row) is not None else Settled(None, f"the task has no rubric in {self.field!r}")

    def questions(self, row: Judged, vote: int, notes: Sequence[str]) -> Sequence[TextQuestion]:
        """Ask about each hard rule, then about each criterion."""
        blocks = [("question", row.question), ("response", row.response)]
        blocks += [] if row.reference is None else [("reference answer", row.reference)]
        texts = [*self.hard, *(text for text, _ in self._weighted(row) or [])]
        return [
            ask(_INSTRUCTION, [*turned(blocks, vote), ("criterion", text)], _QUESTION + hint(vote), YES_NO)
            for text in texts
        ]

    def combine(self, row: Judged, values: Sequence[float]) -> float:
        """Return the weighted share of the criteria that are met, or 0 where a hard rule is broken."""
        gate, met = values[: len(self.hard)], values[len(self.hard) :]
        weights = [weight for _, weight in self._weighted(row) or []]
        share = sum(weight * value for weight, value in zip(weights, met, strict=True)) / (sum(weights) or 1.0)
        return math.prod(gate) * (share if weights else 1.0)

    def _weighted(self, row: Judged) -> list[tuple[str, float]] | None:
        if self.field:
            return _rubric_of(row.task.fields.get(self.field))
        return list(zip(self.criteria, self.weights or [1.0] * len(self.criteria), strict=True))


def _rubric_of(value: Any) -> list[tuple[str, float]] | None:
    """Read a task's own rubric; None where it is none, or has no weight at all."""
    if not isinstance(value, (list, tuple)) or not value:
        return None
    pairs = [_criterion(item) for item in value[:_MOST]]
    known = [pair for pair in pairs if pair is not None]
    return known if len(known) == len(pairs) and sum(weight for _, weight in known) > 0 else None


def _criterion(item: Any) -> tuple[str, float] | None:
    if isinstance(item, Mapping):
        item = (item.get("criterion"), item.get("weight", 1.0))
    text, weight = item if isinstance(item, (list, tuple)) and len(item) == 2 else (item, 1.0)
    fits = isinstance(text, str) and bool(text.strip()) and _is_weight(weight)
    return (text, float(weight)) if fits else None


def _is_weight(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf
