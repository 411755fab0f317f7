"""Pictures of a simulation at the size that a vision model reads, and nothing drawn that it does not need."""

from __future__ import annotations

import os
import threading
import weakref
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.mujoco.camera import Camera
from rewardium.envs.mujoco.gl import load_mujoco, open_context, warn_of_software

LARGEST_SIZE = 2048

_MAX_GEOMS = 500


@dataclass(frozen=True)
class RenderSettings:
    """What is drawn.

    Shadows, reflections and multisampling each cost more than all the rest on a machine without a GPU, and are off.

    Args:
        size: Width and height in pixels, at least 16 and at most 2048.
        shadows: Whether lights throw shadows.
        reflections: Whether the floor reflects.
        multisampling: Whether edges are smoothed, by 4 samples a pixel.

    Raises:
        RewardiumError: When the size is none.

    Example:
        >>> RenderSettings(size=64).shadows
        False
    """

    size: int = 224
    shadows: bool = False
    reflections: bool = False
    multisampling: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.size, bool) or not isinstance(self.size, int) or not 16 <= self.size <= LARGEST_SIZE:
            raise RewardiumError(f"render_size must be an int from 16 to {LARGEST_SIZE}, got {self.size!r}")


class Renderer:
    """Draws simulations of one model into memory.

    One renderer holds one GL context and serves any number of simulations of equal models in one thread. The buffer
    that is drawn into has the picture's size, and neither depth nor labels are read back.

    Args:
        model: A compiled model. Its ``vis`` is set, which the simulation does not read.
        settings: What is drawn.

    Raises:
        RewardiumError: When there is no OpenGL.
    """

    def __init__(self, model: Any, settings: RenderSettings) -> None:
        mujoco = load_mujoco()
        self.settings = settings
        self.size = settings.size
        self._context: Any = None
        self._gl: Any = None
        _fit(model, settings)
        self._gl, self.gl_name = open_context(settings.size)
        warn_of_software(self.gl_name)
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._scene = mujoco.MjvScene(model, _MAX_GEOMS)
        _set_flags(self._scene, settings)
        self._option = mujoco.MjvOption()
        self._view = mujoco.MjvCamera()
        self._view.type = mujoco.mjtCamera.mjCAMERA_FREE
        self._rectangle = mujoco.MjrRect(0, 0, self.size, self.size)
        self._pixels: NDArray[np.uint8] = np.zeros((self.size, self.size, 3), dtype=np.uint8)
        self._mujoco = mujoco

    def draw(self, model: Any, data: Any, camera: Camera, out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """Draw a simulation as it is now.

        Args:
            model: The simulation's model, equal to that of the renderer but for values such as colours.
            data: The simulation's data.
            camera: Where the picture is taken from.
            out: uint8 [size, size, 3], written where given.

        Returns:
            uint8 [size, size, 3], ``out`` or a new array; the first row is the top.

        Raises:
            RewardiumError: When the renderer is closed.
        """
        if self._context is None:
            raise RewardiumError("the renderer is closed")
        mujoco = self._mujoco
        self._aim(data, camera)
        mujoco.mjv_updateScene(
            model, data, self._option, None, self._view, mujoco.mjtCatBit.mjCAT_ALL.value, self._scene
        )
        with self._gl.as_current():  # others, such as Gymnasium's renderer, count on theirs to stay the current one
            mujoco.mjr_render(self._rectangle, self._scene, self._context)
            mujoco.mjr_readPixels(self._pixels, None, self._rectangle, self._context)
        if out is None:
            return self._pixels[::-1].copy()  # GL's first row is the bottom
        out[...] = self._pixels[::-1]
        return out

    def _aim(self, data: Any, camera: Camera) -> None:
        view = self._view
        view.lookat[:] = camera.lookat
        if camera.follow is not None:
            view.lookat[:2] += data.body(camera.follow).xpos[:2]
        view.distance, view.azimuth, view.elevation = camera.distance, camera.azimuth, camera.elevation

    def close(self) -> None:
        """Free what the GL holds; closing again changes nothing."""
        context, gl, self._context, self._gl = self._context, self._gl, None, None
        if gl is None:
            return
        if context is not None:
            with gl.as_current():
                context.free()
        gl.free()

    def __del__(self) -> None:
        with suppress(Exception):  # the interpreter may be ending, and half of it be gone
            self.close()


def _fit(model: Any, settings: RenderSettings) -> None:
    """Make the buffers as small as the picture and round shapes as fine as it can show."""
    model.vis.global_.offwidth = model.vis.global_.offheight = settings.size
    quality = model.vis.quality
    quality.offsamples = 4 if settings.multisampling else 0
    quality.shadowsize = 1024 if settings.shadows else 0
    quality.numslices, quality.numstacks, quality.numquads = 16, 10, 2


def _set_flags(scene: Any, settings: RenderSettings) -> None:
    flags = load_mujoco().mjtRndFlag
    scene.flags[flags.mjRND_SHADOW] = settings.shadows
    scene.flags[flags.mjRND_REFLECTION] = settings.reflections
    scene.flags[flags.mjRND_FOG] = False
    scene.flags[flags.mjRND_HAZE] = False


_shared: weakref.WeakValueDictionary[tuple[Any, ...], Renderer] = weakref.WeakValueDictionary()


def shared_renderer(name: str, model: Any, settings: RenderSettings) -> Renderer:
    """Return the renderer of a model for this thread: environments of the same model share it.

    Args:
        name: Names the model; models of one name must look alike.
        model: The model, used where there is no renderer yet.
        settings: What is drawn.

    Returns:
        The renderer. It lives as long as somebody holds it.

    Raises:
        RewardiumError: When there is no OpenGL.
    """
    key = (os.getpid(), threading.get_ident(), name, settings)
    renderer = _shared.get(key)
    if renderer is None:
        renderer = _shared[key] = Renderer(model, settings)
    return renderer
