"""Which of two responses comes from the policy that wrote a reference?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rewardium.rewards.learning.preference_data import register_step
from rewardium.rewards.learning.preference_data._drawing import generator_for, pair_of, require_count, some_of
from rewardium.rewards.learning.preference_data.comparison import Comparison
from rewardium.rewards.learning.preference_data.contexts import with_reference


@register_step("same_policy", "builder", papers=("A33",))
@dataclass(frozen=True)
class SamePolicy:
    """Triples of a reference, another response of the same policy, and one of another policy.

    The pre-training data of POLAR, "Pre-Trained Policy Discriminators are General Reward Models" (2025): a reward model
    reads prompt, reference and candidate, and learns ``-log sigmoid(r(reference, same) - r(reference, other))`` with
    ``bradley_terry`` (certainty: recalled; how the three are written into one text is ours). With ``ranked=True`` the
    fine-tuning data: of three or more scored responses the best is the reference, the second beats the worst.
    ``reward_model(reference=True)`` then scores against the task's reference.

    Args:
        policy: The factor that holds the number of the policy that wrote a response.
        ranked: Use the scores in place of the policies.
        pairs: Triples of a prompt at most; 0 for all.
        seed: Of the draws.

    Example:
        >>> rows = [Comparison.of("2+2=", ["4.", "five", "4!"], scores=[1, 0, 1], factors={"policy": [0, 1, 0]})]
        >>> pair = SamePolicy()(rows)[0]
        >>> pair.responses, pair.prompts[0] == with_reference("2+2=", "4.")
        (('4!', 'five'), True)
    """

    policy: str = "policy"
    ranked: bool = False
    pairs: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        require_count("same_policy", "pairs", self.pairs)

    def __call__(self, comparisons: Sequence[Comparison]) -> list[Comparison]:
        """Build the triples; a prompt with one policy, or one response of each, has none."""
        return [pair for row in comparisons for pair in (self._ranked(row) if self.ranked else self._triples(row))]

    def _triples(self, row: Comparison) -> list[Comparison]:
        policy = row.factor(self.policy)
        count = range(len(policy))
        same = [(i, j) for i in count for j in count if i != j and policy[i] == policy[j]]
        generator = generator_for(self.seed, row)
        found = []
        for i, j in same:
            others = [k for k in count if policy[k] != policy[i]]
            if others:
                found.append(_triple(row, i, j, others[int(generator.integers(len(others)))]))
        return [found[k] for k, _ in some_of([(k, 0) for k in range(len(found))], self.pairs, generator)]

    @staticmethod
    def _ranked(row: Comparison) -> list[Comparison]:
        scores = row.factor("scores")
        order = sorted(range(len(scores)), key=lambda i: -scores[i])
        if len(order) < 3 or scores[order[1]] == scores[order[-1]]:
            return []
        return [_triple(row, order[0], order[1], order[-1])]


def _triple(row: Comparison, reference: int, better: int, worse: int) -> Comparison:
    pair = pair_of(row, better, worse)
    prompts = tuple(with_reference(prompt, row.responses[reference]) for prompt in pair.prompts)
    return pair.replaced(prompts=prompts, scores=None, factors={})
