"""Reading JSON strictly: what is refused, why, and that nothing else is ever raised."""

from __future__ import annotations

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.tools.strict_json import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_DIGITS,
    TooLargeJsonError,
    UnreadableJsonError,
    read_json,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON, st.booleans())
def test_what_json_writes_is_read(value, ascii_only):
    assert read_json(json.dumps(value, ensure_ascii=ascii_only)) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Expecting value"),
        ("{'a': 1}", "keys stand in double quotes"),
        ('{"a": 1} {"b": 2}', "nothing behind it"),
        ("NaN", "NaN is no JSON"),
        ("[Infinity]", "Infinity is no JSON"),
        ("[-Infinity]", "-Infinity is no JSON"),
        ("1e999", "too large"),
        ('{"a": 1, "b": 2, "a": 3}', "the key 'a' stands twice"),
        ('"a\nb"', r"a line break is written \n"),
        (r'"\ud83d"', "surrogate without its partner"),
        (r'{"\udc00": 1}', "surrogate without its partner"),
        ('"\ud800"', "the text holds a surrogate"),
        ("[1,]", "Expecting value"),
        ("\ufeff1", "BOM"),
    ],
)
def test_unreadable(text, message):
    with pytest.raises(UnreadableJsonError) as caught:
        read_json(text)
    assert message in str(caught.value)


def test_a_pair_of_surrogate_escapes_is_a_character():
    assert read_json(r'"\ud83d\ude42"') == "🙂"


@pytest.mark.parametrize(
    "text",
    [
        "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
        '{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1),
        "[" * MAX_BYTES,
        "9" * (MAX_DIGITS + 1),
        '"' + "x" * MAX_BYTES + '"',
        '"' + "ä" * (MAX_BYTES // 2) + '"',
    ],
)
def test_too_large(text):
    with pytest.raises(TooLargeJsonError):
        read_json(text)


def test_the_bounds_themselves_are_allowed():
    assert read_json("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert read_json("9" * MAX_DIGITS) == 10**MAX_DIGITS - 1
    assert len(read_json('"' + "x" * (MAX_BYTES - 2) + '"')) == MAX_BYTES - 2
    assert read_json('"' + "[" * 50 + '"') == "[" * 50


@given(st.text() | st.text('{}[]",:\\ 0aeE.-+\n').map(lambda text: "[" + text))
def test_nothing_else_is_raised(text):
    with suppress(UnreadableJsonError, TooLargeJsonError):
        read_json(text)


@pytest.mark.parametrize("text", ['"\\' * (MAX_BYTES // 2), '"' * MAX_BYTES, "\\" * MAX_BYTES, '["' * (MAX_BYTES // 2)])
def test_hostile_texts_take_linear_time(text):
    start = time.perf_counter()
    with pytest.raises((UnreadableJsonError, TooLargeJsonError)):
        read_json(text)
    assert time.perf_counter() - start < 2.0
