"""An inverted pendulum that should not fall."""

from __future__ import annotations

from typing import Any

import numpy as np

from rewardium.envs.mujoco.camera import Camera
from rewardium.envs.mujoco.environment import Array, MujocoTaskEnv
from rewardium.envs.mujoco.grades import grade
from rewardium.envs.mujoco.leaning import describe_lean
from rewardium.envs.mujoco.scene import gymnasium_asset, read_spec, set_colours, set_sky
from rewardium.envs.mujoco.vector import MujocoVectorEnv

REGISTRATION = [
    {
        "id": "rewardium/PendulumUpright-v0",
        "entry_point": "PendulumUprightEnv",
        "vector_entry_point": "PendulumUprightVectorEnv",
        "extra": "mujoco",
        "packages": ["mujoco"],
        "max_episode_steps": 100,
    }
]


class PendulumUprightEnv(MujocoTaskEnv):
    """Keep an inverted pendulum from falling.

    ## Description
    The model of Gymnasium's ``InvertedPendulum-v5``: a pole on a cart, which cannot be swung up again once it lies.

    ## Action Space
    ``Box(-1, 1, (1,), float32)``: the force on the cart, 1 for 3 units of the model's motor, for 0.04 s.

    ## Observation Space
    ``Box(-1000, 1000, (4,), float32)``: the cart's place, the pole's angle (0 is upright), and the speeds of both.

    ## Rewards
    The grade of the angle in [0, 1]: 1 within 0.15 rad of upright, falling in a straight line to 0 when it lies.

    ## Starting State
    The pole within 0.2 rad of upright, the cart within 0.2 m of the middle, with a little speed.

    ## Episode End
    Truncated after 100 steps (4 s); never terminated.

    ## Information
    ``task`` (its goal a sentence, its field ``baseline`` another) and, at steps, ``success``: the angle was within
    0.15 rad of upright for the last 10 steps.

    ## Version History
    * v0: the first version.

    Args:
        render_mode: ``"rgb_array"`` or None.
        **arguments: Those of ``MujocoTaskEnv``.

    Example:
        >>> env = PendulumUprightEnv()
        >>> observation, info = env.reset(seed=0)
        >>> observation.shape, info["task"].goal
        ((4,), 'an inverted pendulum standing upright')
    """

    goal = "an inverted pendulum standing upright"
    baseline = "an inverted pendulum"
    frame_skip = 2
    default_camera = Camera(distance=1.8, elevation=-8, lookat=(0.0, 0.0, 0.2), follow="cart")

    @staticmethod
    def build() -> Any:
        """Return the model, the pole in a colour of its own."""
        spec = read_spec(gymnasium_asset("inverted_pendulum.xml"))
        set_sky(spec)
        set_colours(spec, {"rail": (0.35, 0.35, 0.4), "cart": (0.15, 0.3, 0.7), "cpole": (0.85, 0.25, 0.15)})
        return spec

    def draw_start(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return a pole near upright."""
        return rng.uniform(-0.2, 0.2, 2), rng.uniform(-0.05, 0.05, 2)

    def draw_state(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return any place and angle; one in four is near upright."""
        angle = rng.uniform(-np.pi / 2, np.pi / 2) if rng.random() < 0.75 else rng.normal(0.0, 0.1)
        return np.array([rng.uniform(-1, 1), angle]), rng.normal(0.0, 0.5, 2)

    def observe(self) -> Array:
        """Return place, angle and speeds."""
        return np.concatenate([self.data.qpos, self.data.qvel])

    def criteria(self) -> dict[str, float]:
        """Grade the pole's angle."""
        return {"pole upright": grade(abs(self.data.qpos[1]), high=0.15, margin=np.pi / 2 - 0.15)}

    def describe(self) -> str:
        """Say how the pendulum stands."""
        return (
            self.goal if self.is_reached() else f"an inverted pendulum {describe_lean(self.data.qpos[1], upright=0.15)}"
        )


class PendulumUprightVectorEnv(MujocoVectorEnv):
    """A vector of ``PendulumUprightEnv``."""

    env_class = PendulumUprightEnv
