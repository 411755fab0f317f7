import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

import rewardium.envs
from rewardium.envs import missing_extra
from rewardium.envs.caption import message_of
from rewardium.envs.capture import Capture
from rewardium.envs.errors import RewardiumError
from rewardium.envs.nethack.environment import NetHackEnv
from rewardium.envs.nethack.games import GAMES
from rewardium.envs.registration import entries
from rewardium.envs.task import Task

pytestmark = pytest.mark.skipif(
    missing_extra("rewardium/MiniHack-Eat-v0") is not None, reason="needs the extra nethack"
)
KEY_ROOM = "rewardium/MiniHack-KeyRoom-S5-v0"
MODES = ["dict", "features", "image", "map_features", "text"]


def play(env, actions, seed):
    steps = [env.reset(seed=seed)]
    for action in actions:
        steps.append(env.step(action))
        if steps[-1][2]:
            break
    return steps


def test_every_game_has_an_id_and_a_text_twin_with_the_same_limit():
    mine = {entry.id: entry for entry in entries() if entry.entry_point.startswith("rewardium.envs.nethack")}
    assert set(mine) == {f"rewardium/{name}{kind}-v0" for name in GAMES for kind in ("", "-Text")}
    for name in GAMES:
        control, text = mine[f"rewardium/{name}-v0"], mine[f"rewardium/{name}-Text-v0"]
        assert control.kwargs == {"game": name}
        assert text.kwargs == {"game": name, "max_turns": control.max_episode_steps}
        assert text.max_episode_steps is None
        assert control.extra == text.extra == "nethack"


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_keeps_gymnasiums_promises(mode):
    env = gym.make(KEY_ROOM, observation=mode, track_events=True)
    check_env(env.unwrapped, skip_render_check=True)
    env.close()


@pytest.mark.parametrize("game", ["MiniHack-KeyRoom-S5", "MiniHack-Room-Monster-15x15", "NetHackScore"])
def test_a_seed_fixes_the_episode(game):
    first, second = NetHackEnv(game, track_events=True), NetHackEnv(game, track_events=True)
    actions = np.random.default_rng(0).integers(8, size=60).tolist()
    assert data_equivalence(play(first, actions, 7), play(second, actions, 7), exact=True)
    assert data_equivalence(play(first, actions, 7), play(second, actions, 7), exact=True)
    assert data_equivalence(first.reset(), second.reset(), exact=True)
    assert first.reset()[1]["task"] != first.reset()[1]["task"]
    first.close()
    second.close()


def test_a_task_begins_its_episode_again():
    env = NetHackEnv("MiniHack-KeyRoom-S5", "features")
    observation, info = env.reset(seed=3)
    env.reset(seed=4)
    again, second = env.reset(seed=5, options={"task": info["task"]})
    assert np.array_equal(observation, again)
    assert second["task"] == info["task"]
    assert env.reset(options={"task": Task("Find the exit.")})[1]["task"].goal == "Find the exit."
    for wrong in ("seeds 1 2", "seeds 1 2 99999999999999999999", "1"):
        with pytest.raises(RewardiumError, match="seeds"):
            env.reset(options={"task": Task("", reference=wrong)})
    env.close()


def test_modes_play_the_same_game():
    envs = [NetHackEnv("MiniHack-KeyRoom-S5", mode) for mode in MODES]
    for env in envs:
        env.reset(seed=2)
    for action in (0, 1, 2, 3, 8, 9, 4, 5):
        told = [(env.step(action)[1:], env.caption()) for env in envs]
        assert all(one == told[0] for one in told)
    for env in envs:
        env.close()


def test_observations_do_not_change_later_unless_asked():
    for copies in (True, False):
        env = NetHackEnv("MiniHack-Room-5x5", observation_keys=["blstats"], copy=copies)
        before, _ = env.reset(seed=0)
        kept = before["blstats"].copy()
        env.step(5)
        assert np.array_equal(before["blstats"], kept) == copies
        env.close()
    for mode in MODES[1:]:
        env = NetHackEnv("MiniHack-Room-5x5", mode)
        before, _ = env.reset(seed=0)
        kept = copy.deepcopy(before)
        env.step(5)
        assert data_equivalence(before, kept, exact=True)
        env.close()


def test_limits_truncate_and_success_terminates():
    env = gym.make(KEY_ROOM, observation="features", max_episode_steps=3)
    env.reset(seed=1)
    results = [env.step(9)[2:4] for _ in range(3)]
    assert results == [(False, False), (False, False), (False, True)]
    assert env.unwrapped.step(9)[2] is False  # the game itself goes on
    env.close()
    env = gym.make("rewardium/MiniHack-Room-5x5-v0", observation="features")
    env.reset(seed=1)
    for _ in range(4):
        _, reward, terminated, truncated, info = env.step(5)
    assert (reward, terminated, truncated, info["success"], info["end_status"]) == (1.0, True, False, True, "success")
    assert info["reason"] == "the task is solved"
    with pytest.raises(ResetNeeded):
        env.unwrapped.step(0)
    env.close()


def test_death_terminates_without_success():
    env = NetHackEnv("MiniHack-LavaCross-Levitate-Potion-Inv-Restricted", "text", track_events=True)
    env.reset(seed=1)
    terminated = False
    while not terminated:
        observation, _, terminated, truncated, info = env.step(1)
    assert (truncated, info["success"], info["end_status"]) == (False, False, "death")
    assert info["reason"] == "the hero died (burning)"
    assert info["events"] == ("died",)
    assert message_of(observation).startswith("You fall into the lava!")
    env.close()


@pytest.mark.parametrize("wrong", [10, -1, 1000])
def test_unknown_actions_are_refused(wrong):
    env = NetHackEnv("MiniHack-KeyRoom-S5")
    env.reset(seed=0)
    with pytest.raises(RewardiumError, match="below 10"):
        env.step(wrong)
    env.close()


@pytest.mark.parametrize(
    "arguments",
    [
        {"observation": "pixels"},
        {"observation": "image", "observation_keys": ["glyphs"]},
        {"observation": "image", "crop": 8},
        {"crop": (3, 5, 7)},
        {"caption_map": (0, 3)},
        {"render_mode": "human"},
    ],
)
def test_wrong_arguments_are_refused(arguments):
    with pytest.raises(RewardiumError):
        NetHackEnv("MiniHack-KeyRoom-S5", **arguments)


def test_captions_need_a_game():
    env = NetHackEnv("MiniHack-KeyRoom-S5")
    with pytest.raises(ResetNeeded):
        env.caption()
    with pytest.raises(ResetNeeded):
        env.step(0)
    env.close()


def test_an_episode_survives_pickle_and_copy():
    env = NetHackEnv("MiniHack-KeyRoom-S5", track_events=True)
    env.reset(seed=4)
    for action in (0, 1, 2, 8):
        env.step(action)
    for again in (pickle.loads(pickle.dumps(env)), copy.deepcopy(env)):  # noqa: S301
        assert again.caption() == env.caption()
        again.close()
    again = pickle.loads(pickle.dumps(env))  # noqa: S301
    assert data_equivalence(again.step(5), env.step(5), exact=True)
    assert data_equivalence(again.reset(), env.reset(), exact=True)
    env.close()
    again.close()


def make():
    return gym.make(KEY_ROOM, observation="map_features", track_events=True)


@pytest.mark.parametrize("context", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_worker_processes_play_what_this_process_plays(context):
    here = SyncVectorEnv([make] * 2, autoreset_mode=AutoresetMode.SAME_STEP)
    there = AsyncVectorEnv([make] * 2, context=context, autoreset_mode=AutoresetMode.SAME_STEP)
    assert data_equivalence(here.reset(seed=[1, 2])[0], there.reset(seed=[1, 2])[0])
    for action in range(8):
        mine, theirs = here.step([action, 9 - action]), there.step([action, 9 - action])
        assert data_equivalence(mine[0], theirs[0])
        assert mine[4]["events"].tolist() == theirs[4]["events"].tolist()
    here.close()
    there.close()


def test_capture_writes_captions_and_frames():
    env = Capture(gym.make(KEY_ROOM, observation="features", render_mode="rgb_array"), text=True)
    _, info = env.reset(seed=1)
    assert message_of(info["text"])
    assert "Action" not in info["text"]
    *_, info = env.step(0)
    assert info["text"].startswith("Action: north\nMessage: ")
    assert info["frame"].shape == (264, 480, 3)
    env.close()


def test_the_terminal_as_text():
    env = gym.make(KEY_ROOM, render_mode="ansi")
    env.reset(seed=1)
    assert "Agent the Footpad" in env.render()
    env.close()


def test_a_closed_environment_says_so():
    env = NetHackEnv("MiniHack-KeyRoom-S5")
    env.reset(seed=0)
    env.close()
    with pytest.raises(ResetNeeded):
        env.step(0)
    with pytest.raises(RewardiumError, match="closed"):
        env.reset()


def test_registration_needs_no_game():
    assert KEY_ROOM in rewardium.envs.registered_ids()
