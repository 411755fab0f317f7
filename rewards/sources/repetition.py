"""A penalty for saying the same thing again."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.source import Score, Segment, Segments
from rewardium.rewards.sources._columns import (
    NO_RESPONSE,
    UNITS,
    no_score,
    require_one_of,
    require_positive_int,
    responses,
)

_WORD = re.compile(r"\S+")


def word_letters(text: str) -> str:
    """Write each word (run of non-whitespace) as one letter, equal words as the same one.

    N-grams of words then are short slices of a str, which are made and compared several times faster than tuples.

    Args:
        text: Any text.

    Returns:
        As many characters as the text has words, in no readable alphabet.

    Example:
        >>> letters = word_letters("so it is so")
        >>> len(letters), letters[0] == letters[3]
        (4, True)
    """
    alphabet: dict[str, str] = {}
    # Unicode has 0x110000 letters; a text with more different words than that would use some twice.
    return "".join([alphabet.setdefault(word, chr(len(alphabet) % 0x110000)) for word in text.split()])


def repeated_share(letters: str, n: int) -> float:
    """Return the share of the distinct n-grams that occur more than once, in [0, 1].

    Args:
        letters: A text, or what ``word_letters`` made of one.
        n: Letters in an n-gram.

    Returns:
        0.0 where there are at most n letters.

    Example:
        >>> repeated_share("abab", 2)
        0.5
    """
    if len(letters) <= n:
        return 0.0
    counts = Counter([letters[start : start + n] for start in range(len(letters) - n + 1)])
    return sum([count > 1 for count in counts.values()]) / len(counts)


def repeat_spans(letters: str, n: int) -> list[tuple[int, int, int]]:
    """Find where something is said again: the n-grams that stood earlier already, overlapping ones joined.

    Args:
        letters: A text, or what ``word_letters`` made of one.
        n: Letters in an n-gram.

    Returns:
        One (first letter, last letter + 1, number of repeated n-grams that start here) a place, in order.

    Example:
        >>> repeat_spans("abcabc-ab", 2)
        [(3, 6, 2), (7, 9, 1)]
    """
    seen: set[str] = set()
    spans: list[tuple[int, int, int]] = []
    for start in range(len(letters) - n + 1):
        ngram = letters[start : start + n]
        if ngram not in seen:
            seen.add(ngram)
        elif spans and start < spans[-1][1]:
            spans[-1] = (spans[-1][0], start + n, spans[-1][2] + 1)
        else:
            spans.append((start, start + n, 1))
    return spans


@register("repetition")
@dataclass(frozen=True)
class Repetition(RewardSource):
    """Minus the share of the response's n-grams that it uses more than once.

    ``r = -|{g : count(g) > 1}| / |{g}|`` over the distinct n-grams g. It is the repetition part of the reasoning
    pattern reward of "The Climb Carves Wisdom Deeper Than the Summit" (2025), n = 20 words as in the authors' code.

    The penalty is dense: its segments are the places that repeat something said earlier, and each carries a part of
    the penalty in proportion to how many n-grams it repeats. The first occurrence costs nothing.

    Score: value float32 [B] in [-1, 0], valid bool [B], segments over the characters of the response.

    Args:
        n: Units in an n-gram, at least 1.
        unit: ``"words"`` (runs of non-whitespace) or ``"characters"``.

    Raises:
        RewardiumError: When a parameter is out of its range.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> batch = TransitionBatch.from_transitions([Transition("", "", "so it is so it is 4")])
        >>> score = Repetition(n=3).score(batch)
        >>> score.value.tolist(), score.segments[0]
        ([-0.25], (Segment(start=9, end=17, value=-0.25),))
    """

    n: int = 20
    unit: Literal["words", "characters"] = "words"

    needs = frozenset({"action"})

    def __post_init__(self) -> None:
        require_positive_int("n", self.n)
        require_one_of("unit", self.unit, UNITS)

    def score(self, batch: TransitionBatch) -> Score:
        """Score B responses, with one segment for each place that repeats something."""
        texts = responses(batch)
        if texts is None:
            return no_score(batch, NO_RESPONSE)
        return Score.of_segments([self._segments(text) for text in texts])

    def _segments(self, text: str) -> Segments:
        letters = text if self.unit == "characters" else word_letters(text)
        share = repeated_share(letters, self.n)
        if share == 0.0:  # most responses repeat nothing
            return ()
        spans = repeat_spans(letters, self.n)
        repeats = sum(count for _, _, count in spans)
        if self.unit == "words":
            words = [match.span() for match in _WORD.finditer(text)]
            spans = [(words[first][0], words[last - 1][1], count) for first, last, count in spans]
        return tuple(Segment(start, end, -share * count / repeats) for start, end, count in spans)
