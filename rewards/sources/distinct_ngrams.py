"""A reward for not saying the same thing again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.source import Score
from rewardium.rewards.sources._columns import (
    NO_RESPONSE,
    UNITS,
    no_score,
    require_one_of,
    require_positive_int,
    responses,
)
from rewardium.rewards.sources.repetition import word_letters


def distinct_share(letters: str, n: int = 3) -> float:
    """Return the number of distinct n-grams divided by the number of n-grams, in (0, 1].

    Args:
        letters: A text, or what ``word_letters`` made of one.
        n: Letters in an n-gram.

    Returns:
        1.0 where there is no n-gram.

    Example:
        >>> distinct_share("abab", 2), distinct_share("a", 2)
        (0.6666666666666666, 1.0)
    """
    number = len(letters) - n + 1
    if number < 1:
        return 1.0
    return len({letters[start : start + n] for start in range(number)}) / number


@register("distinct_ngrams")
@dataclass(frozen=True)
class DistinctNGrams(RewardSource):
    """The share of a response's n-grams that are distinct: a factor that repetition lowers.

    ``r = |{g}| / number of n-grams``, 1 where there is none. The uniqueness factor of "Preference-free Alignment
    Learning with Regularized Relevance Reward" (2024), trigrams as in the authors' code. ``repetition`` is the other
    common measure, a penalty: it counts which n-grams come again, however often.

    Score: value float32 [B] in (0, 1], valid bool [B].

    Args:
        n: Units in an n-gram, at least 1.
        unit: ``"words"`` (runs of non-whitespace) or ``"characters"``.

    Raises:
        RewardiumError: When a parameter is out of its range.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> rows = [Transition("", "", text) for text in ("so so so so so", "one two three four", "4")]
        >>> DistinctNGrams().score(TransitionBatch.from_transitions(rows)).value.astype(float).round(3).tolist()
        [0.333, 1.0, 1.0]
    """

    n: int = 3
    unit: Literal["words", "characters"] = "words"

    needs = frozenset({"action"})

    def __post_init__(self) -> None:
        require_positive_int("n", self.n)
        require_one_of("unit", self.unit, UNITS)

    def score(self, batch: TransitionBatch) -> Score:
        """Score B responses."""
        texts = responses(batch)
        if texts is None:
            return no_score(batch, NO_RESPONSE)
        return Score.of(
            [distinct_share(word_letters(text) if self.unit == "words" else text, self.n) for text in texts]
        )
