"""Responses that begin alike as one tree, and what each beginning is worth: the mean outcome of what began so."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.catalogue import implements
from rewardium.envs.errors import RewardiumError

ROOT = 0


class PrefixTree:
    """A trie of paths with outcomes; a path is a sequence of tokens or of steps.

    Nodes are numbered in the order in which they came, the root 0. Time and memory are linear in the items added.

    Example:
        >>> tree = PrefixTree()
        >>> tree.add("ab", 1.0), tree.add("ac", 0.0)
        ([1, 2], [1, 3])
        >>> tree.values().tolist(), tree.children(1), tree.path(3)
        ([0.5, 0.5, 1.0, 0.0], (2, 3), ('a', 'c'))
    """

    def __init__(self) -> None:
        self._items: list[Hashable] = [None]
        self._parents = [-1]
        self._depths = [0]
        self._visits = [0]
        self._totals = [0.0]
        self._children: list[dict[Hashable, int]] = [{}]

    def __len__(self) -> int:
        return len(self._items)

    def add(self, path: Sequence[Hashable], outcome: float) -> list[int]:
        """Add a path that came to an outcome; one that comes again counts again.

        Args:
            path: K items; an empty path counts at the root alone.
            outcome: How good the end was, e.g. 1 for right and 0 for wrong.

        Returns:
            The K nodes of the path.

        Raises:
            RewardiumError: When the outcome is no finite number.
        """
        if not np.isfinite(outcome):
            raise RewardiumError(f"an outcome must be a finite number, got {outcome!r}")
        node, nodes = ROOT, []
        self._visit(ROOT, outcome)
        for item in path:
            node = self._child(node, item)
            self._visit(node, outcome)
            nodes.append(node)
        return nodes

    def _visit(self, node: int, outcome: float) -> None:
        self._visits[node] += 1
        self._totals[node] += outcome

    def _child(self, node: int, item: Hashable) -> int:
        known = self._children[node].get(item)
        if known is not None:
            return known
        new = self._children[node][item] = len(self._items)
        self._items.append(item)
        self._parents.append(node)
        self._depths.append(self._depths[node] + 1)
        self._visits.append(0)
        self._totals.append(0.0)
        self._children.append({})
        return new

    def value(self, node: int) -> float:
        """Return the mean outcome of the paths through a node; NaN where there is none."""
        return self._totals[node] / self._visits[node] if self._visits[node] else float("nan")

    def values(self) -> NDArray[np.float64]:
        """Return the value of every node, float64 [nodes]."""
        return np.array([self.value(node) for node in range(len(self))])

    def visits(self, node: int) -> int:
        """Return the number of paths through a node."""
        return self._visits[node]

    def depth(self, node: int) -> int:
        """Return the number of items from the root to a node."""
        return self._depths[node]

    def children(self, node: int) -> tuple[int, ...]:
        """Return the nodes below a node, in the order in which they came."""
        return tuple(self._children[node].values())

    def parent(self, node: int) -> int:
        """Return the node above a node; -1 for the root."""
        return self._parents[node]

    def item(self, node: int) -> Hashable:
        """Return the last item of a node's path; None for the root."""
        return self._items[node]

    def path(self, node: int) -> tuple[Hashable, ...]:
        """Return the items from the root to a node."""
        found: list[Hashable] = []
        while node != ROOT:
            found.append(self._items[node])
            node = self._parents[node]
        return tuple(reversed(found))

    def text(self, node: int) -> str:
        """Return the joined items from the root to a node, where items are texts."""
        return "".join(map(str, self.path(node)))

    def nodes(self) -> Iterator[int]:
        """Yield every node but the root."""
        yield from range(1, len(self))


@implements("A10", what="function prefix_values")
def prefix_values(paths: Sequence[Sequence[Hashable]], outcomes: Sequence[float]) -> list[NDArray[np.float64]]:
    """Return what each prefix of each path is worth: the share of right paths among those that begin with it.

    The labels of "Token-Supervised Value Models for Enhancing Mathematical Reasoning Capabilities of Large Language
    Models" (2024): with many responses to one prompt, ``v_n = #(right, t_1 .. t_n) / #(t_1 .. t_n)``, and a prefix of
    one response alone has that response's outcome. Certainty: recalled; about 100 responses a prompt there. Nothing is
    sampled for it. Over steps it is the value of a node in the trees of "Towards Hierarchical Multi-Step Reward Models
    for Enhanced Reasoning in Large Language Models" (2025).

    Args:
        paths: B paths of K_b items (tokens or steps), all of one prompt.
        outcomes: Length B, usually 0 or 1.

    Returns:
        Length B: float64 [K_b].

    Raises:
        RewardiumError: When an outcome is no finite number.

    Example:
        >>> [values.tolist() for values in prefix_values(["abc", "abd", "ae", "f"], [1, 0, 1, 0])]
        [[0.6666666666666666, 0.5, 1.0], [0.6666666666666666, 0.5, 0.0], [0.6666666666666666, 1.0], [0.0]]
    """
    tree = PrefixTree()
    nodes = [tree.add(path, outcome) for path, outcome in zip(paths, outcomes, strict=True)]
    values = tree.values()
    return [values[np.array(row, dtype=np.int64)] for row in nodes]
