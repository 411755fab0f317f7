"""Small reward models in folders: weights as safetensors, settings and what was learned with them as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rewardium.envs.errors import MissingExtraError, RewardiumError

WEIGHTS_FILE = "model.safetensors"
SETTINGS_FILE = "model.json"
_LARGEST_SETTINGS = 1_000_000


def save_network(network: Any, written: Mapping[str, Any], folder: str | Path, what: str) -> None:
    """Write weights and settings; each file is there as a whole or not at all.

    Args:
        network: A torch module.
        written: Plain values, the settings among them.
        folder: Created where it is missing; a model in it is replaced.
        what: What errors call the model, e.g. ``"message model"``.

    Raises:
        RewardiumError: When the folder cannot be written.
    """
    from safetensors.torch import save_file

    folder = Path(folder)
    weights = {name: tensor.contiguous().cpu() for name, tensor in network.state_dict().items()}
    text = json.dumps(written, indent=1)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        parts = {name: folder / f".{name}.part" for name in (WEIGHTS_FILE, SETTINGS_FILE)}
        save_file(weights, parts[WEIGHTS_FILE])
        parts[SETTINGS_FILE].write_text(text + "\n", encoding="utf-8")
        for name, part in parts.items():
            os.replace(part, folder / name)
    except OSError as error:
        raise RewardiumError(f"cannot write the {what} to {folder}: {error}") from error


def read_settings(folder: str | Path, expected: Mapping[str, Any], what: str, made_by: str) -> dict[str, Any]:
    """Read what ``save_network`` wrote beside the weights.

    Args:
        folder: Where the model is.
        expected: Values that must stand there, such as a format.
        what: What errors call the model.
        made_by: The script that makes one.

    Returns:
        All that was written.

    Raises:
        RewardiumError: When there is no model, or it is of another kind or damaged.
    """
    path = Path(folder) / SETTINGS_FILE
    try:
        if path.stat().st_size > _LARGEST_SETTINGS:
            raise RewardiumError(f"{path} is no {what}: it has {path.stat().st_size} bytes")
        written = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RewardiumError(
            f"there is no {what} in {path.parent}: {path.name}: {error.strerror}. {made_by} makes one"
        ) from error
    except (ValueError, RecursionError) as error:
        raise RewardiumError(f"{path} is no {what}: {error}") from error
    if not isinstance(written, dict) or any(written.get(name) != value for name, value in expected.items()):
        wanted = ", ".join(f"{name} {value!r}" for name, value in expected.items())
        raise RewardiumError(f"{path} is no {what} of {wanted}")
    return written


def load_network(network: Any, folder: str | Path, what: str) -> None:
    """Give a network the weights that ``save_network`` wrote, and freeze it.

    Raises:
        RewardiumError: When the weights are not there, are damaged, or are those of another network.
        MissingExtraError: When safetensors is not installed.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise MissingExtraError("safetensors", "control") from error
    try:
        network.load_state_dict(load_file(Path(folder) / WEIGHTS_FILE))
    except (OSError, SafetensorError, RuntimeError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise RewardiumError(f"cannot read the {what} in {folder}: {first}") from error
    network.requires_grad_(False)


def version_of(folder: Path) -> tuple[tuple[int, int] | None, ...]:
    """Tell the model in a folder from one that was there before, for caches."""
    return tuple(_stamp(folder / name) for name in (SETTINGS_FILE, WEIGHTS_FILE))


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino
