"""A one-legged robot that should not fall."""

from __future__ import annotations

from typing import Any

import numpy as np

from rewardium.envs.mujoco.camera import Camera
from rewardium.envs.mujoco.environment import Array, MujocoTaskEnv
from rewardium.envs.mujoco.grades import grade
from rewardium.envs.mujoco.grounding import grounded
from rewardium.envs.mujoco.leaning import describe_lean, wrapped
from rewardium.envs.mujoco.scene import gymnasium_asset, read_spec, set_colours, set_floor, set_sky
from rewardium.envs.mujoco.vector import MujocoVectorEnv

REGISTRATION = [
    {
        "id": "rewardium/HopperUpright-v0",
        "entry_point": "HopperUprightEnv",
        "vector_entry_point": "HopperUprightVectorEnv",
        "extra": "mujoco",
        "packages": ["mujoco"],
        "max_episode_steps": 150,
    }
]


class HopperUprightEnv(MujocoTaskEnv):
    """Keep a one-legged robot on its foot.

    ## Description
    The model of Gymnasium's ``Hopper-v5``, which moves in a plane. It falls within a second when nothing is done.

    ## Action Space
    ``Box(-1, 1, (3,), float32)``: the torques of thigh, knee and ankle for 0.016 s.

    ## Observation Space
    ``Box(-1000, 1000, (11,), float32)``: as Gymnasium's, all positions but the place along the floor, and all speeds.

    ## Rewards
    Half of the mean and half of the worse of two grades in [0, 1]: the torso's height (1 from 1.0 m on, 0 at 0.2 m) and
    its angle (1 within 0.2 rad of upright, 0 at 1.6 rad).

    ## Starting State
    Standing, within 0.05 of the model's own posture, the torso within 0.1 rad of upright.

    ## Episode End
    Truncated after 150 steps (2.4 s); never terminated.

    ## Information
    ``task`` (its goal a sentence, its field ``baseline`` another) and, at steps, ``success``: both grades were 1 for
    the last 20 steps.

    ## Version History
    * v0: the first version.

    Args:
        render_mode: ``"rgb_array"`` or None.
        **arguments: Those of ``MujocoTaskEnv``.

    Example:
        >>> env = HopperUprightEnv()
        >>> observation, info = env.reset(seed=0)
        >>> observation.shape, info["task"].goal
        ((11,), 'a one-legged robot standing upright')
    """

    goal = "a one-legged robot standing upright"
    baseline = "a one-legged robot"
    frame_skip = 8
    hold_steps = 20
    default_camera = Camera(distance=3.0, elevation=-12, lookat=(0.0, 0.0, 0.75), follow="torso")

    @staticmethod
    def build() -> Any:
        """Return the model, each part in a colour of its own."""
        spec = read_spec(gymnasium_asset("hopper.xml"))
        set_sky(spec)
        set_floor(spec)
        set_colours(spec, {"torso_geom": (0.8, 0.2, 0.15), "thigh_geom": (0.9, 0.6, 0.2)})
        set_colours(spec, {"leg_geom": (0.2, 0.4, 0.8), "foot_geom": (0.25, 0.25, 0.3)})
        return spec

    def draw_start(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return a standing robot."""
        positions = np.array([0.0, 1.25, 0.0, 0.0, 0.0, 0.0])
        positions[2] += rng.uniform(-0.1, 0.1)
        positions[3:] += np.array([-1, -1, 1]) * rng.uniform(0.0, 0.05, 3)
        return positions, rng.uniform(-0.05, 0.05, 6)

    def draw_state(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return any posture with its lowest point on the floor; one in three is near upright."""
        near = rng.random() < 1 / 3
        angle = rng.normal(0.0, 0.1) if near else rng.uniform(-1.7, 1.7)
        bend = 0.15 if near else 1.0
        joints = bend * np.array([rng.uniform(-2.0, 0), rng.uniform(-2.0, 0), rng.uniform(-0.75, 0.75)])
        positions = np.array([0.0, 1.25, angle, *joints])
        return grounded(self.model, positions, height=1), rng.normal(0.0, 0.3, 6)

    def observe(self) -> Array:
        """Return all positions but that along the floor, and speeds cut off at +-10, as Gymnasium does."""
        return np.concatenate([self.data.qpos[1:], np.clip(self.data.qvel, -10, 10)])

    def criteria(self) -> dict[str, float]:
        """Grade the torso's height and angle."""
        angle = abs(wrapped(self.data.qpos[2]))
        return {
            "torso high": grade(self.data.qpos[1], low=1.0, margin=0.8),
            "torso upright": grade(angle, high=0.2, margin=1.4),
        }

    def describe(self) -> str:
        """Say how the robot stands."""
        if self.is_reached():
            return self.goal
        lean = describe_lean(self.data.qpos[2])
        if lean == "standing upright":
            return "a one-legged robot crouching"
        height = self.data.qpos[1]
        return f"a one-legged robot fallen on the floor, {lean}" if height < 0.6 else f"a one-legged robot {lean}"


class HopperUprightVectorEnv(MujocoVectorEnv):
    """A vector of ``HopperUprightEnv``."""

    env_class = HopperUprightEnv
