"""What the poses of a humanoid are made of: heights, directions and distances of its parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

SIDES = ("right", "left")


@dataclass(frozen=True)
class HumanoidBody:
    """Places of a humanoid's parts.

    Metres; pairs are right, left. The floor is at height 0. ``up`` and the places of hands are told in the torso's own
    axes: forward, left, up.

    Args:
        up: The vertical part of the torso's upward axis: 1 upright, 0 horizontal, -1 upside down.
        forward_up: The vertical part of the torso's forward axis: 1 where the face looks at the sky.
        head: The head's height.
        pelvis: The pelvis's height.
        knees: Heights of the knees.
        feet: Places of the feet [2, 3].
        pelvis_place: The pelvis's place [3].
        hands: Places of the hands [2, 3].
        hands_seen: Places of the hands from the torso, in its axes [2, 3].
        hands_at_hips: How far each hand is from the outside of the hip of its side.
        hands_above_head: How much higher than the head's centre each hand is.
        knee_bends: Angles of the knees in degrees, 0 straight.
        leg_spread: The angle between the thighs in degrees.
    """

    up: float
    forward_up: float
    head: float
    pelvis: float
    knees: tuple[float, float]
    feet: Vector
    pelvis_place: Vector
    hands: Vector
    hands_seen: Vector
    hands_at_hips: tuple[float, float]
    hands_above_head: tuple[float, float]
    knee_bends: tuple[float, float]
    leg_spread: float

    @property
    def feet_apart(self) -> float:
        """The horizontal distance between the feet."""
        return float(np.linalg.norm(self.feet[0, :2] - self.feet[1, :2]))

    @property
    def feet_from_pelvis(self) -> float:
        """The horizontal distance between the pelvis and the farther foot."""
        return float(np.linalg.norm(self.feet[:, :2] - self.pelvis_place[:2], axis=1).max())


HIP_OUTSIDE = 0.19
"""How far to the side of the pelvis's middle, in metres, a hand on a hip is: the butt's half width and a hand."""


def measure(data: Any) -> HumanoidBody:
    """Measure a humanoid.

    Args:
        data: The data of Gymnasium's humanoid, with the places of its parts computed.
    """
    torso, pelvis = data.body("torso"), data.body("pelvis")
    axes, hip_axes = torso.xmat.reshape(3, 3), pelvis.xmat.reshape(3, 3)
    hands = np.stack([data.geom(f"{side}_hand").xpos for side in SIDES])
    hips = [pelvis.xpos + sign * HIP_OUTSIDE * hip_axes[:, 1] for sign in (-1, 1)]
    head = float(data.geom("head").xpos[2])
    thighs = [data.body(f"{side}_shin").xpos - data.body(f"{side}_thigh").xpos for side in SIDES]
    cosine = np.dot(*thighs) / (np.linalg.norm(thighs[0]) * np.linalg.norm(thighs[1]))
    return HumanoidBody(
        up=float(axes[2, 2]),
        forward_up=float(axes[2, 0]),
        head=head,
        pelvis=float(pelvis.xpos[2]),
        knees=_pair(data.body(f"{side}_shin").xpos[2] for side in SIDES),
        feet=np.stack([data.geom(f"{side}_foot").xpos for side in SIDES]),
        pelvis_place=pelvis.xpos.copy(),
        hands=hands,
        hands_seen=(hands - torso.xpos) @ axes,
        hands_at_hips=_pair(np.linalg.norm(hand - hip) for hand, hip in zip(hands, hips, strict=True)),
        hands_above_head=_pair(hand[2] - head for hand in hands),
        knee_bends=_pair(-np.degrees(data.joint(f"{side}_knee").qpos[0]) for side in SIDES),
        leg_spread=float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))),
    )


def _pair(values: Any) -> tuple[float, float]:
    right, left = values
    return float(right), float(left)
