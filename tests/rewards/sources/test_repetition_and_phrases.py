"""The repetition penalty, and the phrase reward that contains it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.source import Score
from rewardium.rewards.sources.phrases import PHRASES
from rewardium.rewards.sources.repetition import repeat_spans, repeated_share, word_letters


def score(reward: rewards.Reward, *actions: object) -> Score:
    batch = TransitionBatch.from_transitions([Transition("", "", action) for action in actions])
    (scored,) = reward.score_sources(batch).values()
    return scored


def test_share_counts_distinct_ngrams():
    assert repeated_share("abcabc", 3) == pytest.approx(1 / 3)  # abc twice; bca, cab once
    assert repeated_share("aaaa", 2) == 1.0
    assert repeated_share("abcd", 2) == 0.0
    assert repeated_share("ab", 2) == repeated_share("", 2) == 0.0


def test_words_are_counted_as_words():
    assert repeated_share(word_letters("to be or not to  be"), 2) == pytest.approx(1 / 4)
    assert repeated_share(word_letters("tobeornottobe"), 2) == 0.0


@given(st.text(alphabet="ab ", max_size=40), st.integers(1, 5))
def test_share_against_the_definition(text, n):
    words = text.split()
    ngrams = [tuple(words[start : start + n]) for start in range(len(words) - n + 1)]
    expected = sum(ngrams.count(g) > 1 for g in set(ngrams)) / len(set(ngrams)) if ngrams else 0.0
    assert repeated_share(word_letters(text), n) == pytest.approx(expected)


@given(st.text(alphabet="abc", max_size=30), st.integers(1, 4))
def test_spans_are_the_later_occurrences(text, n):
    repeated = [start for start in range(len(text) - n + 1) if text.find(text[start : start + n]) < start]
    spans = repeat_spans(text, n)
    assert sum(count for _, _, count in spans) == len(repeated)
    assert {i for start in repeated for i in range(start, start + n)} == {i for a, b, _ in spans for i in range(a, b)}
    assert all(left[1] <= right[0] for left, right in pairwise(spans))


def test_repetition_pays_where_it_happens():
    action = "one two three. four five one two three. six one two three."
    scored = score(rewards.make("repetition", n=3), action)
    first, second = scored.segments[0]
    assert action[first.start : first.end] == action[second.start : second.end] == "one two three."
    assert first.start > 0
    assert first.value == second.value
    assert scored.value[0] == pytest.approx(first.value + second.value)
    assert scored.value[0] == pytest.approx(-1 / 8)


def test_repetition_of_characters():
    scored = score(rewards.make("repetition", n=2, unit="characters"), "abab", "abc", None)
    assert scored.value.tolist() == [-0.5, 0.0, 0.0]
    assert scored.segments[0] == ((2, 4, -0.5),)


@pytest.mark.parametrize("arguments", [{"n": 0}, {"n": "20"}, {"unit": "tokens"}])
def test_repetition_bad_parameters(arguments):
    with pytest.raises(RewardiumError, match=next(iter(arguments))):
        rewards.make("repetition", **arguments)


def test_the_phrases_are_distinct_and_lower_case():
    assert len(set(PHRASES)) == len(PHRASES)
    assert 38 <= len(PHRASES) <= 45
    assert all(phrase == phrase.lower() for phrase in PHRASES)


def test_phrases_count_once_each_and_ignore_case():
    reward = rewards.make("phrases", phrases=["wait", "THUS"], enough=4)
    actions = [r"Wait, wait, wait \boxed{1}", r"wait thus \boxed{1}", r"\boxed{1}"]
    assert score(reward, *actions).value.tolist() == [0.25, 0.5, 0.0]


def test_phrases_are_capped():
    assert score(rewards.make("phrases"), " ".join(PHRASES) + r" \boxed{1}").value.tolist() == [1.0]


def test_phrases_before_the_thinking_do_not_count():
    reward = rewards.make("phrases", enough=1)
    assert score(reward, r"wait <think> \boxed{1}", r"<think> wait \boxed{1}").value.tolist() == [0.0, 1.0]


def test_phrases_lose_for_repetition_and_for_playing_the_user():
    reward = rewards.make("phrases", phrases=["wait", "thus"], enough=2, n=2)
    # 5 words: "wait thus" twice among 3 distinct pairs
    repeated = score(reward, r"wait thus wait thus \boxed{1}").value[0]
    assert repeated == pytest.approx(1 - 1 / 3)
    assert score(reward, "wait thus user: more \\boxed{1}").value[0] == 0.0


def test_phrases_without_an_answer():
    assert score(rewards.make("phrases"), "wait, therefore 4").valid.tolist() == [True]
    unknown = score(rewards.make("phrases", no_answer=None), "wait, therefore 4", r"wait \boxed{4}")
    assert unknown.valid.tolist() == [False, True]
    assert score(rewards.make("phrases", no_answer=-1.0), "wait").value.tolist() == [-1.0]


@pytest.mark.parametrize(
    "arguments",
    [
        {"phrases": []},
        {"phrases": [""]},
        {"phrases": "wait"},
        {"enough": 0},
        {"n": 0},
        {"no_answer": "0"},
        {"no_answer": float("nan")},
    ],
)
def test_phrases_bad_parameters(arguments):
    with pytest.raises(RewardiumError, match=next(iter(arguments))):
        rewards.make("phrases", **arguments)
