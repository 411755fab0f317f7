"""What builders over trees of steps share; the leading underscore says that this file is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rewardium.rewards.learning.preference_data._drawing import generator_for
from rewardium.rewards.learning.preference_data.comparison import Comparison
from rewardium.rewards.learning.prefix_tree import PrefixTree
from rewardium.rewards.learning.step_merging import Chain
from rewardium.rewards.text_units import TextUnit, unit_texts


class Group(NamedTuple):
    """All responses to one prompt, as steps.

    Args:
        prompt: The prompt.
        chains: The responses with their scores; one that is empty is left out.
    """

    prompt: str
    chains: list[Chain]

    def generator(self, seed: int) -> np.random.Generator:
        """Return a generator that depends on the prompt alone, so that other prompts move nothing."""
        return generator_for(seed, Comparison.of(self.prompt, [""], scores=[0.0]))


def groups_of(comparisons: Sequence[Comparison], unit: TextUnit, separator: str) -> list[Group]:
    """Collect the responses to each prompt, over all comparisons.

    Args:
        comparisons: Rows with scores.
        unit: What a step is.
        separator: What ends a step.

    Returns:
        One group a prompt, in the order of their first responses.

    Raises:
        RewardiumError: When a row has no scores.
    """
    groups: dict[str, list[Chain]] = {}
    for row in comparisons:
        for prompt, response, score in zip(row.prompts, row.responses, row.factor("scores"), strict=True):
            chains = groups.setdefault(prompt, [])
            if response:
                chains.append(Chain(unit_texts(response, unit, separator), score))
    return [Group(prompt, chains) for prompt, chains in groups.items()]


def ends_of(tree: PrefixTree) -> list[int]:
    """Return the nodes with nothing below them."""
    return [node for node in tree.nodes() if not tree.children(node)]
