"""The poses that a humanoid is asked for: sentences, what they demand of the body, and an example of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rewardium.envs.mujoco.grades import grade
from rewardium.envs.mujoco.humanoid_body import SIDES, HumanoidBody

Grades = dict[str, float]


@dataclass(frozen=True)
class Pose:
    """A pose.

    Args:
        goal: The sentence that asks for it.
        criteria: Grades a body by name of the demand, see ``grades.grade``.
        example: Joint angles in degrees, 0 where a joint is not named, of a body in this pose.
        pitch: The example's torso leans forward by so many degrees.
    """

    goal: str
    criteria: Callable[[HumanoidBody], Grades]
    example: Mapping[str, float] = field(default_factory=dict)
    pitch: float = 0.0


def _standing(body: HumanoidBody, height: float = 1.25) -> Grades:
    """Demand a body on its feet: the head at 1.25 m of 1.48 m, the torso within 26 degrees of upright."""
    return {
        "head high": grade(body.head, low=height, margin=0.8),
        "torso upright": grade(body.up, low=0.9, margin=0.9),
    }


def _on_both_feet(body: HumanoidBody) -> Grades:
    return {"feet on the floor": grade(float(body.feet[:, 2].max()), high=0.2, margin=0.4)}


def stand(body: HumanoidBody) -> Grades:
    """Head above 1.3 m, torso within 26 degrees of upright, both feet on the floor."""
    return {**_standing(body, 1.3), **_on_both_feet(body)}


def kneel(body: HumanoidBody) -> Grades:
    """Both knees and feet near the floor, the hips above the knees, torso within 45 degrees of upright."""
    return {
        "knees on the floor": grade(max(body.knees), high=0.15, margin=0.35),
        "feet on the floor": grade(float(body.feet[:, 2].max()), high=0.25, margin=0.4),
        "hips above the knees": grade(body.pelvis - max(body.knees), low=0.2, margin=0.3),
        "torso upright": grade(body.up, low=0.7, margin=0.9),
    }


def splits(body: HumanoidBody) -> Grades:
    """Thighs at least 110 degrees apart, legs straight, hips low, feet 1.2 m apart, torso within 53 degrees of upright.

    The model's hips open to 130 degrees, so that its hips cannot come nearer to the floor than 0.4 m.
    """
    return {
        "legs spread": grade(body.leg_spread, low=110, margin=110),
        "legs straight": grade(max(body.knee_bends), high=40, margin=80),
        "feet apart": grade(body.feet_apart, low=1.2, margin=1.0),
        "hips low": grade(body.pelvis, high=0.47, margin=0.4),
        "torso upright": grade(body.up, low=0.6, margin=0.9),
    }


def lotus(body: HumanoidBody) -> Grades:
    """Sitting on the floor, torso within 45 degrees of upright, knees bent by 80 degrees, feet in front and near."""
    return {
        "hips on the floor": grade(body.pelvis, high=0.22, margin=0.65),
        "knees bent": grade(min(body.knee_bends), low=80, margin=80),
        "feet near the hips": grade(body.feet_from_pelvis, high=0.5, margin=0.5),
        "feet together": grade(body.feet_apart, high=0.4, margin=0.6),
        "feet low": grade(float(body.feet[:, 2].max()), high=0.25, margin=0.3),
        "torso upright": grade(body.up, low=0.7, margin=0.9),
    }


def arms_raised(body: HumanoidBody) -> Grades:
    """Standing, both hands at least 0.05 m above the head's centre."""
    return {**_standing(body), "hands above the head": grade(min(body.hands_above_head), low=0.05, margin=0.8)}


def hands_on_hips(body: HumanoidBody) -> Grades:
    """Standing, each hand within 0.15 m of the outside of its hip."""
    return {**_standing(body), "hands at the hips": grade(max(body.hands_at_hips), high=0.15, margin=0.6)}


def arms_crossed(body: HumanoidBody) -> Grades:
    """Standing, hands in front of the body and within 0.3 m of the chest's height, each past the middle by 0.03 m."""
    right, left = body.hands_seen
    return {
        **_standing(body),
        "arms crossed": grade(min(right[1], -left[1]), low=0.03, margin=0.5),
        "hands before the chest": grade(max(abs(right[2]), abs(left[2])), high=0.3, margin=0.4),
        "hands in front": grade(min(right[0], left[0]), low=0.08, margin=0.3),
    }


def one_leg(body: HumanoidBody) -> Grades:
    """Standing, one foot on the floor and the other at least 0.25 m higher."""
    heights = body.feet[:, 2]
    return {
        **_standing(body),
        "one foot raised": grade(float(abs(heights[0] - heights[1])), low=0.25, margin=0.25),
        "one foot on the floor": grade(float(heights.min()), high=0.2, margin=0.4),
    }


_BOTH_KNEES = {"right_knee": -90, "left_knee": -90}
_CROSS_LEGGED = {"hip_y": -70, "hip_z": -60, "hip_x": 5, "knee": -145}

POSES: dict[str, Pose] = {
    "stand": Pose("a humanoid robot standing up", stand),
    "kneel": Pose("a humanoid robot kneeling", kneel, _BOTH_KNEES),
    "splits": Pose(
        "a humanoid robot practicing gymnastics, doing the splits",
        splits,
        {"abdomen_y": 30, "left_hip_y": -110, "right_hip_y": 20, "left_knee": -2, "right_knee": -2},
        pitch=15,
    ),
    "lotus": Pose(
        "a humanoid robot sitting cross-legged, meditating in the lotus position",
        lotus,
        {"abdomen_y": -60, **{f"{side}_{name}": angle for side in SIDES for name, angle in _CROSS_LEGGED.items()}},
    ),
    "arms_raised": Pose(
        "a humanoid robot standing up with both arms raised",
        arms_raised,
        {"right_shoulder1": -85, "left_shoulder1": 85},
    ),
    "hands_on_hips": Pose(
        "a humanoid robot standing up with its hands on its hips",
        hands_on_hips,
        {
            **{"right_shoulder1": 45, "right_shoulder2": -65, "right_elbow": -30},
            **{"left_shoulder1": -45, "left_shoulder2": 65, "left_elbow": -30},
        },
    ),
    "arms_crossed": Pose(
        "a humanoid robot standing up with its arms crossed",
        arms_crossed,
        {
            **{"right_shoulder1": 56, "right_shoulder2": 52, "right_elbow": -51},
            **{"left_shoulder1": -52, "left_shoulder2": -28, "left_elbow": -83},
        },
    ),
    "one_leg": Pose("a humanoid robot standing up on one leg", one_leg, {"left_hip_y": -80, "left_knee": -90}),
}


def describe_posture(body: HumanoidBody) -> str:
    """Say in a caption how a body stands, sits or lies; where it is in one of the poses, the pose's sentence.

    Where several poses fit, the one that demands more is said: standing comes last.

    Args:
        body: The measured body.
    """
    demanding = sorted(POSES.values(), key=lambda pose: pose.criteria is stand)
    for pose in demanding:
        if all(value >= 1.0 for value in pose.criteria(body).values()):
            return pose.goal
    return f"a humanoid robot {_posture(body)}"


def _posture(body: HumanoidBody) -> str:
    if body.up < -0.5:
        return "standing on its head"
    if body.up < 0.5:
        if body.head > 0.9:
            return "bending over" if body.forward_up < 0 else "leaning far back"
        side = "back" if body.forward_up > 0.5 else "front" if body.forward_up < -0.5 else "side"
        return f"lying on the floor on its {side}"
    if body.pelvis < 0.3:
        return "sitting on the floor"
    if body.pelvis < 0.7:
        return "crouching"
    return (
        "leaning forwards" if body.forward_up < -0.3 else "stepping" if body.feet_apart > 0.5 else "standing unsteadily"
    )
