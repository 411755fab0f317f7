"""What the scripts share that have a judge compare things and train a reward model on its preferences."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import Progress

from rewardium.envs.errors import RewardiumError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

STOPPED = "stopped; the labels so far are kept, and the same command goes on"


def require_above_0(arguments: Any, *names: str) -> None:
    """Refuse numbers that are not above 0.

    Raises:
        RewardiumError: Naming the first of them.
    """
    for name in names:
        if not getattr(arguments, name) > 0:
            raise RewardiumError(f"{name} must be above 0, got {getattr(arguments, name)}")


def described(collection: DataclassInstance, seed: int, *, read: str) -> dict[str, Any]:
    """Return how things are collected, as JSON keeps it.

    Args:
        collection: The settings.
        seed: The seed.
        read: The setting that names a file to read instead; it says nothing of a collection.

    Returns:
        The settings and the seed.
    """
    values: dict[str, Any] = json.loads(json.dumps({**asdict(collection), read: None, "seed": seed}, default=list))
    return values


def write_description(origin: Path, description: Mapping[str, Any]) -> None:
    """Write how things were collected."""
    origin.write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")


def require_same_collection(origin: Path, description: Mapping[str, Any], things: str, *, beside: str = "") -> str:
    """Refuse a folder with what another collection has collected.

    Args:
        origin: The file that says how it was collected.
        description: How it would be collected now, as ``described`` returns it.
        things: What is collected, which is also the name of the flag that reads a file.
        beside: A text that stands in the file beside the description.

    Returns:
        The text beside it; "" where there is none.

    Raises:
        RewardiumError: When it was collected in another way.
    """
    try:
        earlier = json.loads(origin.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        earlier = None
    found = str(earlier.pop(beside, "")) if beside and isinstance(earlier, dict) else ""
    if earlier != description:
        raise RewardiumError(
            f"{origin.parent} has {things} that were collected in another way ({earlier}): choose another --out, or "
            f"give that file as --{things}"
        )
    return found


def training_bar(progress: Progress, steps: int) -> Callable[[int, float], None]:
    """Add a bar for training, and return what moves it: it takes the steps that are done and the loss."""
    bar = progress.add_task("training", total=steps, status="")

    def show(done: int, loss: float) -> None:
        progress.update(bar, completed=done, status=f"loss {loss:.4f}")

    return show


def share(value: float | None) -> str:
    """Write a share, or that there is none."""
    return "none to measure on" if value is None else f"{value:.3f}"
