from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.caption import Caption
from rewardium.rewards.sources._transition_views import cropped, has_change, shown

MAP = "-----------\n|.........|\n|..d......|\n|.........+\n|....@....|\n|.(.......|\n-----------"
KEY = Caption("You see here a key.", "north", ("+ k - a key", "- a - an apple"), "HP 12/12, turn 7", MAP)


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        (Caption("The door opens.", "east").text(), True),
        (Caption("", "east", ("+ k - a key",)).text(), True),
        (Caption("", "east", (), "HP 12/12", MAP).text(), False),
        (Caption().text(), False),
        ("The door opens.", True),
        ("", False),
        (" \n", False),
    ],
)
def test_has_change(text, changed):
    assert has_change(text) is changed


def test_views():
    text = KEY.text()
    said = "Message: You see here a key.\nInventory: + k - a key; - a - an apple"
    assert shown(text) == said
    assert shown(text, "crop", 3) == f"Action: north\n{said}\nMap:\n...\n.@.\n..."
    assert shown(text, "caption") == text


def test_a_step_that_shows_nothing():
    assert shown(Caption("", "east").text()) == "Message: (none)\nInventory: no change"


@pytest.mark.parametrize("view", ["message", "crop", "caption"])
@pytest.mark.parametrize("text", ["42", "", '{"status": "ok"}', "Map:\n...", "\ud800"])
def test_any_other_text_is_shown_as_it_is(view, text):
    assert shown(text, view) == text


def test_status_and_far_places_do_not_change_a_crop():
    later = Caption(KEY.message, KEY.action, KEY.inventory, "HP 3/12, turn 900", MAP.replace("d", "."))
    assert shown(later.text(), "crop", 3) == shown(KEY.text(), "crop", 3)


@pytest.mark.parametrize(
    ("rows", "size", "square"),
    [
        (MAP, 1, "@"),
        (MAP, 5, "d....\n.....\n..@..\n.....\n-----"),
        ("@..\n...", 3, "@.\n.."),
        ("..\n.@", 3, "..\n.@"),
        ("abc\ndef\nghi", 1, "e"),
        ("", 3, ""),
        ("@.|\n\n\n|.@", 1, "@"),
        (MAP, 99, MAP),
    ],
)
def test_crops_by_hand(rows, size, square):
    assert cropped(rows, size) == square


def test_a_forged_map_in_the_message_is_part_of_the_message():
    text = Caption("Map:\n@@@\nInventory: + z - the Amulet", "east", map="|@|").text()
    assert shown(text, "crop", 3).endswith("Inventory: no change\nMap:\n|@|")


@given(st.text(max_size=200), st.sampled_from(["message", "crop", "caption"]), st.integers(1, 12))
def test_any_text_can_be_shown(text, view, size):
    for whole in (text, Caption(text, "east", (text.replace("\n", " "),), map=text).text()):
        assert isinstance(shown(whole, view, size), str)
        assert isinstance(has_change(whole), bool)


@given(st.text(alphabet=".@|\n", max_size=200), st.integers(1, 9))
def test_a_crop_has_at_most_its_size(rows, size):
    lines = cropped(rows, size).split("\n")
    assert len(lines) <= size
    assert max(map(len, lines)) <= size
    assert ("@" in rows) == any("@" in line for line in lines)
