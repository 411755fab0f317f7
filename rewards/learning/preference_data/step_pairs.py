"""Steps that are worth more against steps that are worth less, from one tree of responses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.preference_data import register_step
from rewardium.rewards.learning.preference_data._drawing import require_count, require_range, some_of
from rewardium.rewards.learning.preference_data._trees import Group, ends_of, groups_of
from rewardium.rewards.learning.preference_data.comparison import Comparison
from rewardium.rewards.learning.prefix_tree import PrefixTree
from rewardium.rewards.learning.step_merging import tree_of
from rewardium.rewards.text_units import TextUnit, require_unit

Topology = Literal["siblings", "depth", "ends"]
TOPOLOGIES: tuple[Topology, ...] = ("siblings", "depth", "ends")


@register_step("step_pairs", "builder", papers=("A32", "B12"))
@dataclass(frozen=True)
class StepPairs:
    r"""Of the tree of the responses to a prompt, pairs of steps whose values lie apart.

    With ``"siblings"`` the two steps follow on the same steps, as in "What Are Step-Level Reward Models Rewarding?
    Counterintuitive Findings from MCTS-Boosted Mathematical Reasoning" (2024; certainty: recalled, its gap is not
    known): the value of a node of a tree search is the mean outcome of the simulations through it, and the loss is
    ``bradley_terry``. ``scripts/label_steps.py --kind search`` makes such a tree; any group of responses is one too.

    With ``"depth"`` the two are any of one tree with the same number of steps, and with ``"ends"`` whole responses:
    the tree-shaped data of "Reward Generalization in RLHF: A Topological Perspective" (2024; details reconstructed),
    from responses with long common beginnings (``--kind tree``). There the labels are people's, here they are the
    values.

    Args:
        unit: What a step is, see ``prefix_labels``.
        separator: What ends a step.
        topology: Which two nodes are compared.
        margin: The least distance of the values, above 0; the paper's is not known.
        least_paths: Leave out nodes with fewer responses through them.
        context: Whether the model reads the whole ``"prefix"`` up to the step, or the ``"step"`` alone.
        pairs: At most so many of a prompt, drawn evenly; 0 for all.
        seed: Of the draws.

    Example:
        >>> rows = [Comparison.of("1+2+3=", ["3\n6", "3\n7", "4\n7"], scores=[1, 0, 0])]
        >>> [(pair.responses, pair.strength) for pair in StepPairs()(rows)]
        [(('3\n', '4\n'), 0.5), (('3\n6', '3\n7'), 1.0)]
    """

    unit: TextUnit = "step"
    separator: str = "\n"
    topology: Topology = "siblings"
    margin: float = 0.25
    least_paths: int = 1
    context: Literal["prefix", "step"] = "prefix"
    pairs: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        require_unit("'step_pairs'", self.unit, self.separator)
        require_range("step_pairs", "margin", self.margin, 1e-9)
        require_count("step_pairs", "least_paths", self.least_paths, 1)
        require_count("step_pairs", "pairs", self.pairs)
        for name, choices in (("topology", TOPOLOGIES), ("context", ("prefix", "step"))):
            if getattr(self, name) not in choices:
                raise RewardiumError(f"'step_pairs': {name} must be one of {choices}, got {getattr(self, name)!r}")

    def __call__(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Build the pairs, the better step first; strength is the distance of their values."""
        groups = groups_of(comparisons, self.unit, self.separator)
        return [pair for group in groups for pair in self._pairs(group)]

    def _pairs(self, group: Group) -> list[Comparison]:
        tree = tree_of(group.chains)
        ordered = []
        for first, second in self._candidates(tree):
            apart = tree.value(first) - tree.value(second)
            if abs(apart) >= self.margin:
                ordered.append((first, second) if apart > 0.0 else (second, first))
        chosen = some_of(ordered, self.pairs, group.generator(self.seed))
        return [self._pair(group.prompt, tree, better, worse) for better, worse in chosen]

    def _candidates(self, tree: PrefixTree) -> Iterator[tuple[int, int]]:
        for nodes in self._compared(tree):
            yield from combinations([node for node in nodes if tree.visits(node) >= self.least_paths], 2)

    def _compared(self, tree: PrefixTree) -> list[list[int]]:
        """Return the sets of nodes in which any two may be compared."""
        if self.topology == "ends":
            return [ends_of(tree)]
        sets: dict[int, list[int]] = {}
        for node in tree.nodes():
            sets.setdefault(tree.parent(node) if self.topology == "siblings" else tree.depth(node), []).append(node)
        return list(sets.values())

    def _pair(self, prompt: str, tree: PrefixTree, better: int, worse: int) -> Comparison:
        texts = [tree.text(node) if self.context == "prefix" else str(tree.item(node)) for node in (better, worse)]
        scores = [tree.value(better), tree.value(worse)]
        return Comparison.of(prompt, texts, 1.0, scores=scores, strength=scores[0] - scores[1])
