"""A language-model policy: a causal transformer, its tokenizer, and how to load and save both."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from rewardium.envs.errors import MissingExtraError, RewardiumError
from rewardium.rewards.models.loading import ONE_AT_A_TIME, hub_can_be_asked

DtypeName = Literal["float32", "bfloat16", "auto"]

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "tekken.json")


@dataclass
class Policy:
    """A causal language model with what is needed to sample from it and to train it.

    Args:
        model: A ``transformers`` causal language model, or a ``peft`` model around one.
        tokenizer: Its tokenizer.
        eos_ids: The tokens that end an answer, at least one.
        pad_id: The token that fills places no one reads.
        compute_dtype: The dtype of the forward pass. Where the weights have another (float32 master weights under a
            bfloat16 forward pass), ``autocast`` converts.
        lora: Whether the model carries a LoRA adapter, so that only the adapter is trained and saved.
        recompute: Whether the backward pass computes the activations anew (gradient checkpointing), which takes less
            memory and more time.
    """

    model: Any
    tokenizer: Any
    eos_ids: tuple[int, ...]
    pad_id: int
    compute_dtype: torch.dtype = torch.float32
    lora: bool = False
    recompute: bool = False

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return torch.device(next(self.model.parameters()).device)

    @property
    def context_length(self) -> int:
        """The largest number of tokens that the model was built for."""
        return int(getattr(self.model.config, "max_position_embeddings", None) or 2**31 - 1)

    def parameters(self) -> list[tuple[str, nn.Parameter]]:
        """Return the names and parameters that are trained."""
        return [(name, parameter) for name, parameter in self.model.named_parameters() if parameter.requires_grad]

    def train(self, training: bool) -> None:
        """Switch between training and sampling; it matters only where activations are recomputed.

        The model stays in evaluation mode otherwise: dropout would make the ratio of new to old probabilities noise.
        """
        self.model.train(training and self.recompute)

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """Return a context in which the forward pass runs in ``compute_dtype``."""
        enabled = self.compute_dtype != torch.float32
        return torch.autocast(self.device.type, dtype=self.compute_dtype, enabled=enabled)

    @contextlib.contextmanager
    def as_reference(self) -> Iterator[Policy]:
        """Give the policy before training for the length of the context, by switching the adapter off.

        Raises:
            RewardiumError: When there is no adapter: the old weights are gone, load the model a second time.
        """
        if not self.lora:
            raise RewardiumError("only a policy with a LoRA adapter still holds its reference; load the model again")
        with self.model.disable_adapter():
            yield self

    def save(self, folder: Path) -> None:
        """Write model (or adapter) and tokenizer to a folder that ``load_policy`` reads, weights as safetensors."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def load_policy(
    name: str | Path,
    *,
    dtype: DtypeName = "auto",
    device: str | torch.device = "cpu",
    lora_rank: int | None = None,
    trainable: bool = True,
    recompute: bool = False,
    attention: str = "sdpa",
) -> Policy:
    """Load a causal language model by the name on the hub or from a folder.

    Weights are read from safetensors only and no code of the model's repository is run. A folder with a LoRA adapter
    loads the adapter on top of the model that it names.

    Args:
        name: A folder, or a name on the model hub.
        dtype: The dtype of the forward pass; ``"auto"`` is bfloat16 on a GPU that has it, float32 elsewhere. When all
            weights are trained they stay in float32, since a small step would vanish in bfloat16's 8 bits.
        device: Where the weights live.
        lora_rank: Train a new LoRA adapter of this rank on every linear layer (scale 2, as is usual:
            https://arxiv.org/abs/2106.09685 leaves it open), instead of all weights.
        trainable: False freezes the weights and stores them in ``dtype``.
        recompute: Whether the backward pass computes the activations anew, for memory's sake.
        attention: The attention implementation of ``transformers``.

    Returns:
        The policy, in evaluation mode.

    Raises:
        RewardiumError: When there is no such model, it has no tokenizer, or no token ends an answer.

    Example:
        >>> load_policy("./no/such/folder")
        Traceback (most recent call last):
        ...
        rewardium.envs.errors.RewardiumError: cannot load the model './no/such/folder': there is no such folder
    """
    device = torch.device(device)
    compute_dtype = _compute_dtype(dtype, device)
    base_name = _checked_name(name)
    adapter = None if base_name == str(name) else Path(name)
    full = trainable and lora_rank is None and adapter is None
    weights_dtype = torch.float32 if full else compute_dtype
    model = _load_model(base_name, weights_dtype, attention)
    tokenizer = _load_tokenizer(str(name) if _has_tokenizer(Path(name)) else base_name)
    eos_ids = _eos_ids(model, tokenizer, name)
    if adapter is not None or lora_rank is not None:
        model = _with_adapter(model, adapter, lora_rank, trainable)
    if not trainable:
        model.requires_grad_(False)
    if recompute:
        enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
        enable()  # transformers 5 renames it
        model.enable_input_require_grads()  # an adapter's gradient passes through a frozen embedding
    pad_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else eos_ids[0]
    model.to(device).eval()
    lora = adapter is not None or lora_rank is not None
    return Policy(model, tokenizer, eos_ids, int(pad_id), compute_dtype, lora=lora, recompute=recompute)


def logits_at(model: Any, places: Tensor, **inputs: Any) -> Tensor:
    """Run a causal language model and compute its logits at chosen places only.

    The output layer of a large vocabulary costs more memory than the rest of the model; here it sees only the hidden
    states that someone asks for. What a model does to its logits afterwards (a scale, a soft cap) still happens.

    Args:
        model: The causal language model.
        places: bool [B, T], the places whose logits are wanted, N in all.
        **inputs: What the model is called with, ``input_ids`` of int64 [B, T] among them.

    Returns:
        float [N, V], in the order of ``places.nonzero()``.
    """

    def select(module: nn.Module, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (arguments[0][places].unsqueeze(0), *arguments[1:])

    handle = model.get_output_embeddings().register_forward_pre_hook(select)
    try:
        logits: Tensor = model(**inputs).logits
    finally:
        handle.remove()
    return logits.squeeze(0)


def hidden_states(model: Any, **inputs: Any) -> Tensor:
    """Run a causal language model and return what its output layer would read at each place.

    The logits are computed at the first place only, which no one looks at.

    Args:
        model: The causal language model.
        **inputs: What the model is called with, ``input_ids`` of int64 [B, T] among them.

    Returns:
        float [B, T, D], in the dtype of the forward pass.
    """
    kept: list[Tensor] = []

    def keep(module: nn.Module, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        kept.append(arguments[0])
        return (arguments[0][:, :1], *arguments[1:])

    handle = model.get_output_embeddings().register_forward_pre_hook(keep)
    try:
        model(**inputs)
    finally:
        handle.remove()
    return kept[0]


def _compute_dtype(dtype: DtypeName, device: torch.device) -> torch.dtype:
    if dtype == "auto":
        return torch.bfloat16 if device.type == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
    if dtype not in ("float32", "bfloat16"):
        raise RewardiumError(f"dtype must be 'float32', 'bfloat16' or 'auto', got {dtype!r}")
    return torch.bfloat16 if dtype == "bfloat16" else torch.float32


def _checked_name(name: str | Path) -> str:
    """Return the name of the model itself: for the folder of an adapter, the model that the adapter was made for."""
    folder = Path(name)
    if not folder.is_dir():
        if isinstance(name, Path) or str(name).count("/") > 1 or str(name).startswith((".", "~", "/")):
            raise RewardiumError(f"cannot load the model {str(name)!r}: there is no such folder")
        return str(name)
    adapter_config = folder / "adapter_config.json"
    if adapter_config.is_file():
        return str(json.loads(adapter_config.read_text(encoding="utf-8"))["base_model_name_or_path"])
    if not (folder / "config.json").is_file():
        raise RewardiumError(f"cannot load the model {str(name)!r}: the folder has no config.json")
    return str(name)


def _load_model(name: str, dtype: torch.dtype, attention: str) -> Any:
    from transformers import AutoModelForCausalLM

    try:
        with ONE_AT_A_TIME:
            return AutoModelForCausalLM.from_pretrained(
                name,
                dtype=dtype,
                attn_implementation=attention,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=not hub_can_be_asked(),
            )
    except (OSError, ValueError, KeyError, ImportError) as error:
        hint = "" if Path(name).is_dir() else " (it is no folder here, and the model hub did not give it)"
        raise RewardiumError(f"cannot load the model {name!r}{hint}: {str(error).strip().splitlines()[0]}") from error


def _has_tokenizer(folder: Path) -> bool:
    return any((folder / file).is_file() for file in TOKENIZER_FILES)


def _load_tokenizer(name: str) -> Any:
    from transformers import AutoTokenizer

    if Path(name).is_dir() and not _has_tokenizer(Path(name)):
        raise RewardiumError(
            f"the model {name!r} has no tokenizer: none of {', '.join(TOKENIZER_FILES)} is in its folder"
        )
    try:
        return AutoTokenizer.from_pretrained(name, trust_remote_code=False, local_files_only=not hub_can_be_asked())
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise RewardiumError(f"cannot load the tokenizer of {name!r}: {str(error).strip().splitlines()[0]}") from error


def _eos_ids(model: Any, tokenizer: Any, name: str | Path) -> tuple[int, ...]:
    """Collect the tokens that end an answer: the tokenizer's, and those of the model's generation settings."""
    configured = getattr(model.generation_config, "eos_token_id", None)
    found = {tokenizer.eos_token_id, *(configured if isinstance(configured, (list, tuple)) else [configured])} - {None}
    if not found:
        raise RewardiumError(
            f"the model {str(name)!r} has no end-of-sequence token: neither its tokenizer nor its generation_config "
            "names one, so no answer would ever end"
        )
    return tuple(sorted(int(token) for token in found))


def _with_adapter(model: Any, adapter: Path | None, rank: int | None, trainable: bool) -> Any:
    try:
        from peft import LoraConfig, PeftModel, get_peft_model
    except ImportError:
        raise MissingExtraError("peft", "llm") from None
    if adapter is not None:
        return PeftModel.from_pretrained(model, str(adapter), is_trainable=trainable)
    if rank is None or rank < 1:
        raise RewardiumError(f"lora_rank must be at least 1, got {rank}")
    return get_peft_model(
        model, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    )
