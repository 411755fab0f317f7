"""Words for the angle of something that should stand."""

from __future__ import annotations

import math


def wrapped(angle: float) -> float:
    """Return an angle in (-pi, pi].

    Example:
        >>> round(wrapped(2 * math.pi + 0.5), 6), round(wrapped(-3.5), 6)
        (0.5, 2.783185)
    """
    return -((math.pi - angle) % (2 * math.pi) - math.pi)


def describe_lean(angle: float, upright: float = 0.2) -> str:
    """Say how something leans.

    Args:
        angle: In radians, 0 upright, positive to the right.
        upright: Up to this angle it stands upright.

    Example:
        >>> [describe_lean(angle) for angle in (0.1, 0.4, -1.5, 3.0)]
        ['standing upright', 'leaning slightly to the right', 'lying to the left', 'hanging down']
    """
    angle = wrapped(angle)
    side = "right" if angle > 0 else "left"
    degrees = abs(math.degrees(angle))
    if abs(angle) <= upright:
        return "standing upright"
    if degrees < 35:
        return f"leaning slightly to the {side}"
    if degrees < 70:
        return f"leaning far to the {side}"
    if degrees < 110:
        return f"lying to the {side}"
    return f"hanging to the {side}" if degrees < 155 else "hanging down"
