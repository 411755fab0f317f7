from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.sources.progress import (
    Progress,
    backward_progress,
    forward_progress,
    progress_of,
    progress_on_line,
)

pytest.importorskip("open_clip")

from rewardium.rewards.models.vision_encoder import load_vision_encoder
from rewardium.rewards.sources._clip import example_clip


def frame(seed, side=32):
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def batch_of(frames, tasks=None):
    tasks = tasks or [None] * len(frames)
    return TransitionBatch.from_transitions(
        [Transition(0, 0, 0, frame=shown, task=task) for shown, task in zip(frames, tasks, strict=True)]
    )


@pytest.fixture(scope="module")
def clip():
    return example_clip().name


@given(st.integers(0, 10_000))
def test_measures_are_0_at_the_start_1_at_the_goal_and_between_in_between(seed):
    vectors = np.random.default_rng(seed).normal(size=(12, 5))
    start, goal = vectors[:2] / np.linalg.norm(vectors[:2], axis=1, keepdims=True)
    for measure in ("line", "forward", "backward", "both"):
        ends = progress_of(np.stack([start, goal]), start, goal, measure)
        np.testing.assert_allclose(ends, [0, 1], atol=1e-9)
        some = progress_of(vectors, start, goal, measure)
        assert ((some >= 0) & (some <= 1)).all()
        half = progress_of(0.5 * (start + goal)[None], start, goal, measure)
        np.testing.assert_allclose(half, 0.5, atol=1e-9)
    # By the triangle inequality, what is left plus what was gone is at least the whole way.
    assert (forward_progress(vectors, start, goal) >= backward_progress(vectors, start, goal) - 1e-12).all()


def test_on_unit_vectors_the_line_is_a_difference_of_cosines():
    vectors = np.random.default_rng(0).normal(size=(9, 6))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    start, goal, rest = vectors[0], vectors[1], vectors[2:]
    by_hand = 0.5 + (rest @ goal - rest @ start) / np.sum((goal - start) ** 2)
    np.testing.assert_allclose(progress_on_line(rest, start, goal), np.clip(by_hand, 0, 1))


def test_words_of_the_source_or_of_the_task(clip):
    frames = [frame(seed) for seed in range(3)]
    encoder = load_vision_encoder(clip)
    start, goal = encoder.encode_texts(["a pole", "a pole upright"]).astype(np.float64)
    expected = progress_on_line(encoder.encode_images(frames).astype(np.float64), start, goal)
    said = Progress(clip, "a pole", "a pole upright").score(batch_of(frames))
    np.testing.assert_allclose(said.value, expected, atol=1e-5)
    task = Task("a pole upright", fields={"baseline": "a pole"})
    asked = Progress(clip).score(batch_of([*frames, None, frame(1)], [task, task, task, task, Task("x")]))
    np.testing.assert_allclose(asked.value[:3], expected, atol=1e-5)
    assert asked.valid.tolist() == [True, True, True, False, False]
    assert Progress(clip).needs == {"frame", "task"}
    assert Progress(clip, "a", "b").needs == {"frame"}


def test_pictures_of_start_and_goal(clip, tmp_path):
    np.save(tmp_path / "start.npy", frame(0))
    np.save(tmp_path / "goal.npy", frame(1))
    source = Progress(
        clip, start_image=str(tmp_path / "start.npy"), goal_image=str(tmp_path / "goal.npy"), measure="both"
    )
    value = source.score(batch_of([frame(0), frame(1), frame(2)])).value
    np.testing.assert_allclose(value[:2], [0.0, 1.0], atol=1e-3)
    assert 0 <= value[2] <= 1
    assert rewards.parse(str(source)) == source


def test_as_a_potential_the_return_is_what_the_last_state_is_worth(clip):
    reward = rewards.make("potential", reward=Progress(clip, "a pole", "a pole upright"), gamma=0.9)
    phi = Progress(clip, "a pole", "a pole upright").score(batch_of([frame(seed) for seed in range(4)])).value
    state, total = rewards.RewardState(), 0.0
    for step in range(4):
        row = Transition(0, 0, 0, frame=frame(step), step=step, truncated=step == 3)
        total += 0.9**step * float(reward.evaluate(TransitionBatch.from_transitions([row]), state).value[0])
    assert total == pytest.approx(0.9**4 * phi[3], abs=1e-5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"start": "a", "start_image": "a.npy"}, "not both"),
        ({"measure": "both", "start": "a", "goal": "b"}, "needs start_image and goal_image"),
        ({"measure": "sideways"}, "must be one of"),
        ({"start_image": "nowhere.npy"}, "no such file"),
        ({"goal": 3}, "must be a text"),
    ],
)
def test_wrong_arguments(clip, arguments, words):
    with pytest.raises(RewardiumError, match=words):
        Progress(clip, **arguments)


def test_a_start_that_looks_like_the_goal(clip, tmp_path):
    np.save(tmp_path / "one.npy", frame(0))
    path = str(tmp_path / "one.npy")
    with pytest.raises(RewardiumError, match="look the same"):
        Progress(clip, start_image=path, goal_image=path)
    assert not Progress(clip, "a pole", "a pole").score(batch_of([frame(0)])).valid.any()
