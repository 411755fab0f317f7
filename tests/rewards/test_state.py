import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
