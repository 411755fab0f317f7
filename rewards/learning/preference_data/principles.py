"""Which principle is asked for decides which response is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.preference_data import register_step
from rewardium.rewards.learning.preference_data._drawing import generator_for, pair_of, require_count, require_range
from rewardium.rewards.learning.preference_data.comparison import Comparison
from rewardium.rewards.learning.preference_data.contexts import negated, with_principles


@register_step("principles", "builder", papers=("B57",))
@dataclass(frozen=True)
class Principles:
    """Pairs whose prompt names some principles, and whose label follows the one that tells most.

    The training data of "SALMON: Self-Alignment with Principle-Following Reward Models" (2023): of each pair a drawn
    subset of principles, some of them negated; the better response is the one with the larger score under the
    principle of the largest distance in the subset, the other one where that principle is negated. Certainty: recalled;
    the paper's scores are a language model's preferences and its 31 principles were written by people, the sizes here
    are ours. ``reward_model(principles=[...])`` asks for principles when it scores.

    Args:
        principles: What each factor stands for, in words: ``{"brief": "Be brief."}``.
        subset: Principles of an example, at most.
        negate: The probability that a principle is negated, in [0, 1].
        draws: Examples of each pair of responses.
        seed: Of the draws.

    Example:
        >>> rows = [Comparison.of("?", ["a", "bbbb"], scores=[0, 0], factors={"brief": [1.0, -2.0]})]
        >>> pair = Principles({"brief": "Be brief."}, negate=0.0)(rows)[0]
        >>> pair.responses, pair.prompts[0] == with_principles("?", ["Be brief."])
        (('a', 'bbbb'), True)
    """

    principles: Mapping[str, str]
    subset: int = 3
    negate: float = 0.25
    draws: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.principles, Mapping) or not self.principles:
            raise RewardiumError(f"'principles': principles must say what factors mean, got {self.principles!r}")
        require_count("principles", "subset", self.subset, 1)
        require_range("principles", "negate", self.negate, 0.0, 1.0)
        require_count("principles", "draws", self.draws, 1)

    def __call__(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Build the examples; a pair that the drawn principles do not tell apart has none."""
        return [example for row in comparisons for example in self._examples(row)]

    def _examples(self, row: Comparison) -> list[Comparison]:
        generator = generator_for(self.seed, row)
        count = range(len(row.responses))
        drawn = [self._example(row, i, j, generator) for i in count for j in count if i < j for _ in range(self.draws)]
        return [example for example in drawn if example is not None]

    def _example(self, row: Comparison, i: int, j: int, generator: np.random.Generator) -> Comparison | None:
        names = sorted(self.principles)
        chosen = generator.permutation(len(names))[: self.subset].tolist()
        signs = {names[k]: -1.0 if generator.random() < self.negate else 1.0 for k in chosen}
        distance = {name: sign * (row.factor(name)[i] - row.factor(name)[j]) for name, sign in signs.items()}
        strongest = max(distance, key=lambda name: abs(distance[name]))
        if distance[strongest] == 0.0:
            return None
        pair = pair_of(row, *((i, j) if distance[strongest] > 0.0 else (j, i)))
        texts = [self.principles[name] if sign > 0 else negated(self.principles[name]) for name, sign in signs.items()]
        prompts = tuple(with_principles(prompt, texts) for prompt in pair.prompts)
        return pair.replaced(prompts=prompts, scores=None, factors={})
