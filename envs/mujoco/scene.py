"""Models to simulate: MuJoCo's XML as it is, under a bright sky and in colours that tell the parts apart."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from copy import copy
from functools import cache
from pathlib import Path
from typing import Any

import gymnasium

from rewardium.envs.mujoco.gl import load_mujoco

SKY = ((0.80, 0.88, 0.97), (0.95, 0.97, 1.0))
GRASS = ((0.42, 0.58, 0.33), (0.36, 0.52, 0.29))
FLOOR_MESH = 4.0

Colours = Mapping[str, tuple[float, float, float]]


def own_asset(name: str) -> Path:
    """Return the path of a model of the suite."""
    return Path(__file__).parent / "assets" / name


def gymnasium_asset(name: str) -> Path:
    """Return the path of a model that Gymnasium ships for its environments of version 5.

    Example:
        >>> gymnasium_asset("hopper.xml").is_file()
        True
    """
    return Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets" / name


def read_spec(path: Path) -> Any:
    """Read a model's XML as an ``mujoco.MjSpec``, which may be changed before it is compiled."""
    return load_mujoco().MjSpec.from_file(str(path))


def set_sky(spec: Any) -> None:
    """Replace the model's sky by a bright one, and light the scene from the camera too, without gloss."""
    mujoco = load_mujoco()
    headlight = spec.visual.headlight
    headlight.ambient, headlight.diffuse, headlight.specular = [0.35] * 3, [0.5] * 3, [0.0] * 3
    for texture in list(spec.textures):
        if texture.type == mujoco.mjtTexture.mjTEXTURE_SKYBOX:
            spec.delete(texture)
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        width=64,
        height=64,
        rgb1=SKY[0],
        rgb2=SKY[1],
    )


def set_floor(spec: Any, name: str = "floor", tile: float = 1.0) -> None:
    """Give the floor a pattern of two near greens; it shows movement and takes no attention from the body.

    Args:
        spec: The model.
        name: The floor's geom.
        tile: The side of a square of the pattern, in metres.
    """
    mujoco = load_mujoco()
    spec.add_texture(
        name="ground",
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER,
        width=64,
        height=64,
        rgb1=GRASS[0],
        rgb2=GRASS[1],
    )
    material = spec.add_material(name="ground", texuniform=True, texrepeat=[0.5 / tile, 0.5 / tile], reflectance=0.2)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "ground"
    floor = spec.geom(name)
    floor.material = "ground"
    floor.rgba = [1, 1, 1, 1]
    # How fine a mesh the floor is drawn as; Gymnasium's models ask for 0.125 m, which costs more than all the rest.
    floor.size = [*floor.size[:2], FLOOR_MESH]


def set_colours(spec: Any, colours: Colours) -> None:
    """Paint geoms in one colour each, in place of their texture.

    Args:
        spec: The model.
        colours: Red, green and blue in [0, 1] by the geom's name.
    """
    for name, colour in colours.items():
        geom = spec.geom(name)
        geom.material = ""
        geom.rgba = [*colour, 1]


@cache
def _compiled(build: Callable[[], Any]) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="compiler attribute .* is deprecated")  # in a model of Gymnasium
        return build().compile()


def make_model(build: Callable[[], Any]) -> Any:
    """Compile a model, once a process, and return a copy that may be changed.

    Args:
        build: Returns the ``mujoco.MjSpec``; equal functions build equal models.

    Returns:
        An ``mujoco.MjModel``.
    """
    return copy(_compiled(build))
