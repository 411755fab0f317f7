from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.preference_data.comparison import Comparison
from rewardium.rewards.learning.preference_data.files import (
    as_row,
    from_row,
    read_comparisons,
    read_episodes,
    write_comparisons,
)

NUMBERS = st.floats(-1e6, 1e6)


@st.composite
def comparisons(draw):
    count = draw(st.integers(1, 4))
    texts = st.lists(st.text(max_size=5), min_size=count, max_size=count)
    column = st.lists(NUMBERS, min_size=count, max_size=count).map(tuple)
    preference = draw(st.floats(0, 1)) if count == 2 and draw(st.booleans()) else None
    scores = None if preference is not None and draw(st.booleans()) else draw(column)
    factors = {"judge": draw(column)} if draw(st.booleans()) else {}
    return Comparison(tuple(draw(texts)), tuple(draw(texts)), scores, preference, draw(st.floats(0, 9)), factors)


@given(comparisons())
def test_what_is_written_is_read(comparison):
    assert from_row(json.loads(json.dumps(as_row(comparison)))) == comparison


KEYS = ["prompt", "prompts", "responses", "scores", "preference", "strength", "factors", "chosen", "rejected"]
LEAVES = st.none() | st.booleans() | st.floats() | st.text()


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(KEYS), inner)))
def test_anything_else_is_one_clear_error(row):
    try:
        read = from_row(row)
    except RewardiumError:
        return
    assert from_row(as_row(read)) == read


def test_files(tmp_path):
    rows = [Comparison.of("a\nb", ["\ud800", "🙂"], 0.5), Comparison(("a", "b"), ("c", "d"), (1.0, 0.0))]
    write_comparisons(tmp_path / "deep" / "rows.jsonl", rows)
    assert read_comparisons(tmp_path / "deep" / "rows.jsonl") == rows


BAD = [
    ('{"prompt": "a", "responses": ["b", "c"]}', "needs scores or"),
    ('{"prompt": "a", "responses": ["b", "c"], "preference": 2}', "in \\[0, 1\\]"),
    ('{"prompt": "a", "responses": ["b", "c"], "preference": "1"}', "in \\[0, 1\\]"),
    ('{"prompt": "a", "responses": ["b", "c"], "scores": [1]}', "2 finite numbers"),
    ('{"prompt": "a", "responses": ["b"], "scores": [NaN]}', "finite"),
    ('{"prompt": "a", "responses": ["b", 1], "preference": 1}', "list of texts"),
    ('{"prompt": "a", "chosen": "b"}', "come together"),
    ('{"prompt": 1, "chosen": "b", "rejected": "c"}', "needs a prompt"),
    ('{"prompt": "a", "answers": []}', "unknown keys"),
    ("[1]", "needs an object"),
    ("{", "no JSON"),
    ("[" * 100_000, "no JSON"),
    ("\xff", "needs an object|no JSON"),
]


@pytest.mark.parametrize(("line", "message"), BAD, ids=range(len(BAD)))
def test_wrong_lines_are_named(tmp_path, line, message):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"prompt": "a", "chosen": "b", "rejected": "c"}\n\n' + line + "\n", encoding="latin-1")
    with pytest.raises(RewardiumError, match=message) as caught:
        read_comparisons(path)
    assert ":3" in str(caught.value)


def test_no_files(tmp_path):
    with pytest.raises(RewardiumError, match="cannot read"):
        read_comparisons(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(RewardiumError, match="no comparison"):
        read_comparisons(tmp_path / "empty.jsonl")


def test_episodes_are_grouped(tmp_path):
    rows = [("p", "1", True), ("q", "2", False), ("p", "3", False), ("p", "1", True)]
    lines = [
        json.dumps({"step": 0, "prompt": p, "response": r, "reward": 0.5, "success": s, "reason": ""})
        for p, r, s in rows
    ]
    (tmp_path / "episodes.jsonl").write_text("\n".join(lines) + "\n")
    first, second = read_episodes(tmp_path)
    assert (first.responses, first.scores, first.factors["reward"]) == (("1", "3"), (1.0, 0.0), (0.5, 0.5))
    assert second.scores == (0.0,)
    (tmp_path / "episodes.jsonl").write_text('{"prompt": "p"}\n')
    with pytest.raises(RewardiumError, match=":1"):
        read_episodes(tmp_path)
