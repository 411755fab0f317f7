"""D3PO: DPO's loss at each step of an answer in place of the answer as a whole."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rewardium.agents.llm.objectives import Totals, register_objective
from rewardium.agents.llm.objectives._pairs import Pairs, preference_loss
from rewardium.agents.llm.objectives.dpo import Dpo
from rewardium.envs.errors import RewardiumError


def step_numbers(mask_BT: Tensor, span: int | None) -> Tensor:
    """Number the steps of each row from 0.

    Args:
        mask_BT: bool [B, T], the sampled tokens.
        span: Sampled tokens of a step; None makes each run of sampled tokens one step, that is each turn.

    Returns:
        int64 [B, T], at least 0; outside of the mask any number.

    Example:
        >>> mask = torch.tensor([[True, True, False, True, True]])
        >>> step_numbers(mask, None).tolist(), step_numbers(mask, 3).tolist()
        ([[0, 0, 0, 1, 1]], [[0, 0, 0, 0, 1]])
    """
    if span is None:
        before_BT = torch.nn.functional.pad(mask_BT[:, :-1], (1, 0))
        return ((mask_BT & ~before_BT).cumsum(1) - 1).clamp(min=0)
    return (mask_BT.cumsum(1) - 1).clamp(min=0) // span


def step_pairs(pairs: Pairs, exists_BK: Tensor) -> Pairs:
    """Pair the steps of paired rows, as far as both have them.

    Args:
        pairs: N pairs of rows.
        exists_BK: bool [B, K], whether a row has a step.

    Returns:
        Pairs of the flat numbers ``row * K + step``; the weight of a pair of rows is shared evenly by its steps.

    Example:
        >>> rows = Pairs(torch.tensor([1]), torch.tensor([0]), torch.ones(1).double())
        >>> steps = step_pairs(rows, torch.tensor([[True, True, True], [True, True, False]]))
        >>> steps.first.tolist(), steps.second.tolist(), steps.weight.tolist()
        ([3, 4], [0, 1], [0.5, 0.5])
    """
    both_NK = exists_BK[pairs.first] & exists_BK[pairs.second]
    number_N = both_NK.sum(1).clamp(min=1)
    pair, step = both_NK.nonzero(as_tuple=True)
    width = exists_BK.shape[1]
    flat = (pairs.first[pair] * width + step, pairs.second[pair] * width + step)
    return Pairs(*flat, pairs.weight[pair] / number_N[pair])


@register_objective("d3po", papers=("B29",))
@dataclass(frozen=True)
class D3po(Dpo):
    """DPO whose preference holds for each step: the label of the whole is copied to all of its steps.

    For each step t that both answers have, ``-log sigmoid(beta * [log-ratio of the better answer's step t] - beta *
    [log-ratio of the worse answer's step t])`` to the reference; a pair's loss is the mean over these steps. A step is
    a turn of a conversation, or ``span`` tokens. With one step this is ``Dpo``; at the reference the gradient of K
    steps is that of ``Dpo`` divided by K, and away from it each step saturates by itself.

    Source: "Using Human Feedback to Fine-tune Diffusion Models without Any Reward Model", November 2023, whose steps
    are those of denoising an image. Certainty: the loss of a step and beta 0.1 recalled. Trajectories there are equally
    long and a random step is drawn; the mean over the steps that both have is ours.

    Args:
        beta: As in ``Dpo``.
        pairs: As in ``Dpo``.
        span: Sampled tokens of a step, at least 1; None makes each turn a step.

    Raises:
        RewardiumError: When a value is out of its range.

    Example:
        >>> from rewardium.agents.llm.objectives import Answers
        >>> answers, zero = Answers.of([1.0, 0.0], [0, 0]), torch.zeros(2, 2)
        >>> columns = (torch.tensor([[1.0, 0.0], [0.0, 0.0]]), zero, zero, zero, torch.ones(2, 2, dtype=torch.bool))
        >>> loss, _ = D3po(beta=1.0, span=1).group_loss(*columns, Totals(4.0, 2.0, 2.0), answers)
        >>> round(float(loss), 4)  # (log(1 + e^-1) + log 2) / 2
        0.5032
    """

    span: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.span is not None and (isinstance(self.span, bool) or not self.span >= 1):
            raise RewardiumError(f"d3po needs span of at least 1, or None for turns, got {self.span!r}")

    def pairs_loss(
        self, growth: Tensor, mask: Tensor, pairs: Pairs, strength: Tensor, totals: Totals
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss of the steps of some pairs; see ``Dpo.pairs_loss``.

        Returns:
            The loss, ``preference_accuracy`` over steps, and ``pairs``, the share of prompts with a pair.
        """
        step = step_numbers(mask, self.span)
        number = int(step.max()) + 1 if step.numel() else 1
        of_steps = growth.new_zeros(len(mask), number).scatter_add(1, step, growth)
        exists = mask.new_zeros(len(mask), number, dtype=torch.int64).scatter_add(1, step, mask.long()) > 0
        return preference_loss(of_steps.flatten(), step_pairs(pairs, exists), self.beta, totals)
