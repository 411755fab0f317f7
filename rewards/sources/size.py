"""How long a response is, as a plain number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.shaping.parameters import require_choice, require_number
from rewardium.rewards.source import Score
from rewardium.rewards.sources._columns import NO_RESPONSE, no_score, responses

Unit = Literal["characters", "words", "tokens"]
_TOKEN = re.compile(r"\w+|[^\w\s]+")


def size_of(text: str, unit: Unit = "words") -> int:
    """Count a text's characters, its words (runs of non-whitespace) or its tokens (runs of letters or of signs).

    Args:
        text: Any text.
        unit: What is counted.

    Returns:
        The number, at least 0.

    Example:
        >>> [size_of("it's 4!", unit) for unit in ("characters", "words", "tokens")]
        [7, 2, 5]
    """
    if unit == "characters":
        return len(text)
    return len(text.split()) if unit == "words" else sum(1 for _ in _TOKEN.finditer(text))


@register("size")
@dataclass(frozen=True)
class Size(RewardSource):
    """The length of a response, divided by ``per``: a number for other nodes to weigh, not a goal in itself.

    ``r = number of units / per``. With ``unit="tokens"`` and ``per=100`` it is the length incentive of "Preference-free
    Alignment Learning with Regularized Relevance Reward" (2024), as in the authors' code, which counts runs of letters
    and runs of signs. Paid alone it makes responses endless.

    Score: value float32 [B] of at least 0, valid bool [B].

    Args:
        unit: What is counted: ``"characters"``, ``"words"`` (runs of non-whitespace), or ``"tokens"`` (runs of letters
            and digits, and runs of other signs).
        per: What the number is divided by, above 0.

    Raises:
        RewardiumError: When a parameter is out of its range.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> batch = TransitionBatch.from_transitions([Transition("", "", "so it is 4")])
        >>> Size(per=2.0).score(batch).value.tolist()
        [2.0]
    """

    unit: Unit = "words"
    per: float = 1.0

    needs = frozenset({"action"})

    def __post_init__(self) -> None:
        require_choice(self, "unit", get_args(Unit))
        require_number(self, "per", above=0.0)

    def score(self, batch: TransitionBatch) -> Score:
        """Count B responses."""
        texts = responses(batch)
        if texts is None:
            return no_score(batch, NO_RESPONSE)
        return Score.of([size_of(text, self.unit) / self.per for text in texts])
