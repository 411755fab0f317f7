from __future__ import annotations

import math

import numpy as np
import pytest

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.models.judge import JudgeError
from rewardium.rewards.sources.vlm_yes import VlmYes


def grey(value):
    return np.full((4, 4, 3), value, dtype=np.uint8)


def batch_of(*values, task=None):
    return TransitionBatch.from_transitions(
        [Transition(0, 0, 0, frame=None if value is None else grey(value), task=task) for value in values]
    )


@pytest.fixture
def reference(tmp_path):
    np.save(tmp_path / "reference.npy", grey(100))
    return str(tmp_path / "reference.npy")


class Written:
    """Answers what a test wrote down."""

    def __init__(self, *answers):
        self.answers, self.questions = list(answers), []

    def choose(self, questions, allowed):
        self.questions += questions
        if isinstance(self.answers[0], Exception):
            raise self.answers[0]
        return [self.answers.pop(0) for _ in questions]


def with_judge(source, judge):
    object.__setattr__(source, "_judge", judge)
    return source


def test_the_frame_is_compared_with_the_reference(reference):
    source = VlmYes("scripted:brightness", reference, "bright")
    score = source.score(batch_of(49, 100, 151, None))
    assert score.value[:3] == pytest.approx([1 / (1 + math.exp(-20 * gap)) for gap in (-0.2, 0.0, 0.2)], abs=1e-6)
    assert score.valid.tolist() == [True, True, True, False]
    assert source.needs == {"frame"}
    assert rewards.parse(str(source)) == source


def test_without_a_reference_and_with_the_tasks_goal():
    source = VlmYes("scripted:brightness")
    assert source.needs == {"frame", "task"}
    assert source.score(batch_of(255, task=Task("bright"))).value[0] == pytest.approx(1 / (1 + math.exp(-10)))
    assert not source.score(batch_of(255)).valid.any()


def test_normalisation_orders_and_unknown_answers(reference):
    answers = [np.array([0.3, 0.1]), None, np.array([0.0, 0.0])]
    judge = Written(*answers)
    score = with_judge(VlmYes("scripted:brightness", reference, "x"), judge).score(batch_of(1, 2, 3))
    assert score.value[0] == pytest.approx(0.75)
    assert score.valid.tolist() == [True, False, False]
    assert "neither" in score.reasons[1]
    raw = with_judge(VlmYes("scripted:brightness", reference, "x", among_words=False), Written(answers[0]))
    assert raw.score(batch_of(1)).value[0] == pytest.approx(0.3)

    both = VlmYes("scripted:brightness", reference, "x", both_orders=True)
    judge = Written(np.array([0.8, 0.2]), np.array([0.1, 0.3]), np.array([0.5, 0.5]), None)
    score = with_judge(both, judge).score(batch_of(7, 8))
    assert score.value[0] == pytest.approx(0.5 * (0.8 + 0.75))
    assert score.valid.tolist() == [True, False]
    shown = [[int(frame[0, 0, 0]) for frame in question.frames] for question in judge.questions]
    assert shown == [[100, 7], [7, 100], [100, 8], [8, 100]]


def test_a_judge_that_is_down_leaves_everything_unknown(reference):
    source = with_judge(VlmYes("scripted:brightness", reference, "x"), Written(JudgeError("down")))
    assert not source.score(batch_of(1, 2)).valid.any()


def test_in_the_background(reference):
    source = rewards.parse(f"asynchronous(vlm_yes('scripted:brightness', {reference!r}, 'bright'))")
    assert not source.score(batch_of(200)).valid.any()
    source.drain()
    assert source.score(batch_of(200)).value[0] > 0.9
    source.close()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"judge": "scripted:none"}, "unknown scripted judge"),
        ({"reference": "nowhere.png"}, "no such file"),
        ({"both_orders": True}, "needs a reference"),
        ({"goal": 3}, "must be a text"),
    ],
)
def test_wrong_arguments(arguments, words):
    with pytest.raises(RewardiumError, match=words):
        VlmYes(**arguments)


def test_without_a_judge_it_waits_for_the_flag():
    with pytest.raises(RewardiumError, match="--judge"):
        VlmYes(goal="x").score(batch_of(1))
