from __future__ import annotations

import math

import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.preference_data import make_step
from rewardium.rewards.learning.preference_data.comparison import Comparison
from rewardium.rewards.learning.prefix_tree import ROOT
from rewardium.rewards.learning.step_merging import tree_of
from rewardium.rewards.learning.step_search import GrowingTree, StepSearch


def complete(beginnings, seeds):
    """Write three steps of a letter each, the letter drawn by the seed."""
    ends = []
    for (_, text), seed in zip(beginnings, seeds, strict=True):
        count = 3 - text.count("\n")
        ends.append("".join(f"{'ab'[seed >> bit & 1]}\n" for bit in range(count)))
    return ends


def check(responses):
    return [float(text.startswith("a")) for _, text in responses]


def test_an_even_tree():
    numbers = iter(range(1_000_000))

    def new_steps(beginnings, seeds):
        return ["".join(f"{next(numbers)}\n" for _ in range(3 - text.count("\n"))) for _, text in beginnings]

    chains = StepSearch("even", simulations=100, width=3, depth=2).grow([0], new_steps, check)[0]
    tree = tree_of(chains)
    assert len(chains) == 9
    assert len(tree.children(ROOT)) == 3
    assert [len(tree.children(node)) for node in tree.children(ROOT)] == [3, 3, 3]
    assert all(len(chain.steps) == 3 for chain in chains)
    few = StepSearch("even", simulations=4, width=3, depth=2).grow([0, 1], new_steps, check)
    assert [len(own) for own in few] == [4, 4]


def test_a_search_looks_where_values_are_high():
    search = StepSearch(simulations=120, width=2, exploration=0.3)
    tree = tree_of(search.grow([0], complete, check)[0])
    visits = {tree.item(node): tree.visits(node) for node in tree.children(ROOT)}
    assert tree.visits(ROOT) == 120
    assert visits["a\n"] > 3 * visits.get("b\n", 0)
    values = {tree.item(node): tree.value(node) for node in tree.children(ROOT)}
    assert values["a\n"] == 1.0


def test_the_bound_by_hand():
    growing = GrowingTree(StepSearch(exploration=2.0))
    for text, outcome in (("a", 1.0), ("a", 0.0), ("b", 0.0), ("a", 1.0)):
        growing.leave(ROOT, text, outcome)
    a, b = growing.tree.children(ROOT)
    assert growing._bound(a) == pytest.approx(2 / 3 + 2.0 * math.sqrt(math.log(4) / 3))
    assert growing._bound(b) == pytest.approx(2.0 * math.sqrt(math.log(4) / 1))
    assert growing.select() == b


def test_an_end_counts_again_without_the_policy():
    asked = []

    def one_word(beginnings, seeds):
        asked.extend(beginnings)
        return ["a"] * len(beginnings)

    chains = StepSearch(simulations=10, width=2).grow([0], one_word, check)[0]
    assert len(asked) == 2
    assert [chain.steps for chain in chains] == [("a",)] * 10


def test_tasks_grow_as_they_would_alone():
    search = StepSearch(simulations=8, width=2)
    done = []
    both = search.grow([3, 5], complete, check, done.append)
    assert both == [search.grow([3], complete, check)[0], search.grow([5], complete, check)[0]]
    assert done == list(range(1, 9))


def test_what_cannot_be_judged_or_is_empty_is_left_out():
    assert StepSearch(simulations=4).grow([0], complete, lambda rows: [None] * len(rows)) == [[]]
    assert StepSearch(simulations=4).grow([0], lambda rows, seeds: [""] * len(rows), check) == [[]]
    assert StepSearch().grow([], complete, check) == []


def test_pairs_of_a_search():
    chains = StepSearch(simulations=30, width=2, exploration=1.0).grow([0], complete, check)[0]
    row = Comparison.of("?", ["".join(chain.steps) for chain in chains], scores=[chain.outcome for chain in chains])
    pairs = make_step("step_pairs")([row])
    assert ("a\n", "b\n") in [pair.responses for pair in pairs]


@pytest.mark.parametrize("changes", [{"strategy": "x"}, {"width": 0}, {"exploration": -1.0}, {"unit": "word"}])
def test_wrong_settings(changes):
    with pytest.raises(RewardiumError, match="search: "):
        StepSearch(**changes)
