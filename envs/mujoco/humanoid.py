"""A humanoid that should take a pose."""

from __future__ import annotations

from typing import Any

import numpy as np

from rewardium.envs.errors import RewardiumError, unknown_name_message
from rewardium.envs.mujoco.camera import Camera
from rewardium.envs.mujoco.environment import Array, MujocoTaskEnv
from rewardium.envs.mujoco.grounding import grounded
from rewardium.envs.mujoco.humanoid_body import measure
from rewardium.envs.mujoco.humanoid_poses import POSES, Pose, describe_posture
from rewardium.envs.mujoco.scene import gymnasium_asset, read_spec, set_colours, set_floor, set_sky
from rewardium.envs.mujoco.vector import MujocoVectorEnv

REGISTRATION = [
    {
        "id": "rewardium/HumanoidStand-v0",
        "entry_point": "HumanoidPoseEnv",
        "vector_entry_point": "HumanoidPoseVectorEnv",
        "extra": "mujoco",
        "packages": ["mujoco"],
        "max_episode_steps": 100,
        "kwargs": {"pose": "stand"},
    },
    {
        "id": "rewardium/HumanoidKneel-v0",
        "entry_point": "HumanoidPoseEnv",
        "vector_entry_point": "HumanoidPoseVectorEnv",
        "extra": "mujoco",
        "packages": ["mujoco"],
        "max_episode_steps": 100,
        "kwargs": {"pose": "kneel"},
    },
    {
        "id": "rewardium/HumanoidSplits-v0",
        "entry_point": "HumanoidPoseEnv",
        "vector_entry_point": "HumanoidPoseVectorEnv",
        "extra": "mujoco",
        "packages": ["mujoco"],
        "max_episode_steps": 100,
        "kwargs": {"pose": "splits"},
    },
    {
        "id": "rewardium/HumanoidLotus-v0",
        "entry_point": "HumanoidPoseEnv",
        "vector_entry_point": "HumanoidPoseVectorEnv",
        "extra": "mujoco",
        "packages": ["mujoco"],
        "max_episode_steps": 100,
        "kwargs": {"pose": "lotus"},
    },
    {
        "id": "rewardium/HumanoidArmsRaised-v0",
        "entry_point": "HumanoidPoseEnv",
        "vector_entry_point": "HumanoidPoseVectorEnv",
        "extra": "mujoco",
        "packages": ["mujoco"],
        "max_episode_steps": 100,
        "kwargs": {"pose": "arms_raised"},
    },
    {
        "id": "rewardium/HumanoidHandsOnHips-v0",
        "entry_point": "HumanoidPoseEnv",
        "vector_entry_point": "HumanoidPoseVectorEnv",
        "extra": "mujoco",
        "packages": ["mujoco"],
        "max_episode_steps": 100,
        "kwargs": {"pose": "hands_on_hips"},
    },
    {
        "id": "rewardium/HumanoidArmsCrossed-v0",
        "entry_point": "HumanoidPoseEnv",
        "vector_entry_point": "HumanoidPoseVectorEnv",
        "extra": "mujoco",
        "packages": ["mujoco"],
        "max_episode_steps": 100,
        "kwargs": {"pose": "arms_crossed"},
    },
    {
        "id": "rewardium/HumanoidOneLeg-v0",
        "entry_point": "HumanoidPoseEnv",
        "vector_entry_point": "HumanoidPoseVectorEnv",
        "extra": "mujoco",
        "packages": ["mujoco"],
        "max_episode_steps": 100,
        "kwargs": {"pose": "one_leg"},
    },
]

_SKIN, _SHIRT, _TROUSERS, _SHOES = (0.9, 0.72, 0.58), (0.75, 0.16, 0.14), (0.16, 0.22, 0.5), (0.12, 0.12, 0.13)
_HEIGHT = 2  # the index of the torso's height among the positions; the four after it are its rotation


class HumanoidPoseEnv(MujocoTaskEnv):
    """Make a humanoid take a pose: stand, kneel, do the splits, sit cross-legged, raise its arms and others.

    ## Description
    The model of Gymnasium's ``Humanoid-v5``. Its physics are unchanged; it wears clothes and stands in the open, seen
    from half in front and a little above, because a vision-language model has seen more people in pictures than bare
    capsules on a black floor. The poses are those that Rocamonde et al. (2023, "Vision-Language Models are Zero-Shot
    Reward Models for Reinforcement Learning") ask for, whose scene was changed in the same spirit; colours and camera
    are ours.

    ## Action Space
    ``Box(-1, 1, (17,), float32)``: the torques of all joints over the model's range, for 0.015 s.

    ## Observation Space
    ``Box(-1000, 1000, (45,), float32)``: all positions but x and y, and all speeds. Gymnasium's inertias, forces and
    contacts are left out.

    ## Rewards
    Half of the mean of the pose's grades and half of the worst, in [0, 1]. ``humanoid_poses`` says what each pose
    demands.

    ## Starting State
    As Gymnasium's: standing 0.1 m above the floor, positions and speeds within 0.01 of the model's own.

    ## Episode End
    Truncated after 100 steps (1.5 s), as in the paper; never terminated, also not by a fall.

    ## Information
    ``task`` (its goal a sentence, its field ``baseline`` another) and, at steps, ``success``: every demand was met in
    full for the last 20 steps (0.3 s).

    ## Version History
    * v0: the first version.

    Args:
        render_mode: ``"rgb_array"`` or None.
        pose: A name of ``humanoid_poses.POSES``.
        **arguments: Those of ``MujocoTaskEnv``.

    Raises:
        RewardiumError: When there is no such pose.

    Example:
        >>> env = HumanoidPoseEnv(pose="kneel")
        >>> observation, info = env.reset(seed=0)
        >>> observation.shape, info["task"].goal
        ((45,), 'a humanoid robot kneeling')
    """

    baseline = "a humanoid robot"
    frame_skip = 5
    hold_steps = 20
    default_camera = Camera(distance=2.8, azimuth=150, elevation=-12, lookat=(0.0, 0.0, 0.75), follow="torso")

    def __init__(self, render_mode: str | None = None, *, pose: str = "stand", **arguments: Any) -> None:
        if pose not in POSES:
            raise RewardiumError(unknown_name_message("pose", str(pose), POSES))
        self.pose: Pose = POSES[pose]
        self.goal = self.pose.goal
        super().__init__(render_mode, **arguments)

    @staticmethod
    def build() -> Any:
        """Return the model, clothed."""
        spec = read_spec(gymnasium_asset("humanoid.xml"))
        set_sky(spec)
        set_floor(spec)
        set_colours(spec, dict.fromkeys(("head", "right_hand", "left_hand", "right_larm", "left_larm"), _SKIN))
        set_colours(spec, dict.fromkeys(("torso1", "uwaist", "right_uarm1", "left_uarm1"), _SHIRT))
        legs = ("lwaist", "butt", "right_thigh1", "left_thigh1", "right_shin1", "left_shin1")
        set_colours(spec, dict.fromkeys(legs, _TROUSERS))
        set_colours(spec, dict.fromkeys(("right_foot", "left_foot"), _SHOES))
        return spec

    def draw_start(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return a humanoid that stands."""
        positions = self.model.qpos0 + rng.uniform(-0.01, 0.01, self.model.nq)
        return _with_unit_rotation(positions), rng.uniform(-0.01, 0.01, self.model.nv)

    def draw_state(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return a body on the floor: near a pose in half of the states, else in any posture, upright or fallen."""
        kind = rng.random()
        if kind < 0.5:
            name = str(rng.choice(sorted(POSES))) if kind < 0.3 else _name_of(self.pose)
            positions = self.example(name)
            positions[7:] += np.radians(rng.normal(0.0, 8.0, self.model.nq - 7))
            positions[3:7] += rng.normal(0.0, 0.03, 4)
        else:
            positions = self.model.qpos0.copy()
            low, high = self.model.jnt_range[1:].T
            positions[7:] = rng.uniform(0.3, 1.0) * rng.uniform(low, high)
            if kind < 0.75:
                positions[3:7] = rng.normal(0.0, 1.0, 4)
            else:
                positions[3:7] += rng.normal(0.0, 0.1, 4)
        low, high = self.model.jnt_range[1:].T
        positions[7:] = np.clip(positions[7:], low, high)
        return grounded(self.model, _with_unit_rotation(positions), _HEIGHT), rng.normal(0.0, 0.1, self.model.nv)

    def example(self, pose: str) -> Array:
        """Return the positions [nq] of a body in a pose, on the floor.

        Args:
            pose: A name of ``humanoid_poses.POSES``.
        """
        positions = self.model.qpos0.copy()
        half = np.radians(POSES[pose].pitch) / 2
        positions[3:7] = [np.cos(half), 0.0, np.sin(half), 0.0]
        for joint, angle in POSES[pose].example.items():
            positions[self.model.joint(joint).qposadr[0]] = np.radians(angle)
        return grounded(self.model, positions, _HEIGHT)

    def observe(self) -> Array:
        """Return all positions but x and y, and all speeds."""
        return np.concatenate([self.data.qpos[2:], self.data.qvel])

    def criteria(self) -> dict[str, float]:
        """Grade the body as the pose demands."""
        return self.pose.criteria(measure(self.data))

    def describe(self) -> str:
        """Say in which posture the body is; in a pose of another task, that task's sentence."""
        return self.goal if self.is_reached() else describe_posture(measure(self.data))


def _with_unit_rotation(positions: Array) -> Array:
    positions[3:7] /= np.linalg.norm(positions[3:7])
    return positions


def _name_of(pose: Pose) -> str:
    return next(name for name, known in POSES.items() if known is pose)


class HumanoidPoseVectorEnv(MujocoVectorEnv):
    """A vector of ``HumanoidPoseEnv``."""

    env_class = HumanoidPoseEnv
