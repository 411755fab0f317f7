"""How likely each allowed word is, from what a model says of its next token."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rewardium.rewards.models.frame_judge import Probabilities

_AROUND = " \t\r\n▁Ġ\"'`*._:,;!()[]"
_MOST_CHARACTERS = 100


def bare_word(token: str) -> str:
    r"""Return a token's word in lower case, without what tokenizers, quotes and full stops put around it.

    Example:
        >>> [bare_word(token) for token in (" Yes", "▁yes.", "**No**", "\n", "yesterday")]
        ['yes', 'yes', 'no', '', 'yesterday']
    """
    return token[:_MOST_CHARACTERS].strip(_AROUND).lower()


def word_probabilities(alternatives: Sequence[tuple[str, float]], allowed: Sequence[str]) -> Probabilities:
    """Add up the probabilities of the tokens that are an allowed word.

    Args:
        alternatives: Tokens that may come next, and the natural logarithms of their probabilities.
        allowed: The W words, in lower case.

    Returns:
        float64 [W], each in [0, 1].

    Example:
        >>> tokens = [("yes", math.log(0.5)), (" Yes", math.log(0.25)), ("No", math.log(0.125)), ("maybe", -3.0)]
        >>> word_probabilities(tokens, ["yes", "no"]).round(6).tolist()
        [0.75, 0.125]
    """
    found = dict.fromkeys(allowed, 0.0)
    for token, logarithm in dict(alternatives).items():
        word = bare_word(token)
        if word in found and not math.isnan(logarithm):
            found[word] += math.exp(min(logarithm, 0.0))
    return np.minimum(np.array([found[word] for word in allowed], dtype=np.float64), 1.0)


def share_of(answer: Probabilities, place: int, among_allowed: bool = True) -> float | None:
    """Return the probability of one of the words.

    Args:
        answer: float64 [W].
        place: Which word.
        among_allowed: Whether it is divided by the sum over all allowed words (a softmax over their logits), or taken
            as it is among all of the model's tokens.

    Returns:
        In [0, 1]; None where no allowed word has any probability.

    Example:
        >>> share_of(np.array([0.5, 0.125]), 0), share_of(np.array([0.5, 0.125]), 0, among_allowed=False)
        (0.8, 0.5)
    """
    total = float(answer.sum())
    if total <= 0.0:
        return None
    return float(answer[place]) / total if among_allowed else float(answer[place])
