from __future__ import annotations

import numpy as np
import pytest

from rewardium.rewards.learning.message_statistics import MessageFarming, message_farming

# messages, paid, episodes -> paid steps, repeated share, largest count, mean largest count
CASES = [
    ([], [], [], (0, 0.0, 0, 0.0)),
    (["a", "a", "a"], [1, 1, 1], [0, 0, 0], (3, 2 / 3, 3, 3.0)),
    (["a", "a", "a"], [1, 1, 1], [0, 1, 2], (3, 0.0, 1, 1.0)),
    (["a", "b", "c"], [1, 1, 1], [0, 0, 0], (3, 0.0, 1, 1.0)),
    (["a", "a", "", None], [0, 1, 1, 1], [0, 0, 0, 0], (1, 0.0, 1, 1.0)),
    (["a", "a", "a", "b"], [0.5, 2.0, -1.0, np.nan], [0, 0, 0, 1], (2, 0.5, 2, 2.0)),
    (["a", "a", "b", "b", "b", "c"], [1] * 6, [0, 0, 1, 1, 1, 1], (6, 0.5, 3, 2.5)),
]


@pytest.mark.parametrize(("messages", "paid", "episodes", "expected"), CASES, ids=range(len(CASES)))
def test_farming(messages, paid, episodes, expected):
    assert message_farming(messages, np.array(paid, dtype=float), episodes) == pytest.approx(MessageFarming(*expected))


def test_the_order_of_the_steps_does_not_matter():
    rng = np.random.default_rng(0)
    messages = ["abcd"[index] for index in rng.integers(4, size=60)]
    paid, episodes = rng.random(60) < 0.7, rng.integers(5, size=60)
    order = rng.permutation(60)
    shuffled = message_farming([messages[row] for row in order], paid[order], episodes[order])
    assert shuffled == pytest.approx(message_farming(messages, paid, episodes))
