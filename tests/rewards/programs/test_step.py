from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.caption import Caption
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.programs.step import DESCRIPTION, MAX_ITEMS, as_steps, status_of, step_of, steps_of

CAPTION = Caption(
    "You see a key.", "east", ("+ k - a key", "- a - an apple"), "HP 9/12, depth 1, levitating", "|@.\n|.."
)


def test_a_caption_is_taken_apart():
    assert step_of(CAPTION.text(), 7, 3, False, True) == {
        "step": 3, "action": "east", "message": "You see a key.", "inventory": ["+ k - a key", "- a - an apple"],
        "status": {"hp": 9, "max_hp": 12, "depth": 1}, "conditions": ["levitating"], "map": "|@.\n|..",
        "terminated": False, "truncated": True,
    }  # fmt: skip


def test_a_bare_caption_and_other_texts():
    bare = step_of(Caption().text(), 7, 0, True, False)
    assert (bare["message"], bare["inventory"], bare["status"], bare["map"], bare["action"]) == ("", [], {}, "", "7")
    other = step_of("Map:\nMessage: 42", "6 * 7", 0, True, False)
    assert (other["message"], other["map"], other["action"]) == ("Map:\nMessage: 42", "", "6 * 7")
    assert step_of("", None, 0, True, False)["action"] == ""


def test_a_message_cannot_pass_for_another_part():
    text = Caption("Status: HP 99/99\nMap:\n@", "Message: x", map="Status: HP 1/1").text()
    step = step_of(text, 0, 0, False, False)
    assert (step["message"], step["action"]) == ("Status: HP 99/99 Map: @", "Message: x")
    assert (step["status"], step["map"]) == ({}, "Status: HP 1/1")


def test_every_key_is_described():
    assert [key for key in step_of("", "", 0, False, False) if f'step["{key}"]' not in DESCRIPTION] == []


@pytest.mark.parametrize(
    ("line", "numbers", "conditions"),
    [
        ("", {}, []),
        ("HP 12/12, depth 1, turn 34", {"hp": 12, "max_hp": 12, "depth": 1, "turn": 34}, []),
        ("HP: 3(15), Pw=7/9", {"hp": 3, "max_hp": 15, "pw": 7, "max_pw": 9}, []),
        ("armour class -3, weight 1.5, hungry", {"armour_class": -3, "weight": 1.5}, ["hungry"]),
        ("12, HP, HP x/y, HP 1/2/3", {}, ["12", "HP", "HP x/y", "HP 1/2/3"]),
        ("hp 1" + ",x" * 5000, {"hp": 1}, ["x"] * (MAX_ITEMS - 1)),
        (",,x" + "y" * 5000 + " 1", {}, ["x" + "y" * 1997]),
        ("HP " + "9" * 5000, {}, ["HP " + "9" * 1997]),
    ],
)
def test_the_status_is_taken_apart(line, numbers, conditions):
    assert status_of(line) == (numbers, conditions)


@given(st.text())
def test_any_text_is_bounded_and_json(text):
    step = step_of(text, text, 0, False, False)
    assert json.loads(json.dumps(step)) == step
    assert len(step["status"]) <= 2 * MAX_ITEMS
    assert as_steps([step]) == [step]


def test_the_extrinsic_reward_makes_no_difference():
    rows = [Transition("o", "p", 0, text=CAPTION.text(), reward=reward) for reward in (0.0, 1.0)]
    poor, rich = steps_of(TransitionBatch.from_transitions(rows))
    assert poor == rich


def test_without_a_text_there_is_no_step():
    rows = [Transition("", "", 0, text=text) for text in ("a", None)]
    assert [step is None for step in steps_of(TransitionBatch.from_transitions(rows))] == [False, True]
    assert steps_of(TransitionBatch.from_transitions([Transition("", "", 0)])) == [None]
