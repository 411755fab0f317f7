"""How good the scores of a reward model are, on comparisons that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rewardium.rewards.learning.preference_data.comparison import Comparison


def pair_table(
    comparisons: Sequence[Comparison], scores: Sequence[NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the distance of better and worse in each decided pair, and the pair's weight.

    Args:
        comparisons: Length B.
        scores: Of each comparison, float64 [K].

    Returns:
        float64 [P] and float64 [P]: a comparison's pairs weigh 1 in sum.
    """
    distances, weights = [], []
    for row, own in zip(comparisons, scores, strict=True):
        better, worse = np.nonzero(row.wins() > 0.5)
        distances.append(own[better] - own[worse])
        weights.append(np.full(len(better), 1.0 / max(len(better), 1)))
    return (np.concatenate(distances), np.concatenate(weights)) if distances else (np.zeros(0), np.zeros(0))


def calibration_error(probability: NDArray[np.float64], weight: NDArray[np.float64], bins: int = 10) -> float:
    """Return the expected calibration error of ``P(better wins)``: how far stated and true shares lie apart.

    Each pair counts in both orders, ``p`` with the outcome 1 and ``1 - p`` with 0, so that the order in which a pair
    is written does not matter.

    Args:
        probability: float64 [P], what the model gives to the side that is better.
        weight: float64 [P].
        bins: Of equal width.

    Returns:
        In [0, 1].

    Example:
        >>> calibration_error(np.array([0.75, 0.75, 0.75, 0.25]), np.ones(4))
        0.0
    """
    stated = np.concatenate([probability, 1.0 - probability])
    outcome = np.concatenate([np.ones(len(probability)), np.zeros(len(probability))])
    weights = np.concatenate([weight, weight])
    place = np.minimum((stated * bins).astype(int), bins - 1)
    error = 0.0
    for index in range(bins):
        inside = place == index
        error += abs(float(np.sum(weights[inside] * (stated[inside] - outcome[inside]))))
    return error / max(float(weights.sum()), 1e-12)


def measure(comparisons: Sequence[Comparison], scores: Sequence[NDArray[np.float64]]) -> dict[str, float | None]:
    """Return what is known of scores on comparisons.

    Args:
        comparisons: Length B.
        scores: Of each comparison, float64 [K].

    Returns:
        ``accuracy`` (share of decided pairs in the right order, equal scores count half), ``log_loss``,
        ``calibration_error``, ``best_accuracy`` (share of comparisons of more than two whose best response has the
        largest score) and ``grade_error`` (mean squared distance to the grades); None where there is nothing of a kind.

    Example:
        >>> rows = [Comparison.of("2+2=", ["4", "5"], 1.0)]
        >>> measure(rows, [np.array([1.0, 0.0])])["accuracy"]
        1.0
    """
    distance, weight = pair_table(comparisons, scores)
    found: dict[str, float | None] = {"accuracy": None, "log_loss": None, "calibration_error": None}
    if len(distance):
        total = float(weight.sum())
        probability = 1.0 / (1.0 + np.exp(-np.clip(distance, -500.0, 500.0)))
        found["accuracy"] = float(np.sum(weight * (0.5 + 0.5 * np.sign(distance)))) / total
        found["log_loss"] = float(np.sum(weight * np.logaddexp(0.0, -distance))) / total
        found["calibration_error"] = calibration_error(probability, weight)
    lists = [(row, own) for row, own in zip(comparisons, scores, strict=True) if len(own) > 2 and row.pairs]
    best = [float(row.wins()[int(np.argmax(own))].min() >= 0.5) for row, own in lists]
    found["best_accuracy"] = float(np.mean(best)) if best else None
    errors = [np.square(own - np.array(row.scores)) for row, own in zip(comparisons, scores, strict=True) if row.scores]
    found["grade_error"] = float(np.mean(np.concatenate(errors))) if errors else None
    return found
