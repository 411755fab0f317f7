"""Where a picture is taken from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from rewardium.envs.errors import RewardiumError


@dataclass(frozen=True)
class Camera:
    """A camera that looks at a point, or at a body as it moves; what it sees depends on the state alone.

    Args:
        distance: From the point that is looked at, in metres; above 0.
        azimuth: In degrees; at 90 the camera stands on the negative y side and looks along y, x grows to the right.
        elevation: In degrees; below 0 the camera stands above the point and looks down.
        lookat: The point, x, y, z in metres.
        follow: The name of a body whose x and y are added to the point, or None.

    Raises:
        RewardiumError: When a value is none of these.

    Example:
        >>> Camera(distance=3.0, follow="torso").changed({"azimuth": 180}).azimuth
        180.0
    """

    distance: float = 3.0
    azimuth: float = 90.0
    elevation: float = -10.0
    lookat: tuple[float, float, float] = (0.0, 0.0, 0.0)
    follow: str | None = None

    def __post_init__(self) -> None:
        for name in ("distance", "azimuth", "elevation"):
            object.__setattr__(self, name, _number(name, getattr(self, name)))
        if not isinstance(self.lookat, (tuple, list)) or len(self.lookat) != 3:
            raise RewardiumError(f"a camera's 'lookat' is x, y, z, got {self.lookat!r}")
        object.__setattr__(self, "lookat", tuple(_number("lookat", value) for value in self.lookat))
        if self.distance <= 0:
            raise RewardiumError(f"a camera's 'distance' must be above 0, got {self.distance}")
        if self.follow is not None and not isinstance(self.follow, str):
            raise RewardiumError(f"a camera's 'follow' is the name of a body or None, got {self.follow!r}")

    def changed(self, changes: Mapping[str, Any] | None) -> Camera:
        """Return this camera with other values.

        Args:
            changes: New values by name; None changes nothing.

        Raises:
            RewardiumError: When a name or a value is none of a camera's.
        """
        if changes is None:
            return self
        known = [item.name for item in fields(self)]
        if not isinstance(changes, Mapping) or not all(name in known for name in changes):
            raise RewardiumError(f"'camera' must be a mapping of {', '.join(known)}, got {changes!r}")
        return replace(self, **changes)


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise RewardiumError(f"a camera's {name!r} must be a finite number, got {value!r}")
    return float(value)
