"""The regularised relevance reward R^3: length, relevance and uniqueness, with a branch for closed questions."""

from __future__ import annotations

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.combine.choose import Choose
from rewardium.rewards.combine.product import Product
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Reward
from rewardium.rewards.sources.distinct_ngrams import DistinctNGrams
from rewardium.rewards.sources.relevance import Relevance
from rewardium.rewards.sources.size import Size


@register("r3", papers=("A44",))
def r3(
    constrained: Reward | None = None,
    encoder: str = "bow",
    per: float = 100.0,
    longest: float = 512.0,
    relevance_scale: float = 1.0,
) -> Reward:
    """Build ``size / per * relevance * uniqueness``, and for constrained questions a form in which length is constant.

    From "Preference-free Alignment Learning with Regularized Relevance Reward" (2024), as in the authors' code::

        r = (tokens / per) * rel(goal, response) * uniqueness                            open questions
        r = (rel(reference, response) / relevance_scale) * (longest / per) * uniqueness  constrained ones

    with per = 100, longest = 512 and trigrams. The authors' relevance is a dot product of Contriever vectors, divided
    by 3.5 in the second line; here it is a cosine, which needs no such constant, so that ``relevance_scale`` is 1. The
    authors also cut a response at role markers and runs of blank lines before they count; end the generation there.

    Args:
        constrained: At least 0.5 where a question has one short answer, e.g. ``task_field('closed')``; None for open
            questions only. A row on which it has no score has none.
        encoder: See ``relevance``.
        per: Tokens (runs of letters, runs of signs) that make a length of 1, above 0.
        longest: The length of a constrained question's answer, whatever it really is, above 0.
        relevance_scale: What the relevance of a constrained question's answer is divided by, above 0.

    Returns:
        The reward.

    Raises:
        RewardiumError: When a number is not above 0, or there is no such encoder.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("r3()"))
        product(rewards=[size(unit='tokens', per=100.0), relevance, distinct_ngrams])
        >>> print(parse("r3(task_field('closed'))").otherwise == parse("r3"))
        True
    """
    numbers = {"per": per, "longest": longest, "relevance_scale": relevance_scale}
    for name, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0.0 < number < 1e30:
            raise RewardiumError(f"r3: {name!r} must be a finite number > 0, got {number!r}")
    unique = DistinctNGrams()
    is_open = Product((Size("tokens", per), Relevance("goal", encoder), unique))
    if constrained is None:
        return is_open
    closed = longest / per / relevance_scale * Product((Relevance("reference", encoder), unique))
    return Choose(constrained, closed, is_open)
