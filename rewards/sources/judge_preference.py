"""How likely a judge is to prefer a response to the task's anchor, from the probabilities of its first letter."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.models.text_questions import ask_a_or_b
from rewardium.rewards.registry import register
from rewardium.rewards.shaping.parameters import require_choice, require_number
from rewardium.rewards.source import Score
from rewardium.rewards.sources._judge_pairs import in_both_orders, reference_responses
from rewardium.rewards.sources._judged_text import Judged
from rewardium.rewards.sources.judge_yes import Against, JudgeYes

Link = Literal["centred", "probability", "logit"]

_INSTRUCTION = "You decide which of two responses to a question is better."
_QUESTION = "Which response is better? A right answer counts before everything else."


def linked(probability: NDArray[np.float64], link: Link, clip: float = 5.0) -> NDArray[np.float64]:
    """Turn probabilities of preference into rewards.

    Args:
        probability: float64 [B] in [0, 1].
        link: ``"centred"`` for ``p - 1/2``, ``"probability"`` for ``p``, ``"logit"`` for ``log(p / (1 - p))``.
        clip: The largest absolute value of a logit.

    Returns:
        float64 [B].

    Example:
        >>> linked(np.array([0.75, 1.0]), "centred").tolist(), linked(np.array([0.5, 1.0]), "logit", clip=4.0).tolist()
        ([0.25, 0.5], [0.0, 4.0])
    """
    if link != "logit":
        return probability - 0.5 if link == "centred" else probability
    with np.errstate(divide="ignore"):
        return np.asarray(np.clip(np.log(probability) - np.log1p(-probability), -clip, clip), dtype=np.float64)


@register("judge_preference", papers=("B63",))
@dataclass(frozen=True)
class JudgePreference(JudgeYes):
    """How much more than even a judge's odds are that a response beats the task's anchor.

    ::

        p = (P(A | response, anchor) + 1 - P(A | anchor, response)) / 2        r = p - 1/2

    the generative model of pairs of "A Unified Pairwise Framework for RLHF: Bridging Generative Reward Modeling and
    Policy Optimization", arXiv 2504.04950 (2025): the probability of the letter A as the first word of the answer, in
    both orders, so that a judge that prefers what stands first says 0. The anchor is the task's first reference
    response; since it is each prompt's own zero, the reward needs no calibration across prompts. Certainty: the idea,
    from the abstract; the formula is reconstructed, and the wording our own. The paper trains its judge on pairs in
    both orders; here any model is asked. Without anchors, the objective ``pairwise_rl`` compares within the group.

    A response without content is worth as much as one that certainly loses, and is not asked about.

    Score: value float32 [B] in [-1/2, 1/2], in [0, 1] for ``"probability"``, in [-clip, clip] for ``"logit"``; invalid
    where there is no reference response or no answer.

    Args:
        judge: As for ``make_word_chooser``.
        against: ``"response"``, the only thing to be compared with here.
        both_orders: Whether both orders are asked and averaged.
        among_words: Whether P(A) is that among A and B, or among all tokens.
        least: The least probability of both letters together, in [0, 1]; our own.
        scope: As for ``JudgeYes``.
        field: The task's field that holds the reference responses.
        link: What is paid, see ``linked``.
        clip: The largest absolute value of a logit, above 0.

    Raises:
        RewardiumError: When a parameter is wrong or a model cannot be loaded.
        MissingExtraError: When the package that the judge needs is not installed.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.transition import Transition
        >>> task = Task("2 + 2", "4", {"reference_responses": ["It is 5."]})
        >>> rows = [Transition("", "", said, task=task) for said in ("It is 4.", ":")]
        >>> JudgePreference("scripted:grader").score(TransitionBatch.from_transitions(rows)).value.tolist()
        [0.5, -0.5]
    """

    against: Against = "response"
    link: Link = "centred"
    clip: float = 5.0

    words: ClassVar[tuple[str, str]] = ("a", "b")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.against != "response":
            raise RewardiumError(
                f"judge_preference compares with a response: against must be that, got {self.against!r}"
            )
        require_choice(self, "link", get_args(Link))
        require_number(self, "clip", above=0.0)

    def score(self, batch: TransitionBatch) -> Score:
        """Ask about B responses, all at once."""
        score = super().score(batch)
        paid = linked(score.value.astype(np.float64), self.link, self.clip)
        return dataclasses.replace(score, value=np.where(score.valid, paid, 0.0).astype(np.float32))

    def prompts(self, row: Judged) -> list[str]:
        """Return what the judge is asked about a row: one prompt, or one for each order."""
        other = reference_responses(row, self.field, 1)[0]
        right = [] if row.reference is None else [("reference answer", row.reference)]
        orders = in_both_orders(row, other)[: 2 if self.both_orders else 1]
        return [ask_a_or_b(_INSTRUCTION, [*blocks, *right], _QUESTION) for blocks in orders]
