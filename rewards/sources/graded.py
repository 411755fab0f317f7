"""The graded outcome reward: how near is the answer."""

from __future__ import annotations

from dataclasses import dataclass

from rewardium.envs.math.rational import AnswerFrom
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.source import Score
from rewardium.rewards.sources._columns import WHERE, require_one_of, score_verdicts


@register("graded")
@dataclass(frozen=True)
class Graded(RewardSource):
    r"""How near the answer is to the reference: half absolute, half relative error.

    ``r = 1 - 0.5 * min(|a - b|, 1) - 0.5 * min(|a - b| / (|b| + 1e-6), 1)`` for the answer ``a`` and the reference
    ``b``; 0 where no answer can be read. It is the reward of RandomCalculation ("Reasoning or Memorization? Unreliable
    Results of Reinforcement Learning Due to Data Contamination", 2025); formula and constants as in the paper's text.

    Score: value float32 [B] in [0, 1], valid bool [B]; a task without a rational reference gives an
    invalid score, never 0.

    Args:
        where: Where the answer stands: in the last ``\boxed{...}``, or on the last line.

    Raises:
        RewardiumError: When ``where`` is neither.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.transition import Transition
        >>> task = Task("3 - 1", reference="2")
        >>> rows = [Transition("", "", action, task=task) for action in (r"\boxed{2}", r"\boxed{2.5}", r"\boxed{9}")]
        >>> Graded().score(TransitionBatch.from_transitions(rows)).value.round(3).tolist()
        [1.0, 0.625, 0.0]
    """

    where: AnswerFrom = "boxed"

    needs = frozenset({"action", "task"})

    def __post_init__(self) -> None:
        require_one_of("where", self.where, WHERE)

    def score(self, batch: TransitionBatch) -> Score:
        """Score B responses; the reasons say why an answer was wrong."""
        return score_verdicts(batch, self.where, lambda verdict: verdict.graded)
