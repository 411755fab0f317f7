from __future__ import annotations

import json
from itertools import permutations

import numpy as np
import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.bradley_terry import Preference
from rewardium.rewards.learning.char_cnn import CharCnnSettings
from rewardium.rewards.learning.preference_pairs import split_pairs, write_pairs
from rewardium.rewards.learning.preferences import (
    load_preference_model,
    read_preferences,
    train_preference_model,
)

SMALL = CharCnnSettings(embedding=16, width=16)
RANKS = {"It's a wall.": 0, "You see here a key.": 1, "You unlock the door.": 2, "You climb up the stairs.": 3}


def pairs_of(ranks):
    return [
        Preference(first, second, 0.5 + 0.5 * float(np.sign(ranks[first] - ranks[second])))
        for first, second in permutations(ranks, 2)
    ]


def train(folder, pairs, **settings):
    return train_preference_model(
        pairs, folder, **{"steps": 60, "learning_rate": 3e-3, "settings": SMALL, "held_out": 0.0, **settings}
    )


def test_the_order_of_the_rewards_is_the_order_of_the_preferences(tmp_path):
    report = train(tmp_path, pairs_of(RANKS))
    rewards = load_preference_model(tmp_path).rewards(list(RANKS), 0.0)
    assert rewards == sorted(rewards)
    assert (report.trained_accuracy, report.pairs, report.ties, report.messages) == (1.0, 12, 0, 4)
    assert (report.held_out_pairs, report.held_out_accuracy) == (0, None)
    assert abs(np.mean(rewards)) < 1e-4
    assert np.std(rewards) == pytest.approx(1.0, abs=1e-4)


def test_half_of_the_messages_are_paid_nothing_at_the_median(tmp_path):
    train(tmp_path, pairs_of(RANKS))
    assert [reward != 0 for reward in load_preference_model(tmp_path).rewards(list(RANKS), 0.5)] == [0, 0, 1, 1]


def test_ties_are_counted_and_learned(tmp_path):
    ranks = {**RANKS, "The door opens.": 2}
    report = train(tmp_path, pairs_of(ranks), steps=120)
    assert report.ties == 2
    rewards = dict(zip(ranks, load_preference_model(tmp_path).rewards(list(ranks), 0.0), strict=True))
    gap = abs(rewards["The door opens."] - rewards["You unlock the door."])
    assert gap < (rewards["You unlock the door."] - rewards["You see here a key."]) / 2


def test_equal_arguments_give_equal_models(tmp_path):
    for name in ("one", "two"):
        train(tmp_path / name, pairs_of(RANKS), steps=10, batch_size=4)
    one, two = (load_preference_model(tmp_path / name).rewards(list(RANKS), 0.0) for name in ("one", "two"))
    assert one == two


def test_progress_is_told(tmp_path):
    seen = []
    train(tmp_path, pairs_of(RANKS), steps=50, progress=lambda done, loss: seen.append((done, loss)))
    assert [done for done, _ in seen] == [20, 40, 50]
    assert seen[-1][1] < seen[0][1]


def test_a_pair_and_its_reverse_fall_on_one_side_and_more_pairs_move_none():
    pairs = [Preference(f"a{index}", f"b{index}", 1.0) for index in range(300)]
    _, kept_back = split_pairs(pairs, 0.2, seed=1)
    assert 30 < len(kept_back) < 90
    back = [Preference(second, first, 0.0) for first, second, _ in pairs]
    assert [pair.second for pair in split_pairs(back, 0.2, seed=1)[1]] == [pair.first for pair in kept_back]
    assert split_pairs(pairs[:50], 0.2, seed=1)[1] == [pair for pair in kept_back if pair in pairs[:50]]
    assert split_pairs(pairs, 0.0) == (pairs, [])
    assert split_pairs(pairs, 0.2, seed=2)[1] != kept_back


@pytest.mark.parametrize(
    ("pairs", "change", "words"),
    [
        ([], {}, "no preferences"),
        ([Preference("a", "b", 0.5)], {}, "no decided one"),
        (pairs_of(RANKS), {"steps": 0}, "steps"),
        (pairs_of(RANKS), {"batch_size": 0}, "batch_size"),
        (pairs_of(RANKS), {"learning_rate": float("nan")}, "learning_rate"),
        (pairs_of(RANKS), {"held_out": 1.0}, "held_out"),
    ],
)
def test_wrong_input_is_refused(tmp_path, pairs, change, words):
    with pytest.raises(RewardiumError, match=words):
        train(tmp_path, pairs, **change)
    assert not list(tmp_path.iterdir())


def test_a_model_is_read_once_and_again_when_it_changes(tmp_path):
    train(tmp_path, pairs_of(RANKS), steps=5)
    first = load_preference_model(tmp_path)
    assert load_preference_model(str(tmp_path)) is first
    train(tmp_path, pairs_of(RANKS), steps=6)
    assert load_preference_model(tmp_path) is not first


@pytest.mark.parametrize(
    "scale",
    [
        None,
        {"mean": 0},
        {"mean": 0, "deviation": 1, "quantiles": [0] * 100},
        {"mean": 0, "deviation": 1, "quantiles": [1.0] + [0.0] * 100},
        {"mean": "x", "deviation": 1, "quantiles": []},
        {"mean": float("nan"), "deviation": 1, "quantiles": [0.0] * 101},
    ],
)
def test_a_scale_that_is_none_is_refused(tmp_path, scale):
    train(tmp_path, pairs_of(RANKS), steps=1)
    path = tmp_path / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "scale": scale}))
    with pytest.raises(RewardiumError, match="scale"):
        load_preference_model(tmp_path)


def test_a_file_gives_the_pairs_back(tmp_path):
    pairs = [Preference('a "key"', "ünï\u2028code", 0.5), Preference("b", "c", 0.0)]
    write_pairs(tmp_path / "deep" / "pairs.jsonl", pairs)
    read = read_preferences(tmp_path / "deep" / "pairs.jsonl")
    assert [pair.preference for pair in read] == [0.5, 0.0]
    assert read[0].first == 'a "key"'


@pytest.mark.parametrize(
    "line",
    [
        "{", "[]", "3", '{"first": "a", "second": "b"}', '{"first": 1, "second": "b", "preference": 1}',
        '{"first": "a", "second": "b", "preference": 1.5}', '{"first": "a", "second": "b", "preference": true}',
        '{"first": "a", "second": "b", "preference": NaN}', "[" * 100_000, '"' + "x" * 200_000,
    ],
)  # fmt: skip
def test_a_line_that_is_no_preference_is_named(tmp_path, line):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"first": "a", "second": "b", "preference": 1}\n\n' + line + "\n")
    with pytest.raises(RewardiumError, match=r"pairs\.jsonl:3"):
        read_preferences(path)


def test_no_file_is_one_clear_error(tmp_path):
    with pytest.raises(RewardiumError, match="cannot read"):
        read_preferences(tmp_path / "none.jsonl")
    (tmp_path / "latin").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(RewardiumError, match="cannot read"):
        read_preferences(tmp_path / "latin")
