"""A key-value cache that is written in place, and that a batch of answers shares its prompts through."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers.cache_utils import DynamicLayer

# Tokens of room that a buffer begins with. Most answers are shorter than their limit, and near keys are read faster.
_ROOM = 16


class GrowingLayer(DynamicLayer):  # type: ignore[misc]  # transformers is untyped
    """One layer's keys and values in a buffer with room to grow.

    The ordinary layer copies everything for each new token; this one writes the token into its place, and copies only
    when the buffer is full, each time to one half larger.

    Args:
        keys: float [B, H, P, D], what is cached already.
        values: float [B, H, P, D].
    """

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        super().__init__()
        self.length = keys.shape[-2]
        self.keys, self.values = _with_room(keys, self.length, _ROOM), _with_room(values, self.length, _ROOM)
        self.dtype, self.device, self.is_initialized = keys.dtype, keys.device, True

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Write the new tokens' keys and values, and return all there are."""
        end = self.length + key_states.shape[-2]
        if end > self.keys.shape[-2]:
            room = max(end - self.length, _ROOM, self.length // 2)
            self.keys, self.values = (
                _with_room(self.keys, self.length, room),
                _with_room(self.values, self.length, room),
            )
        self.keys[..., self.length : end, :] = key_states
        self.values[..., self.length : end, :] = value_states
        self.length = end
        return self.keys[..., :end, :], self.values[..., :end, :]

    def get_seq_length(self) -> int:
        """Return the number of cached tokens."""
        return self.length


def _with_room(cached: Tensor, length: int, room: int) -> Tensor:
    buffer = cached.new_empty((*cached.shape[:-2], length + room, cached.shape[-1]))
    buffer[..., :length, :] = cached[..., :length, :]
    return buffer


def grow(cache: Any, rows: Tensor) -> None:
    """Give each row of a batch its own copy of its prompt's cache, with room for the answer.

    Args:
        cache: The cache of U prompts; changed in place.
        rows: int64 [B], the prompt of each row.
    """
    for index, layer in enumerate(cache.layers):
        if type(layer) is DynamicLayer:
            cache.layers[index] = GrowingLayer(layer.keys[rows], layer.values[rows])
        else:
            layer.batch_select_indices(rows)


def keep(cache: Any, rows: Tensor) -> None:
    """Drop all but the given rows (int64 [B']) of the batch."""
    for layer in cache.layers:
        layer.batch_select_indices(rows)
