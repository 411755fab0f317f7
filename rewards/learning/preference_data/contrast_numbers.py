"""The same response with another number at its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rewardium.rewards.learning.preference_data import register_step
from rewardium.rewards.learning.preference_data._drawing import generator_for, require_count, require_range
from rewardium.rewards.learning.preference_data.comparison import Comparison


@register_step("contrast_numbers", "builder")
@dataclass(frozen=True)
class ContrastNumbers:
    """Each right response against copies of it in which the last number is a little different.

    Both sides are alike but for the fault, so that a reward model can learn nothing but the fault. Where the number
    stands more than once, as in working and answer, only the last place is changed.

    Args:
        copies: Of a response.
        largest: The number changes by 1 up to this, in either direction.
        threshold: The least score of a right response.
        seed: Of the draws.

    Example:
        >>> rows = [Comparison.of("2+2=", ["2+2 is 4", "no idea"], scores=[1, 0])]
        >>> [pair.responses for pair in ContrastNumbers(copies=1, largest=1, seed=1)(rows)]
        [('2+2 is 4', '2+2 is 5')]
    """

    copies: int = 1
    largest: int = 9
    threshold: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        require_count("contrast_numbers", "copies", self.copies, 1)
        require_count("contrast_numbers", "largest", self.largest, 1)
        require_range("contrast_numbers", "threshold", self.threshold, -1e9)

    def __call__(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Build the pairs; a response without a number has none."""
        found = []
        for row in comparisons:
            generator = generator_for(self.seed, row)
            for i, score in enumerate(row.factor("scores")):
                wrong = self._changed(row.responses[i], generator) if score >= self.threshold else []
                found += [Comparison.of(row.prompts[i], [row.responses[i], text], 1.0) for text in wrong]
        return found

    def _changed(self, text: str, generator: np.random.Generator) -> list[str]:
        place = last_number(text)
        if place is None:
            return []
        number, steps = int(text[slice(*place)]), [d for d in range(-self.largest, self.largest + 1) if d]
        chosen = generator.choice(len(steps), min(self.copies, len(steps)), replace=False)
        return [
            f"{text[: place[0]]}{abs(number + steps[index])}{text[place[1] :]}"
            for index in chosen.tolist()
            if abs(number + steps[index]) != number
        ]


def last_number(text: str) -> tuple[int, int] | None:
    """Return where the last run of at most 18 decimal digits begins and ends, or None.

    Example:
        >>> last_number("12 + 3 = 15.")
        (9, 11)
    """
    end = len(text)
    while end and text[end - 1] not in "0123456789":
        end -= 1
    start = end
    while start and text[start - 1] in "0123456789":
        start -= 1
    return (start, end) if 0 < end - start <= 18 else None
