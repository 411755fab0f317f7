import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.state import RewardState


def batch_of(*rows):
    """Rows are (env, episode)."""
    return TransitionBatch.from_transitions([Transition("", "", "", env=env, episode=episode) for env, episode in rows])


def test_children_are_apart_and_kept():
    state = RewardState()
    state.child(0).memory["x"] = 1
    state.child(1).child(0).memory["x"] = 2
    assert (state.memory, state.child(0).memory, state.child(1).memory) == ({}, {"x": 1}, {})
    assert state.child(1).child(0).memory["x"] == 2


def test_arrays_begin_anew_with_each_episode_of_each_environment():
    state = RewardState()
    for rows, expected in [
        ([(0, 0), (1, 0)], [1, 1]),
        ([(0, 0), (1, 1)], [2, 1]),
        ([(1, 1)], [2]),
        ([(0, 1), (1, 1)], [1, 3]),
    ]:
        batch = batch_of(*rows)
        count = state.episode_arrays(batch, count=0.0)["count"]
        count[batch.env] += 1
        assert count[batch.env].tolist() == expected


def test_arrays_grow_with_the_environments_and_keep_what_they_hold():
    state = RewardState()
    state.episode_arrays(batch_of((0, 0)), x=5.0)["x"][0] = 7.0
    grown = state.episode_arrays(batch_of((3, 0)), x=5.0)["x"]
    assert grown.tolist() == [7.0, 5.0, 5.0, 5.0]


def test_several_arrays_restart_together():
    state = RewardState()
    first = state.episode_arrays(batch_of((0, 0)), a=1.0, b=-1.0)
    first["a"][0], first["b"][0] = 5.0, 6.0
    second = state.episode_arrays(batch_of((0, 1)), a=1.0, b=-1.0)
    assert (second["a"][0], second["b"][0]) == (1.0, -1.0)


def test_dicts_are_emptied_with_each_episode():
    state = RewardState()
    state.episode_dicts(batch_of((0, 0), (2, 0)))[1]["seen"] = 1
    assert state.episode_dicts(batch_of((2, 0), (0, 0))) == [{"seen": 1}, {}]
    assert state.episode_dicts(batch_of((2, 1))) == [{}]


@pytest.mark.parametrize("ask", [lambda s, b: s.episode_arrays(b, x=0.0), lambda s, b: s.episode_dicts(b)])
def test_two_steps_of_one_environment_are_refused(ask):
    with pytest.raises(RewardiumError, match="one transition an environment at a time"):
        ask(RewardState(), batch_of((0, 0), (0, 0)))


def test_no_transitions_are_no_trouble():
    state = RewardState()
    empty = batch_of((0, 0)).select(np.zeros(0, dtype=np.int64))
    assert state.episode_arrays(empty, x=1.0)["x"].tolist() == []
    assert state.episode_dicts(empty) == []


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda items: st.lists(items, max_size=3) | st.dictionaries(st.text(max_size=5), items, max_size=3),
    max_leaves=8,
)


@given(
    memory=st.dictionaries(st.text(max_size=5), plain, max_size=3),
    array=st.lists(st.floats(allow_nan=False), max_size=4),
)
def test_the_state_survives_json(memory, array):
    state = RewardState()
    state.memory.update(memory)
    state.child(2).memory["array"] = np.array(array, dtype=np.float64)
    state.child(2).memory["episodes"] = np.arange(3, dtype=np.int64)
    rebuilt = RewardState.from_state_dict(json.loads(json.dumps(state.state_dict())))
    assert rebuilt.memory == memory
    for name in ("array", "episodes"):
        before, after = state.child(2).memory[name], rebuilt.child(2).memory[name]
        assert after.dtype == before.dtype
        np.testing.assert_array_equal(after, before)


def test_a_rebuilt_state_does_not_share_memory_with_the_old_one():
    state = RewardState()
    state.episode_arrays(batch_of((0, 0)), x=1.0)
    copy = RewardState.from_state_dict(state.state_dict())
    copy.episode_arrays(batch_of((0, 0)), x=1.0)["x"][0] = 9.0
    assert state.episode_arrays(batch_of((0, 0)), x=1.0)["x"][0] == 1.0


def test_keys_that_look_like_markers_survive_the_round_trip():
    state = RewardState()
    state.memory["seen"] = {"__array__": 1, "__dict__": {"__array__": [2]}, "plain": np.array([3])}
    copy = RewardState.from_state_dict(json.loads(json.dumps(state.state_dict()))).memory["seen"]
    assert copy["__array__"] == 1
    assert copy["__dict__"] == {"__array__": [2]}
    assert copy["plain"].tolist() == [3]


numbers = st.one_of(
    arrays.boolean_dtypes(),
    arrays.integer_dtypes(endianness="?"),
    arrays.unsigned_integer_dtypes(endianness="?"),
    arrays.floating_dtypes(endianness="?"),
    arrays.complex_number_dtypes(endianness="?"),
)


@given(arrays.arrays(numbers, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)))
def test_an_array_is_read_back_bit_for_bit(array):
    state = RewardState()
    state.memory["array"] = array
    after = RewardState.from_state_dict(json.loads(json.dumps(state.state_dict()))).memory["array"]
    native = array.astype(array.dtype.newbyteorder("="))
    assert (after.dtype, after.shape) == (native.dtype, native.shape)
    assert after.tobytes() == native.tobytes()  # the bits of every NaN and the sign of every zero too
    assert after.flags.writeable


def test_the_bytes_are_little_endian_in_the_order_of_rows():
    state = RewardState()
    state.memory["array"] = np.asfortranarray(np.array([[1, 2], [3, 256]], dtype=">u2"))
    assert state.state_dict()["memory"]["array"] == {"__array__": "<u2", "shape": [2, 2], "base64": "AQACAAMAAAE="}


def test_a_memory_of_networks_is_little_more_than_its_bytes():
    state = RewardState()
    state.memory["weights"] = np.random.default_rng(0).standard_normal((128, 64)).astype(np.float32)
    assert len(json.dumps(state.state_dict())) < 1.4 * state.memory["weights"].nbytes


@pytest.mark.parametrize(
    ("plain", "array"),
    [
        ({"__array__": "<f8", "data": [1.0, float("nan")]}, np.array([1.0, np.nan])),
        ({"__array__": "<i8", "data": [[1], [2]]}, np.array([[1], [2]])),
        ({"__array__": "|b1", "data": [True, False]}, np.array([True, False])),
        ({"__array__": "<f4", "data": []}, np.array([], dtype=np.float32)),
    ],
    ids=["floats", "integers", "booleans", "empty"],
)
def test_arrays_of_old_checkpoints_are_read(plain, array):
    after = RewardState.from_state_dict({"memory": {"array": plain}, "children": {}}).memory["array"]
    assert after.dtype == array.dtype
    np.testing.assert_array_equal(after, array)


GOOD = {"__array__": "<f4", "shape": [1], "base64": "AACAPw=="}


@pytest.mark.parametrize(
    "change",
    [
        {"__array__": "<f3"},
        {"__array__": "O"},
        {"__array__": "<f4,(1000000000)<f4"},
        {"__array__": ["<f4"]},
        {"__array__": None},
        {"__array__": "<f8"},
        {"__array__": "|b1", "shape": [4]},
        {"shape": [2]},
        {"shape": [-1]},
        {"shape": [True]},
        {"shape": [1.0]},
        {"shape": 1},
        {"shape": [10**30, 0]},
        {"shape": [1] * 100},
        {"shape": None},
        {"base64": "AACAPw"},
        {"base64": "AACA\nPw=="},
        {"base64": "é"},
        {"base64": 7},
        {"base64": ""},
    ],
    ids=str,
)
def test_a_garbled_array_is_one_error(change):
    assert RewardState.from_state_dict({"memory": {"x": GOOD}, "children": {}}).memory["x"].tolist() == [1.0]
    with pytest.raises(RewardiumError, match="the state of a reward holds an array"):
        RewardState.from_state_dict({"memory": {"x": {**GOOD, **change}}, "children": {}})


@pytest.mark.parametrize("data", [None, ["x"], [[1], [1, 2]], {"a": 1}, [10**400]], ids=str)
def test_a_garbled_list_of_an_old_checkpoint_is_one_error(data):
    with pytest.raises(RewardiumError, match="the state of a reward holds an array"):
        RewardState.from_state_dict({"memory": {"x": {"__array__": "<i8", "data": data}}, "children": {}})


def nested(depth):
    plain = {"memory": {}, "children": {}}
    for _ in range(depth):
        plain = {"memory": {}, "children": {"0": plain}}
    return plain


@pytest.mark.parametrize(
    "plain",
    [
        None,
        [],
        {},
        {"memory": {}},
        {"memory": [], "children": {}},
        {"memory": GOOD, "children": {}},
        {"memory": {"x": {"__dict__": 3}}, "children": {}},
        {"memory": {}, "children": []},
        {"memory": {}, "children": {"one": {"memory": {}, "children": {}}}},
        {"memory": {}, "children": {"0": 3}},
        nested(20_000),
    ],
    ids=[
        "none",
        "list",
        "empty",
        "no children",
        "memory is a list",
        "memory is an array",
        "wrapped number",
        "children are a list",
        "child without a number",
        "child is a number",
        "nested",
    ],
)
def test_what_is_no_state_is_one_error(plain):
    with pytest.raises(RewardiumError, match="state of a reward"):
        RewardState.from_state_dict(plain)


garbled = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["<f4", "AACAPw=="]),
    lambda items: (
        st.lists(items, max_size=3)
        | st.dictionaries(
            st.sampled_from(["memory", "children", "__array__", "__dict__", "shape", "base64", "data", "0"]), items
        )
    ),
    max_leaves=12,
)


@given(memory=garbled, children=garbled)
def test_whatever_is_read_gives_a_state_or_the_one_error(memory, children):
    try:
        state = RewardState.from_state_dict({"memory": {"x": memory}, "children": children})
    except RewardiumError:
        return
    assert isinstance(state, RewardState)


def test_an_array_of_objects_is_refused_where_it_is_written():
    state = RewardState()
    state.memory["x"] = np.array([None])
    with pytest.raises(RewardiumError, match="not of object"):
        state.state_dict()
