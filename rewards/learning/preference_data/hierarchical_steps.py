"""Steps, and pairs of steps, with what they are worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rewardium.rewards.learning.preference_data import register_step
from rewardium.rewards.learning.preference_data._drawing import require_count, require_range
from rewardium.rewards.learning.preference_data._trees import Group, groups_of
from rewardium.rewards.learning.preference_data.comparison import Comparison
from rewardium.rewards.learning.preference_data.contexts import with_earlier_steps
from rewardium.rewards.learning.preference_data.labelled import Labelled, as_comparisons
from rewardium.rewards.learning.prefix_tree import PrefixTree
from rewardium.rewards.learning.step_merging import merged_chains, tree_of
from rewardium.rewards.text_units import TextUnit, require_unit


@register_step("hierarchical_steps", "builder", papers=("B5",))
@dataclass(frozen=True)
class HierarchicalSteps:
    r"""The data of a hierarchical reward model: what a step, and it with the one before it, is worth.

    From "Towards Hierarchical Multi-Step Reward Models for Enhanced Reasoning in Large Language Models" (2025;
    certainty: high, the authors' code). Over the tree of the responses to a prompt, ``v`` the share of right responses
    through a node::

        {(prefix up to k-1, step k) -> v(n_k)}   and   {(prefix up to k-2, step k-1 and k) -> v(n_k)}

    so that an error that the next step corrects does not count against both. With ``merge`` above 0 the same rows are
    built of the tree after ``step_merging.merged_chains`` too, once. Train with ``outcome_cross_entropy`` (the paper's
    yes/no token with soft labels) and pay with ``hrm``. How its code balances labels is not restated here: ``a_bin``
    draws at most so many rows of each depth and each of ``bins`` ranges of ``v`` from a prompt.

    Args:
        unit: What a step is, see ``prefix_labels``.
        separator: What ends a step.
        pairs: Whether there are rows of two steps; without them it is the data of an ordinary process reward model.
        merge: In [0, 1], the probability that a node gives a child away.
        least_children: From how many children on it does.
        a_bin: Rows of one depth and range at most; 0 for all.
        bins: Ranges of ``v``, of equal width.
        seed: Of the draws.

    Example:
        >>> rows = [Comparison.of("1+2+3=", ["3\n6", "4\nno, 3\n6"], scores=[1, 1])]
        >>> for text in HierarchicalSteps(merge=0.0)(rows)[0].responses[1:3]:
        ...     print(repr(text))
        '3\n\nStep to judge:\n6'
        '\nStep to judge:\n3\n6'
    """

    unit: TextUnit = "step"
    separator: str = "\n"
    pairs: bool = True
    merge: float = 0.5
    least_children: int = 4
    a_bin: int = 0
    bins: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        name = "hierarchical_steps"
        require_unit(f"{name!r}", self.unit, self.separator)
        require_range(name, "merge", self.merge, 0.0, 1.0)
        require_count(name, "least_children", self.least_children, 1)
        require_count(name, "a_bin", self.a_bin)
        require_count(name, "bins", self.bins, 1)

    def __call__(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Build the rows; factors are the ``depth``, and how many steps were judged as one (``steps``)."""
        found: list[Comparison] = []
        for group in groups_of(comparisons, self.unit, self.separator):
            found += as_comparisons(group.prompt, self._rows(group))
        return found

    def _rows(self, group: Group) -> list[Labelled]:
        generator = group.generator(self.seed)
        rows = self._of_tree(tree_of(group.chains))
        if self.merge:
            merged = merged_chains(group.chains, generator, share=self.merge, least_children=self.least_children)
            rows += self._of_tree(tree_of(merged))
        distinct = {(row.text, row.label, row.factors["depth"]): row for row in rows}
        return self._balanced(list(distinct.values()), generator)

    def _of_tree(self, tree: PrefixTree) -> list[Labelled]:
        rows: list[Labelled] = []
        for node in tree.nodes():
            depth, parent = tree.depth(node), tree.parent(node)
            more = {"depth": float(depth), "steps": 1.0}
            rows.append(Labelled(with_earlier_steps(tree.text(parent), str(tree.item(node))), tree.value(node), more))
            if self.pairs and depth > 1:
                both = f"{tree.item(parent)}{tree.item(node)}"
                earlier = tree.text(tree.parent(parent))
                rows.append(Labelled(with_earlier_steps(earlier, both), tree.value(node), {**more, "steps": 2.0}))
        return rows

    def _balanced(self, rows: list[Labelled], generator: np.random.Generator) -> list[Labelled]:
        if not self.a_bin:
            return rows
        kept: set[int] = set()
        places: dict[tuple[float, int], list[int]] = {}
        for index, row in enumerate(rows):
            place = min(max(int(row.label * self.bins), 0), self.bins - 1)
            places.setdefault((row.factors["depth"], place), []).append(index)
        for inside in places.values():
            kept.update(generator.permutation(inside)[: self.a_bin].tolist())
        return [row for index, row in enumerate(rows) if index in kept]
