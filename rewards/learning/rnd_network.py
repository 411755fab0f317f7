"""Small networks as plain arrays: computed and trained with torch, kept in NumPy so that a checkpoint can hold them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rewardium.rewards.learning.rnd_inputs import Inputs

if TYPE_CHECKING:
    from torch import Tensor

Parameters = dict[str, NDArray[np.float32]]
"""Weights by name: ``conv0.weight``, ``conv0.bias``, ..., ``linear0.weight``, ``linear0.bias``, ..."""

CHANNELS = (16, 32, 32)
STRIDES = (1, 2, 2)
_SLOPE = 0.01  # of the leaky rectifier after a convolution


def initial_parameters(
    plane_shape: Sequence[int], size: int, layers: Sequence[int], rng: np.random.Generator, gain: float = 2.0**0.5
) -> Parameters:
    """Draw the weights of a network: three convolutions over planes, then linear layers over those and the vector.

    Weights are orthogonal, as in the authors' code of RND, and biases 0.

    Args:
        plane_shape: (K, H, W), or empty where there are no planes.
        size: The length D of the vector.
        layers: The widths of the linear layers; the last is the output's.
        rng: Where the weights are drawn from.
        gain: The factor of the orthogonal weights.

    Returns:
        float32 arrays.

    Example:
        >>> drawn = initial_parameters((), 3, (8, 2), np.random.default_rng(0))
        >>> {name: array.shape for name, array in drawn.items() if "weight" in name}
        {'linear0.weight': (8, 3), 'linear1.weight': (2, 8)}
    """
    parameters: Parameters = {}
    if plane_shape:
        channels, height, width = plane_shape
        for index, (outputs, stride) in enumerate(zip(CHANNELS, STRIDES, strict=True)):
            weights = _orthogonal(outputs, channels * 9, rng) * gain
            parameters[f"conv{index}.weight"] = weights.reshape(outputs, channels, 3, 3).astype(np.float32)
            parameters[f"conv{index}.bias"] = np.zeros(outputs, dtype=np.float32)
            channels, height, width = outputs, -(-height // stride), -(-width // stride)
        size += channels * height * width
    for index, outputs in enumerate(layers):
        parameters[f"linear{index}.weight"] = (_orthogonal(outputs, size, rng) * gain).astype(np.float32)
        parameters[f"linear{index}.bias"] = np.zeros(outputs, dtype=np.float32)
        size = outputs
    return parameters


def _orthogonal(rows: int, columns: int, rng: np.random.Generator) -> NDArray[np.float64]:
    tall = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    basis = tall.Q * np.where(np.diag(tall.R) < 0.0, -1.0, 1.0)  # else the signs would depend on the library
    return basis if rows >= columns else basis.T


def forward(parameters: dict[str, Tensor], inputs: dict[str, Tensor]) -> Tensor:
    """Compute a network's outputs.

    Args:
        parameters: Tensors under the names of ``initial_parameters``.
        inputs: ``planes`` float32 [B, K, H, W] and ``vector`` float32 [B, D], as far as the network has them.

    Returns:
        float32 [B, outputs]; rectified linear units between the layers, none after the last.
    """
    import torch.nn.functional as functional

    features = []
    if "conv0.weight" in parameters:
        hidden = inputs["planes"]
        for index, stride in enumerate(STRIDES):
            weight, bias = parameters[f"conv{index}.weight"], parameters[f"conv{index}.bias"]
            hidden = functional.leaky_relu(functional.conv2d(hidden, weight, bias, stride, padding=1), _SLOPE)
        features.append(hidden.flatten(1))
    if "vector" in inputs:
        features.append(inputs["vector"])
    hidden = features[0] if len(features) == 1 else _concatenate(features)
    count = sum(name.startswith("linear") and name.endswith("weight") for name in parameters)
    for index in range(count):
        hidden = functional.linear(hidden, parameters[f"linear{index}.weight"], parameters[f"linear{index}.bias"])
        hidden = functional.relu(hidden) if index + 1 < count else hidden
    return hidden


def _concatenate(features: list[Tensor]) -> Tensor:
    import torch

    return torch.cat(features, dim=1)


def outputs_of(parameters: Parameters, inputs: Inputs) -> NDArray[np.float32]:
    """Compute a network's outputs without a graph.

    Args:
        parameters: The weights.
        inputs: float32 columns of B rows.

    Returns:
        float32 [B, outputs].

    Example:
        >>> drawn = initial_parameters((2, 5, 5), 3, (8, 4), np.random.default_rng(0))
        >>> rows = {"planes": np.zeros((6, 2, 5, 5), np.float32), "vector": np.ones((6, 3), np.float32)}
        >>> outputs_of(drawn, rows).shape
        (6, 4)
    """
    import torch

    with one_thread(), torch.inference_mode():
        result: NDArray[np.float32] = forward(_tensors(parameters), _tensors(inputs)).numpy()
    return result


def gradients_of(
    parameters: Parameters, inputs: Inputs, loss: Callable[[Tensor], Tensor]
) -> tuple[float, dict[str, NDArray[np.float32]]]:
    """Return the loss of a network's outputs, and its gradient by each parameter.

    Args:
        parameters: The weights; not changed.
        inputs: float32 columns of B rows.
        loss: Maps the outputs [B, outputs] to one number.

    Returns:
        The loss and the gradients under the parameters' names.
    """
    import torch

    # The caller may step its environments where gradients are switched off.
    with one_thread(), torch.inference_mode(False), torch.enable_grad():
        leaves = {name: tensor.requires_grad_() for name, tensor in _tensors(parameters).items()}
        value = loss(forward(leaves, _tensors(inputs)))
        found = torch.autograd.grad(value, list(leaves.values()))
    return float(value.detach()), {name: grad.numpy() for name, grad in zip(leaves, found, strict=True)}


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread, as far as torch is concerned.

    Networks this small gain nothing by more, lose much where the cores are busy, and their sums would depend on the
    number of cores, and with them what a resumed run pays.
    """
    import torch

    threads = torch.get_num_threads()
    if threads > 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if threads > 1:
            torch.set_num_threads(threads)


def _tensors(arrays: Any) -> dict[str, Tensor]:
    import torch

    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}


def adam_step(
    parameters: Parameters,
    gradients: dict[str, NDArray[np.float32]],
    memory: dict[str, Any],
    rate: float,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> None:
    """Take one step of Adam (Kingma and Ba, 2015), in place.

    Args:
        parameters: The weights; changed.
        gradients: Of a loss that shall fall, under the same names.
        memory: Empty at first; holds the number of steps and the running moments, plain values and arrays.
        rate: The learning rate.
        beta1: The decay of the mean.
        beta2: The decay of the mean square.
        epsilon: Added to the root.

    Example:
        >>> weights, memory = {"w": np.zeros(2, np.float32)}, {}
        >>> adam_step(weights, {"w": np.array([5.0, -0.1], np.float32)}, memory, rate=0.5)
        >>> weights["w"].round(4).tolist(), memory["steps"]
        ([-0.5, 0.5], 1)
    """
    steps = memory["steps"] = int(memory.get("steps", 0)) + 1
    means, squares = memory.setdefault("means", {}), memory.setdefault("squares", {})
    for name, gradient in gradients.items():
        mean = means.setdefault(name, np.zeros_like(gradient))
        square = squares.setdefault(name, np.zeros_like(gradient))
        mean += np.float32(1.0 - beta1) * (gradient - mean)
        square += np.float32(1.0 - beta2) * (gradient * gradient - square)
        root = np.sqrt(square / np.float32(1.0 - beta2**steps)) + np.float32(epsilon)
        parameters[name] -= np.float32(rate / (1.0 - beta1**steps)) * mean / root
