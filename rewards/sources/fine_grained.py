"""A score for each part of a response: sentences, clauses or steps, by any other source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.shaping.parameters import require_choice, require_number
from rewardium.rewards.source import Score
from rewardium.rewards.sources._columns import NO_RESPONSE, no_score
from rewardium.rewards.sources._unit_values import PAYS, Part, Pay, rows_with_texts, score_of, spans_of, values_of
from rewardium.rewards.text_units import TextUnit, require_unit


@register("fine_grained", papers=("B13", "A1"))
@dataclass(frozen=True)
class FineGrained(RewardSource):
    """What a source says of each part of a response, paid where the part ends.

    "Fine-Grained Human Feedback Gives Better Rewards for Language Model Training" (2023) pays the token that ends
    segment j of kind k with ``sum_k w_k R_k(x, y, j)``: a reward model for each kind of error, each at a density of its
    own. Here a kind is a ``fine_grained``, and their weighted sum is the paper's reward; its settings for long answers
    (certainty: high, code and config; the cut into clauses is ours) are relevance of clauses at 0.3, facts of sentences
    at 0.5, and completeness of the whole at 0.3 of its standard score::

        0.3 * fine_grained(reward_model('relevance'), unit='clause', link='sign')
        + 0.5 * fine_grained(reward_model('facts'), unit='sentence', link='sign')
        + 0.3 * reward_model('completeness', scale='standard')

    With ``read="prefix"`` and a model that was trained on ``prefix_labels``, or on what ``scripts/label_steps.py``
    completed, it is a process reward model, as in "On Designing Effective RL Reward at Training Time for LLM Reasoning"
    (2024): ``0.02 * clip_delta(fine_grained(reward_model('steps', scale='probability'), read='prefix'), eta=0.5)``.

    All parts of all rows are scored in one call. A part that the source cannot score pays nothing.

    Score: value float32 [B]; invalid where the action is no text or empty, or no part has a score.

    Args:
        source: Scores a text in place of the response; its own segments are not read.
        unit: The parts: what ends with the separator (``"step"``), a ``"sentence"``, a ``"clause"``, or the whole
            ``"response"``.
        separator: What ends a step.
        read: What the source is shown: the ``"part"`` alone, or the response up to its end (``"prefix"``).
        link: ``"raw"``: the source's score; ``"sign"``: 1 from the threshold on, else -1.
        threshold: Of the sign.
        pay: ``"value"`` of each part, its ``"gain"`` on the one before, or one number for the response: the
            ``"last"``, ``"min"``, ``"mean"`` or ``"product"``.

    Raises:
        RewardiumError: When a parameter is out of its range.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> from rewardium.rewards.registry import parse
        >>> source = parse("fine_grained(phrases(['sorry'], enough=1, where='last_line'), unit='sentence')")
        >>> batch = TransitionBatch.from_transitions([Transition("", "", "It is 4. Sorry, sorry! 5.")])
        >>> [tuple(segment) for segment in source.score(batch).segments[0]]
        [(0, 9, 0.0), (9, 23, 1.0), (23, 25, 0.0)]
    """

    source: RewardSource
    unit: TextUnit = "step"
    separator: str = "\n"
    read: Literal["part", "prefix"] = "part"
    link: Literal["raw", "sign"] = "raw"
    threshold: float = 0.0
    pay: Pay = "value"

    def __post_init__(self) -> None:
        if not isinstance(self.source, RewardSource):
            raise RewardiumError(f"fine_grained: 'source' must be a source, got {self.source!r}")
        require_unit("fine_grained", self.unit, self.separator)
        require_choice(self, "read", ("part", "prefix"))
        require_choice(self, "link", ("raw", "sign"))
        require_choice(self, "pay", PAYS)
        require_number(self, "threshold")

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """What the source needs, and the response."""
        return self.source.needs | {"action"}

    def score(self, batch: TransitionBatch) -> Score:
        """Score the parts of B responses."""
        if batch.actions is None:
            return no_score(batch, NO_RESPONSE)
        spans = spans_of(batch, self.unit, self.separator)
        texts = [
            (row, batch.actions[row][0 if self.read == "prefix" else start : end])
            for row, own in enumerate(spans)
            for start, end in own
        ]
        scored = self.source.score(rows_with_texts(batch, texts)) if texts else Score.of([])
        values = iter(values_of(scored, self.link, self.threshold))
        return score_of([[Part(span, next(values)) for span in own] for own in spans], self.pay, scored.cost)
