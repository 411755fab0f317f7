import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.shaping.anneal import Anneal, anneal_weight
from rewardium.rewards.state import RewardState


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("linear", [2.0, 1.75, 1.5, 1.0, 1.0]),
        ("cosine", [2.0, 1.5 + 0.5 * math.cos(math.pi / 4), 1.5, 1.0, 1.0]),
        ("exponential", [2.0, 1 + math.exp(-0.25), 1 + math.exp(-0.5), 1 + math.exp(-1), 1 + math.exp(-2)]),
        ("switch", [2.0, 2.0, 2.0, 1.0, 1.0]),
    ],
)
def test_closed_forms(kind, expected):
    weights = [anneal_weight(seen, 100, start=2.0, end=1.0, kind=kind) for seen in (0, 25, 50, 100, 200)]
    assert weights == pytest.approx(expected)


@given(
    st.integers(0, 10**9), st.floats(1, 1e6), st.floats(-5, 5), st.floats(-5, 5),
    st.sampled_from(["linear", "cosine", "exponential", "switch"]),
)  # fmt: skip
def test_the_weight_stays_between_start_and_end(seen, steps, start, end, kind):
    weight = anneal_weight(seen, steps, start, end, kind)
    assert min(start, end) - 1e-9 <= weight <= max(start, end) + 1e-9


def test_all_environments_of_a_step_share_the_weight_and_missing_scores_count_as_time(rig):
    paid = rig.play(Anneal(rig.Column(), steps=8), rig.rollout([[1.0, 1.0], [None, None], [1.0, 2.0]]))
    np.testing.assert_array_equal(paid, [[1.0, 1.0], [np.nan, np.nan], [0.5, 1.0]])


def test_the_count_is_resumed(rig):
    state = RewardState()
    rig.play(Anneal(rig.Column(), steps=4), rig.rollout([[1.0], [1.0]]), state)
    resumed = RewardState.from_state_dict(state.state_dict())
    np.testing.assert_array_equal(
        rig.play(Anneal(rig.Column(), steps=4), rig.rollout([[1.0], [1.0], [1.0]]), resumed)[:, 0], [0.5, 0.25, 0.0]
    )


@pytest.mark.parametrize("bad", [{"steps": 0}, {"steps": "many"}, {"steps": 5, "kind": "step"}])
def test_bad_parameters_are_refused(rig, bad):
    with pytest.raises(RewardiumError, match="anneal: "):
        Anneal(rig.Column(), **bad)
