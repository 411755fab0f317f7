import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs import missing_extra
from rewardium.envs.nethack.action_names import action_names, find_action

NAMES = ("north", "east", "northeast", "far north", "pick up", "apply", "wait")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("north", "north"),
        ("  NORTHEAST \n", "northeast"),
        ("far north", "far north"),
        ("I go far north.", "far north"),
        ("pick_up", "pick up"),
        ("Pick-up!", "pick up"),
        ("pickup", "pick up"),
        ("north\napply", "apply"),
        ("apply\n\n", "apply"),
        ("north, north, north", "north"),
        ("wait, north", None),
        ("far north or north", None),
        ("northern", None),
        ("north-east", None),
        ("north\nI do not know", None),
        ("", None),
        ("\ud800", None),
    ],
)
def test_finding_names(text, name):
    assert find_action(text, NAMES) == (None if name is None else NAMES.index(name))


@given(st.text(max_size=400))
def test_any_text_gives_an_index_or_none(text):
    found = find_action(text, NAMES)
    assert found is None or 0 <= found < len(NAMES)


@given(st.sampled_from(NAMES), st.text(alphabet=" \n\t", max_size=5), st.booleans())
def test_a_name_alone_is_found_however_it_is_written(name, space, upper):
    assert find_action(space + (name.upper() if upper else name) + space, NAMES) == NAMES.index(name)


def test_long_texts_are_read_from_their_end():
    start = time.monotonic()
    assert find_action("far " * 10**6 + "\napply", NAMES) == NAMES.index("apply")
    assert find_action("pick-" * 10**6, NAMES) is None
    assert time.monotonic() - start < 20


@pytest.mark.skipif(missing_extra("rewardium/MiniHack-Eat-v0") is not None, reason="needs the extra nethack")
def test_every_action_of_nethack_has_a_name_of_its_own():
    from rewardium.envs.nethack.packages import nethack

    names = action_names(nethack().ACTIONS)
    assert len(set(names)) == len(nethack().ACTIONS)
    for number, name in enumerate(names):
        assert find_action(name, names) == number
