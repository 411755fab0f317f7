from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.source import Score
from rewardium.rewards.sources.augmented import Augmented, augmented_frame


@dataclass(frozen=True)
class Brightness(RewardSource):
    needs = frozenset({"frame"})
    registered_name = "brightness_of_test"

    def score(self, batch: TransitionBatch) -> Score:
        return Score.of([None if frame is None else float(np.mean(frame)) / 255 for frame in batch.frames])


def frame(seed, side=24):
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def batch_of(*frames):
    return TransitionBatch.from_transitions([Transition(0, 0, 0, frame=shown) for shown in frames])


def test_a_shift_repeats_the_border():
    shown = frame(0)
    view = augmented_frame(shown, 3, shift=0.2, brightness=0.0, noise=0.0)
    candidates = [
        shown[np.clip(np.arange(24) + down, 0, 23)][:, np.clip(np.arange(24) + right, 0, 23)]
        for down in range(-5, 6)
        for right in range(-5, 6)
    ]
    assert any((view == candidate).all() for candidate in candidates)
    assert not (view == shown).all()


@pytest.mark.parametrize("seed", range(5))
def test_brightness_and_noise_stay_within_their_size(seed):
    grey = np.full((64, 64, 3), 128, np.uint8)
    changed = augmented_frame(grey, seed, shift=0.0, brightness=0.1, noise=0.0)
    assert np.ptp(changed) == 0
    assert abs(int(changed[0, 0, 0]) - 128) <= 26
    noisy = augmented_frame(grey, seed, shift=0.0, brightness=0.0, noise=0.05).astype(float)
    assert noisy.mean() == pytest.approx(128, abs=1)
    assert noisy.std() == pytest.approx(0.05 * 255, rel=0.1)


def test_a_view_follows_from_the_frame_and_the_seed_alone():
    source = Augmented(Brightness())
    alone = [source.score(batch_of(frame(seed))).value[0] for seed in range(4)]
    together = source.score(batch_of(*(frame(seed) for seed in range(3, -1, -1)), None))
    np.testing.assert_array_equal(together.value[:4], alone[::-1])
    assert together.valid.tolist() == [True] * 4 + [False]
    assert Augmented(Brightness(), seed=1).score(batch_of(frame(0))).value[0] != alone[0]


def test_two_views_of_what_is_clear_agree_more_than_of_what_is_not():
    reward = rewards.make("uncertainty", Brightness(), Augmented(Brightness(), brightness=0.2, noise=0.0), scale=5.0)
    outcome = reward.evaluate(
        TransitionBatch.from_transitions(
            [
                Transition(0, 0, 0, frame=np.full((8, 8, 3), grey, np.uint8), env=row)
                for row, grey in enumerate((50, 200))
            ]
        ),
        rewards.RewardState(),
    )
    assert (outcome.value > 0).all()
    assert (outcome.value < [50 / 255, 200 / 255]).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"source": 3}, "must be a source"), ({"seed": -1}, "'seed'"), ({"noise": 2.0}, "'noise'")],
)
def test_wrong_arguments(arguments, words):
    with pytest.raises(RewardiumError, match=words):
        Augmented(**{"source": Brightness(), **arguments})


def test_what_is_no_frame_is_refused():
    with pytest.raises(RewardiumError, match="uint8"):
        Augmented(Brightness()).score(batch_of(np.zeros((4, 4, 3))))
