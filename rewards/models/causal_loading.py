"""Causal language models by name: one copy of each in a process, read safely."""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import Any

from rewardium.envs.errors import MissingExtraError, RewardiumError
from rewardium.rewards.models.causal_scoring import CausalModel
from rewardium.rewards.models.loading import ONE_AT_A_TIME, device_and_dtype, first_line, safe_settings

_LOADING = threading.Lock()
_LOADED: weakref.WeakValueDictionary[tuple[Any, ...], CausalModel] = weakref.WeakValueDictionary()


def load_causal_model(name: str, *, device: str | None = None, dtype: str | None = None) -> CausalModel:
    """Return a model by name, one in a process, so that all rewards that use it share one copy.

    The weights are read as safetensors only, and no code of the model's folder runs. A model is forgotten when no
    reward uses it any more, and a folder whose weights have changed since is read again.

    Args:
        name: A folder in the ordinary format, or a name on the model hub; ``~`` is the home.
        device: E.g. ``"cuda:0"``; None for the GPU where there is one, else the CPU.
        dtype: E.g. ``"bfloat16"``; None for the one that the model was saved in, and float32 on the CPU.

    Returns:
        The model.

    Raises:
        RewardiumError: When there is no such model, or it cannot be read.
        MissingExtraError: When ``torch`` or ``transformers`` is not installed.

    Example:
        >>> load_causal_model("no/such/folder")
        Traceback (most recent call last):
        ...
        rewardium.envs.errors.RewardiumError: cannot load the language model 'no/such/folder': there is no such ...
    """
    if not isinstance(name, (str, Path)) or not str(name).strip():
        raise RewardiumError(f"a language model is a folder or a name on the model hub, got {name!r}")
    path = Path(str(name).strip()).expanduser()
    looks_like_path = str(name).count("/") > 1 or str(name).startswith((".", "~", "/"))
    if looks_like_path and not (path / "config.json").is_file():
        raise RewardiumError(
            f"cannot load the language model {str(name)!r}: there is no such folder with a config.json"
        )
    key = (str(path) if path.is_dir() else str(name).strip(), device, dtype, _version(path))
    with _LOADING:  # two threads that ask for a model at the same time must not load it twice
        known = _LOADED.get(key)
        if known is None or known._forked:
            known = _LOADED[key] = _load(key[0], device, dtype)
        return known


def _version(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Tell the contents of a folder from those that it had before."""
    if not folder.is_dir():
        return ()
    files = sorted(path for path in folder.iterdir() if path.suffix in (".json", ".safetensors", ".jinja"))
    return tuple((path.name, status.st_mtime_ns, status.st_size) for path in files if (status := path.stat()))


def _load(name: str, device: str | None, dtype: str | None) -> CausalModel:
    try:
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        raise MissingExtraError(error.name or "transformers", "llm") from error
    device, dtype = device_and_dtype(device, dtype)
    safely = safe_settings(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, **safely)
        with ONE_AT_A_TIME:
            model = AutoModelForCausalLM.from_pretrained(name, dtype=dtype, use_safetensors=True, **safely)
        model = model.to(device).eval().requires_grad_(False)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise RewardiumError(f"cannot load the language model {name!r}: {first_line(error)}") from error
    return CausalModel(model, tokenizer, name)
