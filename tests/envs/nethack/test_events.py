import numpy as np
import pytest

from rewardium.envs import missing_extra
from rewardium.envs.nethack.environment import NetHackEnv
from rewardium.envs.nethack.events import EVENTS
from rewardium.envs.nethack.oracle import Level, Oracle, object_kind
from rewardium.envs.nethack.terrain import CLOSED, DOOR, FLOOR, LAVA, LOCKED, OPEN, WATER, Terrain, components

needs_extra = pytest.mark.skipif(
    missing_extra("rewardium/MiniHack-Eat-v0") is not None, reason="needs the extra nethack"
)


def solve(game, seed):
    env = NetHackEnv(game, "features", track_events=True)
    env.reset(seed=seed)
    oracle, told, ended = Oracle(env), [], False
    while not ended and len(told) < 200:
        _, _, ended, _, info = env.step(oracle.act())
        told.append((env.action_names[env._last_action], info["events"]))
    env.close()
    return info["success"], told


@needs_extra
@pytest.mark.parametrize("seed", range(3))
def test_the_events_of_a_solved_key_room(seed):
    success, told = solve("MiniHack-KeyRoom-S5", seed)
    assert success
    assert [event for _, events in told for event in events] == [
        "key picked up", "object picked up", "door unlocked", "door opened", "closed room entered", "stairs reached",
    ]  # fmt: skip
    assert {action for action, events in told if "key picked up" in events} == {"pick up"}
    assert {action for action, events in told if "door unlocked" in events} == {"apply"}
    assert "stairs reached" in told[-1][1]


@needs_extra
def test_the_events_of_the_halls():
    success, told = solve("MiniHack-KeyHalls", 5)
    events = [event for _, found in told for event in found]
    assert success
    assert events.count("door unlocked") == events.count("door opened") == events.count("closed room entered") == 2
    assert events[-1] == "stairs reached"


@needs_extra
def test_the_events_of_the_river():
    success, told = solve("MiniHack-KeyRiver", 5)
    events = [event for _, found in told for event in found]
    assert success
    assert {"door unlocked", "boulder moved", "water filled", "water crossed"} <= set(events)
    assert events.index("water filled") < events.index("water crossed")


def press(env, *keys):
    """Take the actions that have these keys, and return all their events."""
    codes = [int(code) for code in env.game.actions]
    return [event for key in keys for event in env.step(codes.index(ord(key)))[4]["events"]]


@needs_extra
def test_floating_over_lava():
    env = NetHackEnv("MiniHack-LavaCross-Levitate-Potion-Inv-Restricted", "features", track_events=True)
    env.reset(seed=0)
    assert press(env, "q", "f") == ["levitation begun"]
    assert press(env, "l", "l", "l", "l", "l", "l") == ["lava crossed"]
    env.close()


@needs_extra
def test_a_kicked_door_is_broken_and_not_opened():
    env = NetHackEnv("MiniHack-LockedDoor", "features", track_events=True)
    found = []
    for seed in range(3):
        env.reset(seed=seed)
        level = Level(env)
        ((column, row),) = [square for square, state in level.doors.items() if state == LOCKED]
        for _ in range(80):
            sides = {(column - 1, row): "l", (column + 1, row): "h", (column, row - 1): "j", (column, row + 1): "k"}
            level = Level(env)
            if level.here in sides:
                found += press(env, "\x04", sides[level.here])
            else:
                found += env.step(env.action_names.index(level.walk(sides.keys())))[4]["events"]
            if "door broken" in found:
                break
    assert "door broken" in found
    assert not {"door opened", "door unlocked"} & set(found)
    env.close()


@needs_extra
def test_wielding_putting_on_and_eating():
    env = NetHackEnv("MiniHack-Eat", "features", track_events=True)
    env.reset(seed=0)
    assert press(env, "w", "b") == ["object wielded"]
    apples = Terrain(env.game.env.nethack).objects(object_kind("apple"))
    while Level(env).here not in apples:
        env.step(env.action_names.index(Level(env).walk(apples)))
    assert press(env, ",") == ["object picked up"]
    told = press(env, "e", "f")
    assert told == ["food eaten"]
    env.close()


@needs_extra
def test_tracking_changes_nothing_of_the_game():
    plain, tracked = (NetHackEnv("MiniHack-KeyRoom-S5", "features", track_events=track) for track in (False, True))
    rng = np.random.default_rng(0)
    plain.reset(seed=1)
    tracked.reset(seed=1)
    for action in rng.integers(10, size=100).tolist():
        one, other = plain.step(action), tracked.step(action)
        assert np.array_equal(one[0], other[0])
        assert set(other[4]["events"]) <= set(EVENTS)
        assert "events" not in one[4]
        if one[2]:
            break
    plain.close()
    tracked.close()


@needs_extra
def test_the_memory_agrees_with_the_screen():
    env = NetHackEnv("MiniHack-KeyRoom-S5", "features")
    for seed in range(5):
        env.reset(seed=seed)
        terrain = Terrain(env.game.env.nethack)
        glyphs = env.game.buffers["glyphs"]
        for row, column in zip(*np.nonzero(np.isin(glyphs, [2359 + 15, 2359 + 16])), strict=True):
            assert terrain.doors()[(int(column), int(row))] in (CLOSED, LOCKED)
        rows, columns = np.nonzero(glyphs == 2359 + 24)
        if len(rows):
            assert terrain.stairs_down() == (int(columns[0]), int(rows[0]))
        assert terrain.types()[tuple(env.game.buffers["blstats"][[1, 0]])] >= FLOOR
    env.close()


def level(row, doors=()):
    types = np.zeros((21, 79), np.uint8)
    types[5, 3 : 3 + len(row)] = row
    return types, dict(doors)


@pytest.mark.parametrize(
    ("row", "doors", "barriers", "expected"),
    [
        ([FLOOR, LAVA, FLOOR], (), [LAVA], [1, 0, 2]),
        ([FLOOR, LAVA, FLOOR], (), [WATER], [1, 1, 1]),
        ([FLOOR, DOOR, FLOOR], [((4, 5), CLOSED)], [DOOR], [1, 0, 2]),
        ([FLOOR, DOOR, FLOOR], [((4, 5), CLOSED)], [LAVA], [1, 0, 1]),
        ([FLOOR, DOOR, FLOOR], [((4, 5), OPEN)], [DOOR], [1, 0, 1]),
        ([FLOOR, 0, FLOOR], (), [], [1, 0, 2]),
    ],
)
def test_areas(row, doors, barriers, expected):
    assert components(*level(row, doors), barriers)[5, 3:6].tolist() == expected


def test_doors_are_walked_through_straight():
    types = np.zeros((21, 79), np.uint8)
    types[4, 3], types[5, 4], types[6, 5] = FLOOR, DOOR, FLOOR
    assert components(types, {(4, 5): OPEN}, [])[[4, 6], [3, 5]].tolist() == [1, 2]
    types[5, 4] = FLOOR
    assert components(types, {}, [])[[4, 6], [3, 5]].tolist() == [1, 1]
