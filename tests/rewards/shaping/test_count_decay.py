import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.shaping.count_decay import CountDecay
from rewardium.rewards.state import RewardState


def test_the_nth_visit_pays_one_over_n_cubed_within_an_episode(rig):
    table = [[8.0]] * 6
    texts = [["door"], ["key"], ["door"], ["door"], ["door"], ["key"]]
    ends = [[""], [""], [""], ["truncated"], [""], [""]]
    paid = rig.play(CountDecay(rig.Column()), rig.rollout(table, texts=texts, ends=ends))
    np.testing.assert_allclose(paid[:, 0], [8.0, 8.0, 1.0, 8.0 / 27, 8.0, 8.0], rtol=1e-6)


def test_visits_without_a_score_count_and_rows_without_a_text_do_not(rig):
    paid = rig.play(
        CountDecay(rig.Column(), beta=1.0),
        rig.rollout([[None], [1.0], [1.0], [1.0]], texts=[["a"], ["a"], [None], [None]]),
    )
    np.testing.assert_array_equal(paid[:, 0], [np.nan, 0.5, 1.0, 1.0])


@given(texts=st.lists(st.sampled_from("abc"), min_size=1, max_size=200))
def test_farming_a_text_is_bounded(rig, texts):
    paid = rig.play(CountDecay(rig.Column()), rig.rollout([[1.0]] * len(texts), texts=[[text] for text in texts]))
    assert paid.sum() <= 1.2021 * len(set(texts))  # zeta(3) for each distinct text


@given(text=st.text(st.characters()))
def test_any_text_can_be_counted_and_saved(rig, text):
    batches = rig.rollout([[1.0], [1.0]], texts=[[text], [text]])
    state = RewardState()
    rig.play(CountDecay(rig.Column(), beta=1.0), batches[:1], state)
    resumed = RewardState.from_state_dict(json.loads(json.dumps(state.state_dict())))
    assert rig.play(CountDecay(rig.Column(), beta=1.0), batches[1:], resumed)[0, 0] == 0.5


@pytest.mark.parametrize("text", ["__array__", "data", "\ud800", "", "x" * 1_000_000])
def test_texts_that_could_upset_the_memory_do_not(rig, text):
    test_any_text_can_be_counted_and_saved.hypothesis.inner_test(rig, text)


def test_the_text_is_needed(rig):
    assert CountDecay(rig.Column()).needs == {"action", "text"}
    with pytest.raises(RewardiumError, match="'beta'"):
        CountDecay(rig.Column(), beta=-1)
