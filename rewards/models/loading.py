"""What loading a model of ``transformers`` into this process takes: the checks before it, and one lock around it."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from rewardium.envs.errors import RewardiumError

ONE_AT_A_TIME = threading.Lock()
"""Held while a model is built. Two threads that build models at the same time get tensors without data, since
``transformers`` replaces parts of torch for the while."""


def check_folder(model: str) -> None:
    """Refuse what is neither a model's folder nor a name on the model hub.

    Args:
        model: A folder with a ``config.json``, or a name such as ``"owner/model"``.

    Raises:
        RewardiumError: When nothing is given, or what looks like a path is no such folder.

    Example:
        >>> check_folder("owner/model")
        >>> check_folder("./nowhere")
        Traceback (most recent call last):
        ...
        rewardium.envs.errors.RewardiumError: cannot load the judge './nowhere': there is no such folder ...
    """
    if not model:
        raise RewardiumError("a judge in this process needs a folder or a name: 'transformers:FOLDER_OR_NAME'")
    looks_like_path = model.count("/") > 1 or model.startswith((".", "~", "/"))
    if looks_like_path and not (Path(model) / "config.json").is_file():
        raise RewardiumError(f"cannot load the judge {model!r}: there is no such folder with a config.json")


def device_and_dtype(device: str | None, dtype: str | None) -> tuple[str, str]:
    """Say where a model goes and in which numbers it computes.

    Args:
        device: E.g. ``"cuda:0"``; None for the GPU where there is one, else the CPU.
        dtype: E.g. ``"bfloat16"``; None for the one that the model was saved in, and float32 on the CPU.

    Returns:
        The device, and the dtype by its name, ``"auto"`` for the one that the model was saved in.

    Raises:
        RewardiumError: When torch has no such dtype.

    Example:
        >>> device_and_dtype("cpu", None), device_and_dtype("cuda:1", None), device_and_dtype("cpu", "bfloat16")
        (('cpu', 'float32'), ('cuda:1', 'auto'), ('cpu', 'bfloat16'))
    """
    import torch

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    dtype = dtype or ("auto" if not device.startswith("cpu") else "float32")
    if dtype != "auto" and not isinstance(getattr(torch, dtype, None), torch.dtype):
        raise RewardiumError(f"dtype must be one of torch's, e.g. 'bfloat16', got {dtype!r}")
    return device, dtype


def safe_settings(model: str) -> dict[str, Any]:
    """Return what every ``from_pretrained`` is told: no code of the folder runs, and no hub is waited for in vain.

    Args:
        model: A folder, or a name on the model hub.

    Returns:
        The keyword arguments.

    Example:
        >>> safe_settings(".")
        {'trust_remote_code': False, 'local_files_only': True}
    """
    return {"trust_remote_code": False, "local_files_only": Path(model).is_dir() or not hub_can_be_asked()}


def hub_can_be_asked() -> bool:
    """Say whether the hub's name resolves, so that without a network a wrong name fails at once, not in a minute."""
    from huggingface_hub import constants

    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True  # the proxy resolves names
    try:
        socket.getaddrinfo(urlparse(constants.ENDPOINT).hostname, 443)
    except OSError:
        return False
    return not constants.HF_HUB_OFFLINE


def first_line(error: BaseException) -> str:
    r"""Return the first line of what an error says, its type's name where it says nothing.

    Example:
        >>> first_line(OSError("no weights\nsee above")), first_line(KeyError())
        ('no weights', 'KeyError')
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def weights_digest(model: Any) -> str:
    """Return a digest of a model's weights: of some values of each tensor, as all of a large model would take minutes.

    Args:
        model: A module of torch.

    Returns:
        12 hexadecimal digits, of up to 64 values a tensor, and of all names, shapes and dtypes.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(2, 1)
        >>> before = weights_digest(model)
        >>> _ = torch.nn.init.constant_(model.bias, 7.0)
        >>> len(before), weights_digest(model) == before
        (12, False)
    """
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        values = tensor.detach().flatten()
        count = min(len(values), 64)
        picked = values[torch.arange(count, device=values.device) * (len(values) - 1) // max(count - 1, 1)]
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(picked.float().cpu().numpy().tobytes())
    return digest.hexdigest()[:12]
