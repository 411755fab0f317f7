"""Responses of which only the mathematics is left, or only the words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.preference_data import register_step
from rewardium.rewards.learning.preference_data.comparison import Comparison
from rewardium.rewards.text_units import TextUnit, require_unit, unit_texts

_MATHEMATICS = re.compile(r"[=<>≤≥≈]|\\[A-Za-z]|[0-9A-Za-z)]\s?[-+*/^]\s?[0-9A-Za-z(]|\d")


def is_mathematics(text: str) -> bool:
    r"""Say whether a part of a text computes: it has a relation, a command of LaTeX, an operation, or a digit.

    Example:
        >>> [is_mathematics(text) for text in ("x = 3", r"so $\alpha$", "a + b", "First I add.")]
        [True, True, True, False]
    """
    return _MATHEMATICS.search(text) is not None


@register_step("keep_parts", "builder", papers=("A32",))
@dataclass(frozen=True)
class KeepParts:
    r"""Leaves only the mathematics, or only the words, of each response.

    The question of "What Are Step-Level Reward Models Rewarding? Counterintuitive Findings from MCTS-Boosted
    Mathematical Reasoning" (2024): train the same model on whole steps, on their mathematics alone and on their words
    alone, and compare the accuracies on what was held out. The rule that tells them apart is ours: see
    ``is_mathematics``. Put it behind ``step_pairs``, since it changes what is a step.

    Args:
        keep: ``"mathematics"`` or ``"words"``.
        unit: The parts that are kept or dropped as a whole.
        separator: What ends a ``"step"``.

    Example:
        >>> rows = [Comparison.of("1+2=", ["I add them. 1+2=3", "It is 4."], scores=[1, 0])]
        >>> KeepParts()(rows)[0].responses, KeepParts("words")(rows)[0].responses
        (('1+2=3', 'It is 4.'), ('I add them. ', ''))
    """

    keep: Literal["mathematics", "words"] = "mathematics"
    unit: TextUnit = "sentence"
    separator: str = "\n"

    def __post_init__(self) -> None:
        require_unit("'keep_parts'", self.unit, self.separator)
        if self.keep not in ("mathematics", "words"):
            raise RewardiumError(f"'keep_parts': keep must be 'mathematics' or 'words', got {self.keep!r}")

    def __call__(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Return the rows with shorter responses."""
        return [row.replaced(responses=tuple(map(self._kept, row.responses))) for row in comparisons]

    def _kept(self, response: str) -> str:
        wanted = self.keep == "mathematics"
        parts = unit_texts(response, self.unit, self.separator)
        return "".join(part for part in parts if is_mathematics(part) == wanted)
