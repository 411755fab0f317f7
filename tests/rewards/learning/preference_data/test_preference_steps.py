from __future__ import annotations

import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.preference_data import make_step, step_names
from rewardium.rewards.learning.preference_data.comparison import Comparison

GROUPS = [
    Comparison.of(
        f"What is {i}+{i}?",
        [str(2 * i), str(2 * i + 1), f"it is {2 * i}", "no idea"],
        scores=[1, 0, 1, 0],
        factors={
            "model": [0.1, 0.4, 0.3, -1.0],
            "confidence": [0.9, 0.2, 0.8, 0.7],
            "policy": [0, 0, 1, 1],
            "brief": [4, 3, 2, 1],
        },
    )
    for i in range(1, 9)
]
SETTINGS = {
    "principles": {"principles": {"brief": "Be brief."}},
    "vote_strength": {"voters": ["model"]},
    "rank_by": {"factor": "model"},
}
LIGHT = [name for name in step_names() if name != "score_with"]
PAIRS = make_step("verified_pairs")(GROUPS)


@pytest.mark.parametrize("name", LIGHT)
def test_every_step_is_repeatable_and_changes_nothing(name):
    step = make_step(name, SETTINGS.get(name))
    rows = GROUPS if name in step_names("builder") else PAIRS
    before = list(rows)
    found = step(rows)
    assert found
    assert found == step(rows)
    assert rows == before
    assert step([]) == []


@pytest.mark.parametrize("name", [name for name in step_names("curator") if name != "dedupe"])
def test_curators_of_pairs_refuse_groups(name):
    with pytest.raises(RewardiumError, match="put a builder of pairs before it"):
        make_step(name, SETTINGS.get(name))(GROUPS)


def test_verified():
    assert len(PAIRS) == 8 * 4
    assert all(pair.scores == (1.0, 0.0) and pair.preference == 1.0 for pair in PAIRS)
    assert len(make_step("verified_pairs", {"pairs": 2})(GROUPS)) == 16
    assert all(row.scores.count(1.0) == 1 for row in make_step("verified_groups", {"responses": 3})(GROUPS))


def test_hard_negatives_and_confidence():
    hard = make_step("hard_negatives")(GROUPS[:1])[0]
    assert hard.responses == ("it is 2", "3")
    confident = make_step("confidence_pairs", {"keep": 2})(GROUPS[:1])
    assert [pair.responses for pair in confident] == [("2", "3"), ("it is 2", "3")]


def test_flips():
    share = sum(pair.preference == 0.0 for pair in make_step("flip_noise", {"share": 0.5})(PAIRS)) / len(PAIRS)
    assert 0.2 < share < 0.8
    assert make_step("flip_noise", {"share": 0.0})(PAIRS) == PAIRS
    some = make_step("flip_noise", {"share": 0.5})
    assert some(PAIRS)[3:5] == some(PAIRS[3:5])


def test_agreement():
    kept = make_step("agreement")(PAIRS)
    assert all(pair.factors["model"][0] > pair.factors["model"][1] for pair in kept)
    turned = make_step("agreement", {"flip_above": 0.05})(PAIRS)
    assert len(turned) == len(PAIRS)


def test_contrast():
    for pair in make_step("contrast_numbers", {"copies": 3})(GROUPS):
        assert pair.responses[0] != pair.responses[1]
    found = make_step("contrast_instructions", {"direction": "instruction"})(GROUPS)
    assert all(pair.prompts[0] != pair.prompts[1] and pair.responses[0] == pair.responses[1] for pair in found)


def test_same_policy_ranked():
    row = Comparison.of("p", ["worst", "best", "second"], scores=[0, 2, 1])
    pair = make_step("same_policy", {"ranked": True})([row])[0]
    assert pair.responses == ("second", "worst")
    assert "best" in pair.prompts[0]


WRONG = [
    ("verified_pair", {}, "did you mean"),
    ("flip_noise", {"shares": 1}, "its settings are: share, seed"),
    ("flip_noise", {"share": 2.0}, "in \\[0, 1\\]"),
    ("lexicographic", {"margins": [0.0, 1.0]}, "needs one margin"),
    ("best_worst", {"by": "judge"}, None),
]


@pytest.mark.parametrize(("name", "settings", "message"), WRONG)
def test_wrong_settings(name, settings, message):
    with pytest.raises(RewardiumError, match=message or "have no 'judge'"):
        make_step(name, settings)(GROUPS)
