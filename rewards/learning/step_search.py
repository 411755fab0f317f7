"""Trees of responses to a prompt: searched by their values, or branched evenly."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rewardium.envs.catalogue import implements
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.prefix_tree import ROOT, PrefixTree
from rewardium.rewards.learning.step_completion import Check, Complete, Written, checked, seed_of
from rewardium.rewards.learning.step_merging import Chain
from rewardium.rewards.text_units import TextUnit, require_unit, unit_texts

Strategy = Literal["values", "even"]


@implements("A32", "B12", what="class StepSearch")
@dataclass(frozen=True)
class StepSearch:
    """How a tree of responses grows: each simulation goes on from one node to the end of a response.

    ``"values"`` is a Monte-Carlo tree search with UCT, as in "What Are Step-Level Reward Models Rewarding?
    Counterintuitive Findings from MCTS-Boosted Mathematical Reasoning" (2024; certainty: recalled, its constants are
    not known). From the root on, a node that ``width`` simulations have left by a step is passed, to the child with the
    largest ``Q + exploration * sqrt(ln N(parent) / N(child))``; from another one a response is written to its end.
    ``Q`` is the mean outcome of the simulations through a node. An end that is reached again counts again.

    ``"even"`` is the tree of "Reward Generalization in RLHF: A Topological Perspective" (2024; reconstructed): every
    node above ``depth`` is left ``width`` times, the first nodes first, so that responses share long beginnings.

    Args:
        strategy: Which of the two.
        simulations: Responses to a prompt at most.
        width: How often each node is left.
        depth: Of the even tree.
        exploration: The weight of what was tried little, at least 0; the square root of 2 is usual.
        unit: What a step is, see ``text_units``.
        separator: What ends a step.
        seed: Of the draws.

    Raises:
        RewardiumError: When a setting is out of its range.
    """

    strategy: Strategy = "values"
    simulations: int = 64
    width: int = 4
    depth: int = 3
    exploration: float = math.sqrt(2.0)
    unit: TextUnit = "step"
    separator: str = "\n"
    seed: int = 0

    def __post_init__(self) -> None:
        require_unit("search", self.unit, self.separator)
        if self.strategy not in ("values", "even"):
            raise RewardiumError(f"search: strategy must be 'values' or 'even', got {self.strategy!r}")
        if min(self.simulations, self.width, self.depth) < 1 or not self.exploration >= 0.0:
            raise RewardiumError(
                "search: simulations, width and depth must be at least 1 and exploration at least 0, got "
                f"{self.simulations}, {self.width}, {self.depth} and {self.exploration}"
            )

    def grow(
        self, tasks: Sequence[int], complete: Complete, check: Check, progress: Callable[[int], None] | None = None
    ) -> list[list[Chain]]:
        """Grow a tree for each of some tasks, all side by side, so that the policy always has a batch.

        Args:
            tasks: Their numbers, by which policy and judge know them.
            complete: The policy.
            check: The judge.
            progress: Called with the number of simulations done a task.

        Returns:
            Of each task the responses as steps, in the order in which they came; ``step_merging.tree_of`` gives the
            tree. What could not be judged is left out.

        Raises:
            RewardiumError: When policy or judge return another number than they were given.
        """
        trees = {task: GrowingTree(self) for task in tasks}
        for simulation in range(self.simulations):
            chosen = [(task, node) for task, tree in trees.items() if (node := tree.select()) is not None]
            if not chosen:
                break
            self._simulate(trees, chosen, simulation, complete, check)
            if progress is not None:
                progress(simulation + 1)
        return [trees[task].chains for task in tasks]

    def _simulate(
        self,
        trees: Mapping[int, GrowingTree],
        chosen: Sequence[tuple[int, int]],
        simulation: int,
        complete: Complete,
        check: Check,
    ) -> None:
        """Go on from one node of each of some trees."""
        drawn = [(task, node) for task, node in chosen if not trees[task].visit_end(node)]
        starts = [Written(task, trees[task].tree.text(node)) for task, node in drawn]
        ends = complete(starts, [seed_of(self.seed, start, simulation) for start in starts]) if starts else []
        if len(ends) != len(starts):
            raise RewardiumError(f"{len(starts)} beginnings were completed {len(ends)} times")
        responses = [Written(start.task, start.text + end) for start, end in zip(starts, ends, strict=True)]
        outcomes = checked(responses, check)
        for (task, node), response, outcome in zip(drawn, responses, outcomes, strict=True):
            trees[task].leave(node, response.text, outcome)


@dataclass
class GrowingTree:
    """The tree of one task while it grows.

    Args:
        search: How it grows.
        tree: What is there.
        chains: Its responses.
        left: How often each node was left by a simulation that began there.
        ends: The outcomes of nodes at which a response ended.
    """

    search: StepSearch
    tree: PrefixTree = field(default_factory=PrefixTree)
    chains: list[Chain] = field(default_factory=list)
    left: dict[int, int] = field(default_factory=dict)
    ends: dict[int, float] = field(default_factory=dict)

    def select(self) -> int | None:
        """Return the node to go on from; None where an even tree is complete."""
        return self._best() if self.search.strategy == "values" else self._first()

    def _wants_more(self, node: int) -> bool:
        """Say whether a node was left less than ``width`` times; the simulation that made it has left it once."""
        return self.left.get(node, 0) + (node != ROOT) < self.search.width

    def _first(self) -> int | None:
        nodes = sorted((ROOT, *self.tree.nodes()), key=self.tree.depth)
        inner = (node for node in nodes if node not in self.ends and self.tree.depth(node) < self.search.depth)
        return next((node for node in inner if self._wants_more(node)), None)

    def _best(self) -> int:
        node = ROOT
        while not self._wants_more(node) and (children := self.tree.children(node)):
            node = max(children, key=self._bound)
        return node

    def _bound(self, node: int) -> float:
        tree, seen = self.tree, self.tree.visits(self.tree.parent(node))
        return tree.value(node) + self.search.exploration * math.sqrt(math.log(seen) / tree.visits(node))

    def visit_end(self, node: int) -> bool:
        """Count an end once more; False where the node is none."""
        if node not in self.ends or self.tree.children(node):
            return False
        self._add(tuple(map(str, self.tree.path(node))), self.ends[node])
        return True

    def leave(self, node: int, response: str, outcome: float | None) -> None:
        """Add what a simulation from a node came to."""
        self.left[node] = self.left.get(node, 0) + 1
        if outcome is None or not response:
            return
        nodes = self._add(unit_texts(response, self.search.unit, self.search.separator), outcome)
        self.ends[nodes[-1]] = outcome

    def _add(self, steps: tuple[str, ...], outcome: float) -> list[int]:
        self.chains.append(Chain(steps, outcome))
        return self.tree.add(steps, outcome)
