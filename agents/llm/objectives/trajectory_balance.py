"""Trajectory balance: sample answers in proportion to their reward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor

from rewardium.agents.llm.groups import group_index, group_mean
from rewardium.agents.llm.objectives import Answers, Totals, register_objective
from rewardium.agents.llm.objectives._pairs import unordered_pairs
from rewardium.agents.llm.objectives._tokens import answer_sums, required_reference
from rewardium.envs.errors import RewardiumError

Reward = Literal["return", "exponential"]


@register_objective("trajectory_balance", papers=("B42",))
@dataclass(frozen=True)
class TrajectoryBalance:
    """The variance over a group of ``zeta = log R - log pi``, which is 0 where ``pi = R / Z``.

    A text grows at its end only, so that each answer has one way back and the balance of whole answers is
    ``log Z + log pi = log R``. ``log Z`` belongs to the prompt; its estimate is the mean of zeta over the prompt's
    answers, under which the loss is ``mean (zeta - mean zeta)^2`` and its gradient the same whether or not the estimate
    is held fixed. It needs no learned partition function, and none is learned. Answers need not be the policy's own.
    On its own answers the gradient is twice that of the entropy-regularised policy gradient with the group's baseline.

    ``log R = log max(r, smallest_reward)`` for ``"return"``, and ``r / temperature`` for ``"exponential"``, to which
    ``reference_weight * log ref`` is added; with weight 1 the target is ``ref * exp(r / temperature) / Z``, as for
    ``Prdp``.

    Source: GFlowVLM, https://arxiv.org/abs/2503.06514, its Var-TB (certainty: recalled), after Trajectory Balance,
    https://arxiv.org/abs/2201.13259 (certainty: high). The paper's mean over the batch is one over the prompt here, as
    prompts have partition functions of their own; its weight on the tokens of thoughts and the balance of parts of a
    trajectory are not here. ``smallest_reward`` is ours.

    Args:
        reward: What R is.
        temperature: Above 0; for ``"exponential"``.
        smallest_reward: Above 0; what a return of 0 or less counts as, for ``"return"``.
        reference_weight: In [0, 1]; 0 needs no reference.

    Raises:
        RewardiumError: When a value is out of its range.

    Example:
        >>> import torch
        >>> answers, one = Answers.of([3.0, 1.0], [0, 0]), torch.ones(2, 1)
        >>> logp = torch.tensor([[0.75], [0.25]]).log()
        >>> totals = Totals(2.0, 2.0, 1.0)
        >>> loss, metrics = TrajectoryBalance().group_loss(logp, logp, None, one, one.bool(), totals, answers)
        >>> abs(round(float(loss), 6)), round(float(metrics["log_z"].exp()), 4)  # in proportion to the returns
        (0.0, 4.0)
    """

    reward: Reward = "return"
    temperature: float = 1.0
    smallest_reward: float = 0.01
    reference_weight: float = 0.0

    def __post_init__(self) -> None:
        if self.reward not in get_args(Reward):
            raise RewardiumError(f"reward must be 'return' or 'exponential', got {self.reward!r}")
        if not self.temperature > 0.0 or not self.smallest_reward > 0.0 or not 0.0 <= self.reference_weight <= 1.0:
            raise RewardiumError(
                "trajectory_balance needs temperature and smallest_reward > 0 and reference_weight in [0, 1], got "
                f"{self.temperature}, {self.smallest_reward} and {self.reference_weight}"
            )

    @property
    def needs_reference(self) -> bool:
        """Whether the reference is part of the target."""
        return self.reference_weight > 0.0

    @property
    def skips_zero_advantage(self) -> bool:
        """An answer that is alone is in balance."""
        return True

    def answer_advantage(self, answers: Answers) -> Tensor:
        """Return 1 for answers that have another one to be compared with, 0 for others."""
        return unordered_pairs(answers).members(len(answers))

    def group_loss(
        self,
        logp: Tensor,
        logp_old: Tensor,
        logp_ref: Tensor | None,
        advantage: Tensor,
        mask: Tensor,
        totals: Totals,
        answers: Answers,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compute the loss of some groups; see ``GroupObjective.group_loss``.

        Returns:
            The loss, and ``log_z``, the mean over answers of the estimate of the log partition function.

        Raises:
            RewardiumError: When the reference has a weight and there is none.
        """
        zeta = self._log_reward(answers).to(logp) - answer_sums(logp, mask)
        if self.needs_reference:
            name = "trajectory_balance with reference_weight > 0"
            zeta = zeta + self.reference_weight * answer_sums(required_reference(logp_ref, name), mask)
        index, known = group_index(answers.group), answers.valid.to(logp)
        log_z = group_mean(zeta[:, None], index, known)[index, 0]
        loss = (known * (zeta - log_z) ** 2).sum() / totals.sequences
        return loss, {"log_z": (known * log_z.detach()).sum() / totals.sequences}

    def _log_reward(self, answers: Answers) -> Tensor:
        if self.reward == "exponential":
            return answers.returns / self.temperature
        return answers.returns.clamp(min=self.smallest_reward).log()
