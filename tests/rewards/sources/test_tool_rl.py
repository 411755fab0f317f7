"""ToolRL's reward: the reference totals, the levels, and what several turns earn."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.sources.tool_rl import ToolRL

FIRST = '{"name": "book", "arguments": {"city": "Bern", "nights": 2}}'
SECOND = '{"name": "weather", "arguments": {"city": "Bern"}}'


def blocks(*bodies: str) -> str:
    return "\n".join(f"<tool_call>\n{body}\n</tool_call>" for body in bodies)


GOLD = [blocks(FIRST), blocks(SECOND)]
THOUGHT = "<think>A room, and the weather.</think>\n"
REFERENCE_TOTALS = [
    ("exact", THOUGHT + blocks(FIRST, SECOND), 4.0),
    ("reordered", THOUGHT + blocks(SECOND, FIRST), 4.0),
    ("one extra parameter", THOUGHT + blocks(FIRST.replace("2}", '2, "stars": 3}'), SECOND), 3.67),
    ("one extra call", THOUGHT + blocks(FIRST, SECOND, '{"name": "now", "arguments": {}}'), 3.67),
    ("each call five times", THOUGHT + blocks(*[FIRST] * 5, *[SECOND] * 5), 3.2),
    ("one wrong value", THOUGHT + blocks(FIRST.replace("2}", "3}"), SECOND), 3.0),
    ("right but no format", blocks(FIRST, SECOND), 3.0),
    ("one parameter missing", THOUGHT + blocks(FIRST.replace(', "nights": 2', ""), SECOND), 2.5),
    ("one of two calls", THOUGHT + blocks(FIRST), 1.5),
    ("bad JSON with format", THOUGHT + blocks(FIRST, SECOND[:-2]), -2.0),
    ("no call", "It is booked.", -3.0),
]


@pytest.mark.parametrize("scope", ["response", "turn", "so_far", "episode"])
@pytest.mark.parametrize(("case", "action", "total"), REFERENCE_TOTALS, ids=[case for case, *_ in REFERENCE_TOTALS])
def test_reference_totals(tools, case, action, total, scope):
    expected = total
    if scope in ("so_far", "episode") and case == "bad JSON with format":
        # Over several turns a call that cannot be read is one of a tool that is not there: N = 1/3, of six, with the
        # first call right.
        expected = 1.0 + 6.0 * (1 / 3 + 3) / 6 - 3.0
    (value,) = tools.values(ToolRL(scope=scope), tools.episode(action, gold=GOLD))
    assert value == pytest.approx(expected, abs=0.005)


def test_no_call_in_good_form_is_still_no_call(tools):
    assert tools.values("tool_rl", tools.episode(THOUGHT + "It is booked.", gold=GOLD)) == [-3.0]


@pytest.mark.parametrize(
    ("level", "action", "correct"),
    [
        ("coarse", blocks(FIRST, SECOND), 3.0),
        ("coarse", blocks(SECOND, FIRST), 3.0),
        ("coarse", blocks(FIRST, SECOND, SECOND), -3.0),
        ("coarse", blocks(FIRST), -3.0),
        ("intermediate", blocks(FIRST, SECOND), 3.0),
        ("intermediate", blocks(FIRST.replace("2", "3"), SECOND), 6 * 2 / 3 - 3),
        ("intermediate", blocks(FIRST), 6 * 1.5 / 3 - 3),
        ("refined", blocks(FIRST, SECOND), 3.0),
        ("refined", blocks(FIRST.replace("2}", '2, "stars": 3}'), SECOND), 6 * 5 / 6 - 3),
        ("refined", blocks(FIRST), 6 * 3 / 6 - 3),
        ("refined", blocks(FIRST.replace("2}", "3}"), SECOND), 6 * 5 / 6 - 3),
    ],
)
def test_levels(tools, level, action, correct):
    (value,) = tools.values(ToolRL(level, format_weight=0.0), tools.episode(action, gold=GOLD))
    assert value == pytest.approx(correct)


def test_weights(tools):
    right = tools.episode(THOUGHT + blocks(FIRST, SECOND), gold=GOLD)
    assert tools.values("tool_rl(format_weight=2.0, scale=1.0)", right) == [3.0]
    assert tools.values("tool_rl(scale=0.0)", right) == [1.0]


@pytest.mark.parametrize(
    ("action", "think", "form"),
    [
        (THOUGHT + blocks(FIRST), True, 1.0),
        ("I look. " + blocks(FIRST), False, 1.0),
        ("I look. " + blocks(FIRST), True, 0.0),
        (THOUGHT + "So: " + blocks(FIRST), True, 0.0),
        (THOUGHT + blocks(FIRST) + " Done.", True, 0.0),
        (blocks(FIRST) + " and " + blocks(SECOND), False, 0.0),
        (THOUGHT + THOUGHT + blocks(FIRST), True, 0.0),
        ("<think>" + blocks(FIRST) + "</think>", True, 0.0),
        (THOUGHT + "<tool_call>" + FIRST, True, 0.0),
        (THOUGHT + "</tool_call>" + FIRST + "<tool_call>", True, 0.0),
        (THOUGHT + blocks('{"name": "say", "arguments": {"text": "</tool_call>"}}'), True, 1.0),
    ],
)
def test_the_form_of_calls(tools, action, think, form):
    assert tools.values(ToolRL(scale=0.0, think=think), tools.episode(action, gold=GOLD)) == [form]


@pytest.mark.parametrize(
    ("action", "think", "total"),
    [
        (THOUGHT + "42", True, 1.0),
        ("42", True, 0.0),
        ("42", False, 1.0),
        (THOUGHT, True, 0.0),
        (" ", False, 0.0),
        (THOUGHT + blocks(FIRST), True, 0.0),
        (blocks(FIRST), False, 0.0),
    ],
)
def test_where_no_call_is_wanted_only_the_form_of_an_answer_pays(tools, action, think, total):
    assert tools.values(ToolRL(think=think), tools.episode(action, gold=[])) == [total]


def test_turns_are_judged_against_the_gold_calls_that_are_left(tools):
    turns = tools.episode(THOUGHT + blocks(FIRST), THOUGHT + blocks(SECOND), THOUGHT + "Done.", gold=GOLD)
    assert tools.values("tool_rl", turns) == [1.5, 4.0, 1.0]
    assert tools.values("tool_rl(scope='response')", turns) == pytest.approx([1.5, 6 * 2.5 / 6 - 2, -3.0])


@pytest.mark.parametrize("level", ["fine", "intermediate", "refined"])
def test_nothing_is_paid_twice(tools, level):
    """A near miss takes its gold call, so that neither repeating it nor putting it right earns more."""
    wrong = THOUGHT + blocks(SECOND.replace("Bern", "Basel"))
    first, *rest = tools.values(
        ToolRL(level), tools.episode(wrong, wrong, THOUGHT + blocks(SECOND), THOUGHT + "x", gold=[GOLD[1]])
    )
    assert first > 0
    assert rest == [0.0, 0.0, 1.0]


def test_a_coarse_turn_that_earned_nothing_leaves_the_gold_calls(tools):
    turns = tools.episode(THOUGHT + blocks(FIRST), THOUGHT + blocks(SECOND, FIRST), gold=GOLD)
    assert tools.values("tool_rl(level='coarse')", turns) == [-2.0, 4.0]


def test_an_unreadable_turn_takes_nothing(tools):
    turns = tools.episode(THOUGHT + blocks(FIRST, "{"), THOUGHT + blocks(FIRST, SECOND), gold=GOLD)
    assert tools.values("tool_rl", turns) == [-2.0, 4.0]


def test_so_far_with_delta_pays_what_each_turn_adds(tools):
    turns = tools.episode(THOUGHT + blocks(FIRST), THOUGHT + blocks(SECOND), THOUGHT + "Done.", gold=GOLD)
    assert tools.values("tool_rl(scope='so_far')", turns) == [1.5, 4.0, 4.0]
    assert tools.values("delta(tool_rl(scope='so_far'))", turns) == [1.5, 2.5, 0.0]


def test_the_episode_is_paid_at_its_end(tools):
    actions = (THOUGHT + blocks(FIRST), THOUGHT + blocks(SECOND), THOUGHT + "Done.")
    assert tools.values("tool_rl(scope='episode')", tools.episode(*actions, gold=GOLD)) == [0.0, 0.0, 4.0]
    assert tools.values("tool_rl(scope='episode')", tools.episode(*actions, gold=GOLD, ends=False)) == [0.0] * 3
    assert tools.values("tool_rl(scope='episode')", tools.episode("a", "b", gold=GOLD)) == [0.0, -3.0]


def test_the_form_of_an_episode_is_that_of_every_turn(tools):
    turns = tools.episode(blocks(FIRST), THOUGHT + blocks(SECOND), THOUGHT + "Done.", gold=GOLD)
    assert tools.values("tool_rl(scope='episode')", turns)[-1] == 3.0


@pytest.mark.parametrize(
    "gold", [None, "text", {"name": "a"}, [1], [{"name": "a"}], [{"name": 1, "arguments": {}}],
             [{"name": "a", "arguments": "{}"}], [{"name": "a", "arguments": {1: 2}}]],
)  # fmt: skip
def test_unknown_gold_is_no_score(tools, gold):
    assert tools.values("tool_rl", tools.episode(THOUGHT + "42", gold=gold)) == [None]


def test_credit_of_each_call_stands_on_its_block(tools):
    action = THOUGHT + blocks(FIRST, SECOND)
    (batch,) = tools.episode(action, gold=GOLD)
    scored = ToolRL(by_call=True).score(batch)
    first, second, rest = scored.segments[0]
    assert action[first.start : first.end] == blocks(FIRST)
    assert action[second.start : second.end] == blocks(SECOND)
    # six points over S_max = 6: one a name match and value; N, the offset of -3 and the form lie at the end
    assert [first.value, second.value, rest.value] == pytest.approx([3.0, 2.0, 1.0 - 3.0 + 1.0])
    assert (rest.start, rest.end) == (0, len(action))
    assert scored.value[0] == 4.0


def test_openai_style(tools):
    function = {"name": "weather", "arguments": json.dumps({"city": "Bern"})}
    message = json.dumps({"content": "Now.", "tool_calls": [{"id": "a", "type": "function", "function": function}]})
    turn = tools.episode(message, gold=[GOLD[1]])
    assert tools.values("tool_rl(call_style='openai', think=False, by_call=True)", turn) == [4.0]
    assert tools.values("tool_rl(call_style='auto', think=False)", turn) == [4.0]
    assert tools.values("tool_rl", turn) == [-3.0]


@pytest.mark.parametrize(
    "bad",
    [{"level": "finest"}, {"scope": "all"}, {"scale": -1.0}, {"format_weight": "1"}, {"call_style": "xml"},
     {"by_call": True, "scope": "episode"}],
)  # fmt: skip
def test_bad_parameters(bad):
    with pytest.raises(RewardiumError, match=f"tool_rl: '{next(iter(bad))}'"):
        rewards.make("tool_rl", **bad)


names = st.sampled_from(["book", "weather", "now"])
values = st.recursive(st.integers(0, 2) | st.booleans() | st.text(max_size=2), st.lists, max_leaves=3)
arguments = st.dictionaries(st.sampled_from("abc"), values, max_size=3)
calls = st.lists(st.tuples(names, arguments), max_size=5)
levels = st.sampled_from(["fine", "intermediate", "coarse", "refined"])


def written(items: list) -> str:
    return THOUGHT + blocks(*[json.dumps({"name": name, "arguments": values}) for name, values in items])


def as_gold(items: list) -> list[dict]:
    return [{"name": name, "arguments": values} for name, values in items]


@given(calls, calls, levels, st.randoms())
def test_the_order_of_calls_and_arguments_does_not_matter(tools, gold, made, level, random):
    straight = tools.values(ToolRL(level), tools.episode(written(made), gold=as_gold(gold)))
    shuffled = [(name, dict(random.sample(sorted(values.items()), len(values)))) for name, values in made]
    random.shuffle(shuffled)
    assert tools.values(ToolRL(level), tools.episode(written(shuffled), gold=as_gold(gold))) == pytest.approx(straight)


@given(calls, st.lists(calls, min_size=1, max_size=3), levels, st.sampled_from(["response", "turn", "so_far"]))
def test_range(tools, gold, turns, level, scope):
    paid = tools.values(ToolRL(level, scope), tools.episode(*map(written, turns), gold=as_gold(gold)))
    assert all(-3.0 - 1e-6 <= value <= 4.0 + 1e-6 for value in paid)


@given(calls.filter(bool), levels)
def test_the_gold_calls_themselves_earn_the_most(tools, gold, level):
    assert tools.values(ToolRL(level), tools.episode(written(gold), gold=as_gold(gold))) == [4.0]


@given(
    st.lists(st.sampled_from(["<tool_call>", "</tool_call>", "<think>", "</think>", "{", "}", FIRST, "\ud800", " "]))
)
def test_hostile_text_never_raises(tools, parts):
    for source in (ToolRL(by_call=True), ToolRL(scope="episode", think=False)):
        (value,) = tools.values(source, tools.episode("".join(parts), gold=GOLD))
        assert -3.0 <= value <= 4.0
