import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rewardium.rewards.shaping.once import Once


def test_a_text_is_paid_once_an_episode(rig):
    paid = rig.play(
        Once(rig.Column()),
        rig.rollout(
            [[2.0], [1.0], [2.0], [2.0]],
            texts=[["key"], ["door"], ["key"], ["key"]],
            ends=[[""], [""], ["terminated"], [""]],
        ),
    )
    np.testing.assert_array_equal(paid[:, 0], [2.0, 1.0, 0.0, 2.0])


def test_a_missing_score_or_zero_does_not_use_up_the_text(rig):
    paid = rig.play(Once(rig.Column()), rig.rollout([[None], [0.0], [1.0], [1.0]], texts=[["key"]] * 4))
    np.testing.assert_array_equal(paid[:, 0], [np.nan, 0.0, 1.0, 0.0])


@given(texts=st.lists(st.sampled_from("abc"), min_size=1, max_size=50))
def test_the_return_is_the_number_of_distinct_texts(rig, texts):
    paid = rig.play(Once(rig.Column()), rig.rollout([[1.0]] * len(texts), texts=[[text] for text in texts]))
    assert paid.sum() == len(set(texts))
