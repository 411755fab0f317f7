from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.agents.llm.game_judge_labels import Label, fill, join, label_of
from rewardium.agents.llm.game_messages import (
    FILLERS,
    HELD_OUT_FILLERS,
    HELD_OUT_SENTENCES,
    HELD_OUT_SUBGOALS,
    SENTENCES,
    SLOTS,
    SUBGOALS,
    Sentence,
)

ALL = (*SENTENCES, *HELD_OUT_SENTENCES)


@pytest.mark.parametrize(
    ("message", "worth", "achieves"),
    [
        ("", 0, set()),
        ("It's a wall.", -1, set()),
        ("You kill the newt!", 2, {"kill"}),
        ("You kill the newt!  The jackal bites!", 2, {"kill"}),
        ("The jackal bites!  You kill the newt!", 2, {"kill"}),
        ("You die...", -3, set()),
        ("You kill the newt!  You die...", -3, {"kill"}),
        ("g - a key named The Master Key of Thievery.", 3, {"key", "take"}),
        ("g - a dagger.", 2, {"take"}),
        ("b - a +1 lance (weapon in hand).", 2, {"wield"}),
        ("d - 27 uncursed rocks (in quiver pouch).", 0, set()),
        ("What do you want to adjust? [abcde or ?*] ", 0, set()),
        ("Unlock it? [yn] (n)", 0, set()),
        ("You succeed in unlocking the door.", 3, {"unlock"}),
        ("The door opens.", 2, {"open"}),
        ("This door is locked.", 0, set()),
        ("You see here a key.", 1, set()),
        ("The newt bites!  Colourless green ideas.", -2, set()),
    ],
)
def test_messages_of_the_game(message, worth, achieves):
    assert label_of(message) == Label(worth, frozenset(achieves))


@pytest.mark.parametrize("message", ["Colourless green ideas.", "?", "x" * 5000, "<<<\n>>>"])
def test_what_the_tables_do_not_know_has_no_label(message):
    assert label_of(message) is None


@given(st.text(max_size=300))
def test_any_text_is_read(text):
    label = label_of(text)
    assert label is None or -3 <= label.worth <= 3


def test_the_weightier_sentence_counts_and_of_equals_the_better():
    assert join([Sentence("", -2), Sentence("", 1)]).worth == -2
    assert join([Sentence("", -2), Sentence("", 2, ("kill",))]) == Label(2, frozenset({"kill"}))
    assert Label(1).helpful
    assert not Label(0).helpful


@pytest.mark.parametrize("sentence", ALL, ids=lambda sentence: sentence.template)
def test_what_is_made_up_is_recognised_as_what_it_is(sentence):
    """The key is the exception: as an item it is worth more than other items."""
    generator = random.Random(0)
    plain = {name: [text for text in texts if "key" not in text] for name, texts in FILLERS.items()}
    for _ in range(5):
        label = label_of(fill(sentence.template, plain, generator))
        assert label is not None
        assert label.worth == sentence.worth
        assert label.achieves >= set(sentence.achieves)


def test_the_tables_are_sound():
    assert {name for sentence in ALL for name in sentence.achieves} <= set(SUBGOALS)
    assert set(HELD_OUT_SUBGOALS) <= set(SUBGOALS)
    assert {slot for sentence in ALL for slot in re.findall(r"\{(\w+)\}", sentence.template)} <= set(SLOTS)
    assert set(SLOTS) == set(FILLERS) == set(HELD_OUT_FILLERS)
    assert {sentence.worth for sentence in SENTENCES} == set(range(-3, 4))
    templates = [sentence.template for sentence in ALL]
    assert len(templates) == len(set(templates))


def test_what_is_held_out_is_not_trained_on():
    for name in ("monster", "item"):
        assert not set(FILLERS[name]) & set(HELD_OUT_FILLERS[name])
    assert not {s.template for s in SENTENCES} & {s.template for s in HELD_OUT_SENTENCES}
    assert not {t for ts in SUBGOALS.values() for t in ts} & {t for ts in HELD_OUT_SUBGOALS.values() for t in ts}
