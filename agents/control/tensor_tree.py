"""Nested values with tensors inside, as one safetensors file and plain JSON, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rewardium.envs.errors import RewardiumError

_TENSOR, _ARRAY, _ITEMS, _TUPLE = "__tensor__", "__array__", "__items__", "__tuple__"


def split_tensors(value: Any) -> tuple[Any, dict[str, Tensor]]:
    """Take the tensors and arrays out of nested values.

    Args:
        value: Dicts (with keys of text or whole numbers), lists, tuples, tensors, numpy arrays and numbers, numbers,
            text, booleans and None.

    Returns:
        The same as JSON knows it, and the tensors by the number that stands in their place.

    Raises:
        RewardiumError: When there is something else.

    Example:
        >>> plain, tensors = split_tensors({"state": {0: {"step": torch.tensor(3.0)}}, "betas": (0.9, 0.99)})
        >>> plain
        {'state': {'__items__': [[0, {'step': {'__tensor__': '0'}}]]}, 'betas': {'__tuple__': [0.9, 0.99]}}
        >>> join_tensors(plain, tensors)
        {'state': {0: {'step': tensor(3.)}}, 'betas': (0.9, 0.99)}
    """
    tensors: dict[str, Tensor] = {}
    return _split(value, tensors), tensors


def _split(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, (Tensor, np.ndarray)):
        name = str(len(tensors))
        # A clone, because safetensors refuses tensors that share memory, as those of a shared extractor do.
        tensor = value.detach().cpu() if isinstance(value, Tensor) else torch.from_numpy(np.ascontiguousarray(value))
        tensors[name] = tensor.clone().contiguous()
        return {_TENSOR if isinstance(value, Tensor) else _ARRAY: name}
    if isinstance(value, Mapping):
        if all(isinstance(key, str) and not key.startswith("__") for key in value):
            return {key: _split(item, tensors) for key, item in value.items()}
        return {_ITEMS: [[_key(key), _split(item, tensors)] for key, item in value.items()]}
    if isinstance(value, tuple):
        return {_TUPLE: [_split(item, tensors) for item in value]}
    if isinstance(value, list):
        return [_split(item, tensors) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise RewardiumError(f"a checkpoint cannot hold a {type(value).__name__}")


def _key(key: Any) -> str | int:
    if isinstance(key, (str, int)):
        return key
    raise RewardiumError(f"a checkpoint cannot hold a mapping with the key {key!r}")


def join_tensors(plain: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Put tensors and arrays back where ``split_tensors`` took them from.

    Args:
        plain: The JSON values.
        tensors: The tensors.

    Returns:
        What was split.

    Raises:
        RewardiumError: When a tensor is missing.
    """
    if isinstance(plain, list):
        return [join_tensors(item, tensors) for item in plain]
    if not isinstance(plain, dict):
        return plain
    match plain:
        case {"__tensor__": name} | {"__array__": name} if len(plain) == 1:
            if name not in tensors:
                raise RewardiumError(f"the checkpoint lacks its tensor {name!r}")
            return tensors[name] if _TENSOR in plain else tensors[name].numpy()
        case {"__items__": items} if len(plain) == 1:
            return {key: join_tensors(item, tensors) for key, item in items}
        case {"__tuple__": items} if len(plain) == 1:
            return tuple(join_tensors(item, tensors) for item in items)
    return {key: join_tensors(item, tensors) for key, item in plain.items()}
