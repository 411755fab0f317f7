"""A pole on a cart that should stand upright."""

from __future__ import annotations

from typing import Any

import numpy as np

from rewardium.envs.mujoco.camera import Camera
from rewardium.envs.mujoco.environment import Array, MujocoTaskEnv
from rewardium.envs.mujoco.grades import grade
from rewardium.envs.mujoco.leaning import describe_lean, wrapped
from rewardium.envs.mujoco.scene import own_asset, read_spec, set_sky
from rewardium.envs.mujoco.vector import MujocoVectorEnv

REGISTRATION = [
    {
        "id": "rewardium/CartPoleUpright-v0",
        "entry_point": "CartPoleUprightEnv",
        "vector_entry_point": "CartPoleUprightVectorEnv",
        "extra": "mujoco",
        "packages": ["mujoco"],
        "max_episode_steps": 150,
    }
]


class CartPoleUprightEnv(MujocoTaskEnv):
    """Swing a pole up on a cart and keep it there.

    ## Description
    A cart of 1 kg on a rail of 3.1 m carries a pole of 1 m and 0.2 kg that may turn all the way round.

    ## Action Space
    ``Box(-1, 1, (1,), float32)``: the force on the cart, up to 15 N, for 0.04 s.

    ## Observation Space
    ``Box(-1000, 1000, (5,), float32)``: the cart's place, sine and cosine of the pole's angle (0 is upright, positive
    to the right), and the speeds of both.

    ## Rewards
    The grade of the angle in [0, 1]: 1 within 0.2 rad of upright, falling in a straight line to 0 when it hangs.

    ## Starting State
    The pole at any angle, at rest; the cart within 0.3 m of the middle.

    ## Episode End
    Truncated after 150 steps (6 s); never terminated.

    ## Information
    ``task`` (its goal a sentence, its field ``baseline`` another) and, at steps, ``success``: the angle was within
    0.2 rad of upright for the last 10 steps.

    ## Version History
    * v0: the first version.

    Args:
        render_mode: ``"rgb_array"`` or None.
        **arguments: Those of ``MujocoTaskEnv``.

    Example:
        >>> env = CartPoleUprightEnv()
        >>> observation, info = env.reset(seed=0)
        >>> observation.shape, info["task"].goal
        ((5,), 'a pole standing upright on a cart')
    """

    goal = "a pole standing upright on a cart"
    baseline = "a pole on a cart"
    frame_skip = 4
    default_camera = Camera(distance=3.2, elevation=-8, follow="cart")

    @staticmethod
    def build() -> Any:
        """Return the model."""
        spec = read_spec(own_asset("cart_pole.xml"))
        set_sky(spec)
        return spec

    def draw_start(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return a pole at any angle, at rest."""
        return np.array([rng.uniform(-0.3, 0.3), rng.uniform(-np.pi, np.pi)]), np.zeros(2)

    def draw_state(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return any place and angle; one in four is near upright."""
        angle = rng.uniform(-np.pi, np.pi) if rng.random() < 0.75 else rng.normal(0.0, 0.15)
        return np.array([rng.uniform(-1.5, 1.5), angle]), rng.normal(0.0, 1.0, 2)

    def observe(self) -> Array:
        """Return place, sine and cosine of the angle, and speeds."""
        place, angle = self.data.qpos
        return np.array([place, np.sin(angle), np.cos(angle), *self.data.qvel])

    def criteria(self) -> dict[str, float]:
        """Grade the pole's angle."""
        return {"pole upright": grade(abs(wrapped(self.data.qpos[1])), high=0.2, margin=np.pi - 0.2)}

    def describe(self) -> str:
        """Say how the pole stands."""
        return self.goal if self.is_reached() else f"a pole {describe_lean(self.data.qpos[1])} on a cart"


class CartPoleUprightVectorEnv(MujocoVectorEnv):
    """A vector of ``CartPoleUprightEnv``."""

    env_class = CartPoleUprightEnv
