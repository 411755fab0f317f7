from __future__ import annotations

import gymnasium as gym
import pytest

import rewardium.envs  # noqa: F401
from rewardium.agents.llm.game_judge_play import HELD_OUT_TASKS, TASKS, play, play_all
from rewardium.envs.caption import message_of

pytest.importorskip("minihack")


def test_the_tasks_exist_and_none_is_on_both_sides():
    assert all(task in gym.registry for task in (*TASKS, *HELD_OUT_TASKS))
    assert not set(TASKS) & set(HELD_OUT_TASKS)


def test_playing_gives_captions_and_is_fixed_by_its_seed():
    steps = []
    captions = list(play("rewardium/MiniHack-KeyRoom-S5-v0", 60, 3, on_step=lambda: steps.append(1)))
    assert len(captions) == len(steps) == 60
    assert all(caption.startswith("Action: ") and "\nMessage: " in caption for caption in captions)
    assert captions == list(play("rewardium/MiniHack-KeyRoom-S5-v0", 60, 3))
    assert captions != list(play("rewardium/MiniHack-KeyRoom-S5-v0", 60, 4))


def test_each_message_and_action_is_kept_once():
    captions = play_all(["rewardium/MiniHack-Room-5x5-v0"], 200, 0)
    pairs = [(message_of(caption), caption.partition("\n")[0]) for caption in captions]
    assert len(pairs) == len(set(pairs)) > 1
