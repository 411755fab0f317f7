"""Tool-Star's reward."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.sources.tool_star import ToolStar, token_f1


def both(tools) -> list[str]:
    return [tools.call("search_documents", query="Bern"), tools.call("calculate", expression="1 + 1")]


@pytest.mark.parametrize(
    ("answer", "gold", "f1"),
    [
        ("Aare", "aare", 1.0),
        ("the Aare!", "Aare", 1.0),
        ("blue river", "river", 2 / 3),
        ("a b b", "b b c", 1.0 * 2 * 2 / 5),  # "a" is an article
        ("Rhine", "Aare", 0.0),
        ("", "Aare", 0.0),
        ("the", "a", 1.0),
    ],
)
def test_token_f1(answer, gold, f1):
    assert token_f1(answer, gold) == pytest.approx(f1)


@given(st.text(max_size=30), st.text(max_size=30))
def test_token_f1_is_symmetric_and_a_share(left, right):
    assert 0.0 <= token_f1(left, right) == token_f1(right, left) <= 1.0
    assert token_f1(left, left) == 1.0


def test_the_bonus_needs_every_tool_and_some_of_the_answer(tools):
    search, calculate = both(tools)

    def paid(*actions: str) -> float:
        *earlier, last = tools.values("tool_star", tools.episode(*actions, reference="Aare river"))
        assert earlier == [0.0] * len(earlier)
        return last

    assert paid(r"\boxed{Aare river}") == 1.0
    assert paid(search, r"\boxed{Aare river}") == 1.0
    assert paid(search, calculate, r"\boxed{Aare river}") == pytest.approx(1.1)
    assert paid(search + calculate, r"\boxed{Aare}") == pytest.approx(2 / 3 + 0.1)
    assert paid(search, calculate, r"\boxed{Rhine}") == 0.0


@pytest.mark.parametrize(
    "last",
    ["Aare river", r"\boxed{Aare river", r"\boxed{}", r"\boxed{Aare river} or \boxed{Rhine}",
     r"<think>\boxed{Aare river}", r"</think><think>\boxed{Aare river}", "", None],
)  # fmt: skip
def test_a_bad_form_costs(tools, last):
    assert tools.values("tool_star", tools.episode(last, reference="Aare river")) == [-1.0]
    assert tools.values("tool_star(kind='math')", tools.episode(last, reference="7")) == [0.0]


def test_a_call_that_cannot_be_read_and_an_end_without_an_answer_are_bad_form(tools):
    answer = r"<think>so</think> \boxed{Aare}"
    assert tools.values("tool_star", tools.episode(answer, reference="Aare")) == [1.0]
    assert tools.values("tool_star", tools.episode("<tool_call>{", answer, reference="Aare")) == [0.0, -1.0]
    assert tools.values("tool_star", tools.episode(tools.call("now"), reference="Aare")) == [-1.0]


def test_mathematics(tools):
    calls = both(tools)
    for answer, paid in ((r"\boxed{2\sqrt{2}}", 1.0), (r"\boxed{\sqrt{8}}", 1.0), (r"\boxed{3}", 0.1), ("3", 0.0)):
        turns = tools.episode(*calls, answer, reference=r"\sqrt{8}")
        assert tools.values("tool_star(kind='math')", turns) == pytest.approx([0.0, 0.0, paid])


def test_without_a_reference_there_is_no_score(tools):
    assert tools.values("tool_star", tools.episode("a", r"\boxed{a}")) == [None, None]
    assert tools.values("tool_star(kind='math')", tools.episode(r"\boxed{a}", reference=" ")) == [None]


@pytest.mark.parametrize(
    "bad", [{"kind": "essay"}, {"tools": ()}, {"tools": "search"}, {"bonus": -0.1}, {"call_style": "xml"}]
)
def test_bad_parameters(bad):
    with pytest.raises(RewardiumError, match=f"tool_star: '{next(iter(bad))}'"):
        rewards.make("tool_star", **bad)


@given(st.lists(st.sampled_from([r"\boxed{", "}", "Aare", "<think>", "</think>", "<tool_call>", "{", " ", "\ud800"])))
def test_hostile_text_never_raises(tools, parts):
    (value,) = tools.values(ToolStar(), tools.episode("".join(parts), reference="Aare"))
    assert -1.0 <= value <= 1.0
