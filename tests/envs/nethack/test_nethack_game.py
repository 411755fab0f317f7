"""The game beside the bare environment that plays it, and what it leaves behind."""

import gc
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest

from rewardium.envs import missing_extra
from rewardium.envs.errors import MissingExtraError, RewardiumError
from rewardium.envs.nethack import packages
from rewardium.envs.nethack.game import Game, read_level, readable
from rewardium.envs.nethack.games import GAMES, find_game

needs_extra = pytest.mark.skipif(
    missing_extra("rewardium/MiniHack-Eat-v0") is not None, reason="needs the extra nethack"
)


def bare(name, keys):
    spec = GAMES[name]
    module, cls = spec.base.split(":")
    return getattr(packages.load(module), cls)(
        observation_keys=keys, max_episode_steps=10**6, fix_moon_phase=True, **spec.arguments
    )


@needs_extra
@pytest.mark.parametrize(
    "name",
    [
        "MiniHack-KeyRoom-S5",
        "MiniHack-Room-Monster-15x15",
        "MiniHack-LavaCross-Full",
        "MiniHack-Sink",
        "MiniHack-Pray",
        "NetHackScore",
        "NetHackOracle",
    ],
)
def test_plays_as_the_bare_environment_does(name):
    game = Game(find_game(name))
    base = bare(name, game.observation_keys)
    rng = np.random.default_rng(0)
    for seed in range(2):
        base.seed(seed, 1, False, 2)
        expected, _ = base.reset()
        found = game.reset((seed, 1, 2))
        for _ in range(60):
            assert found.keys() == expected.keys()
            for key in expected:
                np.testing.assert_array_equal(found[key], expected[key], err_msg=key)
            action = int(rng.integers(len(game.actions)))
            expected, reward, done, _, info = base.step(action)
            found, got, ended, status = game.step(action)
            assert (got, ended) == (reward, done)
            assert status == {-1: "aborted", 0: "running", 1: "death", 2: "success"}[int(info["end_status"])]
            if done:  # the bare environment shows a blank screen here
                break
    game.close()
    base.close()


@needs_extra
def test_words_for_squares_are_those_of_the_descriptions_that_it_replaces():
    game = Game(find_game("MiniHack-KeyRoom-S5"), ["screen_descriptions", "blstats"])
    rng = np.random.default_rng(1)
    for seed in range(3):
        observation = game.reset((seed, 0, 0))
        for _ in range(40):
            words = observation["screen_descriptions"].tobytes()
            assert game.env.screen_contains("closed door") == (b"closed door" in words)
            row = int(observation["blstats"][1])
            described = [game.env.get_screen_description(x, row) for x in range(79)]
            doors = [x for x in range(79) if bytes(observation["screen_descriptions"][row, x]).startswith(b"closed d")]
            assert [x for x in range(79) if described[x] == "closed door"] == doors
            observation, _, ended, _ = game.step(int(rng.integers(10)))
            if ended:
                break
    game.close()


@needs_extra
def test_the_last_observation_shows_how_the_task_was_solved():
    game = Game(find_game("MiniHack-Room-5x5"), ["blstats", "glyphs"])
    observation = game.reset((1, 1, 1))
    for _ in range(4):
        observation, reward, ended, status = game.step(5)  # southeast
    assert (reward, ended, status) == (1.0, True, "success")
    assert observation["blstats"][10] > 0
    assert (observation["glyphs"] != 2359).any()
    game.close()


@needs_extra
def test_the_last_observation_shows_the_moment_of_death_and_the_messages_say_how():
    game = Game(find_game("MiniHack-LavaCross-Levitate-Potion-Inv-Restricted"))
    game.reset((1, 1, 1))
    ended = False
    while not ended:
        observation, _, ended, status = game.step(1)  # east, into the lava
    assert status == "death"
    assert game.ending == "burning"
    assert observation["blstats"][11] == 16
    assert (observation["glyphs_crop"] != 2359).any()
    assert game.messages()[0] == "You fall into the lava! You burn to a crisp..."
    game.close()


@needs_extra
def test_all_messages_of_a_step_are_kept():
    from rewardium.envs.nethack.environment import NetHackEnv
    from rewardium.envs.nethack.oracle import Oracle

    env = NetHackEnv("MiniHack-KeyHalls", "text")
    env.reset(seed=0)
    oracle = Oracle(env)
    while env.action_names[action := oracle.act()] != "apply":
        env.step(action)
    env.step(action)
    assert env.game.messages()[0] == "You succeed in unlocking the door."
    assert "The door opens." in env.game.messages()
    last = readable(env.game.buffers["message"].tobytes())
    assert "door" not in last  # the screen has only what came after
    assert "Never mind" not in " ".join(env.game.messages())
    env.close()


@needs_extra
def test_only_the_asked_parts_are_computed():
    game = Game(find_game("MiniHack-Eat"), ["glyphs"])
    game.reset((1, 1, 1))
    assert "screen_descriptions" not in game.buffers
    assert "tty_chars" not in game.buffers
    game.close()


@needs_extra
@pytest.mark.parametrize("name", ["MiniHack-Eat", "NetHackScore"])
def test_unknown_observation_keys_are_refused(name):
    with pytest.raises(RewardiumError, match="observation keys"):
        Game(find_game(name), ["glyphs", "pictures"])


@needs_extra
def test_many_resets_leave_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    gc.collect()
    open_files = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else None

    def memory():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    game = Game(find_game("MiniHack-KeyRoom-S5"))
    for seed in range(20):
        game.reset((seed, 0, 0))
    before = memory() if open_files is not None else 0
    for seed in range(200):
        game.reset((seed, 0, 0))
        game.step(0)
    assert len(list(tmp_path.iterdir())) == 1
    folder = Path(game.env.nethack._vardir)
    assert len(list(folder.iterdir())) < 12
    if open_files is not None:
        assert memory() - before < 16 * 2**20
    game.close()
    assert not list(tmp_path.iterdir())
    if open_files is not None:
        assert len(os.listdir("/proc/self/fd")) <= open_files
    game.close()  # twice is once
    with pytest.raises(RewardiumError, match="closed"):
        game.reset((0, 0, 0))


@needs_extra
def test_a_game_that_nobody_closes_is_removed_with_its_environment(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    game = Game(find_game("MiniHack-KeyRoom-S5"))
    game.reset((0, 0, 0))
    del game
    gc.collect()
    assert not list(tmp_path.iterdir())


@needs_extra
def test_levels_of_the_suite_can_be_read():
    for spec in GAMES.values():
        if spec.level is not None:
            assert '"mylevel"' in read_level(spec.level)


def test_unknown_games_are_refused_with_near_names():
    with pytest.raises(RewardiumError, match="MiniHack-KeyRoom-S5"):
        find_game("MiniHack-KeyRoom-S6")


def test_a_missing_extra_is_one_clear_error(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(packages, "import_module", missing)
    packages.load.cache_clear()
    try:
        with pytest.raises(MissingExtraError, match=r"rewardium\[nethack\]"):
            Game(find_game("MiniHack-Eat"))
        with pytest.raises(MissingExtraError, match="minihack"):
            packages.load("minihack.base")
    finally:
        monkeypatch.undo()
        packages.load.cache_clear()
