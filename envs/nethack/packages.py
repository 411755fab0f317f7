"""The packages of the extra ``nethack``, imported when a game is made and not before."""

from __future__ import annotations

import warnings
from functools import cache
from importlib import import_module
from typing import Any

from rewardium.envs.errors import MissingExtraError

_OF_THE_EXTRA = ("nle", "minihack", "pkg_resources", "PIL")


@cache
def load(module: str) -> Any:
    """Import a module that the extra ``nethack`` brings.

    MiniHack imports ``pkg_resources``, which warns that it is deprecated, and that a namespace package such as
    ``rewardium`` has no file; these two warnings are kept back.

    Args:
        module: The module's name, e.g. ``"nle.nethack"``.

    Returns:
        The module.

    Raises:
        MissingExtraError: When the extra is not installed.

    Example:
        >>> load("nle.nethack").NLE_BL_DEPTH
        12
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="pkg_resources is deprecated", category=UserWarning)
            warnings.filterwarnings("ignore", message="Module rewardium was already imported", category=UserWarning)
            return import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or module).split(".")[0]
        if missing in _OF_THE_EXTRA:
            raise MissingExtraError(missing, "nethack") from error
        raise


def nethack() -> Any:
    """Return NLE's module of constants and functions of the game."""
    return load("nle.nethack")
