"""Shop-R1's action reward."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.sources.shop_action import ShopAction, rouge_l


@pytest.mark.parametrize(
    ("text", "gold", "score"),
    [
        ("red shoes", "Red shoes!", 1.0),
        ("red big shoes", "red shoes", 2 * 2 / 5),
        ("shoes red", "red shoes", 0.5),
        ("hat", "red shoes", 0.0),
        ("", "red", 0.0),
        ("", "", 1.0),
        ("!", "?", 0.0),
    ],
)
def test_rouge_l(text, gold, score):
    assert rouge_l(text, gold) == pytest.approx(score)


@given(st.lists(st.sampled_from("ab")), st.lists(st.sampled_from("ab")))
def test_rouge_l_is_symmetric_and_a_share(left, right):
    a, b = " ".join(left), " ".join(right)
    assert 0.0 <= rouge_l(a, b) == rouge_l(b, a) <= 1.0
    assert rouge_l(a, a) == 1.0


def test_a_long_text_is_compared_by_its_beginning():
    assert rouge_l("a " * 100_000, "a " * 100_000) == 1.0


def test_click(tools):
    gold = [tools.call("click", name="red shoes")]
    for action, paid in (
        (gold[0], 0.5 + 0.3 + 0.2 + 1000.0),
        (tools.call("click", name="red hat"), 0.5 + 0.3 + 0.2 + 500.0),
        (tools.call("click", name="blue"), 1.0),
        (tools.call("click"), 0.8),
        (tools.call("look", name="red shoes"), 0.5),
        ("I leave.", 0.5),
        ("<tool_call>{</tool_call>", 0.0),
        (gold[0] * 2, 0.0),
        (" ", 0.0),
    ):
        assert tools.values("shop_action", tools.episode(action, gold=gold)) == pytest.approx([paid])


def test_type_and_submit(tools):
    gold = [tools.call("type_and_submit", name="search box", text="red shoes")]
    assert tools.values("shop_action", tools.episode(*gold, gold=gold)) == pytest.approx([0.5 + 0.3 + 0.2 + 0.1 + 1000])
    half = tools.call("type_and_submit", name="search box")
    assert tools.values("shop_action", tools.episode(half, gold=gold)) == pytest.approx([0.5 + 0.3 + 0.1 + 0.1])
    by_name = tools.values("shop_action(hard=['name'], dars=10.0)", tools.episode(*gold, gold=gold))
    assert by_name == pytest.approx([0.5 + 0.3 + 0.2 + 10.0 + 0.1])


def test_the_turn_says_which_action_is_due(tools):
    gold = [tools.call("click", name="a"), tools.call("click", name="b")]
    turns = tools.episode(gold[0], gold[1], "I leave.", gold=gold)
    assert tools.values("shop_action(dars=1.0)", turns) == pytest.approx([2.0, 2.0, 0.8])
    assert tools.values("shop_action(dars=1.0)", tools.episode(gold[1], gold[1], gold[0], gold=gold)) == pytest.approx(
        [1.0, 2.0, 0.5]
    )


def test_values_that_are_no_texts_are_equal_or_not(tools):
    gold = [tools.call("buy", count=2)]
    assert tools.values("shop_action(dars=1.0)", tools.episode(tools.call("buy", count=2.0), gold=gold)) == [2.0]
    assert tools.values("shop_action(dars=1.0)", tools.episode(tools.call("buy", count="2"), gold=gold)) == [1.0]


def test_unknown_gold_is_no_score(tools):
    assert tools.values("shop_action", tools.episode("I leave.")) == [None]


@pytest.mark.parametrize("bad", [{"dars": -1.0}, {"kind": None}, {"hard": "name"}, {"hard": (1,)}, {"call_style": ""}])
def test_bad_parameters(bad):
    with pytest.raises(RewardiumError, match=f"shop_action: '{next(iter(bad))}'"):
        rewards.make("shop_action", **bad)


@given(st.text(max_size=40), st.text(max_size=40))
def test_range(tools, said, due):
    turn = tools.episode(tools.call("click", name=said), gold=[tools.call("click", name=due)])
    (value,) = tools.values(ShopAction(dars=1.0), turn)
    assert 1.0 - 1e-6 <= value <= 2.0 + 1e-6
