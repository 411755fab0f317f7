import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.sources.distinct_ngrams import DistinctNGrams, distinct_share
from rewardium.rewards.sources.size import Size, size_of

texts = st.text(st.sampled_from("ab, .!4\n"), max_size=60)


def values(source, *responses):
    score = source.score(TransitionBatch.from_transitions([Transition("", "", text) for text in responses]))
    return [value if valid else None for value, valid in zip(score.value.tolist(), score.valid.tolist(), strict=True)]


@pytest.mark.parametrize(
    ("text", "unit", "size"),
    [
        ("", "tokens", 0),
        ("  two  words ", "words", 2),
        ("  two  words ", "characters", 13),
        ("two words", "tokens", 2),
        ("x = 4!?", "tokens", 4),
        ("don't", "tokens", 3),
        ("über 🙂", "tokens", 2),
    ],
)
def test_what_is_counted(text, unit, size):
    assert size_of(text, unit) == size
    assert values(Size(unit, per=4.0), text) == [size / 4]


@given(texts, texts)
def test_words_and_tokens_add_up_over_lines(first, second):
    for unit in ("words", "tokens"):
        assert size_of(f"{first}\n{second}", unit) == size_of(first, unit) + size_of(second, unit)


@pytest.mark.parametrize(
    ("text", "n", "expected"),
    [("a b c a b c", 3, 3 / 4), ("a a a a", 3, 1 / 2), ("a b", 3, 1.0), ("", 3, 1.0), ("a b a", 1, 2 / 3)],
)
def test_the_share_of_distinct_ngrams(text, n, expected):
    assert values(DistinctNGrams(n), text) == pytest.approx([expected])


@given(texts, st.integers(1, 5))
def test_the_share_is_above_nothing_and_1_only_without_a_repetition(text, n):
    ngrams = [text[start : start + n] for start in range(len(text) - n + 1)]
    share = distinct_share(text, n)
    assert 0 < share <= 1
    assert (share == 1) == (len(set(ngrams)) == len(ngrams))


def test_characters_can_be_counted_instead():
    np.testing.assert_allclose(values(DistinctNGrams(2, unit="characters"), "ababab"), [2 / 5], rtol=1e-6)


@pytest.mark.parametrize(
    ("source", "bad", "message"),
    [
        (Size, {"unit": "lines"}, "size: 'unit'"),
        (Size, {"per": 0.0}, "size: 'per'"),
        (DistinctNGrams, {"n": 0}, "n must be"),
        (DistinctNGrams, {"unit": "tokens"}, "unit must be"),
    ],
)
def test_bad_parameters_are_refused(source, bad, message):
    with pytest.raises(RewardiumError, match=message):
        source(**bad)
