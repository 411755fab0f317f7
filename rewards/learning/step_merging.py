"""Steps of reasoning merged into one, which makes further examples of trees that are there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rewardium.envs.catalogue import implements
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.prefix_tree import PrefixTree


class Chain(NamedTuple):
    """A response as steps.

    Args:
        steps: Its K steps; joined, they are the response.
        outcome: How good its end was.
    """

    steps: tuple[str, ...]
    outcome: float


def tree_of(chains: Sequence[Chain]) -> PrefixTree:
    """Return the tree of some chains."""
    tree = PrefixTree()
    for chain in chains:
        tree.add(chain.steps, chain.outcome)
    return tree


@implements("B5", what="function merged_chains")
def merged_chains(
    chains: Sequence[Chain],
    generator: np.random.Generator,
    *,
    share: float = 0.5,
    least_children: int = 4,
) -> list[Chain]:
    r"""Merge one child of many a node with that node: hierarchical node compression.

    From "Towards Hierarchical Multi-Step Reward Models for Enhanced Reasoning in Large Language Models" (2025;
    certainty: high, the authors' code). A node below the root with at least ``least_children`` children gives, with
    the probability ``share``, one child away: the steps of node and child become one step, which hangs on the node's
    parent. A step that only a correction followed thus becomes a step that is right in itself, and the value of the
    node that lost a child changes. The nodes are visited from the root on, and no chain is merged twice. Of the
    children the one to be merged is drawn evenly (this is ours).

    Args:
        chains: Responses to one prompt.
        generator: Of the draws.
        share: In [0, 1], the probability.
        least_children: At least 1.

    Returns:
        As many chains in the same order: their texts and outcomes are as before, some have a step less.

    Raises:
        RewardiumError: When a setting is out of its range.

    Example:
        >>> chains = [Chain(("a", "b", "c"), 1.0), Chain(("a", "d"), 0.0)]
        >>> merged = merged_chains(chains, np.random.default_rng(0), share=1.0, least_children=2)
        >>> [chain.steps for chain in merged]
        [('a', 'b', 'c'), ('ad',)]
    """
    if not 0.0 <= share <= 1.0 or least_children < 1:
        raise RewardiumError(f"share must be in [0, 1], least_children at least 1, got {share}, {least_children}")
    tree = tree_of(chains)
    chosen: set[tuple[object, ...]] = set()
    for node in tree.nodes():
        children = tree.children(node)
        if len(children) >= least_children and generator.random() < share:
            child = children[int(generator.integers(len(children)))]
            chosen.add(tree.path(child))
    return [Chain(_merged(chain.steps, chosen), chain.outcome) for chain in chains]


def _merged(steps: tuple[str, ...], chosen: set[tuple[object, ...]]) -> tuple[str, ...]:
    """Merge the first step that was chosen with the one before it."""
    for depth in range(2, len(steps) + 1):
        if steps[:depth] in chosen:
            return (*steps[: depth - 2], steps[depth - 2] + steps[depth - 1], *steps[depth:])
    return steps
