from __future__ import annotations

import pickle

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from hypothesis import given
from hypothesis import strategies as st

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.shaping.roboclip import RoboClip, attenuation_factors, pooled_segments, video_similarity
from rewardium.rewards.state import RewardState
from tests.shapes import ways

pytest.importorskip("open_clip")

from rewardium.rewards.models.vision_encoder import load_vision_encoder
from rewardium.rewards.sources._clip import example_clip


@pytest.fixture(scope="module")
def clip():
    return example_clip().name


def frame(seed):
    return np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)


def episode(seeds, ends="truncated", env=0, number=0, task=None):
    return [
        TransitionBatch.from_transitions(
            [
                Transition(
                    0, 0, 0, frame=None if seed is None else frame(seed), env=env, episode=number, step=step, task=task,
                    **({ends: True} if step == len(seeds) - 1 else {}),
                )
            ]
        )
        for step, seed in enumerate(seeds)
    ]  # fmt: skip


def paid(reward, batches):
    outcomes = reward.evaluate_rollout(batches, RewardState())
    return [float(outcome.value[0]) if outcome.valid[0] else None for outcome in outcomes]


def test_one_segment_is_the_cosine_with_the_average():
    vectors = np.random.default_rng(0).normal(size=(7, 5))
    target = np.random.default_rng(1).normal(size=(1, 5))
    mean = vectors.mean(axis=0)
    by_hand = mean @ target[0] / np.linalg.norm(mean) / np.linalg.norm(target)
    assert video_similarity(vectors, target) == pytest.approx(by_hand)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 6), st.floats(0, 20), st.floats(0, 1))
def test_similarities_stay_in_their_range(length, other, segments, attenuation, centre):
    rng = np.random.default_rng(length * 10 + other)
    value = video_similarity(rng.normal(size=(length, 4)), rng.normal(size=(other, 4)), segments, attenuation, centre)
    assert -1 - 1e-9 <= value <= 1 + 1e-9


def test_segments_see_the_order_and_attenuation_weighs_them():
    one, two = np.eye(2)[[0] * 4 + [1] * 4], np.eye(2)[[1] * 2 + [0] * 2]
    assert video_similarity(one, one[::2], 2) == pytest.approx(1.0)
    assert video_similarity(one, two, 2) == pytest.approx(0.0)
    assert video_similarity(one, two, 1) == pytest.approx(1.0)
    late = video_similarity(one, np.array([[0.0, 1.0]]), 2, attenuation=4.0, centre=1.0)
    assert late == pytest.approx(0.5 * np.exp(-4 * 0.25))
    np.testing.assert_allclose(attenuation_factors(4, 16.0, 0.5), np.exp([-6.0, -2.0, -2.0, -6.0]))
    assert pooled_segments(one, 99).shape == (8, 2)


@pytest.mark.parametrize("ends", ["truncated", "terminated"])
def test_it_pays_at_the_end_and_only_there(clip, ends):
    reward = RoboClip(clip, "a pole upright")
    encoder = load_vision_encoder(clip)
    mean = encoder.encode_images([frame(seed) for seed in (1, 2, 3)]).astype(np.float64).mean(axis=0)
    expected = mean @ encoder.encode_texts(["a pole upright"])[0] / np.linalg.norm(mean)
    values = paid(reward, episode([1, 2, None, 3], ends))
    assert values[:3] == [0.0, 0.0, 0.0]
    assert values[3] == pytest.approx(expected, abs=1e-5)


def test_a_demonstration_is_most_like_itself(clip, tmp_path):
    np.save(tmp_path / "shown.npy", np.stack([frame(seed) for seed in range(8)]))
    reward = RoboClip(clip, demonstration=str(tmp_path / "shown.npy"), segments=4)
    assert reward.needs == {"frame"}
    assert paid(reward, episode(range(8)))[-1] == pytest.approx(1.0, abs=1e-5)
    assert paid(reward, episode(range(7, -1, -1)))[-1] < 1.0
    for other in (pickle.loads(pickle.dumps(reward)), rewards.parse(str(reward))):  # noqa: S301
        assert other == reward
        assert paid(other, episode(range(8)))[-1] == pytest.approx(1.0, abs=1e-5)


def test_the_goal_of_the_task_and_episodes_without_goal_or_frames(clip):
    reward = RoboClip(clip)
    assert reward.needs == {"frame", "task"}
    said = paid(RoboClip(clip, "a pole"), episode([1, 2]))
    assert paid(reward, episode([1, 2], task=Task("a pole"))) == said
    assert paid(reward, episode([1, 2])) == [0.0, None]
    assert paid(RoboClip(clip, "a pole"), episode([None, None])) == [0.0, None]


def test_the_state_holds_the_episode_so_far(clip):
    reward, batches = RoboClip(clip, "a pole"), [*episode([1, 2, 3]), *episode([4, 5], number=1)]
    whole = paid(reward, batches)
    state = RewardState()
    first = [reward.evaluate(batch, state) for batch in batches[:2]]
    later = RewardState.from_state_dict(state.state_dict())
    rest = [reward.evaluate(batch, later) for batch in batches[2:]]
    assert [float(outcome.value[0]) for outcome in [*first, *rest]] == pytest.approx(whole, abs=1e-5)
    assert reward.evaluate(batches[0][:0], state).value.shape == (0,)


def test_the_model_sees_a_rollout_in_one_call(clip, monkeypatch):
    encoder, calls = load_vision_encoder(clip), []
    encode = encoder.encode_images
    monkeypatch.setattr(encoder, "encode_images", lambda frames: calls.append(len(frames)) or encode(frames))
    reward = rewards.make("roboclip", clip, "a pole")
    reward.evaluate_rollout(episode(range(6)), RewardState())
    assert calls == [6]


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_every_way_to_apply_it_pays_the_same(clip, mode):
    shape = ways.SHAPES["continuous with frames"]
    reward = rewards.parse(f"0.5 * extrinsic + roboclip({clip!r}, 'a bright dot', segments=3, attenuation=2.0)")
    once = ways.scalar(shape, reward, 3, 4)
    for found in (
        ways.vector(shape, reward, 3, 4, mode),
        ways.deferred(shape, reward, 3, 4, mode, every=5),
    ):
        assert found.keys() == once.keys()
        for key, row in found.items():
            assert row.reward == pytest.approx(once[key].reward, abs=1e-5)
    assert any(row.terms["roboclip"][0] != 0 for row in once.values())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"segments": 0}, "'segments'"),
        ({"attenuation": -1.0}, "'attenuation'"),
        ({"centre": 2.0}, "'centre'"),
        ({"text": "a", "demonstration": "b"}, "not both"),
        ({"demonstration": "nowhere.npy"}, "no such file"),
        ({"text": 3}, "must be a sentence"),
        ({"clip": "./nowhere"}, "nowhere"),
    ],
)
def test_wrong_arguments(clip, arguments, words):
    with pytest.raises(RewardiumError, match=words):
        RoboClip(**{"clip": clip, **arguments})


def test_without_a_model_it_waits_for_the_flag():
    with pytest.raises(RewardiumError, match="--clip"):
        paid(RoboClip(text="a pole"), episode([1]))
