"""Command-line flags that are mappings."""

from __future__ import annotations

from typing import Annotated, Any

import tyro
import yaml

from rewardium.envs.errors import RewardiumError


def read_mapping(text: str) -> dict[str, Any]:
    """Read the value of a flag that is a mapping in YAML; lists become tuples.

    Args:
        text: E.g. ``"{n_steps: 64, gamma: 0.98}"``.

    Returns:
        The mapping.

    Raises:
        RewardiumError: When it is not a mapping.

    Example:
        >>> read_mapping("{map_name: 4x4, sizes: [64, 64]}")
        {'map_name': '4x4', 'sizes': (64, 64)}
    """
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RewardiumError(f"{text!r} is not YAML: {error}") from error
    if not isinstance(value, dict):
        raise RewardiumError(f"{text!r} is not a mapping; write e.g. '{{name: value, other: 2}}'")
    return {str(key): tuple(item) if isinstance(item, list) else item for key, item in value.items()}


def _mapping_of_flag(arguments: list[str]) -> dict[str, Any]:
    try:
        return read_mapping(arguments[0])
    except RewardiumError as error:
        raise ValueError(str(error)) from error  # tyro shows it beside the flag


YamlMapping = Annotated[
    dict[str, Any],
    tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar="YAML",
        instance_from_str=_mapping_of_flag,
        is_instance=lambda value: isinstance(value, dict),
        str_from_instance=lambda value: [yaml.safe_dump(value, default_flow_style=True).strip()],
    ),
]
"""A config field that is a mapping, and one YAML text on the command line."""
