from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.caption import Caption
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.learning.messages import (
    ALPHABET,
    MAX_CHARACTERS,
    PAD_MULTIPLE,
    clean_message,
    encode,
    message_column,
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (Caption("You see  here\na key.", "east", map="|@ Message: no").text(), "You see here a key."),
        (Caption("", "east").text(), ""),
        ("  a\ttool's\nreply ", "a tool's reply"),
        ("", ""),
        ("\ud800 x", "? x"),
        ("é" * 3000, "é" * MAX_CHARACTERS),
    ],
)
def test_a_message_is_cleaned(text, message):
    assert clean_message(text) == message


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=300))
def test_any_text_becomes_a_bounded_message_that_stays_as_it_is(text):
    message = clean_message(text)
    assert len(message) <= MAX_CHARACTERS
    message.encode("utf-8")
    assert message == " ".join(message.split())
    if "Message:" not in message:
        assert clean_message(message) == message


@given(st.lists(st.text(max_size=80), max_size=5))
def test_encoding_keeps_the_bytes(messages):
    ids = encode(messages, max_bytes=64)
    assert ids.shape[1] % PAD_MULTIPLE == 0
    assert ids.shape[1] >= PAD_MULTIPLE
    assert ((ids >= 0) & (ids < ALPHABET)).all()
    for row, message in zip(ids, messages, strict=True):
        assert bytes((row[row > 0] - 1).astype(np.uint8)) == message.encode()[:64]


def test_a_column_knows_no_text_from_no_message():
    rows = [Transition("", "", 0, text=text) for text in ("Message: (none)", None, "Message: a key")]
    assert message_column(TransitionBatch.from_transitions(rows)) == ["", None, "a key"]
    assert message_column(TransitionBatch.from_transitions([Transition("", "", 0)])) == [None]
