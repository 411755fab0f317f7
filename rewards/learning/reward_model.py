"""A reward model over texts: a language model, its tokenizer and a head, kept together in a folder."""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import MissingExtraError, RewardiumError
from rewardium.rewards.learning.heads import HeadSettings, build_head, token_log_ratios, token_parts
from rewardium.rewards.learning.model_folder import (
    SETTINGS_FILE,
    WEIGHTS_FILE,
    load_network,
    read_settings,
    save_network,
    version_of,
)
from rewardium.rewards.learning.text_encoding import Encoded, batches_by_length, encode
from rewardium.rewards.models.loading import ONE_AT_A_TIME, first_line, safe_settings

if TYPE_CHECKING:
    from torch import Tensor

KIND, FORMAT = "text reward model", 1
WHAT = "reward model of texts"
MADE_BY = "scripts/train_reward_model.py"
TOKEN_BUDGET = 16_384


@dataclass(frozen=True)
class RewardModelSettings:
    """What a reward model is built of, besides its base.

    Args:
        head: What stands on the base.
        max_length: Tokens of prompt and response that are read, at least 8; never more than the base has positions.
    """

    head: HeadSettings = field(default_factory=HeadSettings)
    max_length: int = 1024

    def __post_init__(self) -> None:
        if isinstance(self.max_length, bool) or not isinstance(self.max_length, int) or self.max_length < 8:
            raise RewardiumError(f"max_length must be a whole number of at least 8, got {self.max_length!r}")


class RewardModel:
    """A number for each pair of prompt and response.

    Args:
        base: A model of ``transformers``: a causal language model for the head ``"log_ratio"``, else one that gives
            states.
        tokenizer: Its fast tokenizer.
        settings: The head and the length that is read.
        head: The head's network; by default a new one.
        reference: The language model that ``"log_ratio"`` compares with; by default a copy of the base.
        seed: Of a new head.
        device: Where it computes.
    """

    def __init__(
        self,
        base: Any,
        tokenizer: Any,
        settings: RewardModelSettings | None = None,
        *,
        head: Any = None,
        reference: Any = None,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        self.settings = settings or RewardModelSettings()
        self.tokenizer = tokenizer
        self.device = device
        self.scale = (0.0, 1.0)
        """Mean and deviation of the scores of what it was trained on."""
        self.notes: dict[str, Any] = {}
        kind = self.settings.head.kind
        if kind == "log_ratio" and reference is None:
            reference = copy.deepcopy(base)
        self.base = base.to(device).eval()
        self.reference = None if reference is None else reference.to(device).eval().requires_grad_(False)
        self.head = (head or build_head(self.settings.head, _width_of(base), seed)).to(device)
        positions = getattr(base.config, "max_position_embeddings", None) or self.settings.max_length
        self.max_length = min(self.settings.max_length, int(positions))

    @classmethod
    def from_base(
        cls,
        base: str | Path,
        settings: RewardModelSettings | None = None,
        *,
        seed: int = 0,
        device: str = "cpu",
        dtype: str = "float32",
    ) -> RewardModel:
        """Put a new head on a language model.

        Args:
            base: Its folder, or a name on the model hub.
            settings: The head and the length that is read.
            seed: Of the head.
            device: Where it computes; "" for the GPU where there is one, else the CPU.
            dtype: Of the weights.

        Raises:
            RewardiumError: When the base cannot be loaded.
            MissingExtraError: When ``torch`` or ``transformers`` is not installed.
        """
        settings = settings or RewardModelSettings()
        model, tokenizer = _load_base(str(base), settings.head.kind == "log_ratio", dtype)
        return cls(model, tokenizer, settings, seed=seed, device=device_of(device))

    def encode(self, prompt: str, response: str) -> Encoded:
        """Return the tokens of a prompt and a response."""
        return encode(self.tokenizer, prompt, response, self.max_length)

    def scores(
        self, prompts: Sequence[str], responses: Sequence[str], token_budget: int = TOKEN_BUDGET
    ) -> NDArray[np.float64]:
        """Score responses, those of about one length together.

        Args:
            prompts: Length N.
            responses: Length N.
            token_budget: Tokens in memory at once, padding included; it bounds memory and changes no score, but for
                the rounding of the device.

        Returns:
            float64 [N].
        """
        import torch

        rows = [self.encode(prompt, response) for prompt, response in zip(prompts, responses, strict=True)]
        found = np.zeros(len(rows))
        with torch.inference_mode():
            for batch in batches_by_length([len(row.ids) for row in rows], token_budget):
                found[batch] = self([rows[index] for index in batch]).double().cpu().numpy()
        return found

    def token_rewards(
        self, prompts: Sequence[str], responses: Sequence[str], token_budget: int = TOKEN_BUDGET
    ) -> list[list[tuple[int, int, float]]]:
        """Return the parts of each score at the response's tokens; see ``HeadSettings``.

        Args:
            prompts: Length N.
            responses: Length N.
            token_budget: Tokens in memory at once.

        Returns:
            Of each response a list of (first character, character after the last, part) that sums to its score. The
            token that ends the response has no characters: both its numbers are the end of what was read.
        """
        import torch

        rows = [self.encode(prompt, response) for prompt, response in zip(prompts, responses, strict=True)]
        found: list[list[tuple[int, int, float]]] = [[] for _ in rows]
        with torch.inference_mode():
            for batch in batches_by_length([len(row.ids) for row in rows], token_budget):
                ids, attention, response = self._padded([rows[index] for index in batch])
                values = self._values(ids, attention)
                parts = token_parts(self.settings.head.kind, values, response).double().cpu().tolist()
                for index, row_parts in zip(batch, parts, strict=True):
                    start, spans = rows[index].start, rows[index].spans
                    found[index] = [(*span, row_parts[start + k]) for k, span in enumerate(spans)]
        return found

    def prefix_values(self, rows: Sequence[Encoded]) -> list[Tensor]:
        """Return the head's value at each token of N encoded responses, with gradients where they are on.

        Returns:
            Of each response a tensor [tokens of the response], the one that ends it included. With the head ``last`` it
            is what the prefix up to the token is worth, and the last of them is the score.
        """
        ids, attention, response = self._padded(rows)
        values = self._values(ids, attention)
        return [own[mask] for own, mask in zip(values, response, strict=True)]

    def response_states(self, rows: Sequence[Encoded]) -> list[Tensor]:
        """Return the base's last state at each token of N encoded responses, with gradients where they are on.

        Returns:
            Of each response a tensor [tokens of the response, D], the one that ends it included. Not for ``log_ratio``,
            whose base gives no states.
        """
        ids, attention, response = self._padded(rows)
        states = self._states(ids, attention)
        return [own[mask] for own, mask in zip(states, response, strict=True)]

    def __call__(self, rows: Sequence[Encoded]) -> Tensor:
        """Return the scores of N encoded responses as a tensor [N], with gradients where they are on."""
        import torch

        ids, attention, response = self._padded(rows)
        if self.settings.head.kind == "last":  # the head reads one position, so it is computed at one
            states = self._states(ids, attention)
            last = attention.sum(1) - 1
            return self._headed(states[torch.arange(len(rows), device=states.device), last])
        return token_parts(self.settings.head.kind, self._values(ids, attention), response).sum(1)

    def _padded(self, rows: Sequence[Encoded]) -> tuple[Tensor, Tensor, Tensor]:
        """Return tokens int64 [N, T], attention int64 [N, T] and which belong to the response, bool [N, T]."""
        import torch

        width = max(len(row.ids) for row in rows)
        pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else 0
        ids = torch.full((len(rows), width), pad)
        attention = torch.zeros_like(ids)
        response = torch.zeros_like(ids, dtype=torch.bool)
        for index, row in enumerate(rows):
            ids[index, : len(row.ids)] = torch.tensor(row.ids)
            attention[index, : len(row.ids)] = 1
            response[index, row.start : len(row.ids)] = True
        return ids.to(self.device), attention.to(self.device), response.to(self.device)

    def _states(self, ids: Tensor, attention: Tensor) -> Tensor:
        return self.base(input_ids=ids, attention_mask=attention, **_no_cache(self.base)).last_hidden_state  # type: ignore[no-any-return]

    def _headed(self, states: Tensor) -> Tensor:
        weight = next(self.head.parameters())
        values: Tensor = self.head(states.to(weight.dtype))[..., 0]
        return values

    def _values(self, ids: Tensor, attention: Tensor) -> Tensor:
        """Return the head's value at each token, [N, T]."""
        import torch

        if self.settings.head.kind != "log_ratio":
            return self._headed(self._states(ids, attention))
        logits = self.base(input_ids=ids, attention_mask=attention, use_cache=False).logits
        if self.reference is None:
            raise RewardiumError("a reward model of log-ratios needs its reference")
        with torch.no_grad():
            reference = self.reference(input_ids=ids, attention_mask=attention, use_cache=False).logits
        return self.settings.head.beta * token_log_ratios(logits, reference, ids)

    def parameters(self) -> dict[str, Any]:
        """Return what is trained, by name: head and base, but not the reference."""
        parts = (("head", self.head), ("base", self.base))
        return {
            f"{part}.{name}": parameter
            for part, module in parts
            for name, parameter in module.named_parameters()
            if parameter.requires_grad
        }

    def save(self, folder: str | Path, card: str = "") -> None:
        """Write the model; the folder is there as a whole or as it was.

        Args:
            folder: A new or empty folder, or one that holds a reward model, which is replaced.
            card: What to write to its ``README.md``.

        Raises:
            RewardiumError: When the folder holds something else, or cannot be written.
        """
        folder = Path(folder)
        require_own_folder(folder)
        part = folder.with_name(f".{folder.name}.part")
        written = {
            "kind": KIND, "format": FORMAT, "settings": asdict(self.settings), "scale": list(self.scale),
            "notes": self.notes,
        }  # fmt: skip
        try:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            merged(self.base).save_pretrained(part / "base")
            self.tokenizer.save_pretrained(part / "base")
            if self.reference is not None:
                self.reference.save_pretrained(part / "reference")
            save_network(self.head, written, part, WHAT)
            if card:
                (part / "README.md").write_text(card, encoding="utf-8")
            _replace(part, folder)
        except OSError as error:
            raise RewardiumError(f"cannot write the {WHAT} to {folder}: {error}") from error

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "cpu", dtype: str = "float32") -> RewardModel:
        """Read what ``save`` wrote, or an ordinary folder of a model for sequence classification with one label.

        Args:
            folder: Where it is; ``~`` is the home.
            device: Where it computes; "" for the GPU where there is one, else the CPU.
            dtype: Of the weights.

        Returns:
            The model, frozen.

        Raises:
            RewardiumError: When there is no model, or it is of another kind or damaged.
            MissingExtraError: When ``torch`` or ``transformers`` is not installed.
        """
        folder = Path(folder).expanduser()
        if not (folder / SETTINGS_FILE).is_file() and _is_classifier(folder):
            return cls._from_classifier(folder, device_of(device), dtype)
        written = read_settings(folder, {"kind": KIND, "format": FORMAT}, WHAT, MADE_BY)
        settings, scale = _settings_of(written, folder)
        language_model = settings.head.kind == "log_ratio"
        base, tokenizer = _load_base(str(folder / "base"), language_model, dtype)
        reference = _load_base(str(folder / "reference"), True, dtype, tokens=False)[0] if language_model else None
        model = cls(base, tokenizer, settings, reference=reference, device=device_of(device))
        model.head = model.head.to(_dtype(dtype))
        load_network(model.head, folder, WHAT)
        model.scale, model.notes = scale, dict(written.get("notes") or {})
        model.base.requires_grad_(False)
        return model

    @classmethod
    def _from_classifier(cls, folder: Path, device: str, dtype: str) -> RewardModel:
        from transformers import AutoModelForSequenceClassification

        whole, tokenizer = _load(str(folder), AutoModelForSequenceClassification, dtype, tokens=True)
        head = getattr(whole, "score", None)
        if head is None or getattr(head, "out_features", None) != 1:
            raise RewardiumError(f"{folder} is a classifier, but its head 'score' does not give one number a text")
        whole.requires_grad_(False)
        base = getattr(whole, whole.base_model_prefix)
        longest = int(getattr(base.config, "max_position_embeddings", None) or 4096)
        settings = RewardModelSettings(HeadSettings("last", layers=1), max_length=longest)
        return cls(base, tokenizer, settings, head=head, device=device)


def load_reward_model(folder: str | Path, device: str = "", dtype: str = "float32") -> RewardModel:
    """Read a reward model; a process reads a folder once, until its files change.

    Args:
        folder: Where it is.
        device: Where it computes; "" for the GPU where there is one, else the CPU.
        dtype: Of the weights.

    Returns:
        The model; it is shared, and must not be changed.

    Raises:
        RewardiumError: When there is none, or it is damaged.
    """
    path = Path(folder).expanduser().resolve()
    return _load_once(path, version_of(path), device, dtype)


@lru_cache(maxsize=4)
def _load_once(folder: Path, version: tuple[tuple[int, int] | None, ...], device: str, dtype: str) -> RewardModel:
    return RewardModel.load(folder, device=device, dtype=dtype)


def extrapolate(initial: str | Path, tuned: str | Path, folder: str | Path, amount: float = 1.5) -> None:
    """Write the model with the weights ``initial + amount * (tuned - initial)``.

    The last part of the recipe of "HelpSteer2-Preference: Complementing Ratings with Preferences" (2024): go further
    in the direction in which training on preferences moved a regression model. Certainty: recalled; the paper searches
    the amount, about 1.5.

    Args:
        initial: The folder of the model that training began with.
        tuned: The folder of what came out.
        folder: Where the new model goes.
        amount: 0 for the initial model, 1 for the tuned one.

    Raises:
        RewardiumError: When the models are not of one shape.
    """
    import torch

    first, second = RewardModel.load(initial), RewardModel.load(tuned)
    if first.settings != second.settings:
        raise RewardiumError(f"{initial} and {tuned} have different settings: {first.settings}, {second.settings}")
    with torch.no_grad():
        for one, other in ((first.head, second.head), (first.base, second.base)):
            own, others = dict(one.named_parameters()), dict(other.named_parameters())
            if {name: p.shape for name, p in own.items()} != {name: p.shape for name, p in others.items()}:
                raise RewardiumError(f"{initial} and {tuned} are models of different shapes")
            for name, parameter in others.items():
                parameter.copy_(own[name] + amount * (parameter - own[name]))
    second.scale = (0.0, 1.0)
    second.notes = {**second.notes, "extrapolated": amount}
    second.save(folder)


def require_own_folder(folder: Path) -> None:
    """Refuse a folder that holds something that is no reward model.

    Raises:
        RewardiumError: When it does, or is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise RewardiumError(f"a reward model needs a folder, but {folder} is a file")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / SETTINGS_FILE).is_file():
        raise RewardiumError(f"{folder} holds something that is no reward model; choose another folder")


def device_of(device: str) -> str:
    """Return the device to compute on, where "" leaves the choice."""
    import torch

    return device or ("cuda" if torch.cuda.is_available() else "cpu")


def merged(base: Any) -> Any:
    """Return the plain model of one with adapters; any other as it is."""
    return copy.deepcopy(base).merge_and_unload() if hasattr(base, "merge_and_unload") else base


def _replace(part: Path, folder: Path) -> None:
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    os.replace(part, folder)
    shutil.rmtree(old, ignore_errors=True)


def _settings_of(written: Mapping[str, Any], folder: Path) -> tuple[RewardModelSettings, tuple[float, float]]:
    try:
        settings = written["settings"]
        mean, deviation = (float(number) for number in written["scale"])
        built = RewardModelSettings(HeadSettings(**settings["head"]), settings["max_length"])
    except (KeyError, TypeError, ValueError) as error:
        raise RewardiumError(f"{folder / SETTINGS_FILE} has no settings of a {WHAT}: {error!r}") from error
    if not (np.isfinite(mean) and np.isfinite(deviation) and deviation > 0.0):
        raise RewardiumError(f"{folder / SETTINGS_FILE}: the scale must be a finite mean and a deviation above 0")
    return built, (mean, deviation)


def _is_classifier(folder: Path) -> bool:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return any(str(name).endswith("ForSequenceClassification") for name in config.get("architectures") or ())
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return False


def _load_base(name: str, language_model: bool, dtype: str, *, tokens: bool = True) -> tuple[Any, Any]:
    try:
        from transformers import AutoModel, AutoModelForCausalLM
    except ImportError as error:
        raise MissingExtraError(error.name or "transformers", "llm") from error
    return _load(name, AutoModelForCausalLM if language_model else AutoModel, dtype, tokens=tokens)


def _load(name: str, kind: Any, dtype: str, *, tokens: bool) -> tuple[Any, Any]:
    from transformers import AutoTokenizer

    looks_like_path = name.count("/") > 1 or name.startswith((".", "~", "/"))
    if looks_like_path and not (Path(name).expanduser() / "config.json").is_file():
        raise RewardiumError(f"cannot load the model {name!r}: there is no such folder with a config.json")
    name = str(Path(name).expanduser()) if looks_like_path else name
    safely = safe_settings(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, **safely) if tokens else None
        with ONE_AT_A_TIME:
            model = kind.from_pretrained(name, dtype=_dtype(dtype), use_safetensors=True, **safely)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, TypeError, _safetensor_error()) as error:
        raise RewardiumError(f"cannot load the model {name!r}: {first_line(error)}") from error
    if tokens and not getattr(tokenizer, "is_fast", False):
        raise RewardiumError(f"the tokenizer of {name!r} is not a fast one, which says where tokens stand in a text")
    return model, tokenizer


def _safetensor_error() -> type[Exception]:
    from safetensors import SafetensorError

    return SafetensorError


def _dtype(name: str) -> Any:
    import torch

    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise RewardiumError(f"dtype must be one of torch's for real numbers, e.g. 'bfloat16', got {name!r}")
    return dtype


def _width_of(base: Any) -> int:
    return int(base.config.get_text_config().hidden_size)


def _no_cache(base: Any) -> dict[str, bool]:
    return {"use_cache": False} if hasattr(base.config, "use_cache") else {}


__all__ = [
    "KIND", "WEIGHTS_FILE", "RewardModel", "RewardModelSettings", "device_of", "extrapolate", "load_reward_model",
    "merged", "require_own_folder",
]  # fmt: skip
