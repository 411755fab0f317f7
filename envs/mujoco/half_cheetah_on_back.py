"""A cheetah that should turn onto its back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rewardium.envs.mujoco.camera import Camera
from rewardium.envs.mujoco.environment import Array, MujocoTaskEnv
from rewardium.envs.mujoco.grades import grade
from rewardium.envs.mujoco.scene import gymnasium_asset, read_spec, set_colours, set_floor, set_sky
from rewardium.envs.mujoco.vector import MujocoVectorEnv

REGISTRATION = [
    {
        "id": "rewardium/HalfCheetahOnBack-v0",
        "entry_point": "HalfCheetahOnBackEnv",
        "vector_entry_point": "HalfCheetahOnBackVectorEnv",
        "extra": "mujoco",
        "packages": ["mujoco"],
        "max_episode_steps": 100,
    }
]


class HalfCheetahOnBackEnv(MujocoTaskEnv):
    """Make a two-legged cheetah turn over and lie on its back.

    ## Description
    The model of Gymnasium's ``HalfCheetah-v5``, which moves in a plane.

    ## Action Space
    ``Box(-1, 1, (6,), float32)``: the torques of the joints of both legs for 0.05 s.

    ## Observation Space
    ``Box(-1000, 1000, (18,), float32)``: the torso's height, sine and cosine of its angle, the joints, and all speeds.

    ## Rewards
    The grade of the torso's upward axis in [0, 1]: 1 where its vertical part is at most -0.85, from there in a straight
    line down to 0 where the cheetah stands on its feet.

    ## Starting State
    On its feet, all joints within 0.1 of the model's own posture.

    ## Episode End
    Truncated after 100 steps (5 s); never terminated.

    ## Information
    ``task`` (its goal a sentence, its field ``baseline`` another) and, at steps, ``success``: the vertical part of the
    torso's upward axis was at most -0.85 for the last 10 steps.

    ## Version History
    * v0: the first version.

    Args:
        render_mode: ``"rgb_array"`` or None.
        **arguments: Those of ``MujocoTaskEnv``.

    Example:
        >>> env = HalfCheetahOnBackEnv()
        >>> observation, info = env.reset(seed=0)
        >>> observation.shape, info["task"].goal
        ((18,), 'a robot cheetah lying on its back with its legs in the air')
    """

    goal = "a robot cheetah lying on its back with its legs in the air"
    baseline = "a robot cheetah"
    frame_skip = 5
    default_camera = Camera(distance=2.8, elevation=-12, lookat=(0.0, 0.0, 0.45), follow="torso")

    @staticmethod
    def build() -> Any:
        """Return the model, body and legs in colours of their own."""
        spec = read_spec(gymnasium_asset("half_cheetah.xml"))
        set_sky(spec)
        set_floor(spec)
        torso, back, front = (0.9, 0.6, 0.15), (0.25, 0.3, 0.7), (0.7, 0.2, 0.2)
        set_colours(spec, {"torso": torso, "head": torso})
        set_colours(spec, dict.fromkeys(("bthigh", "bshin", "bfoot"), back))
        set_colours(spec, dict.fromkeys(("fthigh", "fshin", "ffoot"), front))
        return spec

    def draw_start(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return a cheetah on its feet."""
        return rng.uniform(-0.1, 0.1, 9), rng.normal(0.0, 0.1, 9)

    def draw_state(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return any angle; one cheetah in three is near its back."""
        angle = rng.normal(math.pi, 0.3) if rng.random() < 1 / 3 else rng.uniform(-math.pi, math.pi)
        joints = rng.uniform(self.model.jnt_range[3:, 0], self.model.jnt_range[3:, 1])
        upside_down = (1 - math.cos(angle)) / 2
        height = -0.55 * upside_down + 0.25 * abs(math.sin(angle))
        return np.array([0.0, height, angle, *joints]), rng.normal(0.0, 0.3, 9)

    def observe(self) -> Array:
        """Return height, angle, joints and speeds."""
        height, angle = self.data.qpos[1:3]
        return np.concatenate([[height, np.sin(angle), np.cos(angle)], self.data.qpos[3:], self.data.qvel])

    def criteria(self) -> dict[str, float]:
        """Grade the torso's upward axis."""
        return {"upside down": grade(math.cos(self.data.qpos[2]), high=-0.85, margin=1.85)}

    def describe(self) -> str:
        """Say how the cheetah lies or stands."""
        if self.is_reached():
            return self.goal
        up, nose = math.cos(self.data.qpos[2]), math.sin(self.data.qpos[2])
        if up > 0.85:
            return "a robot cheetah standing on its feet"
        end = "head" if nose > 0 else "tail"  # the angle turns the head down
        if up > 0.3:
            return f"a robot cheetah leaning down with its {end}"
        return f"a robot cheetah standing on its {end}" if up > -0.3 else f"a robot cheetah falling over its {end}"


class HalfCheetahOnBackVectorEnv(MujocoVectorEnv):
    """A vector of ``HalfCheetahOnBackEnv``."""

    env_class = HalfCheetahOnBackEnv
