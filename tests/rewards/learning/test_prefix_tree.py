from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.prefix_tree import ROOT, PrefixTree, prefix_values

PATHS = st.lists(st.lists(st.integers(0, 2), max_size=5).map(tuple), max_size=12)


def test_four_paths_by_hand():
    values = prefix_values(["abc", "abd", "aef", "g"], [1, 0, 1, 1])
    assert [row.tolist() for row in values] == [[2 / 3, 0.5, 1.0], [2 / 3, 0.5, 0.0], [2 / 3, 1.0, 1.0], [1.0]]


@given(PATHS, st.integers(0, 2**12 - 1))
def test_values_equal_brute_force(paths, bits):
    outcomes = [float(bits >> index & 1) for index in range(len(paths))]
    for path, values in zip(paths, prefix_values(paths, outcomes), strict=True):
        for length, value in enumerate(values, start=1):
            through = [o for other, o in zip(paths, outcomes, strict=True) if other[:length] == path[:length]]
            assert value == pytest.approx(np.mean(through))


@given(PATHS)
def test_the_tree_holds_its_paths(paths):
    tree = PrefixTree()
    for path in paths:
        nodes = tree.add(path, 1.0)
        assert tree.path(nodes[-1] if nodes else ROOT) == path
    for node in tree.nodes():
        assert node in tree.children(tree.parent(node))
        assert tree.depth(node) == len(tree.path(node))
        assert tree.visits(node) == sum(path[: tree.depth(node)] == tree.path(node) for path in paths)
        assert tree.visits(node) >= sum(map(tree.visits, tree.children(node)))
    assert tree.visits(ROOT) == len(paths)


def test_nothing_has_no_value():
    assert prefix_values([], []) == []
    assert prefix_values([()], [1.0])[0].shape == (0,)
    assert math.isnan(PrefixTree().value(ROOT))
    for outcome in (math.nan, math.inf):
        with pytest.raises(RewardiumError, match="finite"):
            PrefixTree().add("a", outcome)
