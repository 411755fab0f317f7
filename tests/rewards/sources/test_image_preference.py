from __future__ import annotations

import pickle

import numpy as np
import pytest

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import Transition, TransitionBatch

pytest.importorskip("torch")

from rewardium.rewards.sources.image_preference import ImagePreference


def batch_of(frames):
    return TransitionBatch.from_transitions([Transition(0, 0, 0, frame=frame) for frame in frames])


def test_frames_of_any_size_are_scored_and_missing_ones_are_unknown():
    source = ImagePreference.example()
    frames = [np.full((size, size, 3), grey, np.uint8) for size, grey in [(16, 20), (32, 120), (64, 220)]]
    score = source.score(batch_of([*frames, None]))
    assert score.value[0] < score.value[1] < score.value[2]
    assert score.valid.tolist() == [True, True, True, False]
    raw = rewards.make("image_preference", source.model, normalized=False).score(batch_of(frames))
    assert np.abs(raw.value).max() < 1
    for other in (pickle.loads(pickle.dumps(source)), rewards.parse(str(source))):  # noqa: S301
        assert other == source
        np.testing.assert_array_equal(other.score(batch_of(frames)).value, score.value[:3])


@pytest.mark.parametrize(("model", "words"), [("", "must be the folder"), ("nowhere", "no frame model")])
def test_folders_without_a_model(model, words):
    with pytest.raises(RewardiumError, match=words):
        ImagePreference(model)
