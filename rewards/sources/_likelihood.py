"""What sources with a language model's likelihoods share; the leading underscore says that this file is no source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.models.causal_model import CausalModel, Request, Span, TokenScores, load_causal_model
from rewardium.rewards.models.rebuilt import Rebuilt
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.shaping.parameters import require_choice
from rewardium.rewards.source import Score, Segment, Segments
from rewardium.rewards.sources._columns import NO_RESPONSE, no_score, require_positive_int

NO_HISTORY = "the batch has no histories, which context='episode' reads"
NO_OBSERVATION = "the batch has no observations"
NO_PROMPT = "the observation is no text"
NO_TEXT = "the action is no text"
NO_TOKENS = "the response is empty, and a mean over no tokens is not defined"

Unit = Literal["token", "step", "response"]
UNITS: tuple[Unit, ...] = ("token", "step", "response")
Reduce = Literal["sum", "mean"]
REDUCTIONS: tuple[Reduce, ...] = ("sum", "mean")


@dataclass(frozen=True)
class LikelihoodSource(Rebuilt, RewardSource):
    """A source that asks frozen language models how likely texts are.

    A model is a folder or a name on the hub; it is loaded when the source is built, once a process. The model that is
    being trained cannot be named: a source keeps no memory and sees texts only. A checkpoint of it can, by its folder.

    Args:
        context: What stands before the response: the whole ``"episode"`` so far, or the observation of this ``"turn"``
            alone. The environment speaks as the user of the chat template.
        chat: Whether to use the tokenizer's chat template, where it has one.
        max_tokens: The most tokens of a text with its context; a longer one has no score. Never above what the model
            can read.
        tokens_a_pass: Tokens that a model reads at once, padding counted; None for 4,096 on a CPU, 32,768 on a GPU.
        device: E.g. ``"cuda:0"``; None for the GPU where there is one, else the CPU.
        dtype: E.g. ``"bfloat16"``; None for the one that the model was saved in, and float32 on the CPU.

    Raises:
        RewardiumError: When a parameter is out of its range, or a model cannot be loaded.
        MissingExtraError: When ``torch`` or ``transformers`` is not installed.
    """

    context: Literal["episode", "turn"] = field(default="episode", kw_only=True)
    chat: bool = field(default=True, kw_only=True)
    max_tokens: int = field(default=4096, kw_only=True)
    tokens_a_pass: int | None = field(default=None, kw_only=True)
    device: str | None = field(default=None, kw_only=True)
    dtype: str | None = field(default=None, kw_only=True)
    _models: tuple[CausalModel, ...] = field(init=False, repr=False, compare=False, default=())

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """The response and what stands before it."""
        return frozenset({"action", "observation"} | ({"history"} if self.context == "episode" else set()))

    @property
    def needs_same_tokens(self) -> bool:
        """Whether the models must cut texts into the same tokens."""
        return True

    def load_models(self, *parameters: str) -> None:
        """Check what all sources share, and load the models that some parameters name.

        Args:
            *parameters: Names of the fields that name a model.

        Raises:
            RewardiumError: When a parameter is wrong, a model cannot be loaded, or the tokenizers do not fit.
        """
        require_choice(self, "context", ("episode", "turn"))
        if not isinstance(self.chat, bool):
            raise RewardiumError(f"{self.registered_name}: 'chat' must be true or false, got {self.chat!r}")
        require_positive_int(f"{self.registered_name}: 'max_tokens'", self.max_tokens)
        if self.tokens_a_pass is not None:
            require_positive_int(f"{self.registered_name}: 'tokens_a_pass'", self.tokens_a_pass)
        for name in parameters:
            value = getattr(self, name)
            if not isinstance(value, (str, Path)) or not str(value).strip():
                raise RewardiumError(
                    f"{self.registered_name}: {name!r} must be the folder of a language model or a name on the hub, "
                    f"got {value!r}"
                )
            object.__setattr__(self, name, str(value))
        models = [load_causal_model(getattr(self, name), device=self.device, dtype=self.dtype) for name in parameters]
        object.__setattr__(self, "_models", tuple(models))
        if self.needs_same_tokens and len({model.tokens_key for model in models}) > 1:
            named = " and ".join(f"{name}={getattr(self, name)!r}" for name in parameters)
            raise RewardiumError(
                f"{self.registered_name}: the tokenizers of {named} differ, and likelihoods are compared token by "
                "token: take two models with one tokenizer"
            )

    def answers(self, batch: TransitionBatch) -> list[Request | str] | Score:
        """Return what is to be scored in each row, the response after its context, or why there is nothing.

        Args:
            batch: B transitions.

        Returns:
            Length B; or a score in which no row is valid, where the batch lacks a column.
        """
        columns = {
            "action": (batch.actions, NO_RESPONSE),
            "observation": (batch.previous_observations, NO_OBSERVATION),
            "history": (batch.histories, NO_HISTORY),
            "task": (batch.tasks, "the batch has no tasks"),
        }
        for need in sorted(self.needs):
            column, reason = columns[need]
            if column is None:
                return no_score(batch, reason)
        pasts = batch.histories if self.context == "episode" and batch.histories is not None else [()] * len(batch)
        rows = zip(pasts, batch.previous_observations, batch.actions, strict=True)
        return [_request(past, prompt, action) for past, prompt, action in rows]

    def ask(
        self, model: CausalModel, requests: Sequence[Request | str], *, distribution: bool = False
    ) -> list[TokenScores | str]:
        """Let a model score the targets of B requests.

        Args:
            model: The model.
            requests: Length B; a reason in place of a request is handed through.
            distribution: Whether the entropies are wanted.

        Returns:
            Length B; in place of what has no score the reason.
        """
        rows = [row for row, request in enumerate(requests) if not isinstance(request, str)]
        asked = [request for request in requests if not isinstance(request, str)]
        found: list[TokenScores | str] = [request if isinstance(request, str) else "" for request in requests]
        encoded = model.encode(asked, max_tokens=self.max_tokens, chat=self.chat)
        known = [(row, item) for row, item in zip(rows, encoded, strict=True) if not isinstance(item, str)]
        for row, item in zip(rows, encoded, strict=True):
            found[row] = item if isinstance(item, str) else found[row]
        scores = model.score([item for _, item in known], distribution=distribution, tokens_a_pass=self.tokens_a_pass)
        for (row, _), score in zip(known, scores, strict=True):
            found[row] = "the memory does not suffice for the text" if score is None else score
        return found


def _request(past: Sequence[Any], prompt: Any, action: Any) -> Request | str:
    if not isinstance(action, str):
        return NO_TEXT
    turns = [turn for step in past for turn in (step.previous_observation, step.action)]
    if not isinstance(prompt, str):
        return NO_PROMPT
    # Earlier turns may be anything; the episode went on, so that they have a place in the conversation.
    said = [turn if isinstance(turn, str) else "" for turn in turns]
    return Request((*said, prompt), action)


class Tokens(NamedTuple):
    """One number for each token of a text.

    Args:
        spans: T pairs: where a token's characters start and end.
        values: float64 [T].
    """

    spans: Sequence[Span]
    values: NDArray[np.float64]


def log_probabilities(scores: Sequence[TokenScores | str]) -> list[Tokens | str]:
    """Return ``log p(y_t | x, y_<t)`` for each token of each row."""
    return [row if isinstance(row, str) else Tokens(row.spans, row.log_probabilities) for row in scores]


def log_ratios(above: Sequence[TokenScores | str], below: Sequence[TokenScores | str]) -> list[Tokens | str]:
    """Return ``log p(y_t | ...) - log q(y_t | ...)`` for each token of each row.

    Args:
        above: What ``p`` says, length B.
        below: What ``q`` says of the same texts, length B. Where the models cut a text into different tokens, it
            counts as one token.

    Returns:
        Length B; the first reason where either has no score.
    """
    rows: list[Tokens | str] = []
    for first, second in zip(above, below, strict=True):
        if isinstance(first, str) or isinstance(second, str):
            rows.append(first if isinstance(first, str) else str(second))
        elif first.spans != second.spans:  # then only the sums can be compared
            end = max([end for _, end in (*first.spans, *second.spans)], default=0)
            total = first.log_probabilities.sum() - second.log_probabilities.sum()
            rows.append(Tokens([(0, end)], np.array([total])))
        else:
            rows.append(Tokens(first.spans, first.log_probabilities - second.log_probabilities))
    return rows


def within(tokens: Tokens, spans: Sequence[Span]) -> Tokens:
    """Keep the tokens that hold a character of one of some spans.

    Args:
        tokens: T tokens.
        spans: Pairs of start and end, in order, none inside of another.

    Returns:
        The tokens, in order.

    Example:
        >>> within(Tokens([(0, 2), (2, 3), (3, 5)], np.array([1.0, 2.0, 3.0])), [(1, 3)]).values.tolist()
        [1.0, 2.0]
    """
    if not len(tokens.spans) or not spans:
        return Tokens([], np.zeros(0))
    starts, ends = np.array(tokens.spans, dtype=np.int64).T
    kept = np.zeros(len(starts), dtype=np.bool_)
    for start, end in spans:
        kept |= (starts < end) & (ends > start)
    return Tokens([tokens.spans[index] for index in np.flatnonzero(kept).tolist()], tokens.values[kept])


def before(text: str, mark: str) -> str:
    """Return a text up to the first place where a mark stands, or all of it where there is none, or no mark.

    Example:
        >>> before("6 * 7 is 42 ### 42", "###"), before("42", "###"), before("42", "")
        ('6 * 7 is 42 ', '42', '42')
    """
    return text.partition(mark)[0] if mark else text


def split_steps(text: str, separator: str) -> Iterator[Span]:
    r"""Yield where the steps of a text start and end; a separator belongs to the step before it.

    Example:
        >>> list(split_steps("a\n\nbc\n\n", "\n\n"))
        [(0, 3), (3, 7)]
    """
    start = 0
    while start < len(text):
        place = text.find(separator, start)
        end = len(text) if place < 0 else place + len(separator)
        yield start, end
        start = end


def parts_of(tokens: Tokens, text: str, unit: Unit, separator: str) -> list[Segment]:
    r"""Add up the tokens of a response by the part that they stand in.

    Args:
        tokens: T tokens of the response.
        text: The response.
        unit: The parts: every token, the steps between separators, or the response as a whole.
        separator: What ends a step.

    Returns:
        The parts that hold a token, in order; each token counts where its last character stands.

    Example:
        >>> tokens = Tokens([(0, 1), (1, 2), (2, 3)], np.array([1.0, 2.0, 4.0]))
        >>> [tuple(part) for part in parts_of(tokens, "a\nb", "step", "\n")]
        [(0, 2, 3.0), (2, 3, 4.0)]
    """
    if not len(tokens.spans):
        return []
    if unit == "token":
        # A token without characters of its own, as a mark of a word's beginning, stands at the nearest one.
        return [
            Segment(min(start, len(text) - 1), min(max(end, start + 1), len(text)), value)
            for (start, end), value in zip(tokens.spans, tokens.values.tolist(), strict=True)
        ]
    if unit == "response":
        return [Segment(0, len(text), float(tokens.values.sum()))]
    steps = list(split_steps(text, separator))
    last = np.array([max(end - 1, 0) for _, end in tokens.spans], dtype=np.int64)
    step_of = np.minimum(np.searchsorted([end for _, end in steps], last, side="right"), len(steps) - 1)
    sums = np.bincount(step_of, weights=tokens.values, minlength=len(steps))
    held = np.unique(step_of).tolist()
    return [Segment(steps[step][0], steps[step][1], float(sums[step])) for step in held]


class Credit(NamedTuple):
    """What a source says of one row.

    Args:
        value: The reward; None where it cannot be had.
        reason: In words.
        segments: Parts of the value, which sum to it; empty where it belongs to the response as a whole.
    """

    value: float | None
    reason: str
    segments: Segments = ()


def token_credit(
    row: Tokens | str,
    text: Any,
    *,
    factor: float = 1.0,
    reduce: Reduce = "sum",
    unit: Unit = "token",
    separator: str = "\n",
) -> Credit:
    """Turn one number a token into the reward of a response.

    Args:
        row: The tokens, or why there are none.
        text: The response.
        factor: What every number is multiplied by.
        reduce: Their ``"sum"`` or ``"mean"``. The sum over an empty response is 0, its mean is not defined.
        unit: The parts that carry the credit.
        separator: What ends a step.

    Returns:
        The credit. Its reason says what reveals a reward for length or repetition: the number of tokens, sum and mean.

    Example:
        >>> token_credit(Tokens([(0, 1), (1, 2)], np.array([1.0, 3.0])), "ab", factor=0.5, reduce="mean").value
        1.0
        >>> token_credit(Tokens([], np.zeros(0)), "").value
        0.0
    """
    if isinstance(row, str):
        return Credit(None, row)
    count = len(row.values)
    if not count:
        return Credit(0.0, "the response is empty") if reduce == "sum" else Credit(None, NO_TOKENS)
    scaled = Tokens(row.spans, row.values * (factor / count if reduce == "mean" else factor))
    # Rewards are float32, and digits below that depend on what else was in the model's batch.
    parts = [
        Segment(start, end, float(np.float32(value))) for start, end, value in parts_of(scaled, text, unit, separator)
    ]
    segments = () if unit == "response" else tuple(parts)
    return Credit(sum(part.value for part in parts), told(row.values), segments)


def told(values: NDArray[np.float64]) -> str:
    """Say how many tokens there are, with the sum and the mean of their numbers.

    Example:
        >>> told(np.array([1.0, 2.0]))
        '2 tokens, sum 3, mean 1.5'
    """
    mean = values.mean() if len(values) else 0.0
    unit = "token" if len(values) == 1 else "tokens"
    return f"{len(values)} {unit}, sum {values.sum():.4g}, mean {mean:.4g}"


def as_score(credits: Sequence[Credit], models: Sequence[Sequence[TokenScores | str]] = ()) -> Score:
    """Build the score of B rows.

    Args:
        credits: Length B.
        models: What each model said, to count the tokens that it scored.

    Returns:
        The score; a number that is not finite makes its row invalid.
    """
    segments = [row.segments for row in credits]
    cost = float(sum(len(row.spans) for rows in models for row in rows if not isinstance(row, str)))
    score = Score.of(
        [row.value for row in credits],
        reasons=[row.reason for row in credits],
        segments=segments if any(segments) else None,
        cost={"tokens": cost},
    )
    if score.segments is None or score.valid.all():
        return score
    kept = [row if valid else () for row, valid in zip(score.segments, score.valid.tolist(), strict=True)]
    return Score(score.value, score.valid, kept, score.reasons, score.cost)


_CHARACTERS = "\n" + "".join(chr(code) for code in range(32, 127))


@cache
def example_model(seed: int = 0) -> TemporaryDirectory[str]:
    """Build a tiny model of characters with random weights once a process; its folder goes when the process ends.

    Args:
        seed: Of the weights; models of all seeds have one tokenizer.
    """
    import torch
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder: TemporaryDirectory[str] = TemporaryDirectory(prefix="rewardium-likelihood-")
    vocabulary = {token: index for index, token in enumerate(["<|end|>", "<|unknown|>", *_CHARACTERS])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<|unknown|>"))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|end|>", unk_token="<|unknown|>")
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.5,  # far from uniform, so that models of two seeds differ
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    model.save_pretrained(folder.name)
    tokenizer.save_pretrained(folder.name)
    return folder
