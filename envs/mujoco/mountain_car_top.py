"""A car in a valley that should stand at the top of the hill."""

from __future__ import annotations

from typing import Any

import numpy as np

from rewardium.envs.mujoco.camera import Camera
from rewardium.envs.mujoco.environment import Array, MujocoTaskEnv
from rewardium.envs.mujoco.gl import load_mujoco
from rewardium.envs.mujoco.grades import grade
from rewardium.envs.mujoco.scene import own_asset, read_spec, set_sky
from rewardium.envs.mujoco.vector import MujocoVectorEnv

REGISTRATION = [
    {
        "id": "rewardium/MountainCarTop-v0",
        "entry_point": "MountainCarTopEnv",
        "vector_entry_point": "MountainCarTopVectorEnv",
        "extra": "mujoco",
        "packages": ["mujoco"],
        "max_episode_steps": 100,
    }
]

_LEFT, _RIGHT, _BOTTOM = -0.5, 1.3, -0.35


class MountainCarTopEnv(MujocoTaskEnv):
    """Drive a car out of a valley, and stop at the top of the hill.

    ## Description
    A car of 1 kg on a road in a valley. Its motor is too weak to climb the hill from the valley's floor; it must take a
    run-up on the other side. The top is flat, and a stop behind it keeps the car from falling off.

    ## Action Space
    ``Box(-1, 1, (1,), float32)``: the force along the road's horizontal, up to 4.5 N, for 0.04 s.

    ## Observation Space
    ``Box(-1000, 1000, (2,), float32)``: the car's place (0 is the valley's floor, 1 the top) and its speed.

    ## Rewards
    The grade of the place in [0, 1]: 1 from 0.9 on, from there in a straight line down to 0 at -0.3.

    ## Starting State
    The car at rest, between -0.3 and 0.1.

    ## Episode End
    Truncated after 100 steps (4 s); never terminated.

    ## Information
    ``task`` (its goal a sentence, its field ``baseline`` another) and, at steps, ``success``: the place was at least
    0.9 for the last 10 steps.

    ## Version History
    * v0: the first version.

    Args:
        render_mode: ``"rgb_array"`` or None.
        **arguments: Those of ``MujocoTaskEnv``.

    Example:
        >>> env = MountainCarTopEnv()
        >>> observation, info = env.reset(seed=0)
        >>> observation.shape, info["task"].goal
        ((2,), 'a car at the top of the hill, next to the yellow flag')
    """

    goal = "a car at the top of the hill, next to the yellow flag"
    baseline = "a car on a hilly road"
    frame_skip = 4
    default_camera = Camera(distance=2.2, elevation=-6, lookat=(0.38, 0.0, 0.38))

    @staticmethod
    def build() -> Any:
        """Return the model, with a hill as the polynomial of its road has it."""
        spec = read_spec(own_asset("mountain_car.xml"))
        set_sky(spec)
        _add_hill(spec)
        return spec

    def draw_start(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return a car at rest in the valley."""
        return self._on_road(rng.uniform(-0.3, 0.1), 0.0)

    def draw_state(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Return a car anywhere on the road."""
        return self._on_road(rng.uniform(-0.4, 1.08), rng.normal(0.0, 1.0))

    def _on_road(self, place: float, speed: float) -> tuple[Array, Array]:
        road, lean = (self.model.equality(name).data[:5][::-1] for name in ("road", "lean"))
        return (
            np.array([place, np.polyval(road, place), np.polyval(lean, place)]),
            speed * np.array([1.0, np.polyval(np.polyder(road), place), np.polyval(np.polyder(lean), place)]),
        )

    def observe(self) -> Array:
        """Return place and speed."""
        return np.array([self.data.qpos[0], self.data.qvel[0]])

    def criteria(self) -> dict[str, float]:
        """Grade the car's place."""
        return {"at the top": grade(self.data.qpos[0], low=0.9, margin=1.2)}

    def describe(self) -> str:
        """Say where the car is."""
        place = self.data.qpos[0]
        if self.is_reached():
            return self.goal
        if place < -0.2:
            return "a car high on the slope to the left of the valley"
        if place < 0.15:
            return "a car at the bottom of the valley"
        return f"a car {'half way up' if place < 0.5 else 'near the top of'} the hill on the right"


def _add_hill(spec: Any) -> None:
    """Add a body below the road: the polynomial's outline, drawn out along y."""
    road = np.array(spec.equality("road").data[:5])[::-1]
    places = np.linspace(_LEFT, _RIGHT, 60)
    heights = np.polyval(road, np.minimum(places, 1.12))
    front, back = -0.2, 0.25
    columns = [
        (x, y, z) for x, top in zip(places, heights, strict=True) for y in (front, back) for z in (top, _BOTTOM)
    ]  # four corners a place: front top, front bottom, back top, back bottom
    faces: list[tuple[int, int, int]] = []
    for corner in range(0, 4 * (len(places) - 1), 4):
        near, far = corner, corner + 4
        faces += [(near, near + 1, far + 1), (near, far + 1, far)]  # the side towards the camera
        faces += [(near, far, far + 2), (near, far + 2, near + 2)]  # the road
        faces += [(near + 2, far + 2, far + 3), (near + 2, far + 3, near + 3)]
        faces += [(near + 1, near + 3, far + 3), (near + 1, far + 3, far + 1)]
    last = 4 * (len(places) - 1)
    faces += [(0, 2, 3), (0, 3, 1), (last, last + 1, last + 3), (last, last + 3, last + 2)]
    mujoco = load_mujoco()
    spec.add_mesh(name="hill", uservert=np.array(columns).ravel(), userface=np.array(faces).ravel())
    spec.worldbody.add_geom(
        name="hill",
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname="hill",
        rgba=[0.42, 0.58, 0.33, 1],
        contype=0,
        conaffinity=0,
    )


class MountainCarTopVectorEnv(MujocoVectorEnv):
    """A vector of ``MountainCarTopEnv``."""

    env_class = MountainCarTopEnv
