"""A judge in this process: a causal language model, loaded by ``transformers``."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rewardium.envs.errors import MissingExtraError, RewardiumError
from rewardium.rewards.models.after_fork import renew_after_fork
from rewardium.rewards.models.judge import Completion, JudgeError
from rewardium.rewards.models.loading import (
    ONE_AT_A_TIME,
    check_folder,
    device_and_dtype,
    first_line,
    safe_settings,
    weights_digest,
)
from rewardium.rewards.models.rebuilt import Rebuilt

logger = logging.getLogger(__name__)

DEFAULT_MAX_TOKENS = 8


@dataclass(frozen=True)
class TransformersJudge(Rebuilt):
    """Lets a language model in this process answer, greedily, in batches padded on the left.

    For small models and for machines without a server; a server such as vLLM is many times faster. The weights are read
    as safetensors only, and no code of the model's folder runs. A process forked from the one that loaded the model
    cannot use it, since the threads that compute do not survive a fork: start processes by ``spawn`` or ask a server.

    Args:
        model: A folder in the ordinary format, or a name on the model hub.
        endpoint: ``"chat"`` puts a prompt into the tokenizer's chat template as the user's turn, ``"completions"``
            goes on from the bare prompt, ``"auto"`` takes chat where there is a template.
        device: E.g. ``"cuda:0"``; None for the GPU where there is one, else the CPU.
        dtype: E.g. ``"bfloat16"``; None for the one that the model was saved in, and float32 on the CPU.
        batch_size: Prompts at once.
        max_tokens: Tokens of an answer.

    Raises:
        RewardiumError: When an argument is wrong, or the model cannot be loaded.
        MissingExtraError: When ``torch`` or ``transformers`` is not installed.
    """

    model: str
    endpoint: Literal["auto", "chat", "completions"] = "auto"
    device: str | None = None
    dtype: str | None = None
    batch_size: int = 16
    max_tokens: int = DEFAULT_MAX_TOKENS
    _loaded: _Loaded = field(init=False, repr=False, compare=False)
    _process: _Process = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.endpoint not in ("auto", "chat", "completions"):
            raise RewardiumError(f"endpoint must be 'auto', 'chat' or 'completions', got {self.endpoint!r}")
        if self.batch_size < 1 or self.max_tokens < 1:
            raise RewardiumError(f"batch and max_tokens must be at least 1, got {self.batch_size}, {self.max_tokens}")
        object.__setattr__(self, "_loaded", _load(self))
        object.__setattr__(self, "_process", _Process())
        renew_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Note that this is not the process that loaded the model, and replace what may be locked."""
        object.__setattr__(self, "_process", _Process(forked=True))

    @property
    def name(self) -> str:
        """The folder's or model's last name, a digest of its weights, and how it is asked."""
        loaded = self._loaded
        changes = ["chat" if loaded.chat else "completions"]
        changes += [f"max_tokens={self.max_tokens}"] if self.max_tokens != DEFAULT_MAX_TOKENS else []
        return f"{Path(self.model).name}@{loaded.digest}#{'&'.join(changes)}"

    def complete(self, prompts: Sequence[str]) -> list[Completion | None]:
        """Answer B prompts; None for a prompt that is too long for the model.

        Raises:
            JudgeError: When the judge is closed, the memory does not suffice, or the process was forked.
        """
        process = self._process
        if process.forked:
            raise JudgeError("a model in memory cannot be used after a fork: spawn processes, or ask a server")
        with process.lock:
            if process.closed.is_set():
                raise JudgeError(f"the judge {self.name} is closed")
            answers = self._answer(prompts)
            if process.closed.is_set():
                raise JudgeError(f"the judge {self.name} was closed")
        return answers

    def close(self) -> None:
        """Stop what is being written, after the next token; a closed judge answers nothing."""
        self._process.closed.set()

    def _answer(self, prompts: Sequence[str]) -> list[Completion | None]:
        import torch

        loaded = self._loaded
        encoded = [loaded.encode(prompt) for prompt in prompts]
        room = loaded.max_length - self.max_tokens
        # Prompts of about one length stand together, so that little is padded.
        order = sorted(
            (row for row, ids in enumerate(encoded) if 0 < len(ids) <= room), key=lambda row: len(encoded[row])
        )
        answers: list[Completion | None] = [None] * len(prompts)
        try:
            for start in range(0, len(order), self.batch_size):
                if self._process.closed.is_set():
                    break
                rows = order[start : start + self.batch_size]
                written = loaded.generate([encoded[row] for row in rows], self.max_tokens, self._process.closed)
                for row, (text, length) in zip(rows, written, strict=True):
                    answers[row] = Completion(text, len(encoded[row]), length)
        except (torch.OutOfMemoryError, RuntimeError) as error:
            raise JudgeError(f"the judge {self.name} failed: {str(error).strip()[:300]}") from error
        if len(order) < len(prompts):
            logger.info("%d prompts have more than the %d tokens that fit", len(prompts) - len(order), room)
        return answers


class _Process:
    """What belongs to the process: the lock around the model, and whether the judge is closed or cannot work."""

    def __init__(self, forked: bool = False) -> None:
        self.forked = forked
        self.lock = threading.Lock()
        self.closed = threading.Event()


class _Loaded:
    """The model and its tokenizer."""

    def __init__(self, model: Any, tokenizer: Any, chat: bool) -> None:
        self.model, self.tokenizer, self.chat = model, tokenizer, chat
        self.pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else (tokenizer.eos_token_id or 0)
        self.max_length = int(getattr(model.config.get_text_config(), "max_position_embeddings", None) or 1 << 30)
        self.digest = weights_digest(model)

    def encode(self, prompt: str) -> list[int]:
        if not self.chat:
            return list(self.tokenizer(prompt).input_ids)
        turns = [{"role": "user", "content": prompt}]
        text = self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        return list(self.tokenizer(text, add_special_tokens=False).input_ids)  # the template has written them

    def generate(self, batch: list[list[int]], max_tokens: int, stop: threading.Event) -> list[tuple[str, int]]:
        """Return what the model writes after each prompt, and how many tokens that took."""
        import torch
        from transformers import StoppingCriteriaList

        width = max(map(len, batch))
        ids = torch.tensor([[self.pad] * (width - len(row)) + row for row in batch], device=self.model.device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in batch], device=self.model.device)
        with torch.inference_mode():
            output = self.model.generate(
                input_ids=ids,
                attention_mask=mask,
                max_new_tokens=max_tokens,
                pad_token_id=self.pad,
                do_sample=False,
                num_beams=1,
                temperature=None,
                top_p=None,
                top_k=None,
                stopping_criteria=StoppingCriteriaList([lambda ids, scores: _stop_all(ids, stop)]),
            )
        written = [[token for token in row if token != self.pad] for row in output[:, width:].tolist()]
        return [(self.tokenizer.decode(row, skip_special_tokens=True), len(row)) for row in written]


def _stop_all(ids: Any, stop: threading.Event) -> Any:
    import torch

    return torch.full((ids.shape[0],), stop.is_set(), dtype=torch.bool, device=ids.device)


def _load(judge: TransformersJudge) -> _Loaded:
    try:
        import torch  # noqa: F401
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        raise MissingExtraError(error.name or "transformers", "llm") from error
    check_folder(judge.model)
    device, dtype = device_and_dtype(judge.device, judge.dtype)
    safely = safe_settings(judge.model)
    try:
        tokenizer = AutoTokenizer.from_pretrained(judge.model, **safely)
        with ONE_AT_A_TIME:
            model = AutoModelForCausalLM.from_pretrained(judge.model, dtype=dtype, use_safetensors=True, **safely)
        model = model.to(device).eval()
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise RewardiumError(f"cannot load the judge {judge.model!r}: {first_line(error)}") from error
    has_template = getattr(tokenizer, "chat_template", None) is not None
    if judge.endpoint == "chat" and not has_template:
        raise RewardiumError(f"the judge {judge.model!r} has no chat template: leave out 'chat', or use 'completions'")
    return _Loaded(model, tokenizer, chat=has_template and judge.endpoint != "completions")
