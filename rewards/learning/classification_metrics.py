"""How good yes-or-no verdicts are against a truth: counts, rates and bootstrap intervals, as pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often each verdict met each truth.

    A rate whose denominator is 0 is None: it is not known, which is not 0. An unknown verdict enters no rate; it is
    counted apart, and ``coverage`` says how much of the truth the rates speak about.

    Args:
        true_positives: The verdict says yes, and so does the truth.
        false_positives: The verdict says yes, the truth no.
        false_negatives: The verdict says no, the truth yes.
        true_negatives: Both say no.
        unknown_positives: There is no verdict where the truth says yes.
        unknown_negatives: There is no verdict where the truth says no.

    Example:
        >>> counts = Confusion(true_positives=3, false_positives=1, false_negatives=2, true_negatives=4)
        >>> counts.accuracy, counts.precision, counts.recall, round(counts.f1, 3)
        (0.7, 0.75, 0.6, 0.667)
        >>> Confusion(true_negatives=8).precision is None
        True
    """

    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0
    true_negatives: int = 0
    unknown_positives: int = 0
    unknown_negatives: int = 0

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(*(a + b for a, b in zip(self.counts(), other.counts(), strict=True)))

    def counts(self) -> tuple[int, int, int, int, int, int]:
        """Return the six counts in the order of the fields."""
        return (
            self.true_positives,
            self.false_positives,
            self.false_negatives,
            self.true_negatives,
            self.unknown_positives,
            self.unknown_negatives,
        )

    @property
    def known(self) -> int:
        """The number of verdicts."""
        return sum(self.counts()[:4])

    @property
    def unknown(self) -> int:
        """How often there was no verdict."""
        return self.unknown_positives + self.unknown_negatives

    @property
    def coverage(self) -> float | None:
        """The share of rows with a verdict, in [0, 1]."""
        return _ratio(self.known, self.known + self.unknown)

    @property
    def accuracy(self) -> float | None:
        """The share of verdicts that are right, in [0, 1]."""
        return _ratio(self.true_positives + self.true_negatives, self.known)

    @property
    def precision(self) -> float | None:
        """The share of the verdicts "yes" that are right, in [0, 1]; None where nothing got a yes."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float | None:
        """The share of what is true that got a yes, in [0, 1]; None where nothing is true."""
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def false_positive_rate(self) -> float | None:
        """The share of what is not true that got a yes, in [0, 1]; None where everything is true."""
        return _ratio(self.false_positives, self.false_positives + self.true_negatives)

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall, ``2 TP / (2 TP + FP + FN)``; None where only rejections are."""
        return _ratio(2 * self.true_positives, 2 * self.true_positives + self.false_positives + self.false_negatives)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


Metric = Callable[[Confusion], float | None]

METRICS: dict[str, Metric] = {
    "accuracy": lambda counts: counts.accuracy,
    "precision": lambda counts: counts.precision,
    "recall": lambda counts: counts.recall,
    "f1": lambda counts: counts.f1,
}
"""The rates of a table of verdicts, by name."""


def confusion(truths: Sequence[bool], verdicts: Sequence[bool | float | None]) -> Confusion:
    """Count how verdicts meet the truth.

    Args:
        truths: Length N.
        verdicts: Length N: True or 1.0 for yes, False or 0.0 for no, None where there is none.

    Returns:
        The counts.

    Raises:
        RewardiumError: When the lengths differ.

    Example:
        >>> confusion([True, True, False], [1.0, None, False]).counts()
        (1, 0, 0, 1, 1, 0)
    """
    if len(truths) != len(verdicts):
        raise RewardiumError(f"{len(truths)} truths and {len(verdicts)} verdicts: there must be one verdict a truth")
    counts = [0] * 6
    for truth, verdict in zip(truths, verdicts, strict=True):
        counts[_cell(bool(truth), None if verdict is None else bool(verdict))] += 1
    return Confusion(*counts)


def _cell(truth: bool, verdict: bool | None) -> int:
    """Return the index of the count in the order of the fields."""
    if verdict is None:
        return 4 if truth else 5
    if verdict:
        return 0 if truth else 1
    return 2 if truth else 3


def precision_at_rate(recall: float, false_positive_rate: float, rate: float) -> float | None:
    """Return the precision that a judge has where a share ``rate`` of the rows is true.

    Recall and false-positive rate do not depend on how often the truth is yes, but precision does. A sample that was
    balanced on purpose flatters it, and this takes it back to the rate at which an agent meets the truth::

        precision = recall * rate / (recall * rate + false_positive_rate * (1 - rate))

    Args:
        recall: In [0, 1].
        false_positive_rate: In [0, 1].
        rate: In [0, 1].

    Returns:
        In [0, 1]; None where the judge never says yes.

    Example:
        >>> precision_at_rate(recall=0.9, false_positive_rate=0.1, rate=0.5)
        0.9
        >>> round(precision_at_rate(recall=0.9, false_positive_rate=0.1, rate=0.01), 3)
        0.083
    """
    hits, mistakes = recall * rate, false_positive_rate * (1.0 - rate)
    return hits / (hits + mistakes) if hits + mistakes > 0.0 else None


def bootstrap_interval(
    groups: Iterable[Confusion],
    metric: Metric,
    *,
    samples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float] | None:
    """Return the percentile bootstrap interval of a rate, drawn over groups of rows that belong together.

    Transitions of one episode are no independent draws, so that whole episodes are drawn with replacement; with one
    row a group it is the ordinary bootstrap. Draws in which the rate is not defined are left out.

    Args:
        groups: One count a group, e.g. an episode.
        metric: The rate, e.g. ``METRICS["f1"]``.
        samples: Number of draws.
        level: The share of draws inside the interval, in (0, 1).
        seed: Seed of the draws.

    Returns:
        The lower and upper end; None where no draw defines the rate.

    Raises:
        RewardiumError: When ``samples`` or ``level`` is out of range.

    Example:
        >>> rows = [Confusion(true_positives=1)] * 8 + [Confusion(false_negatives=1)] * 8
        >>> low, high = bootstrap_interval(rows, METRICS["recall"])
        >>> 0.2 < low < 0.5 < high < 0.8
        True
    """
    if samples < 1 or not 0.0 < level < 1.0:
        raise RewardiumError(f"a bootstrap needs samples >= 1 and a level between 0 and 1, got {samples} and {level}")
    counts: NDArray[np.int64] = np.array([group.counts() for group in groups], dtype=np.int64).reshape(-1, 6)
    if not len(counts):
        return None
    draws = np.random.default_rng(seed).multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=samples)
    rates = [metric(Confusion(*row)) for row in (draws @ counts).tolist()]
    defined = np.array([rate for rate in rates if rate is not None])
    if not len(defined):
        return None
    low, high = np.quantile(defined, [(1.0 - level) / 2, (1.0 + level) / 2])
    return float(low), float(high)
