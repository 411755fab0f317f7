"""The outcome reward: is the answer right."""

from __future__ import annotations

from dataclasses import dataclass

from rewardium.envs.math.rational import AnswerFrom
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.source import Score
from rewardium.rewards.sources._columns import WHERE, require_one_of, score_verdicts


@register("verify")
@dataclass(frozen=True)
class Verify(RewardSource):
    r"""1.0 where the answer equals the reference as an exact rational number, else 0.0.

    ``r = 1[answer = reference]``, the verifiable outcome reward (RLVR) against which every dense reward is compared.
    Numbers are compared as fractions, so ``0.5``, ``1/2`` and ``\frac{1}{2}`` are equal and nothing is rounded. The
    checker remembers its verdicts: the environment and this source check a response once between them.

    Score: value float32 [B] in {0, 1}, valid bool [B]; a task without a rational reference gives an
    invalid score, never 0.

    Args:
        where: Where the answer stands: in the last ``\boxed{...}``, or on the last line.

    Raises:
        RewardiumError: When ``where`` is neither.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.transition import Transition
        >>> task = Task("1/4 + 1/4", reference="1/2")
        >>> rows = [Transition("", "", action, task=task) for action in (r"\boxed{0.5}", r"\boxed{2}", "1/2")]
        >>> Verify().score(TransitionBatch.from_transitions(rows)).value.tolist()
        [1.0, 0.0, 0.0]
    """

    where: AnswerFrom = "boxed"

    needs = frozenset({"action", "task"})

    def __post_init__(self) -> None:
        require_one_of("where", self.where, WHERE)

    def score(self, batch: TransitionBatch) -> Score:
        """Score B responses; the reasons say why an answer was wrong."""
        return score_verdicts(batch, self.where, lambda verdict: float(verdict.correct))
