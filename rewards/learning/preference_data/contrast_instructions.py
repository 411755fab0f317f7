"""The same response to two prompts that are nearly the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.preference_data import register_step
from rewardium.rewards.learning.preference_data._drawing import require_count, require_range
from rewardium.rewards.learning.preference_data.comparison import Comparison


@register_step("contrast_instructions", "builder", papers=("A53",))
@dataclass(frozen=True)
class ContrastInstructions:
    """Right responses to prompts that look alike, each against the other's.

    The pairs on which "The Trickle-down Impact of Reward (In-)consistency on RLHF" (2023) measures consistency, as
    training data: for two instructions that are near in words and have different answers, ``r(I1, R1) > r(I1, R2)``
    (``direction="response"``) and ``r(I1, R1) > r(I2, R1)`` (``"instruction"``, a pair over two prompts). Certainty:
    high for the pairs. How near two prompts are is the share of common pieces of three characters here, ours.

    Args:
        direction: ``"response"``, ``"instruction"`` or ``"both"``.
        near: The least share of common pieces, in [0, 1].
        pairs: Neighbours of a prompt at most.
        threshold: The least score of a right response.
        window: Prompts are compared with so many that come next in the order of their texts read backwards and
            forwards, so that the work grows evenly with their number.

    Example:
        >>> rows = [Comparison.of(f"What is 3+{n}?", [str(3 + n)], scores=[1]) for n in (4, 5)]
        >>> found = ContrastInstructions(near=0.5)(rows)
        >>> [(pair.prompts[1], pair.responses[1]) for pair in found[:2]]
        [('What is 3+4?', '8'), ('What is 3+5?', '7')]
    """

    direction: Literal["response", "instruction", "both"] = "both"
    near: float = 0.4
    pairs: int = 1
    threshold: float = 0.5
    window: int = 16

    def __post_init__(self) -> None:
        if self.direction not in ("response", "instruction", "both"):
            raise RewardiumError(
                "'contrast_instructions': direction must be 'response', 'instruction' or 'both', got "
                f"{self.direction!r}"
            )
        require_range("contrast_instructions", "near", self.near, 0.0, 1.0)
        require_count("contrast_instructions", "pairs", self.pairs, 1)
        require_range("contrast_instructions", "threshold", self.threshold, -1e9)
        require_count("contrast_instructions", "window", self.window, 1)

    def __call__(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Build the pairs."""
        right = self._right(comparisons)
        found = []
        for own, others in self._neighbours(sorted(right)).items():
            for other in others:
                if self.direction != "instruction":
                    found.append(Comparison((own, own), (right[own], right[other]), None, 1.0))
                if self.direction != "response":
                    found.append(Comparison((own, other), (right[own], right[own]), None, 1.0))
        return found

    def _right(self, comparisons: Sequence[Comparison]) -> dict[str, str]:
        """Return the first right response to each prompt."""
        right: dict[str, str] = {}
        for row in comparisons:
            for prompt, response, score in zip(row.prompts, row.responses, row.factor("scores"), strict=True):
                if score >= self.threshold:
                    right.setdefault(prompt, response)
        if len(set(right.values())) < 2:
            return {}
        return right

    def _neighbours(self, prompts: list[str]) -> dict[str, list[str]]:
        pieces = {prompt: {prompt[i : i + 3] for i in range(max(1, len(prompt) - 2))} for prompt in prompts}
        candidates: dict[str, dict[str, float]] = {prompt: {} for prompt in prompts}
        for order in (prompts, sorted(prompts, key=lambda prompt: prompt[::-1])):
            for index, own in enumerate(order):
                for other in order[index + 1 : index + 1 + self.window]:
                    share = len(pieces[own] & pieces[other]) / len(pieces[own] | pieces[other])
                    candidates[own][other] = candidates[other][own] = share
        return {
            own: [
                other
                for other, share in sorted(near.items(), key=lambda item: (-item[1], item[0]))
                if share >= self.near
            ][: self.pairs]
            for own, near in candidates.items()
        }
