import numpy as np
import pytest

from rewardium.envs import missing_extra
from rewardium.envs.caption import message_of
from rewardium.envs.nethack.captions import inventory, inventory_changes, map_crop, status_line
from rewardium.envs.nethack.environment import NetHackEnv
from rewardium.envs.nethack.oracle import Oracle

needs_extra = pytest.mark.skipif(
    missing_extra("rewardium/MiniHack-Eat-v0") is not None, reason="needs the extra nethack"
)


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({}, {}, ()),
        ({"a": "a key"}, {"a": "a key"}, ()),
        ({}, {"k": "a key"}, ("+ k - a key",)),
        ({"a": "an apple"}, {}, ("- a - an apple",)),
        ({"b": "3 daggers"}, {"b": "2 daggers"}, ("- b - 3 daggers", "+ b - 2 daggers")),
    ],
)
def test_changes_of_the_inventory(before, after, changes):
    assert inventory_changes(before, after) == changes


def test_inventory_stops_at_the_first_empty_slot():
    rows = np.zeros((55, 80), np.uint8)
    rows[0, :5] = list(b"a key")
    rows[1, :8] = list(b"an apple")
    letters = np.zeros(55, np.uint8)
    letters[:2] = list(b"kz")
    assert inventory(letters, rows) == {"k": "a key", "z": "an apple"}
    assert inventory(np.zeros(55, np.uint8), np.zeros((55, 80), np.uint8)) == {}


@pytest.mark.parametrize(
    ("column", "row", "height", "width", "shown"),
    [
        (0, 0, 3, 3, "ab\ncd"),
        (1, 1, 3, 3, "ab\ncd"),
        (78, 20, 5, 5, ""),
        (39, 10, 21, 79, "ab\ncd"),
        (3, 0, 1, 5, "b"),
    ],
)
def test_map_crops_at_the_edges(column, row, height, width, shown):
    chars = np.full((21, 79), 32, np.uint8)
    chars[0, :2], chars[1, :2] = list(b"ab"), list(b"cd")
    assert map_crop(chars, column, row, height, width) == shown


def test_inner_blank_rows_of_a_map_stay():
    chars = np.full((21, 79), 32, np.uint8)
    chars[4, 10], chars[6, 12] = ord("a"), ord("b")
    assert map_crop(chars, 11, 5, 5, 5) == "a\n\n  b"


@needs_extra
def test_status_names_conditions_and_gold():
    blstats = np.zeros(27, np.int64)
    blstats[[10, 11, 12, 13, 18, 20, 21, 22, 25]] = 3, 9, 2, 50, 1, 7, 3, 1, 1024 | 256
    assert status_line(blstats) == (
        "HP 3/9, experience level 1, depth 2, gold 50, turn 7, weak, burdened, confused, levitating"
    )


@needs_extra
def test_a_real_episode_in_captions():
    env = NetHackEnv("MiniHack-KeyRoom-S5", "features")
    env.reset(seed=0)
    oracle, told, ended = Oracle(env), [], False
    while not ended:
        _, _, ended, _, _ = env.step(oracle.act())
        told.append(env.caption())
    messages = " ".join(message_of(text) for text in told)
    assert "You see here a key" in messages
    assert "You succeed in unlocking the door." in messages
    assert "rumors" not in messages
    (pick_up,) = [text for text in told if text.startswith("Action: pick up")]
    assert "+ h - a key named The Master Key of Thievery" in pick_up
    assert all("\nStatus: HP 12/12, experience level 1, depth 1, turn " in text for text in told)
    assert all("@" in text.split("Map:\n")[1] for text in told)
    env.close()


@needs_extra
@pytest.mark.parametrize(("size", "rows"), [((3, 3), 3), (None, 0), ((1, 1), 1)])
def test_the_map_of_captions_has_the_size_asked_for(size, rows):
    env = NetHackEnv("MiniHack-Room-15x15", "text", caption_map=size)
    env.reset(seed=0)
    observation = env.step(5)[0]
    shown = observation.partition("Map:\n")[2].split("\n") if rows else []
    assert ("Map:" in observation) == bool(rows)
    assert len(shown) <= rows
    assert all(len(row) <= rows for row in shown)
    env.close()
