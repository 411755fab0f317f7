from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.sources._clip import mean_direction
from rewardium.rewards.sources.vlm_rm import VlmRm, goal_baseline_reward


def unit(rng, rows, dimensions):
    vectors = rng.normal(size=(rows, dimensions))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def by_projection(states, goal, baseline, alpha):
    """The definition: a D x D projection onto the line through baseline and goal."""
    states, goal, baseline = (np.asarray(value, dtype=np.float64) for value in (states, goal, baseline))
    direction = (goal - baseline) / np.linalg.norm(goal - baseline)
    projection = np.outer(direction, direction)
    on_the_line = baseline + (states - baseline) @ projection
    mixed = alpha * on_the_line + (1.0 - alpha) * states
    return 1.0 - 0.5 * ((mixed - goal) ** 2).sum(axis=1)


@given(st.integers(0, 2**32 - 1), st.integers(2, 64), st.floats(0.0, 1.0))
def test_it_is_the_definition(seed, dimensions, alpha):
    states, (goal, baseline) = unit(rng := np.random.default_rng(seed), 8, dimensions), unit(rng, 2, dimensions)
    if np.linalg.norm(goal - baseline) < 0.01:
        return
    values = goal_baseline_reward(states, goal, baseline, alpha)
    np.testing.assert_allclose(values, by_projection(states, goal, baseline, alpha), atol=1e-5)
    assert (values >= -1.0 - 1e-5).all()
    assert (values <= 1.0 + 1e-5).all()


@given(st.integers(0, 2**32 - 1), st.integers(2, 64))
def test_alpha_0_is_the_cosine_similarity(seed, dimensions):
    states, (goal, baseline) = unit(rng := np.random.default_rng(seed), 8, dimensions), unit(rng, 2, dimensions)
    cosine = states.astype(np.float64) @ goal.astype(np.float64)
    np.testing.assert_allclose(goal_baseline_reward(states, goal, baseline, 0.0), cosine, atol=1e-6)
    np.testing.assert_allclose(goal_baseline_reward(states, goal, None, 0.0), cosine, atol=1e-6)


def test_it_goes_over_to_alpha_0_without_a_jump():
    rng = np.random.default_rng(0)
    states, (goal, baseline) = unit(rng, 8, 16), unit(rng, 2, 16)
    near = goal_baseline_reward(states, goal, baseline, 1e-9)
    np.testing.assert_allclose(near, goal_baseline_reward(states, goal, baseline, 0.0), atol=1e-6)


def test_for_alpha_1_only_the_place_along_the_line_counts():
    goal, baseline = np.eye(3, dtype=np.float32)[:2]
    states = np.array([[0.6, 0.0, 0.8], [0.6, 0.0, -0.8], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], dtype=np.float32)
    one, other, at_goal, at_baseline = goal_baseline_reward(states, goal, baseline, 1.0)
    assert one == pytest.approx(other)
    assert at_goal == pytest.approx(1.0)
    assert at_baseline == pytest.approx(0.0, abs=1e-6)  # |g - b|^2 / 2 = 1 from the goal


def test_goal_and_baseline_must_differ():
    states = unit(np.random.default_rng(0), 2, 8)
    with pytest.raises(RewardiumError, match="no direction"):
        goal_baseline_reward(states, states[0], states[0], 0.5)
    with pytest.raises(RewardiumError, match="baseline"):
        goal_baseline_reward(states, states[0], None, 0.5)


def test_the_mean_of_vectors_has_length_1():
    vectors = unit(np.random.default_rng(0), 3, 8)
    mean = mean_direction(vectors)
    assert np.linalg.norm(mean) == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(np.cross(mean[:3], vectors.mean(axis=0)[:3]), 0.0, atol=1e-6)
    with pytest.raises(RewardiumError, match="contradict"):
        mean_direction(np.array([[1.0, 0.0], [-1.0, 0.0]], dtype=np.float32))


torch = pytest.importorskip("torch")
pytest.importorskip("open_clip")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def clip():
    return VlmRm.example().clip


def seen(*tasks, frame=True):
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (len(tasks), 32, 32, 3), dtype=np.uint8)
    rows = zip(pictures, tasks, strict=True)
    return TransitionBatch.from_transitions(
        [Transition(0, 0, 0, frame=picture if frame else None, task=task) for picture, task in rows]
    )


def test_alpha_0_is_the_cosine_of_frame_and_sentence(clip):
    batch = seen(None, None, None)
    source = VlmRm(clip, "a pole upright")
    images, goal = source.encoder.encode_images(list(batch.frames)), source.encoder.encode_texts(["a pole upright"])[0]
    np.testing.assert_allclose(source.score(batch).value, images @ goal, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.25, 0.5, 1.0])
def test_several_sentences_are_their_mean(clip, alpha):
    batch = seen(None, None)
    goals, baselines = ("a pole upright", "a pole that stands"), ("a pole", "a cart", "a picture")
    source = VlmRm(clip, goals, baselines, alpha)
    images = source.encoder.encode_images(list(batch.frames))
    goal, baseline = (mean_direction(source.encoder.encode_texts(texts)) for texts in (goals, baselines))
    expected = by_projection(images, goal, baseline, alpha)
    np.testing.assert_allclose(source.score(batch).value, expected, atol=1e-5)


def test_sentences_of_the_task(clip):
    tasks = [
        Task("a pole upright", fields={"baseline": "a pole"}),
        Task("a car", fields={"baseline": ["a road", "it"]}),
    ]
    batch = seen(*tasks, tasks[0])
    values = VlmRm(clip, alpha=0.5).score(batch).value
    for row, (goal, baseline) in enumerate([("a pole upright", "a pole"), ("a car", ("a road", "it"))]):
        alone = VlmRm(clip, goal, baseline, 0.5).score(batch).value
        assert values[row] == pytest.approx(alone[row], abs=1e-6)


def test_what_cannot_be_scored_is_invalid(clip):
    tasks = [Task("a pole upright", fields={"baseline": "a pole"}), Task("a pole upright"), Task(" "), None]
    score = VlmRm(clip, alpha=0.5).score(seen(*tasks))
    assert score.valid.tolist() == [True, False, False, False]
    assert list(score.reasons) == [None, "the task has no baseline", "the task has no goal", "the task has no goal"]
    assert VlmRm(clip).score(seen(*tasks)).valid.tolist() == [True, True, False, False]
    score = VlmRm(clip).score(seen(*tasks, frame=False))
    assert not score.valid.any()
    assert set(score.reasons) == {"the row has no frame"}


@pytest.mark.parametrize("baseline", [3, None, {}, [], [None, 1], ""], ids=str)
def test_a_baseline_that_is_no_sentence(clip, baseline):
    batch = seen(Task("a pole upright", fields={"baseline": baseline}))
    assert not VlmRm(clip, alpha=0.5).score(batch).valid.any()


def test_sentences_are_encoded_once_and_frames_in_one_call(clip, monkeypatch):
    source = VlmRm(clip, alpha=0.5)
    texts, calls = [], []
    encoder = source.encoder
    read, look = encoder._sentences, encoder.encode_images
    monkeypatch.setattr(encoder, "_sentences", lambda given: texts.extend(given) or read(given))
    monkeypatch.setattr(encoder, "encode_images", lambda given: calls.append(len(given)) or look(given))
    tasks = [Task(goal, fields={"baseline": "an unread cart"}) for goal in ("an unread pole", "an unread car")]
    for _ in range(3):
        source.score(seen(*tasks, *tasks, tasks[0]))
    assert sorted(texts) == ["an unread car", "an unread cart", "an unread pole"]
    assert calls == [5, 5, 5]


def test_needs(clip):
    assert VlmRm(clip, "a", "b", 0.5).needs == {"frame"}
    assert VlmRm(clip, "a").needs == {"frame"}
    assert VlmRm(clip, "a", alpha=0.5).needs == VlmRm(clip).needs == {"frame", "task"}


def test_a_flag_may_name_the_model_later(clip):
    source = rewards.parse("vlm_rm(goal='a pole upright')")
    with pytest.raises(RewardiumError, match="give the script --clip"):
        source.score(seen(None))
    with pytest.raises(RewardiumError, match="give the script --clip"):
        source.check_frames((64, 64, 3), np.uint8)
    filled = rewards.parse(f"vlm_rm(clip={clip!r}, goal='a pole upright')")
    assert filled.score(seen(None)).valid.all()


def test_frames_are_checked_before_training(clip):
    source = VlmRm(clip)
    source.check_frames((64, 64, 3), np.uint8)
    with pytest.raises(RewardiumError, match="too small"):
        source.check_frames((4, 4, 3), np.uint8)
    with pytest.raises(RewardiumError, match="uint8"):
        source.check_frames((64, 64, 3), np.float32)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": 1.5}, "alpha"),
        ({"alpha": float("nan")}, "alpha"),
        ({"goal": [""]}, "sentences"),
        ({"baseline": 3}, "sentences"),
        ({"clip": 3}, "clip"),
        ({"goal": "a pole", "baseline": "a pole", "alpha": 0.5}, "no direction"),
    ],
    ids=str,
)
def test_wrong_parameters(clip, arguments, message):
    with pytest.raises(RewardiumError, match=message):
        VlmRm(**{"clip": clip, **arguments})


def test_an_unknown_model_is_said_when_the_reward_is_built():
    with pytest.raises(RewardiumError, match="unknown architecture"):
        rewards.parse("0.5 * vlm_rm(clip='ViT-B-33/openai')")
