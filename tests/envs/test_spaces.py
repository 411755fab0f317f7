"""The space of free text."""

import pickle

import gymnasium as gym
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.spaces import Utf8Text


@given(st.text(max_size=40))
def test_holds_every_text_that_encodes_and_fits(text):
    assert (text in Utf8Text(20)) == (len(text) <= 20)


@pytest.mark.parametrize("value", ["\ud800", "a\udfffb", "x" * 6, 3, None, b"abc", ["a"]])
def test_refuses(value):
    assert value not in Utf8Text(5)


def test_bounds_are_inclusive():
    space = Utf8Text(3, min_length=2)
    assert [text in space for text in ("a", "ab", "√2π", "abcd")] == [False, True, True, False]
    assert "" in Utf8Text(3)


def test_samples_lie_inside_and_follow_the_seed():
    first, second = Utf8Text(12, seed=3), Utf8Text(12, seed=3)
    samples = [first.sample() for _ in range(200)]
    assert samples == [second.sample() for _ in range(200)]
    assert all(sample in first for sample in samples)
    assert any(not sample.isascii() for sample in samples)


def test_equality_pickle_and_batch():
    space = Utf8Text(12)
    assert space == Utf8Text(12) != Utf8Text(13)
    assert space != gym.spaces.Text(12)
    assert hash(space) == hash(Utf8Text(12))
    assert pickle.loads(pickle.dumps(space)) == space  # noqa: S301
    assert ("a", "√") in gym.vector.utils.batch_space(space, 2)
    assert repr(space) == "Utf8Text(12, min_length=0)"
