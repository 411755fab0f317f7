"""An arm that should touch a ball."""

from __future__ import annotations

from typing import Any

import numpy as np

from rewardium.envs.mujoco.camera import Camera
from rewardium.envs.mujoco.environment import Array, MujocoTaskEnv
from rewardium.envs.mujoco.grades import grade
from rewardium.envs.mujoco.scene import gymnasium_asset, read_spec, set_colours, set_sky
from rewardium.envs.mujoco.vector import MujocoVectorEnv

REGISTRATION = [
    {
        "id": "rewardium/ReacherPlace-v0",
        "entry_point": "ReacherPlaceEnv",
        "vector_entry_point": "ReacherPlaceVectorEnv",
        "extra": "mujoco",
        "packages": ["mujoco"],
        "max_episode_steps": 75,
    }
]

_REACH = 0.2
_TOUCH = 0.025


class ReacherPlaceEnv(MujocoTaskEnv):
    """Bring the tip of an arm to a ball, and keep it there.

    ## Description
    The model of Gymnasium's ``Reacher-v5``, an arm of two links in a plane, with a ball large enough to be seen.

    ## Action Space
    ``Box(-1, 1, (2,), float32)``: the torques of both joints for 0.02 s.

    ## Observation Space
    ``Box(-1000, 1000, (10,), float32)``: cosines and sines of both joints' angles, the ball's x and y, both joints'
    speeds, and x and y from the ball to the tip.

    ## Rewards
    The grade of the tip's distance from the ball in [0, 1]: 1 within 0.025 m, from there in a straight line down to 0
    at 0.425 m.

    ## Starting State
    The arm anywhere, at rest, and the ball within 0.2 m of the middle.

    ## Episode End
    Truncated after 75 steps (1.5 s); never terminated.

    ## Information
    ``task`` (its goal a sentence, its field ``baseline`` another) and, at steps, ``success``: the tip was within
    0.025 m of the ball's centre, which is in the ball, for the last 10 steps.

    ## Version History
    * v0: the first version.

    Args:
        render_mode: ``"rgb_array"`` or None.
        **arguments: Those of ``MujocoTaskEnv``.

    Example:
        >>> env = ReacherPlaceEnv()
        >>> observation, info = env.reset(seed=0)
        >>> observation.shape, info["task"].goal
        ((10,), 'a blue robot arm touching the red ball with its tip')
    """

    goal = "a blue robot arm touching the red ball with its tip"
    baseline = "a blue robot arm and a red ball"
    frame_skip = 2
    default_camera = Camera(distance=0.75, elevation=-89.9)

    @staticmethod
    def build() -> Any:
        """Return the model, with a larger ball; it weighs nothing in the arm's motion."""
        spec = read_spec(gymnasium_asset("reacher.xml"))
        set_sky(spec)
        border = (0.45, 0.45, 0.5)
        set_colours(spec, {"ground": (0.92, 0.92, 0.9), "target": (0.9, 0.1, 0.1), "fingertip": (0.0, 0.75, 0.9)})
        set_colours(spec, {f"side{side}": border for side in "NESW"})
        set_colours(spec, {"root": (0.2, 0.2, 0.25), "link0": (0.05, 0.2, 0.7), "link1": (0.1, 0.35, 0.85)})
        spec.geom("target").size = [_TOUCH, 0, 0]
        return spec

    def draw_start(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return any posture and a ball within reach."""
        while True:
            ball = rng.uniform(-_REACH, _REACH, 2)
            if np.linalg.norm(ball) < _REACH:
                break
        return np.array([rng.uniform(-np.pi, np.pi), rng.uniform(-2.8, 2.8), *ball]), np.zeros(4)

    def draw_state(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return any posture and ball; in one of three states the tip is near the ball."""
        positions, velocities = self.draw_start(rng)
        if rng.random() < 1 / 3:
            first, second = positions[0], positions[0] + positions[1]
            tip = 0.1 * np.array([np.cos(first), np.sin(first)]) + 0.11 * np.array([np.cos(second), np.sin(second)])
            positions[2:] = np.clip(tip + rng.normal(0.0, 0.025, 2), -0.26, 0.26)
        return positions, velocities

    def observe(self) -> Array:
        """Return angles, the ball, speeds and the way from the ball to the tip."""
        angles, ball = self.data.qpos[:2], self.data.qpos[2:]
        return np.concatenate([np.cos(angles), np.sin(angles), ball, self.data.qvel[:2], self._from_ball()])

    def _from_ball(self) -> Array:
        way: Array = self.data.body("fingertip").xpos[:2] - self.data.body("target").xpos[:2]
        return way

    def criteria(self) -> dict[str, float]:
        """Grade the tip's distance from the ball."""
        return {"tip at the ball": grade(float(np.linalg.norm(self._from_ball())), high=_TOUCH, margin=0.4)}

    def describe(self) -> str:
        """Say how far the tip is from the ball."""
        if self.is_reached():
            return self.goal
        distance = float(np.linalg.norm(self._from_ball()))
        where = "close to" if distance < 0.06 else "some way from" if distance < 0.15 else "far away from"
        return f"a blue robot arm with its tip {where} the red ball"


class ReacherPlaceVectorEnv(MujocoVectorEnv):
    """A vector of ``ReacherPlaceEnv``."""

    env_class = ReacherPlaceEnv
