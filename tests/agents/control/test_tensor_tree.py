from __future__ import annotations

import json
import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load, save

from rewardium.agents.control.random_state import own_randomness, random_state, set_random_state
from rewardium.agents.control.tensor_tree import join_tensors, split_tensors
from rewardium.envs.errors import RewardiumError

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.integers(), inner, max_size=4)
    ),
    max_leaves=20,
)


def through_files(value):
    plain, tensors = split_tensors(value)
    return join_tensors(json.loads(json.dumps(plain)), load(save(tensors)))


@given(TREES)
def test_plain_values_come_back(value):
    assert through_files(value) == value


@pytest.mark.parametrize("key", ["__tensor__", "__array__", "__items__", "__tuple__"])
def test_keys_that_mean_something_here_are_no_trap(key):
    for value in ({key: "0"}, {key: [1]}, {"a": {key: {key: []}}}):
        assert through_files(value) == value


@pytest.mark.parametrize("dtype", ["uint8", "int64", "uint32", "float32", "float64", "bool"])
def test_arrays_and_tensors_come_back(dtype):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    back = through_files({"a": array[:, ::2], "b": (torch.from_numpy(array), np.float64(0.5))})
    assert isinstance(back["a"], np.ndarray)
    assert back["a"].dtype == array.dtype
    np.testing.assert_array_equal(back["a"], array[:, ::2])
    assert torch.equal(back["b"][0], torch.from_numpy(array))
    assert back["b"][1] == 0.5


def test_an_optimiser_comes_back():
    weights = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.Adam([weights], lr=0.1)
    (weights**2).sum().backward()
    optimizer.step()
    fresh = torch.optim.Adam([torch.nn.Parameter(torch.ones(3))], lr=0.5)
    fresh.load_state_dict(through_files(optimizer.state_dict()))
    assert fresh.param_groups[0]["lr"] == 0.1
    assert torch.equal(fresh.state_dict()["state"][0]["exp_avg"], optimizer.state_dict()["state"][0]["exp_avg"])


def test_shared_memory_is_written_twice():
    tensor = torch.ones(2)
    back = through_files([tensor, tensor])
    assert torch.equal(back[0], back[1])


def test_other_things_are_refused():
    for wrong in (object(), {1.5: 2}, {"a": {1}}):
        with pytest.raises(RewardiumError, match="cannot hold"):
            split_tensors(wrong)


def test_random_generators_go_on_where_they_were():
    state = through_files(random_state())
    drawn = [random.random(), np.random.rand(), torch.rand(2).tolist()]
    with own_randomness(3):
        inside = np.random.rand()
    set_random_state(state)
    assert [random.random(), np.random.rand(), torch.rand(2).tolist()] == drawn
    with own_randomness(3):
        assert np.random.rand() == inside
