"""A convolutional network over the characters of a message: one number a message."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rewardium.envs.errors import MissingExtraError, RewardiumError
from rewardium.rewards.learning.messages import ALPHABET

if TYPE_CHECKING:
    from torch import Tensor, nn

KERNELS = (7, 7, 3, 3, 3, 3)
POOLED_AFTER = (0, 1, 5)
_LARGEST = 4_096


@dataclass(frozen=True)
class CharCnnSettings:
    """The size of the network.

    Embedding 32, width 64 and six convolutions are those of the public code of ONI and of Motif (the message encoder of
    the NetHack baselines, after Zhang, Zhao and LeCun, 2015); certainty: high. Theirs reads exactly 256 characters and
    flattens what the last pooling leaves. Here the largest value over the places is taken instead, so that a message of
    30 characters costs 30 characters.

    Args:
        embedding: Numbers a character.
        width: Channels of the convolutions, and width of the layers after them.
        max_bytes: Where a message is cut.

    Raises:
        RewardiumError: When a size is not a whole number from 1 to 4096.
    """

    embedding: int = 32
    width: int = 64
    max_bytes: int = 256

    def __post_init__(self) -> None:
        for name in ("embedding", "width", "max_bytes"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _LARGEST:
                raise RewardiumError(f"char-CNN: {name} must be a whole number from 1 to {_LARGEST}, got {value!r}")


def build_char_cnn(settings: CharCnnSettings, seed: int = 0) -> nn.ModuleDict:
    """Build the network with weights drawn from a generator of its own.

    torch's global generators are neither read nor moved: the network may be built in a background thread beside a
    policy whose run must not depend on when that happens.

    Args:
        settings: Its size.
        seed: Of the weights.

    Returns:
        The network, for ``char_cnn``.

    Raises:
        MissingExtraError: When torch is not installed.
    """
    try:
        import torch
        from torch import nn
    except ImportError as error:
        raise MissingExtraError("torch", "control") from error
    # On the meta device a layer draws no initial weights; they are drawn below.
    inputs = (settings.embedding, *[settings.width] * (len(KERNELS) - 1))
    convolutions = [
        nn.Conv1d(channels, settings.width, kernel, padding=kernel // 2, device="meta")
        for channels, kernel in zip(inputs, KERNELS, strict=True)
    ]
    head = [
        nn.Linear(settings.width, settings.width, device="meta"),
        nn.ReLU(),
        nn.Linear(settings.width, 1, device="meta"),
    ]
    network = nn.ModuleDict(
        {
            "embedding": nn.Embedding(ALPHABET, settings.embedding, device="meta"),
            "convolutions": nn.ModuleList(convolutions),
            "head": nn.Sequential(*head),
        }
    ).to_empty(device="cpu")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weights in network.named_parameters():
            if weights.ndim == 1:
                weights.zero_()
            elif name.startswith("embedding"):
                weights.normal_(generator=generator)
            else:
                weights.normal_(std=math.sqrt(2.0 / weights[0].numel()), generator=generator)
    return network


def char_cnn(network: nn.ModuleDict, ids: Tensor) -> Tensor:
    """Compute one number a message.

    Places after a message's end are zero after every layer. Since nothing else is negative where values are pooled, a
    message gets the same number whatever the length of its row.

    Args:
        network: What ``build_char_cnn`` returned.
        ids: int64 [B, L], what ``encode`` returned; L is a multiple of 27.

    Returns:
        float32 [B].

    Example:
        >>> import torch
        >>> from rewardium.rewards.learning.messages import encode
        >>> network = build_char_cnn(CharCnnSettings(width=8))
        >>> with torch.no_grad():
        ...     alone = char_cnn(network, torch.from_numpy(encode(["a key"])))
        ...     beside = char_cnn(network, torch.from_numpy(encode(["a key", "a long message " * 9])))
        >>> bool(torch.allclose(alone[0], beside[0], atol=1e-5))
        True
    """
    import torch
    from torch.nn import functional

    present = (ids > 0).unsqueeze(1).float()
    values = network["embedding"](ids).transpose(1, 2) * present
    for index, convolution in enumerate(network["convolutions"].children()):
        values = torch.relu(convolution(values)) * present
        if index in POOLED_AFTER:
            values, present = functional.max_pool1d(values, 3), functional.max_pool1d(present, 3)
    result: Tensor = network["head"](values.amax(dim=2)).squeeze(1)
    return result
