from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.frame_answers import bare_word, share_of, word_probabilities
from rewardium.rewards.models.frame_judge import FrameJudge, ImageQuestion, make_frame_judge
from rewardium.rewards.models.frame_questions import (
    FIRST_SECOND_NEITHER,
    YES_NO,
    better_than_reference,
    shows_goal,
    which_is_better,
)
from rewardium.rewards.models.scripted_frames import ScriptedFrameJudge


def grey(value):
    return np.full((4, 4, 3), value, dtype=np.uint8)


def test_a_rule_answers_by_its_numbers():
    judge = make_frame_judge("scripted:brightness")
    assert isinstance(judge, FrameJudge)
    pairs = [(0, 255), (255, 0), (100, 100)]
    answers = judge.choose([which_is_better("x", grey(a), grey(b)) for a, b in pairs], FIRST_SECOND_NEITHER)
    assert [FIRST_SECOND_NEITHER[answer.argmax()] for answer in answers] == ["2", "1", "0"]
    (better,) = judge.choose([better_than_reference("x", grey(100), grey(151))], YES_NO)
    assert better.sum() == pytest.approx(1.0)
    assert better[0] == pytest.approx(1 / (1 + math.exp(-20 * 51 / 255)))
    (single,) = judge.choose([shows_goal("x", grey(255))], YES_NO)
    assert single[0] == pytest.approx(1 / (1 + math.exp(-10)))
    assert judge.choose([ImageQuestion(("no picture",))], YES_NO) == [None]


def test_mistakes_have_their_share_and_repeat_themselves():
    rng = np.random.default_rng(0)
    questions = [
        which_is_better("x", *(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8) for _ in range(2))) for _ in range(400)
    ]

    def chosen(**settings):
        return [answer.argmax() for answer in ScriptedFrameJudge("brightness", **settings).choose(questions, "120")]

    right = chosen()
    wrong = [a != b for a, b in zip(right, chosen(error=0.2), strict=True)]
    assert 0.12 < np.mean(wrong) < 0.28
    assert chosen(error=0.2) == chosen(error=0.2)
    assert chosen(error=0.2) != chosen(error=0.2, seed=1)
    assert [a != b for a, b in zip(right, chosen(error=1.0), strict=True)] == [True] * 400


def test_the_clip_rule_follows_the_encoder():
    pytest.importorskip("open_clip")
    from rewardium.rewards.models.vision_encoder import load_vision_encoder
    from rewardium.rewards.sources._clip import example_clip

    folder = example_clip().name
    encoder = load_vision_encoder(folder)
    frames = [np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8) for seed in (0, 1)]
    near = encoder.encode_images(frames) @ encoder.encode_texts(["a pole"])[0]
    (answer,) = make_frame_judge(f"scripted:clip?clip={folder}").choose([which_is_better("a pole", *frames)], "120")
    assert "120"[answer.argmax()] == ("2" if near[1] > near[0] else "1")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("", "must be"),
        ("gpt", "must be"),
        ("scripted:brightnes", "did you mean 'brightness'"),
        ("scripted:brightness?error=2", "between 0 and 1"),
        ("scripted:brightness?eror=0.1", "did you mean 'error'"),
        ("scripted:clip", "needs a vision encoder"),
        ("http://localhost:8000/v1#concurency=3", "did you mean 'concurrency'"),
    ],
)
def test_wrong_specs_are_one_clear_error(spec, words):
    with pytest.raises(RewardiumError, match=words):
        make_frame_judge(spec)


def test_other_words_are_refused():
    with pytest.raises(RewardiumError, match="answers yes or no"):
        make_frame_judge("scripted:brightness").check_words(["maybe"])


@given(
    st.lists(
        st.tuples(st.sampled_from(["yes", " Yes", "YES.", "▁no", "No", "maybe", ""]), st.floats(-50, 0)), max_size=9
    )
)
def test_word_probabilities_are_probabilities(alternatives):
    found = word_probabilities(alternatives, YES_NO)
    assert ((found >= 0) & (found <= 1)).all()
    yes = sum(math.exp(value) for token, value in dict(alternatives).items() if bare_word(token) == "yes")
    assert found[0] == pytest.approx(min(yes, 1.0))


def test_shares():
    assert share_of(np.zeros(2), 0) is None
    assert share_of(np.array([0.3, 0.1]), 1) == pytest.approx(0.25)
    assert share_of(np.array([0.3, 0.1]), 1, among_allowed=False) == pytest.approx(0.1)
