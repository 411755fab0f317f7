"""How well a number meets a demand, from 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Iterable

from rewardium.envs.errors import RewardiumError


def grade(value: float, low: float = -math.inf, high: float = math.inf, *, margin: float) -> float:
    """Return 1 where a value lies in an interval, and less, in a straight line down to 0, where it lies beside it.

    Args:
        value: Any number; what is not finite has the grade 0.
        low: The interval's lower end.
        high: The interval's upper end.
        margin: The distance from the interval at which the grade has become 0; above 0.

    Returns:
        A grade in [0, 1]; exactly 1.0 in the interval and nowhere else.

    Raises:
        RewardiumError: When the margin is not positive or the interval is empty.

    Example:
        >>> [grade(height, low=1.0, margin=0.5) for height in (1.2, 1.0, 0.75, 0.1)]
        [1.0, 1.0, 0.5, 0.0]
    """
    if not margin > 0 or not low <= high:
        raise RewardiumError(
            f"a grade needs low <= high and a margin above 0, got low {low}, high {high}, margin {margin}"
        )
    value = float(value)  # a number of numpy's stays one through the arithmetic
    if not math.isfinite(value):
        return 0.0
    distance = max(low - value, value - high, 0.0)
    if distance == 0.0:
        return 1.0
    return min(max(0.0, 1.0 - distance / margin), math.nextafter(1.0, 0.0))


def overall(grades: Iterable[float]) -> float:
    """Return one grade of several: half of their mean and half of the worst of them.

    The mean alone would be high where all demands but one are met, a body that lies instead of sits for example; the
    worst alone would not tell when another demand is met.

    Args:
        grades: Grades in [0, 1], one at least.

    Returns:
        A grade in [0, 1]; 1.0 where all are, and where there is one grade that grade.

    Raises:
        RewardiumError: When there is no grade.

    Example:
        >>> overall([1.0, 0.5]), overall([1.0, 1.0]), overall([0.25])
        (0.625, 1.0, 0.25)
    """
    values = list(grades)
    if not values:
        raise RewardiumError("there is no grade to sum up")
    return (sum(values) / len(values) + min(values)) / 2
