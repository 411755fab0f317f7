from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.preference_data.files import as_row, from_row
from rewardium.rewards.learning.step_completion import Written, completed, completion_labels, seed_of


class Policy:
    """Ends a sum rightly from every beginning without a "7", and there in three of four draws; counts what it wrote."""

    def __init__(self):
        self.asked = []

    def __call__(self, beginnings, seeds):
        self.asked += list(beginnings)
        return [
            "6" if "7" not in start.text and seed % 4 else "x" for start, seed in zip(beginnings, seeds, strict=True)
        ]


def check(responses):
    return [None if "?" in text else float(text.endswith("6")) for _, text in responses]


def labels(responses, policy=None, **settings):
    written = [Written(0, text) for text in responses]
    return completion_labels(["1+2+3="], written, policy or Policy(), check, **settings)


def test_soft_and_hard_labels():
    row = labels(["3\n3+3=6", "7\n6"], completions=40)[0]
    table = dict(zip(row.responses, row.factors["soft"], strict=True))
    hard = dict(zip(row.responses, row.factors["hard"], strict=True))
    assert 0.5 < table["3\n"] < 1.0
    assert hard == {"3\n": 1.0, "3\n3+3=6": 1.0, "7\n": 0.0, "7\n6": 1.0}
    assert (table["7\n"], table["7\n6"], table["3\n3+3=6"]) == (0.0, 1.0, 1.0)
    assert row.scores == row.factors["soft"]
    assert dict(zip(row.responses, row.factors["ends"], strict=True)) == {
        "3\n": 40,
        "3\n3+3=6": 1,
        "7\n": 40,
        "7\n6": 1,
    }
    assert from_row(as_row(row)) == row


def test_equal_beginnings_are_completed_once():
    policy = Policy()
    labels(["3\n6", "3\n7", "3\n6", "", "4"], policy, completions=3)
    assert [start.text for start in policy.asked] == ["3\n"] * 3


def test_labels_do_not_depend_on_other_responses():
    alone = labels(["3\n6"], completions=5)[0]
    among = labels(["4\n5", "3\n6", "7\n1"], completions=5)[0]
    assert set(zip(alone.responses, alone.scores, strict=True)) <= set(zip(among.responses, among.scores, strict=True))
    assert alone == labels(["3\n6"], completions=5)[0]
    assert len({labels(["3\n6"], completions=5, seed=seed)[0].scores for seed in range(10)}) > 1


def test_what_cannot_be_judged_is_left_out():
    assert labels(["?"]) == []
    assert labels([]) == []
    assert completed([], 2, Policy(), check, 0) == []


@given(st.lists(st.text(alphabet="37\n", max_size=6), max_size=5), st.integers(1, 3))
def test_every_beginning_has_one_label(responses, completions):
    rows = labels(responses, completions=completions)
    texts = [text for row in rows for text in row.responses]
    assert len(set(texts)) == len(texts)
    assert {text for text in responses if text} <= set(texts)
    assert all(any(response.startswith(text) for response in responses) for text in texts)
    assert all(0.0 <= score <= 1.0 for row in rows for score in row.scores)


def test_wrong_answers_of_policy_and_judge():
    with pytest.raises(RewardiumError, match="at least one completion"):
        labels(["3\n6"], completions=0)
    with pytest.raises(RewardiumError, match="completed 0 times"):
        labels(["3\n6"], lambda beginnings, seeds: [])
    with pytest.raises(RewardiumError, match="checked 0 times"):
        completion_labels(["?"], [Written(0, "a")], Policy(), lambda responses: [])


def test_seeds():
    seeds = {
        seed_of(seed, Written(task, text), number)
        for seed in (0, 1)
        for task in (0, 1)
        for text in "ab"
        for number in (0, 1)
    }
    assert len(seeds) == 16
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert seed_of(0, Written(0, "\ud800"), 0) == seed_of(0, Written(0, "\ud800"), 0)
