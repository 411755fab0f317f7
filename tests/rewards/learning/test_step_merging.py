from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.step_merging import Chain, merged_chains, tree_of

CHAINS = st.lists(
    st.builds(Chain, st.lists(st.sampled_from("abc"), min_size=1, max_size=5).map(tuple), st.sampled_from([0.0, 1.0])),
    max_size=20,
)


def test_a_corrected_step_by_hand():
    # Below "wrong": three go on wrongly, one corrects it.
    chains = [Chain(("wrong", end), float(end == "no, right")) for end in ("x", "y", "z", "no, right")]
    before = tree_of(chains)
    assert before.value(before.add(("wrong",), 0.0)[0]) == pytest.approx(0.2)
    for seed in range(20):
        merged = merged_chains(chains, np.random.default_rng(seed), share=1.0)
        if merged[3].steps == ("wrongno, right",):
            break
    tree = tree_of(merged)
    values = {tree.path(node): tree.value(node) for node in tree.nodes()}
    assert values[("wrong",)] == 0.0
    assert values[("wrongno, right",)] == 1.0
    assert [len(chain.steps) for chain in merged] == [2, 2, 2, 1]


@given(CHAINS, st.integers(0, 99), st.integers(1, 3))
def test_texts_and_outcomes_stay(chains, seed, least):
    merged = merged_chains(chains, np.random.default_rng(seed), share=0.7, least_children=least)
    assert ["".join(chain.steps) for chain in merged] == ["".join(chain.steps) for chain in chains]
    assert [chain.outcome for chain in merged] == [chain.outcome for chain in chains]
    for before, after in zip(chains, merged, strict=True):
        assert len(before.steps) - 1 <= len(after.steps) <= len(before.steps)


def test_first_steps_and_small_families_stay():
    first = [Chain((letter,), 1.0) for letter in "abcdef"]
    assert merged_chains(first, np.random.default_rng(0), share=1.0) == first
    small = [Chain(("a", letter), 1.0) for letter in "bcd"]
    assert merged_chains(small, np.random.default_rng(0), share=1.0) == small
    assert merged_chains(small, np.random.default_rng(0), share=0.0, least_children=1) == small


def test_one_child_a_parent():
    chains = [Chain(("a", letter, "end"), 1.0) for letter in "bcdef"]
    merged = merged_chains(chains, np.random.default_rng(0), share=1.0)
    assert sum(one != other for one, other in zip(chains, merged, strict=True)) == 1


@pytest.mark.parametrize("settings", [{"share": 1.5}, {"least_children": 0}])
def test_wrong_settings(settings):
    with pytest.raises(RewardiumError, match="share must be"):
        merged_chains([], np.random.default_rng(0), **settings)
