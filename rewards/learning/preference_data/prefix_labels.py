"""Every beginning of a response with what it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewardium.rewards.learning.preference_data import register_step
from rewardium.rewards.learning.preference_data._drawing import require_count
from rewardium.rewards.learning.preference_data._trees import groups_of
from rewardium.rewards.learning.preference_data.comparison import Comparison
from rewardium.rewards.learning.preference_data.labelled import Labelled, as_comparisons
from rewardium.rewards.learning.step_merging import tree_of
from rewardium.rewards.text_units import TextUnit, require_unit


@register_step("prefix_labels", "builder", papers=("A1", "A10"))
@dataclass(frozen=True)
class PrefixLabels:
    r"""Each beginning of the responses to a prompt, scored by the mean score of the responses that begin so.

    The labels of a process reward model without any further sampling: ``prefix_tree.prefix_values`` over steps. Train
    on them with ``outcome_cross_entropy`` or ``regression``, and pay the model with ``fine_grained`` or ``tvm``, inside
    of ``clip_delta`` as "On Designing Effective RL Reward at Training Time for LLM Reasoning" (2024) bounds them. Its
    own labels come from completions, which ``scripts/label_steps.py`` samples. Responses are grouped by their prompts
    over all rows. The factor ``paths`` is the number of responses that begin so.

    Args:
        unit: What a step is: ``"step"``, ``"sentence"``, ``"clause"`` or the whole ``"response"``.
        separator: What ends a step.
        least_paths: Leave out what fewer responses begin with.

    Example:
        >>> rows = [Comparison.of("1+2+3=", ["3\n6", "3\n7", "4\n7"], scores=[1, 0, 0])]
        >>> found = PrefixLabels()(rows)[0]
        >>> list(zip(found.responses, found.scores))
        [('3\n', 0.5), ('3\n6', 1.0), ('3\n7', 0.0), ('4\n', 0.0), ('4\n7', 0.0)]
    """

    unit: TextUnit = "step"
    separator: str = "\n"
    least_paths: int = 1

    def __post_init__(self) -> None:
        require_unit("'prefix_labels'", self.unit, self.separator)
        require_count("prefix_labels", "least_paths", self.least_paths, 1)

    def __call__(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Build the labelled beginnings, in the order in which they first came."""
        found: list[Comparison] = []
        for group in groups_of(comparisons, self.unit, self.separator):
            tree = tree_of(group.chains)
            kept = [node for node in tree.nodes() if tree.visits(node) >= self.least_paths]
            rows = [Labelled(tree.text(node), tree.value(node), {"paths": float(tree.visits(node))}) for node in kept]
            found += as_comparisons(group.prompt, rows)
        return found
