from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.text_units import TEXT_UNITS, require_unit, unit_spans, unit_texts

CASES = [
    ("a\nb\n", "step", ["a\n", "b\n"]),
    ("\n\na\n\n\nb", "step", ["\n\na\n\n\n", "b"]),
    ("It is 3.5. Good!  So 'yes.' No", "sentence", ["It is 3.5. ", "Good!  ", "So 'yes.' ", "No"]),
    ("so, it: is; 1,000", "clause", ["so, ", "it: ", "is; ", "1,000"]),
    ("对。错！", "sentence", ["对。", "错！"]),
    ("a. b", "response", ["a. b"]),
    ("", "sentence", []),
    (" \n\t", "step", [" \n\t"]),
]


@pytest.mark.parametrize(("text", "unit", "parts"), CASES, ids=range(len(CASES)))
def test_parts(text, unit, parts):
    assert list(unit_texts(text, unit)) == parts


@given(st.text(alphabet="a b.,!?;:\n'\"。。\ud800", max_size=40), st.sampled_from(TEXT_UNITS))
def test_parts_tile_the_text(text, unit):
    spans = unit_spans(text, unit)
    assert "".join(unit_texts(text, unit)) == text
    assert all(start < end for start, end in spans)
    assert [start for start, _ in spans] == [0, *[end for _, end in spans]][: len(spans)]
    assert not text.strip() or all(text[start:end].strip() for start, end in spans)


def test_hostile_texts_take_linear_time():
    for text in (". " * 50_000, "." * 100_000, " " * 100_000 + "x", "\n" * 100_000, "!?." * 30_000 + "x"):
        for unit in TEXT_UNITS:
            assert "".join(unit_texts(text, unit)) == text


@pytest.mark.parametrize(("unit", "separator"), [("word", "\n"), ("step", ""), ("step", None)])
def test_wrong_parameters(unit, separator):
    with pytest.raises(RewardiumError, match="here: '"):
        require_unit("here", unit, separator)
