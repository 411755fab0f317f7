"""TP-GRPO: outcome and judged thoughts in one advantage, which counts the thoughts the more, the easier the prompt."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rewardium.agents.llm.advantage import group_advantage
from rewardium.agents.llm.groups import group_index, group_mean
from rewardium.agents.llm.objectives import Answers, register_objective
from rewardium.agents.llm.objectives._signs import check_threshold
from rewardium.agents.llm.objectives.grpo import Grpo
from rewardium.envs.errors import RewardiumError

_SMALLEST_MARK = 1e-4
"""What is paid below this is what rounding leaves when segments are taken out of a reward."""


def last_tokens(mask_BT: Tensor) -> Tensor:
    """Return the place of each row's last sampled token, int64 [B]; 0 in a row without any.

    Example:
        >>> last_tokens(torch.tensor([[True, True, False], [False, False, False]])).tolist()
        [1, 0]
    """
    place_T = torch.arange(mask_BT.shape[1], device=mask_BT.device)
    return torch.where(mask_BT, place_T, 0).amax(1)


def thought_signs(rewards_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """Say how the thought was marked that each sampled token stands in.

    A thought's mark is the sign of what is paid at its last token; a token belongs to the thought of the first mark at
    or after it. The answer's last token, the one that ends the text, is paid the outcome: it bears no mark of its own
    and belongs to the thought that ends just before it. Where an answer was cut off, so that the outcome stands at a
    thought's last token, that thought has no mark.

    Args:
        rewards_BT: float [B, T].
        mask_BT: bool [B, T].

    Returns:
        float [B, T] of -1, 0 (no mark) and 1; 0 outside of the mask.

    Example:
        >>> rewards = torch.tensor([[0.0, -0.1, 0.0, 0.1, 1.0], [0.1, 0.0, 0.0, 0.0, 0.0]])
        >>> thought_signs(rewards, torch.ones(2, 5, dtype=torch.bool)).tolist()
        [[-1.0, -1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 0.0, 0.0, 0.0]]
    """
    width = mask_BT.shape[1]
    place_T = torch.arange(width, device=mask_BT.device)
    is_last_BT = place_T == last_tokens(mask_BT)[:, None]
    marked_BT = mask_BT & ~is_last_BT & (rewards_BT.abs() > _SMALLEST_MARK)
    sign_BT = torch.where(marked_BT, rewards_BT.sign(), 0.0)
    next_BT = torch.where(marked_BT, place_T, width).flip(1).cummin(1).values.flip(1)
    thought_BT = torch.nn.functional.pad(sign_BT, (0, 1)).gather(1, next_BT)
    before_BT = torch.nn.functional.pad(sign_BT, (1, 0))[:, :-1]
    return torch.where(is_last_BT, before_BT, thought_BT) * mask_BT


@register_objective("tp_grpo", papers=("A28",))
@dataclass(frozen=True)
class TpGrpo(Grpo):
    """GRPO whose tokens are credited by thought, once a judge has marked the thoughts of each answer.

    With the group-normalised outcome ``r_o`` (GRPO's advantage of being right) and ``r_c = alpha * accuracy of the
    group``, the advantage of a token is::

        right answer:  r_o         in a right thought          r_o - r_c   in a wrong one
        wrong answer:  r_o (< 0)   in a thought that led to it    0         in one that did not

    so that a prompt that is nearly always failed is learnt from by its outcome alone, and one that is always solved by
    the wrong thoughts that were taken back. The marks are not normalised; tokens without one get ``r_o``.

    Source: "Good Learners Think Their Thinking: Generative PRM Makes Large Reasoning Model More Efficient Math
    Learner", July 2025. Certainty: the four targets, from notes on the published version; ``alpha`` of 0.5 is ours. Its
    off-policy use, where many answers are sampled ahead and judged together, is that of several ``minibatches`` or
    ``epochs`` of the trainer, with ratios to the policy that sampled.

    The reward is an outcome at the answer's end plus marks at the thoughts' ends, a positive one for right thoughts of
    right answers and for thoughts that did not lead to a wrong answer: ``verify + 0.1 * judge_thoughts(...)``. Only the
    marks' signs are read. Their weight should be between 0.001 and 0.3, so that it is told from rounding and an
    outcome from a mark.

    Args:
        clip_low: As in ``Grpo``.
        clip_high: As in ``Grpo``.
        kl_coefficient: As in ``Grpo``.
        normalisation: As in ``Grpo``.
        alpha: How much a wrong thought costs where all answers of the group are right, at least 0.
        threshold: Answers with an outcome above this are right.

    Raises:
        RewardiumError: When a value is out of its range.

    Example:
        >>> rewards = torch.tensor([[0.1, -0.1, 1.0], [0.1, -0.1, 0.0]])  # two thoughts and the end of the text
        >>> answers, mask = Answers.of([1.0, 0.0], [0, 0]), torch.ones(2, 3, dtype=torch.bool)
        >>> advantage = TpGrpo(alpha=0.5).token_advantage(rewards, mask, answers)  # r_o = 0.7071, r_c = 0.25
        >>> [[round(value, 3) for value in row] for row in advantage.tolist()]
        [[0.707, 0.457, 0.457], [0.0, -0.707, -0.707]]
    """

    alpha: float = 0.5
    threshold: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_threshold("tp_grpo", self.threshold)
        if not 0.0 <= self.alpha < 1e6:
            raise RewardiumError(f"tp_grpo needs alpha >= 0, got {self.alpha}")

    def token_advantage(self, rewards: Tensor, mask: Tensor, answers: Answers) -> Tensor:
        """Credit the tokens of whole groups; see ``TokenAdvantage``."""
        rewards = torch.where(mask, rewards, 0.0).double()
        outcome = rewards.gather(1, last_tokens(mask)[:, None])[:, 0]
        right = answers.valid & (outcome > self.threshold)
        worth = group_advantage(right.double(), answers.group, answers.valid)[:, None]
        index = group_index(answers.group)
        accuracy = group_mean(right.double()[:, None], index, answers.valid.double())[index]
        sign = thought_signs(rewards, mask)
        of_right = worth - self.alpha * accuracy * (sign < 0.0)
        of_wrong = torch.where(sign > 0.0, 0.0, worth)
        advantage = torch.where(right[:, None], of_right, of_wrong)
        return torch.where(mask & answers.valid[:, None], advantage, 0.0).float()
