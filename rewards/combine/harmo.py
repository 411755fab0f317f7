"""HARMO: a rule where it can decide, a model where it cannot, and what else makes an answer good."""

from __future__ import annotations

from rewardium.rewards.combine.choose import Choose
from rewardium.rewards.combine.first_of import FirstOf
from rewardium.rewards.combine.group_length import GroupLength
from rewardium.rewards.combine.mean import Mean
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Reward
from rewardium.rewards.shaping.bound import Bound
from rewardium.rewards.sources.format import Format

_BOXED = Format()


@register("harmo", papers=("A14",))
def harmo(
    rule: Reward,
    model: Reward | None = None,
    confidence: Reward | None = None,
    form: Reward = _BOXED,
    instructions: tuple[Reward, ...] = (),
    length: Reward | None = None,
    accuracy_weight: float = 1.0,
    format_weight: float = 0.2,
    instruction_weight: float = 0.2,
    length_weight: float = 0.1,
    confident_from: float = 0.5,
) -> Reward:
    """Build ``w_acc * accuracy + w_fmt * form + w_ins * mean(instructions) + w_len * length``.

    From "Beyond Monolithic Rewards: A Hybrid and Multi-Aspect Reward Optimization for MLLM Alignment" (HARMO, 2025).
    The accuracy is the rule's score where the rule has one (and is confident), else the sigmoid of a reward model's;
    the length is a penalty within the group. Parts and structure are known from summaries; the forms and every weight
    are reconstructed. The paper's advantage is not divided by the group's standard deviation (``--scale none``).

    Args:
        rule: The verifier's score in [0, 1]; without a score where it cannot decide.
        model: A reward model's score of any size, or None for the rule alone.
        confidence: How sure the rule is; None where a score of the rule is always sure.
        form: 1 where the format is right.
        instructions: One reward an instruction, 1 where it is followed.
        length: A length reward; by default ``group_length(rule)``, measured by the group's correct answers.
        accuracy_weight: The weight of the accuracy.
        format_weight: The weight of the format.
        instruction_weight: The weight of the instructions' mean.
        length_weight: The weight of the length reward.
        confident_from: The confidence from which on the rule decides.

    Returns:
        The sum.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("harmo(verify, graded)"))
        1.0 * first_of(rewards=[verify, bound(reward=graded)]) + 0.2 * format + 0.1 * group_length(verifier=verify)
    """
    decided = rule if confidence is None else Choose(confidence, rule, threshold=confident_from)
    accuracy = decided if model is None else FirstOf((decided, Bound(model)))
    total = accuracy_weight * accuracy + format_weight * form
    if instructions:
        total = total + instruction_weight * Mean(tuple(instructions))
    return total + length_weight * (GroupLength(rule) if length is None else length)
