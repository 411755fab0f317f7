"""A judge of frames in this process: a vision-language model, loaded by ``transformers``."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from rewardium.envs.errors import MissingExtraError, RewardiumError
from rewardium.rewards.models.after_fork import renew_after_fork
from rewardium.rewards.models.frame_judge import ImageQuestion, Probabilities
from rewardium.rewards.models.judge import JudgeError
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


@dataclass(frozen=True)
class FrameTransformersJudge(Rebuilt):
    """Shows frames to a vision-language model in this process, and reads its next token's probabilities.

    For small models and for machines without a server. Any model that ``AutoModelForImageTextToText`` and
    ``AutoProcessor`` load, whose processor has a chat template. Nothing is written: one pass over a question gives the
    probability of every token, and an allowed word's is the sum over those of its spellings ("yes", " Yes") that are
    one token. Where the likeliest token of all is none of these, the answer is unknown. Weights are read as safetensors
    only, and no code of the model's folder runs. Equal names share one model in a process; a process forked from the
    one that loaded it cannot use it.

    Args:
        model: A folder in the ordinary format, or a name on the model hub.
        device: E.g. ``"cuda:0"``; None for the GPU where there is one, else the CPU.
        dtype: E.g. ``"bfloat16"``; None for the one that the model was saved in, and float32 on the CPU.
        batch_size: Questions at once.

    Raises:
        RewardiumError: When an argument is wrong, or the model cannot be loaded.
        MissingExtraError: When ``torch``, ``transformers`` or ``pillow`` is not installed.
    """

    model: str
    device: str | None = None
    dtype: str | None = None
    batch_size: int = 8
    _loaded: _Loaded = field(init=False, repr=False, compare=False)
    _process: _Process = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise RewardiumError(f"batch must be at least 1, got {self.batch_size}")
        object.__setattr__(self, "_loaded", _load(self.model, self.device, self.dtype))
        object.__setattr__(self, "_process", _Process())
        renew_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Note that this is not the process that loaded the model, and replace what may be locked."""
        object.__setattr__(self, "_process", _Process(forked=True))

    @property
    def name(self) -> str:
        """The folder's or model's last name, and a digest of its weights."""
        return f"{Path(self.model).name}@{self._loaded.digest}#frames"

    def check_words(self, allowed: Sequence[str]) -> None:
        """Refuse a word that is no single token in any spelling."""
        self._loaded.tokens_of(tuple(allowed))

    def choose(self, questions: Sequence[ImageQuestion], allowed: Sequence[str]) -> list[Probabilities | None]:
        """Answer B questions.

        Raises:
            JudgeError: When the memory does not suffice, the model cannot read the questions, the process was forked,
                or the judge is closed.
        """
        process = self._process
        if process.forked:
            raise JudgeError("a model in memory cannot be used after a fork: spawn processes, or ask a server")
        tokens = self._loaded.tokens_of(tuple(allowed))
        answers: list[Probabilities | None] = []
        with process.lock:
            for start in range(0, len(questions), self.batch_size):
                if process.closed:
                    raise JudgeError(f"the judge {self.name} is closed")
                try:
                    shares = self._loaded.next_token(questions[start : start + self.batch_size])
                except (RuntimeError, ValueError, IndexError, TypeError) as error:  # what processors and memory raise
                    raise JudgeError(f"the judge {self.name} failed: {str(error).strip()[:300]}") from error
                answers += [_answer(row, tokens) for row in shares]
        return answers

    def close(self) -> None:
        """Stop after the batch under way; a closed judge answers nothing."""
        self._process.closed = True


class _Process:
    """What belongs to the process: the lock around the model, and whether the judge is closed or cannot work."""

    def __init__(self, forked: bool = False) -> None:
        self.forked = forked
        self.closed = False
        self.lock = threading.Lock()


def _answer(shares: np.ndarray[Any, np.dtype[np.float64]], tokens: list[list[int]]) -> Probabilities | None:
    """Sum the probabilities (float64 [vocabulary]) of each word's tokens, where the likeliest token is one of them."""
    if not np.isfinite(shares).all() or int(shares.argmax()) not in {token for ids in tokens for token in ids}:
        return None
    return np.array([min(float(shares[ids].sum()), 1.0) for ids in tokens])


@dataclass
class _Loaded:
    """A model with its processor."""

    model: Any
    processor: Any
    name: str

    def __post_init__(self) -> None:
        self.digest = weights_digest(self.model)

    def tokens_of(self, allowed: tuple[str, ...]) -> list[list[int]]:
        """Return, for each word, the tokens that are one of its spellings."""
        tokens = [self._spellings(word) for word in allowed]
        for word, ids in zip(allowed, tokens, strict=True):
            if not ids:
                raise RewardiumError(f"the model {self.name!r} has no token for the word {word!r}: it cannot be asked")
        return tokens

    def _spellings(self, word: str) -> list[int]:
        tokenizer = self.processor.tokenizer
        found = set()
        for spelled in {word, word.capitalize(), word.upper()}:
            for text in (spelled, f" {spelled}"):
                ids = tokenizer(text, add_special_tokens=False)["input_ids"]
                if len(ids) == 1 and ids[0] != tokenizer.unk_token_id:
                    found.add(int(ids[0]))
        return sorted(found)

    def next_token(self, questions: Sequence[ImageQuestion]) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return the probability of each token after each question, float64 [B, vocabulary]."""
        import torch

        inputs = self._inputs(questions).to(self.model.device)
        # Pixels come as float32; a model in bfloat16 takes them so.
        inputs = {
            name: value.to(self.model.dtype) if value.is_floating_point() else value for name, value in inputs.items()
        }
        with torch.inference_mode():
            logits = self.model(**inputs, use_cache=False).logits[:, -1]
        return np.asarray(logits.double().softmax(dim=-1).cpu().numpy())

    def _inputs(self, questions: Sequence[ImageQuestion]) -> Any:
        from PIL import Image

        texts, pictures = [], []
        for question in questions:
            content = [
                {"type": "text", "text": part} if isinstance(part, str) else {"type": "image"}
                for part in question.parts
            ]
            texts.append(
                self.processor.apply_chat_template(
                    [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
                )
            )
            pictures.append([Image.fromarray(np.ascontiguousarray(frame)) for frame in question.frames])
        # Padded on the left, so that the last place of every row is where its answer begins.
        return self.processor(text=texts, images=pictures, return_tensors="pt", padding=True)


@lru_cache(maxsize=4)
def _load(name: str, device: str | None, dtype: str | None) -> _Loaded:
    try:
        import PIL.Image  # noqa: F401
        import torch  # noqa: F401
        from transformers import AutoModelForImageTextToText, AutoProcessor
    except ImportError as error:
        raise MissingExtraError(error.name or "transformers", "llm") from error
    check_folder(name)
    device, dtype = device_and_dtype(device, dtype)
    safely = safe_settings(name)
    try:
        processor = AutoProcessor.from_pretrained(name, **safely)
        with ONE_AT_A_TIME:
            model = AutoModelForImageTextToText.from_pretrained(name, dtype=dtype, use_safetensors=True, **safely)
        model = model.to(device).eval()
    except Exception as error:  # what a damaged folder or a lost connection raises there has no common type
        raise RewardiumError(f"cannot load the vision-language model {name!r}: {first_line(error)}") from error
    if getattr(processor, "tokenizer", None) is None or getattr(processor, "chat_template", None) is None:
        raise RewardiumError(f"the model {name!r} cannot be asked: its processor has no tokenizer or no chat template")
    processor.tokenizer.padding_side = "left"
    return _Loaded(model, processor, name)
