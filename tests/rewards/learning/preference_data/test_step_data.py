from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.preference_data import make_step
from rewardium.rewards.learning.preference_data.comparison import Comparison
from rewardium.rewards.learning.preference_data.contexts import with_earlier_steps
from rewardium.rewards.learning.preference_data.files import as_row, from_row

GROUP = Comparison.of("?", ["a\nb\nc", "a\nb\nd", "a\ne", "f"], scores=[1, 0, 1, 0])
TEXTS = st.lists(st.text(alphabet="ab\n", max_size=6), min_size=1, max_size=8)


def table(rows):
    return {text: score for row in rows for text, score in zip(row.responses, row.scores, strict=True)}


def test_prefix_labels():
    wanted = {"a\n": 2 / 3, "a\nb\n": 0.5, "a\nb\nc": 1.0, "a\nb\nd": 0.0, "a\ne": 1.0, "f": 0.0}
    assert table(make_step("prefix_labels")([GROUP])) == pytest.approx(wanted)
    shared = make_step("prefix_labels", {"least_paths": 2})([GROUP])
    assert shared[0].responses == ("a\n", "a\nb\n")
    assert shared[0].factors["paths"] == (3.0, 2.0)


def test_responses_of_one_prompt_meet_over_rows():
    rows = [GROUP.subset([0, 1]), Comparison.of("other", ["a\nb\nc"], scores=[0]), GROUP.subset([2, 3])]
    found = make_step("prefix_labels")(rows)
    assert [row.prompts[0] for row in found] == ["?", "other"]
    assert table(found[:1]) == table(make_step("prefix_labels")([GROUP]))


def test_many_steps_need_many_rows():
    long = Comparison.of("?", ["".join(f"{i}\n" for i in range(200))], scores=[1])
    found = make_step("prefix_labels")([long])
    assert [len(row.responses) for row in found] == [64, 64, 64, 8]
    assert [from_row(as_row(row)) for row in found] == found


def test_hierarchical_steps_by_hand():
    rows = make_step("hierarchical_steps", {"merge": 0.0})([GROUP.subset([0, 1])])
    judged = [("", "a\n"), ("a\n", "b\n"), ("", "a\nb\n"), ("a\nb\n", "c"), ("a\n", "b\nc"), ("a\nb\n", "d"),
              ("a\n", "b\nd")]  # fmt: skip
    labels = [0.5, 0.5, 0.5, 1.0, 1.0, 0.0, 0.0]
    assert rows[0].responses == tuple(with_earlier_steps(*parts) for parts in judged)
    assert rows[0].scores == tuple(labels)
    assert rows[0].factors["steps"] == (1.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0)
    alone = make_step("hierarchical_steps", {"merge": 0.0, "pairs": False})([GROUP.subset([0, 1])])
    assert set(alone[0].factors["steps"]) == {1.0}
    assert len(alone[0].responses) == 4


def test_merged_trees_are_added():
    family = Comparison.of("?", [f"wrong\n{end}" for end in ("x", "y", "z", "no, right")], scores=[0, 0, 0, 1])
    plain = make_step("hierarchical_steps", {"merge": 0.0})([family])[0]
    both = make_step("hierarchical_steps", {"merge": 1.0})([family])[0]
    assert both.responses[: len(plain.responses)] == plain.responses
    first = with_earlier_steps("", "wrong\n")
    values = [score for text, score in zip(both.responses, both.scores, strict=True) if text == first]
    assert values[0] == 0.25
    assert values[1] in (0.0, pytest.approx(1 / 3))


def test_balance():
    responses = [f"step\n{number}" for number in range(20)]
    row = Comparison.of("?", responses, scores=[1.0] + [0.0] * 19)
    balanced = make_step("hierarchical_steps", {"merge": 0.0, "pairs": False, "a_bin": 2})([row])
    assert sorted(balanced[0].scores) == [0.0, 0.0, 0.05, 1.0]


def test_siblings_lie_apart():
    pairs = make_step("step_pairs", {"margin": 0.6})([GROUP])
    assert [(pair.responses, pair.strength) for pair in pairs] == [
        (("a\n", "f"), pytest.approx(2 / 3)),
        (("a\nb\nc", "a\nb\nd"), 1.0),
    ]
    steps = make_step("step_pairs", {"margin": 0.6, "context": "step"})([GROUP])
    assert [pair.responses for pair in steps] == [("a\n", "f"), ("c", "d")]
    assert all(pair.preference == 1.0 for pair in steps)
    assert len(make_step("step_pairs", {"margin": 0.5})([GROUP])) == 3
    assert len(make_step("step_pairs", {"margin": 0.1, "pairs": 1})([GROUP])) == 1
    assert make_step("step_pairs", {"least_paths": 4})([GROUP]) == []


def test_other_topologies():
    ends = make_step("step_pairs", {"topology": "ends"})([GROUP])
    assert {pair.responses for pair in ends} == {
        (right, wrong) for right in ("a\nb\nc", "a\ne") for wrong in ("a\nb\nd", "f")
    }
    depth = make_step("step_pairs", {"topology": "depth"})([GROUP])
    assert {pair.responses for pair in depth} == {("a\n", "f"), ("a\ne", "a\nb\n"), ("a\nb\nc", "a\nb\nd")}


@given(TEXTS, st.sampled_from(["siblings", "depth", "ends"]))
def test_pairs_are_ordered_by_value(texts, topology):
    row = Comparison.of("?", texts, scores=[float("a" in text) for text in texts])
    values = table(make_step("prefix_labels")([row]))
    for pair in make_step("step_pairs", {"topology": topology, "margin": 0.2})([row]):
        better, worse = pair.responses
        assert values[better] - values[worse] == pytest.approx(pair.strength)
        assert pair.strength >= 0.2


def test_keep_parts():
    row = Comparison.of("?", ["First I add.\n1 + 2 = 3. That is all.", ""], scores=[1, 0])
    assert make_step("keep_parts")([row])[0].responses == ("1 + 2 = 3. ", "")
    assert make_step("keep_parts", {"keep": "words"})([row])[0].responses == ("First I add.\nThat is all.", "")


@pytest.mark.parametrize("name", ["prefix_labels", "hierarchical_steps", "step_pairs"])
def test_hostile_responses(name):
    step = make_step(name)
    assert step([Comparison.of("?", ["", ""], scores=[1, 0])]) == []
    hostile = Comparison.of("?", ["\ud800\n" * 3, "\n\n", "x" * 10_000], scores=[1, 0, 0.5])
    assert all(from_row(as_row(row)) == row for row in step([hostile]))
    with pytest.raises(RewardiumError, match="have no 'scores'"):
        step([Comparison.of("?", ["a", "b"], 1.0)])


WRONG = [
    ("prefix_labels", {"unit": "word"}, "unit"),
    ("prefix_labels", {"least_paths": 0}, "least_paths"),
    ("hierarchical_steps", {"merge": 2.0}, "merge"),
    ("hierarchical_steps", {"separator": ""}, "separator"),
    ("step_pairs", {"margin": 0.0}, "margin"),
    ("step_pairs", {"topology": "chain"}, "topology"),
    ("keep_parts", {"keep": "all"}, "keep must be"),
]


@pytest.mark.parametrize(("name", "settings", "message"), WRONG)
def test_wrong_settings(name, settings, message):
    with pytest.raises(RewardiumError, match=message):
        make_step(name, settings)
