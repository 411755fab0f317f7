"""The network of a flow: blocks of two layers whose scale, shift and gate depend on time, depth and neighbour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

_FREQUENCIES = 4


def build_flow(shape: tuple[int, int], width: int, blocks: int, seed: int) -> Any:
    """Build the network; its last layer and its gates begin at 0, so that it begins as the velocity 0.

    Args:
        shape: Number of depths L, and width D of the states.
        width: Of the hidden layers.
        blocks: Number of blocks.
        seed: Of the weights; torch's global generator is left as it was.

    Returns:
        A module for ``velocity``.
    """
    import torch
    from torch import nn

    depths, size = shape
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.ModuleDict(
            {
                "enter": nn.Linear(size, width),
                "neighbour": nn.Linear(size, width),
                "time": nn.Sequential(nn.Linear(2 * _FREQUENCIES + 1, width), nn.SiLU(), nn.Linear(width, width)),
                "depth": nn.Embedding(depths, width),
                "modulate": nn.ModuleList(nn.Linear(width, 3 * width) for _ in range(blocks)),
                "change": nn.ModuleList(
                    nn.Sequential(nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width))
                    for _ in range(blocks)
                ),
                "leave": nn.Linear(width, size),
            }
        )
    for layer in (*network["modulate"], network["leave"]):  # type: ignore[misc]
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    return network


def velocity(network: Any, moved: Tensor, time: Tensor, neighbour: Tensor) -> Tensor:
    """Compute the velocities at T places of each of L depths.

    Args:
        network: What ``build_flow`` returned.
        moved: float [L, T, D], states on their way.
        time: float [L, T, 1], in [0, 1].
        neighbour: float [L, T, D], the states of the neighbours.

    Returns:
        float [L, T, D].

    Example:
        >>> import torch
        >>> network = build_flow((2, 3), 8, 1, seed=0)
        >>> velocity(network, torch.ones(2, 5, 3), torch.full((2, 5, 1), 0.5), torch.ones(2, 5, 3)).abs().max().item()
        0.0
    """
    import torch
    from torch.nn.functional import layer_norm, silu

    angles = time * (torch.pi * 2.0 ** torch.arange(_FREQUENCIES, device=time.device)).to(time)
    told = network["time"](torch.cat([time, angles.sin(), angles.cos()], dim=-1))
    depths = torch.arange(moved.shape[0], device=moved.device)
    told = silu(told + network["neighbour"](neighbour) + network["depth"](depths)[:, None])
    hidden = network["enter"](moved)
    for modulate, change in zip(network["modulate"], network["change"], strict=True):
        scale, shift, gate = modulate(told).chunk(3, dim=-1)
        normal = layer_norm(hidden, hidden.shape[-1:]) * (1.0 + scale) + shift
        hidden = hidden + gate * change(normal)
    result: Tensor = network["leave"](layer_norm(hidden, hidden.shape[-1:]))
    return result
