"""Observations as planes and numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rewardium.rewards.learning.rnd_inputs import LARGEST_INPUT, bag_of_words, row_input, stack_inputs


@pytest.mark.parametrize(
    ("observation", "planes", "size"),
    [
        (np.zeros(4), None, 4),
        (np.zeros((21, 79), np.uint8), None, 21 * 79),
        (np.zeros((7, 9, 9), np.uint8), (7, 9, 9), 0),
        (np.zeros((84, 84, 3), np.uint8), (3, 84, 84), 0),
        (np.zeros((3, 84, 84), np.uint8), (3, 84, 84), 0),
        ({"b": np.zeros((5, 9, 9)), "a": np.zeros((2, 9, 9)), "c": np.zeros((2, 3, 3))}, (7, 9, 9), 18),
        ({"image": np.zeros((2, 5, 5)), "features": np.zeros(3), "clock": 4}, (2, 5, 5), 4),
        (np.int64(3), None, 1),
        (True, None, 1),
        ((np.zeros(2), [1, 2.5]), None, 4),
        ("You see a key.", None, 512),
        ({"obs": np.zeros(2), "mission": "go"}, None, 514),
    ],
)
def test_shapes(observation, planes, size):
    found = row_input(observation)
    assert (None if found.planes is None else found.planes.shape) == planes
    assert found.vector.shape == (size,)
    assert found.vector.dtype == np.float32


@pytest.mark.parametrize(
    "observation",
    [
        None,
        {},
        [],
        object(),
        np.array([1.0, np.nan]),
        float("inf"),
        np.array([1e300]),
        np.zeros(LARGEST_INPUT + 1),
        np.array([1j]),
        {"a": np.array(["x"])},
    ],
)
def test_what_cannot_be_read_is_none(observation):
    assert row_input(observation) is None


def test_mappings_are_read_in_the_order_of_their_keys():
    one, other = {"a": 1.0, "b": np.array([2.0])}, {"b": np.array([2.0]), "a": 1.0}
    assert row_input(one).vector.tolist() == row_input(other).vector.tolist() == [1.0, 2.0]


def test_planes_keep_their_dtype_and_rows_stack():
    rows = [row_input({"image": np.full((2, 3, 3), value, np.uint8), "x": value}) for value in (1, 2)]
    columns = stack_inputs(rows)
    assert columns["planes"].dtype == np.uint8
    assert columns["planes"].shape == (2, 2, 3, 3)
    assert columns["vector"].tolist() == [[1.0], [2.0]]
    assert set(stack_inputs([row_input(np.zeros(2))])) == {"vector"}


@given(st.text())
def test_any_text_has_a_bag(text):
    bag = bag_of_words(text, 32)
    assert bag.shape == (32,)
    assert (bag >= 0).all()
    np.testing.assert_array_equal(bag, bag_of_words(text.upper().lower(), 32)) if text.isascii() else None


def test_a_bag_knows_words_and_their_neighbours():
    assert bag_of_words("a b", 4096).sum() == pytest.approx(3 * np.log(2))
    assert (bag_of_words("a b c", 4096) != bag_of_words("c b a", 4096)).any()
    assert (bag_of_words("x" * 10**6) == bag_of_words("x" * 20_000)).all()
    assert not bag_of_words("").any()


@given(arrays.arrays(np.float32, arrays.array_shapes(max_dims=4, max_side=5), elements=st.floats(-9, 9, width=32)))
def test_every_number_is_kept(array):
    found = row_input(array)
    kept = np.concatenate([found.vector, np.zeros(0) if found.planes is None else found.planes.reshape(-1)])
    assert sorted(kept.tolist()) == sorted(array.reshape(-1).tolist())
