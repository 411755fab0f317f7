"""Label noise on a 0/1 reward, the same for all samples of a prompt."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.source import Score, Segments


@lru_cache(maxsize=65_536)
def task_uniform(seed: int, goal: str, reference: str | None) -> float:
    """Return a number in [0, 1) that depends on the seed and the task alone, uniform over tasks.

    Unlike a random generator it needs no order of calls, so that every process and every batch agrees.

    Example:
        >>> task_uniform(0, "1 + 1", "2") == task_uniform(0, "1 + 1", "2") != task_uniform(1, "1 + 1", "2")
        True
    """
    text = repr((int(seed), goal, reference)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()[:6]) / 2**48


@register("group_flip", papers=("A2",))
@dataclass(frozen=True)
class GroupFlip(RewardSource):
    r"""Flip another source's 0/1 score to ``1 - r`` for all samples of a prompt, with probability ``p`` a prompt.

    The noise probe of "The Climb Carves Wisdom Deeper Than the Summit: On the Noisy Rewards in Learning to Reason"
    (2025), as in the authors' code: groups are flipped, not samples. A group is the episodes of equal tasks. The paper
    finds training robust up to p = 0.4 and collapsed at 0.5. Apply it to training only, never to an evaluation.

    Whether a task is flipped is a pure function of seed, goal and reference: the same in every batch, process and run,
    and each time the task comes back. (Noise drawn anew at every visit would average out over epochs; this does not.)
    The tasks flipped at a small ``p`` are among those flipped at a larger one.

    Score: value float32 [B], valid bool [B], False where the wrapped source has no score or there is no task. The
    segments of flipped rows are dropped, since they would no longer sum to the score.

    Args:
        source: A source with scores in [0, 1], e.g. ``verify``.
        p: Probability of a flip, in [0, 1].
        seed: Chooses which tasks are flipped.

    Raises:
        RewardiumError: When ``source`` is no source, or ``p`` or ``seed`` is out of range.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> from rewardium.rewards import make
        >>> rows = [Transition("", "", r"\boxed{2}", task=Task("1 + 1", reference="2"))] * 3
        >>> GroupFlip(make("verify"), p=1.0).score(TransitionBatch.from_transitions(rows)).value.tolist()
        [0.0, 0.0, 0.0]
    """

    source: RewardSource
    p: float = 0.4
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.source, RewardSource):
            raise RewardiumError(f"group_flip wraps one source such as verify, got {self.source}")
        if isinstance(self.p, bool) or not isinstance(self.p, (int, float)) or not 0 <= self.p <= 1:
            raise RewardiumError(f"p must be a probability in [0, 1], got {self.p!r}")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int):
            raise RewardiumError(f"seed must be a whole number, got {self.seed!r}")

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """What the wrapped source needs, and the task."""
        return self.source.needs | {"task"}

    def score(self, batch: TransitionBatch) -> Score:
        """Score B transitions with the wrapped source, and flip whole groups."""
        inner = self.source.score(batch)
        tasks: Sequence[Task | None] = [None] * len(batch) if batch.tasks is None else batch.tasks
        flipped = self._flipped(tasks)
        return Score.of(
            np.where(flipped, np.float32(1) - inner.value, inner.value),
            valid=inner.valid & np.fromiter((task is not None for task in tasks), np.bool_, len(batch)),
            segments=None if inner.segments is None else _keep(inner.segments, ~flipped),
            reasons=None if inner.reasons is None else _say_flipped(inner.reasons, flipped),
            cost=inner.cost,
        )

    def _flipped(self, tasks: Sequence[Task | None]) -> NDArray[np.bool_]:
        """Return bool [B]: whether each row belongs to a flipped group."""
        flips = (task is not None and task_uniform(self.seed, task.goal, task.reference) < self.p for task in tasks)
        return np.fromiter(flips, np.bool_, len(tasks))


def _keep(rows: Sequence[Segments], kept: NDArray[np.bool_]) -> list[Segments]:
    return [row if keep else () for row, keep in zip(rows, kept.tolist(), strict=True)]


def _say_flipped(reasons: Sequence[str | None], flipped: NDArray[np.bool_]) -> list[str | None]:
    return [f"flipped: {why}" if flip else why for why, flip in zip(reasons, flipped.tolist(), strict=True)]
