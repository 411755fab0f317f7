"""Judges of the parts of a response, and of pairs by probabilities: rules that say what a judge would."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.models.scripted import scripted_rule
from rewardium.rewards.models.text_questions import allowed_of, blocks_of, frame_of
from rewardium.rewards.sources._judge_parts import few_spans
from rewardium.rewards.sources._text_judge import UNREAD
from rewardium.rewards.sources.judge_preference import linked

TASK = Task("2 + 2", "4", {"reference_responses": ["It is 5."]})
ANSWER = "We add 2.\n2 + 2 is 5.\nSo it is 5.\nWait, that step is wrong.\n2 + 2 is 4.\n4"


def batch_of(*actions, reward=1.0):
    return TransitionBatch.from_transitions([Transition("", "", text, task=TASK, reward=reward) for text in actions])


@scripted_rule("follows_steps")
def follows_steps(prompt):
    """A step with a 5 in it was taken back in a right response, and led to a wrong one."""
    code, _ = allowed_of(prompt)
    step = blocks_of(prompt)["step"]
    assert ("right answer" in frame_of(prompt)) == ("Wait" in blocks_of(prompt)["response"])
    return f"{code} {'YES' if '5' in step else 'NO'}"


@scripted_rule("silent_on_fours")
def silent_on_fours(prompt):
    return "..." if blocks_of(prompt)["step"] == "4" else follows_steps(prompt)


@scripted_rule("checks_numbers")
def checks_numbers(prompt):
    """Numbers are wrong where a 5 is claimed; in the second vote, nothing is."""
    code, _ = allowed_of(prompt)
    wrong = "numbers" in frame_of(prompt) and "5" in blocks_of(prompt)["part"] and "what is wrong" not in prompt
    return f"{code} {'NO' if wrong else 'YES'}"


@scripted_rule("likes_the_first")
def likes_the_first(prompt):
    return "A"


def spelled(score, text):
    return [(text[part.start : part.end], part.value) for part in score.segments[0]]


def test_steps_of_one_label_are_one_thought():
    score = rewards.make("judge_thoughts", "scripted:follows_steps").score(batch_of(ANSWER))
    assert spelled(score, ANSWER) == [
        ("We add 2.\n", 1.0), ("2 + 2 is 5.\nSo it is 5.\n", -1.0), ("Wait, that step is wrong.\n2 + 2 is 4.\n4", 1.0),
    ]  # fmt: skip
    assert score.value.tolist() == [1.0]
    assert score.cost["calls"] == 6


def test_what_led_to_a_wrong_answer():
    wrong = "\nWe add 2.\n\n2 + 2 is 5."
    score = rewards.make("judge_thoughts", "scripted:follows_steps").score(batch_of(wrong, "", reward=0.0))
    assert spelled(score, wrong) == [("\nWe add 2.\n\n", 1.0), ("2 + 2 is 5.", -1.0)]
    assert score.valid.tolist() == [True, True]
    assert score.segments[1] == ()


def test_a_step_without_a_verdict_leaves_the_response_without_a_score():
    score = rewards.make("judge_thoughts", "scripted:silent_on_fours").score(batch_of(ANSWER, "Wait, 5"))
    assert score.valid.tolist() == [False, True]
    assert score.segments[0] == ()
    assert score.reasons[0] == UNREAD


def test_claims_of_each_kind_count_alike():
    text = "It is 5. It is a sum. "
    score = rewards.make("judge_facts", "scripted:checks_numbers", scale=3.0).score(batch_of(text))
    assert spelled(score, text) == [("It is 5. ", pytest.approx(1.0)), ("It is a sum. ", pytest.approx(3.0))]
    votes = rewards.make("judge_facts", "scripted:checks_numbers", votes=2, agree="mean")
    assert spelled(votes.score(batch_of(text)), text)[0][1] == pytest.approx(2 * 5 / 6 - 1)


@given(st.text(alphabet="ab \n", max_size=40), st.integers(1, 5))
def test_parts_cover_a_text_and_are_few(text, most):
    spans = few_spans(text, "step", "\n", most)
    assert "".join(text[start:end] for start, end in spans) == text
    assert len(spans) <= most
    assert len(spans) < 2 or all(text[start:end].strip() for start, end in spans)


def test_a_judge_that_likes_the_first_says_nothing():
    for both, expected in ((True, 0.0), (False, 0.5)):
        source = rewards.make("judge_preference", "scripted:likes_the_first", both_orders=both)
        assert source.score(batch_of("It is 4.")).value.tolist() == [expected]


def test_preference_over_the_anchor():
    source = rewards.make("judge_preference", "scripted:grader")
    assert source.score(batch_of("4", "")).value.tolist() == [0.5, -0.5]
    assert not source.score(batch_of("6")).valid[0]  # neither is right, and the rule knows no letter for a tie
    logit = rewards.make("judge_preference", "scripted:grader", link="logit", clip=3.0)
    assert logit.score(batch_of("4", ":")).value.tolist() == [3.0, -3.0]


def test_links_in_closed_form():
    assert linked(np.array([0.8]), "logit")[0] == pytest.approx(np.log(4.0))
    assert linked(np.array([0.8]), "centred")[0] == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("judge_thoughts", {"separator": ""}), ("judge_thoughts", {"most": 0}), ("judge_facts", {"kinds": []}),
        ("judge_facts", {"scope": "episode"}), ("judge_thoughts", {"threshold": float("nan")}),
        ("judge_preference", {"against": "none"}), ("judge_preference", {"link": "square"}),
        ("judge_preference", {"clip": 0.0}), ("judge_facts", {"scale": 0.0}),
    ],
)  # fmt: skip
def test_settings_that_are_wrong(name, settings):
    with pytest.raises(RewardiumError, match=next(iter(settings))):
        rewards.make(name, "scripted:grader", **settings)
