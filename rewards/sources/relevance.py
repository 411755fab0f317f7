"""How near a response is to its question, or to its reference, in the space of sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.models.sentence_encoder import SentenceEncoder, make_sentence_encoder
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.source import Score
from rewardium.rewards.sources._columns import NO_RESPONSE, no_score, references, require_one_of, responses

AGAINST = ("goal", "reference")


@register("relevance")
@dataclass(frozen=True)
class Relevance(RewardSource):
    """The cosine similarity of a response with the task's goal, or with its reference answer.

    The relevance of "Preference-free Alignment Learning with Regularized Relevance Reward" (2024). The authors' code
    takes the dot product of two mean-pooled Contriever vectors, of about 0 to 3.5; this takes the cosine, so that any
    encoder will do and a constant of one encoder is not needed.

    Score: value float32 [B] in [-1, 1]; 0 for a response that says nothing, invalid where there is no task, or the
    task has no such text.

    Args:
        against: What the response is compared with, the task's ``"goal"`` or its ``"reference"``.
        encoder: ``"bow"`` (shared words), ``"hash"`` (shared pieces of words), or the folder or hub name of a sentence
            encoder, which needs the extra ``llm``.

    Raises:
        RewardiumError: When a parameter is out of its range, or there is no such encoder.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.transition import Transition
        >>> task = Task("Where do penguins live?")
        >>> rows = [Transition("", "", text, task=task) for text in ("Penguins live south.", "Hello!", "")]
        >>> Relevance().score(TransitionBatch.from_transitions(rows)).value.astype(float).round(3).tolist()
        [0.667, 0.0, 0.0]
    """

    against: Literal["goal", "reference"] = "goal"
    encoder: str = "bow"

    needs = frozenset({"action", "task"})

    def __post_init__(self) -> None:
        require_one_of("relevance: 'against'", self.against, AGAINST)
        self._encoder()  # a wrong name fails here, before the long work starts

    def score(self, batch: TransitionBatch) -> Score:
        """Compare B responses with their tasks; each distinct task is encoded once."""
        texts = responses(batch)
        if texts is None:
            return no_score(batch, NO_RESPONSE)
        values: list[float | None] = [None] * len(batch)
        rows_of: dict[str, list[int]] = {}
        for row, wanted in enumerate(self._wanted(batch)):
            if wanted is not None and wanted.strip():
                rows_of.setdefault(wanted, []).append(row)
        for wanted, rows in rows_of.items():
            table = self._encoder().similarities([texts[row] for row in rows], [wanted])
            for row, similarity in zip(rows, table[:, 0].tolist(), strict=True):
                values[row] = similarity if texts[row].strip() else 0.0
        reasons = [f"the task has no {self.against}" if value is None else None for value in values]
        return Score.of(values, reasons=reasons)

    def _encoder(self) -> SentenceEncoder:
        return make_sentence_encoder(self.encoder)

    def _wanted(self, batch: TransitionBatch) -> list[str | None]:
        if self.against == "reference":
            return references(batch)
        return [None if task is None else task.goal for task in batch.tasks or [None] * len(batch)]
