"""The outcome reward of free mathematics: does a verifier find the answer equal to the reference."""

from __future__ import annotations

from dataclasses import dataclass

from rewardium.envs.math.math_verify import check_timeout
from rewardium.envs.math.verify import verify_batch
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.source import Score
from rewardium.rewards.sources._columns import NO_REFERENCE, NO_RESPONSE, no_score, references, responses


@register("math_verify")
@dataclass(frozen=True)
class MathVerify(RewardSource):
    r"""1.0 where the answer is verified to equal the reference, as numbers, expressions, sets or words, else 0.0.

    ``r = 1[answer = reference]`` for answers of every form: ``verify`` knows rational numbers only, this source
    expressions, intervals, matrices, quantities and the like. All B responses are verified in one batch.

    Score: value float32 [B] in {0, 1}, valid bool [B]; 0 for an answer that is different or cannot be read. A task
    without a reference gives an invalid score, and so does an answer whose verification took too long: what is not
    known is never 0.

    Args:
        timeout: Seconds for verifying one answer.

    Raises:
        RewardiumError: When the time is not above 0.

    Example:
        >>> from rewardium.envs.task import Task
        >>> from rewardium.envs.transition import Transition
        >>> task = Task("How long is the diagonal of a square with side 2?", reference=r"2\sqrt{2}")
        >>> rows = [Transition("", "", action, task=task) for action in (r"\boxed{\sqrt 8}", r"\boxed{2.8}")]
        >>> MathVerify().score(TransitionBatch.from_transitions(rows)).value.tolist()
        [1.0, 0.0]
    """

    timeout: float = 1.0

    needs = frozenset({"action", "task"})

    def __post_init__(self) -> None:
        check_timeout(self.timeout)

    def score(self, batch: TransitionBatch) -> Score:
        """Score B responses; the reasons say why an answer was wrong, or why there is no score."""
        texts = responses(batch)
        if texts is None:
            return no_score(batch, NO_RESPONSE)
        golds = [gold if gold and gold.strip() else None for gold in references(batch)]
        pairs = [(gold, text) for gold, text in zip(golds, texts, strict=True) if gold is not None]
        verdicts = iter(verify_batch(pairs, timeout=self.timeout))
        values: list[float | None] = []
        reasons: list[str] = []
        for gold in golds:
            if gold is None:
                values.append(None)
                reasons.append(NO_REFERENCE)
                continue
            verdict = next(verdicts)
            values.append(None if verdict.status == "timeout" else float(bool(verdict)))
            reasons.append(verdict.reason)
        return Score.of(values, reasons=reasons)
