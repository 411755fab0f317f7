from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.rewards.programs.bounds import sign_bounded

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize(
    ("sparse", "dense", "paid"),
    [
        (0, 0, 0.0), (0, 3, 0.1), (0, -1e-300, -0.1), (1e300, 0, 1.0), (-2, 0, -1.0), (5, 5, 1.1), (5, -5, 0.9),
        (-5, 5, -0.9), (-5, -5, -1.1), (-0.0, 0, 0.0),
    ],
)  # fmt: skip
def test_nine_amounts(sparse, dense, paid):
    assert sign_bounded([sparse], [dense]).tolist() == pytest.approx([paid])


@given(st.lists(st.tuples(NUMBERS, NUMBERS)))
def test_dense_is_worth_at_most_a_tenth(rows):
    sparse, dense = [row[0] for row in rows], [row[1] for row in rows]
    paid = sign_bounded(sparse, dense)
    assert np.all(np.abs(paid - np.sign(sparse)) <= 0.1 + 1e-12)
    np.testing.assert_allclose(paid, sign_bounded(np.sign(sparse), np.sign(dense)))
