from __future__ import annotations

import pickle

import numpy as np
import pytest

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import Transition, TransitionBatch

pytest.importorskip("open_clip")

from rewardium.rewards.sources._clip import example_clip
from rewardium.rewards.sources.perceptual_steps import PerceptualSteps


def demonstration(seed, length=5):
    """A dark scene becomes bright, and then blue; its noise differs."""
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 30, (3 * length, 32, 32, 3), dtype=np.uint8)
    frames[length : 2 * length] += 200
    frames[2 * length :, :, :, 2] += 150
    return frames


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demonstrations")
    for seed in range(3):
        np.save(folder / f"{seed}.npy", demonstration(seed, 4 + seed))
    return PerceptualSteps(example_clip().name, [str(folder / f"{seed}.npy") for seed in range(3)], features=8)


def test_a_demonstration_that_was_held_out_is_paid_more_at_each_step(source):
    batch = TransitionBatch.from_transitions([Transition(0, 0, 0, frame=frame) for frame in demonstration(9)])
    value = source.score(batch).value.reshape(3, 5).mean(axis=1)
    assert value[0] < value[1] < value[2]
    assert value[2] > value[0] + 0.1


def test_copies_learn_the_same(source):
    batch = TransitionBatch.from_transitions([Transition(0, 0, 0, frame=frame) for frame in demonstration(5)])
    for other in (pickle.loads(pickle.dumps(source)), rewards.parse(str(source))):  # noqa: S301
        assert other == source
        np.testing.assert_array_equal(other.score(batch).value, source.score(batch).value)


def test_without_a_model_it_waits_for_the_flag(source):
    waiting = rewards.make("perceptual_steps", demonstrations=source.demonstrations)
    with pytest.raises(RewardiumError, match="--clip"):
        waiting.score(TransitionBatch.from_transitions([Transition(0, 0, 0, frame=demonstration(0)[0])]))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"demonstrations": ()}, "'demonstrations' must be"),
        ({"demonstrations": "nowhere.npy"}, "no such file"),
        ({"steps": 1}, "'steps'"),
        ({"steps": 12}, "cannot be cut"),
        ({"features": 0}, "'features'"),
        ({"alpha": -1.0}, "'alpha'"),
        ({"floor": 0.0}, "'floor'"),
        ({"squash": "tanh"}, "'squash'"),
    ],
)
def test_wrong_arguments(source, arguments, words):
    with pytest.raises(RewardiumError, match=words):
        PerceptualSteps(**{"clip": source.clip, "demonstrations": source.demonstrations, **arguments})
