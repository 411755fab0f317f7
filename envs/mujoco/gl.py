"""Which OpenGL draws, found before MuJoCo is imported.

MuJoCo reads the environment variable ``MUJOCO_GL`` when it is imported, and takes a window system unless it is told
otherwise. Where the user has set the variable it is obeyed. Else EGL is taken, which needs no screen, or OSMesa,
whichever is there.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import logging
import os
import sys
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Any

from rewardium.envs.errors import MissingExtraError, RewardiumError

logger = logging.getLogger(__name__)

_VARIABLE = "MUJOCO_GL"
_OFF = ("disable", "disabled", "off", "false", "0")
_WINDOW = ("", "glfw", "glx", "enable", "enabled", "on", "true", "1")
_SOFTWARE = ("llvmpipe", "softpipe", "swrast", "software rasterizer", "osmesa")
_GL_RENDERER = 0x1F01

_owner: int | None = None  # the process that has opened a context; after a fork its contexts are of no use


@cache
def load_mujoco() -> Any:
    """Import MuJoCo, with ``MUJOCO_GL`` set where the user has not set it.

    Returns:
        The module ``mujoco``.

    Raises:
        MissingExtraError: When MuJoCo is not installed.
        RewardiumError: When ``MUJOCO_GL`` names something that this machine does not have.

    Example:
        >>> load_mujoco().MjSpec().worldbody.name
        'world'
    """
    chosen = os.environ.get(_VARIABLE)
    if not chosen and "mujoco" not in sys.modules and sys.platform == "linux":
        found = find_backend()
        if found is not None:
            os.environ[_VARIABLE] = found
        elif not os.environ.get("DISPLAY"):
            os.environ[_VARIABLE] = "disabled"  # simulates all the same, only without pictures
    try:
        return import_module("mujoco")
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in ("mujoco", "OpenGL"):
            raise MissingExtraError("mujoco", "mujoco") from error
        raise
    except Exception as error:  # PyOpenGL raises whatever comes of a missing library
        raise RewardiumError(
            f"MuJoCo cannot be imported with {_VARIABLE}={os.environ.get(_VARIABLE)!r}: {error}. {_WHAT_IS_NEEDED}"
        ) from error


def find_backend() -> str | None:
    """Return ``"egl"`` or ``"osmesa"``, whichever draws without a screen on this machine, or None."""
    if _has_egl():
        return "egl"
    return "osmesa" if _library("libOSMesa.so.8", "libOSMesa.so.6", "OSMesa") is not None else None


def _library(*names: str) -> ctypes.CDLL | None:
    for name in names:
        path = name if ".so" in name else ctypes.util.find_library(name)
        try:
            if path is not None:
                return ctypes.CDLL(path)
        except OSError:
            continue
    return None


def _has_egl() -> bool:
    """Return whether EGL, an OpenGL beside it and a device that draws are there."""
    egl = _library("libEGL.so.1")
    if egl is None or _library("libGL.so.1", "libOpenGL.so.0") is None:
        return False
    egl.eglGetProcAddress.restype = ctypes.c_void_p
    egl.eglGetProcAddress.argtypes = [ctypes.c_char_p]
    address = egl.eglGetProcAddress(b"eglQueryDevicesEXT")
    if not address:
        return False
    query = ctypes.CFUNCTYPE(ctypes.c_uint, ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int))(address)
    count = ctypes.c_int(0)
    return bool(query(0, None, ctypes.byref(count))) and count.value > 0


_WHAT_IS_NEEDED = (
    "Pictures need OpenGL, on a machine without a screen EGL or OSMesa; on Debian or Ubuntu: "
    "sudo apt-get install -y libegl1 libgl1 (with MUJOCO_GL=egl), or libosmesa6 (with MUJOCO_GL=osmesa). "
    "MUJOCO_GL is read when MuJoCo is imported, and found by itself where it is not set"
)


def open_context(size: int) -> tuple[Any, str]:
    """Open a GL context that draws into memory, and make it the current one of this thread.

    Args:
        size: Width and height of the pictures, in pixels.

    Returns:
        The context, and the name of what draws, e.g. ``"llvmpipe (LLVM 15.0.6, 256 bits)"``.

    Raises:
        RewardiumError: When there is no OpenGL, or this process is a fork of one that has drawn.
    """
    global _owner
    load_mujoco()
    if _owner is None:
        load_triton_before_mesa()
    if _owner not in (None, os.getpid()):
        raise RewardiumError(
            "this process was forked from one that has drawn pictures, and OpenGL does not survive that: start "
            "processes with 'spawn', or use the suite's own vector environment, gym.make_vec(id, num_envs=...)"
        )
    backend = _backend()
    try:
        context = import_module(f"mujoco.{backend}").GLContext(size, size)
        context.make_current()
    except Exception as error:  # each backend has errors of its own
        raise RewardiumError(f"no picture can be drawn: {type(error).__name__}: {error}. {_WHAT_IS_NEEDED}") from error
    _owner = os.getpid()
    return context, _name(backend)


def load_triton_before_mesa() -> None:
    """Import Triton, where it is installed, before anything is drawn in software.

    Mesa's software renderer and Triton, which much of torch imports sooner or later, hold an LLVM each. A process in
    which Mesa's is loaded first ends in a segmentation fault when the other follows; the other way round both work.
    """
    with suppress(ImportError):
        import_module("triton")


def _backend() -> str:
    """Return MuJoCo's module of contexts; the variable counts, also where MuJoCo was imported before it was set."""
    chosen = os.environ.get(_VARIABLE, "").lower().strip()
    if chosen in _OFF:
        raise RewardiumError(f"no picture can be drawn: {_VARIABLE} is {chosen!r}. {_WHAT_IS_NEEDED}")
    if sys.platform == "darwin":
        return "cgl" if chosen in ("", "cgl") else chosen
    if chosen in ("egl", "osmesa"):
        return chosen
    if not chosen and sys.platform == "linux" and not os.environ.get("DISPLAY"):
        return find_backend() or "glfw"
    if chosen in _WINDOW:
        return "glfw"
    raise RewardiumError(f"{_VARIABLE} must be egl, osmesa or glfw, got {chosen!r}")


def _name(backend: str) -> str:
    if backend == "osmesa":
        return "OSMesa"
    library = _library("libGL.so.1", "libOpenGL.so.0", "GL")
    if library is None:
        return "unknown"
    library.glGetString.restype = ctypes.c_char_p
    name = library.glGetString(_GL_RENDERER)
    return "unknown" if name is None else name.decode("utf-8", "replace")


def is_software(name: str) -> bool:
    """Return whether a GL of this name draws on the CPU.

    Example:
        >>> is_software("llvmpipe (LLVM 15.0.6, 256 bits)"), is_software("NVIDIA H200/PCIe/SSE2")
        (True, False)
    """
    return any(part in name.lower() for part in _SOFTWARE)


@cache
def warn_of_software(name: str) -> None:
    """Log once a process that pictures are drawn on the CPU, if a GL of this name does that."""
    if is_software(name):
        logger.warning("pictures are drawn by %s, on the CPU: some hundred a second a core at best", name)
