from __future__ import annotations

import numpy as np
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.clip_examples import (
    OBSERVERS,
    WORDINGS,
    Examples,
    chance_of_goal,
    draw_examples,
    say,
)

GOAL, BASELINE = "a pole upright", "a pole"


def examples(count=20):
    frames = np.arange(count, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), dtype=np.uint8)
    sentences = [(f"number {row}", BASELINE) for row in range(count)]
    return Examples("task", GOAL, BASELINE, frames, sentences, np.arange(count) / count)


def test_better_states_are_more_often_called_the_goal():
    chances = [chance_of_goal(truth) for truth in np.linspace(0.0, 1.0, 11)]
    assert chances == sorted(chances)
    assert 0.0 < chances[0] < 0.01
    assert chances[-1] > 0.5
    generator = np.random.default_rng(0)
    said = {
        truth: [text for _ in range(200) for text in say(GOAL, BASELINE, "lying", truth, generator)]
        for truth in (0.2, 0.6, 1.0)
    }
    shares = {truth: texts.count(GOAL) / len(texts) for truth, texts in said.items()}
    for truth, share in shares.items():
        assert share == pytest.approx(0.9 * chance_of_goal(truth), abs=0.03)
    for texts in said.values():
        assert texts.count(BASELINE) / len(texts) == pytest.approx(0.1, abs=0.03)


def test_an_exact_observer_who_sees_the_goal_says_so():
    said = say(GOAL, BASELINE, GOAL, 1.0, np.random.default_rng(0))
    assert len(said) == OBSERVERS
    assert set(said) <= {GOAL, BASELINE}


def test_frames_come_with_their_own_sentences_in_many_wordings():
    frames, captions = examples().draw(500, np.random.default_rng(0))
    for frame, caption in zip(frames, captions, strict=True):
        texts = (f"number {frame[0, 0, 0]}", BASELINE)
        assert caption in {wording.format(text) for wording in WORDINGS for text in texts}
    used = {caption.replace(BASELINE, "{}") for caption in captions if caption.replace(BASELINE, "{}") in WORDINGS}
    assert used == set(WORDINGS)


def test_no_state_is_drawn_twice_while_there_are_others():
    frames, _ = examples().draw(20, np.random.default_rng(0))
    assert len(np.unique(frames[:, 0, 0, 0])) == 20


def test_a_state_is_either_learned_from_or_measured_on():
    learned, held_out = examples().split(0.25, seed=3)
    assert (len(learned), len(held_out)) == (15, 5)
    rows = sorted([*learned.frames[:, 0, 0, 0].tolist(), *held_out.frames[:, 0, 0, 0].tolist()])
    assert rows == list(range(20))
    for part in (learned, held_out):
        assert [sentences[0] for sentences in part.sentences] == [f"number {row}" for row in part.frames[:, 0, 0, 0]]
    again, _ = examples().split(0.25, seed=3)
    np.testing.assert_array_equal(again.frames, learned.frames)


@pytest.mark.parametrize(("count", "share"), [(1, 0.5), (20, 0.0), (20, 1.0)], ids=str)
def test_what_cannot_be_divided(count, share):
    with pytest.raises(RewardiumError, match="cannot be divided"):
        examples(count).split(share, seed=0)


def test_what_does_not_fit_together():
    frames = np.zeros((2, 4, 4, 3), dtype=np.uint8)
    with pytest.raises(RewardiumError, match="1 rows of sentences"):
        Examples("task", GOAL, BASELINE, frames, [("a",)], np.zeros(2))
    with pytest.raises(RewardiumError, match="needs a sentence"):
        Examples("task", GOAL, BASELINE, frames, [("a",), ()], np.zeros(2))


def test_a_task_of_the_family_is_rendered():
    pytest.importorskip("mujoco")
    done = []
    drawn = draw_examples("rewardium/PendulumUpright-v0", 12, 32, 0, on_frame=lambda: done.append(1))
    assert drawn.frames.shape == (12, 32, 32, 3)
    assert len(done) == 12
    assert len({frame.tobytes() for frame in drawn.frames}) == 12
    assert drawn.goal != drawn.baseline
    best = int(np.argmax(drawn.truth))
    assert drawn.goal in drawn.sentences[best]
    again = draw_examples("rewardium/PendulumUpright-v0", 12, 32, 0)
    np.testing.assert_array_equal(again.frames, drawn.frames)
    assert list(again.sentences) == list(drawn.sentences)


def test_no_such_task():
    with pytest.raises(RewardiumError, match="NoSuchBody"):
        draw_examples("rewardium/NoSuchBody-v0", 2, 32, 0)
