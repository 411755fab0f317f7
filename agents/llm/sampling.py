"""Sample answers to many prompts at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache

from rewardium.agents.llm.cache import grow, keep
from rewardium.agents.llm.policy import Policy, logits_at
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.plain_attention import pads_freely

# A batch is made smaller once at most this part of its rows still runs: a finished row costs time at each step, and
# making the batch smaller copies the cache.
COMPACT_BELOW = 0.8


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """How answers are drawn.

    Args:
        temperature: Divides the logits; 0 takes the most probable token.
        top_p: Keep the smallest set of tokens with this much probability (https://arxiv.org/abs/1904.09751); 1 keeps
            all.
        top_k: Keep this many most probable tokens; 0 keeps all.
        max_new_tokens: The largest number of tokens of one answer, the ending token included.

    Raises:
        RewardiumError: When a value is out of its range.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    max_new_tokens: int = 256

    def __post_init__(self) -> None:
        if not self.temperature >= 0.0:
            raise RewardiumError(f"temperature must be at least 0, got {self.temperature}")
        if not 0.0 < self.top_p <= 1.0:
            raise RewardiumError(f"top_p must be in (0, 1], got {self.top_p}")
        if self.top_k < 0:
            raise RewardiumError(f"top_k must be at least 0, got {self.top_k}")
        if self.max_new_tokens < 1:
            raise RewardiumError(f"max_new_tokens must be at least 1, got {self.max_new_tokens}")


@dataclass(frozen=True, slots=True)
class Completion:
    """One sampled answer.

    Args:
        token_ids: The sampled tokens, at least one; the ending token is among them where the answer has ended.
        logprobs: The log-probability of each token under ``softmax(logits / temperature)`` over the whole vocabulary
            (temperature 1 for greedy answers): the distribution that is trained, before ``top_p`` and ``top_k`` cut it.
        finished: Whether the answer ended by itself, not at its limit.
    """

    token_ids: list[int]
    logprobs: list[float]
    finished: bool


class Sampler(Protocol):
    """Whatever draws answers from a policy: this module's loop, or an inference engine."""

    def generate(
        self,
        prompt_ids: Sequence[Sequence[int]],
        settings: SamplingSettings,
        *,
        seeds: Sequence[int],
        limits: Sequence[int] | None = None,
    ) -> list[Completion]:
        """Draw one answer a prompt.

        Args:
            prompt_ids: The tokens of each prompt, at least one each.
            settings: How the answers are drawn.
            seeds: One seed a prompt; the same seed and prompt give the same answer.
            limits: The largest number of tokens of each answer, where it is smaller than the settings' one.

        Returns:
            One completion a prompt, in order.
        """


class TransformersSampler:
    """Sample with a ``transformers`` model and its key-value cache.

    A prompt that occurs several times, as in a GRPO group, is read once. Answers that have ended leave the batch. The
    noise of a token depends on the answer's seed and the token's index only, so that neither the order of the prompts
    nor the batches they are sampled in change what is drawn (beyond rounding).

    Args:
        policy: The policy.
        max_batch_tokens: The largest number of tokens (prompts and answers at full length) in the cache at a time.

    Example:
        >>> sampler = TransformersSampler(load_policy("my/policy"))  # doctest: +SKIP
        >>> sampler.generate([[1, 2, 3]] * 8, SamplingSettings(max_new_tokens=16), seeds=range(8))  # doctest: +SKIP
    """

    def __init__(self, policy: Policy, *, max_batch_tokens: int = 262_144) -> None:
        self.policy = policy
        self.max_batch_tokens = max_batch_tokens
        self._pads_freely = pads_freely(policy.model)
        self._eos = torch.tensor(policy.eos_ids, device=policy.device)
        # On a GPU, asking whether answers have ended waits for all queued work.
        self._check_every = 1 if policy.device.type == "cpu" else 8

    def generate(
        self,
        prompt_ids: Sequence[Sequence[int]],
        settings: SamplingSettings,
        *,
        seeds: Sequence[int],
        limits: Sequence[int] | None = None,
    ) -> list[Completion]:
        """Draw one answer a prompt; see ``Sampler.generate``.

        Raises:
            RewardiumError: When a prompt is empty, or the lengths of the arguments differ.
        """
        allowed = [settings.max_new_tokens] * len(prompt_ids) if limits is None else list(limits)
        if not len(prompt_ids) == len(seeds) == len(allowed):
            raise RewardiumError(
                f"there are {len(prompt_ids)} prompts, {len(seeds)} seeds and {len(allowed)} limits; one each is needed"
            )
        if any(len(prompt) == 0 for prompt in prompt_ids):
            raise RewardiumError("a prompt must have at least one token")
        allowed = [min(limit, settings.max_new_tokens) for limit in allowed]
        completions: dict[int, Completion] = {}
        for rows in self._batches(prompt_ids, allowed):
            prompts = [prompt_ids[row] for row in rows]
            answers = self._generate_batch(
                prompts, [seeds[row] for row in rows], [allowed[row] for row in rows], settings
            )
            completions.update(zip(rows, answers, strict=True))
        return [completions[row] for row in range(len(prompt_ids))]

    def _batches(self, prompt_ids: Sequence[Sequence[int]], limits: Sequence[int]) -> Iterator[list[int]]:
        """Cut the rows, sorted by length so that little is padded, into batches that fit."""
        order = sorted(range(len(prompt_ids)), key=lambda row: (len(prompt_ids[row]), tuple(prompt_ids[row])))
        batch: list[int] = []
        limit = 0
        for row in order:
            limit = max(limit, limits[row])
            too_large = (len(batch) + 1) * (len(prompt_ids[row]) + limit) > self.max_batch_tokens
            other_length = not self._pads_freely and batch and len(prompt_ids[batch[-1]]) != len(prompt_ids[row])
            if batch and (too_large or other_length):
                yield batch
                batch, limit = [], limits[row]
            batch.append(row)
        if batch:
            yield batch

    @torch.inference_mode()
    def _generate_batch(
        self, prompts: list[Sequence[int]], seeds: list[int], limits: list[int], settings: SamplingSettings
    ) -> list[Completion]:
        device, room = self.policy.device, max(limits)
        tokens_BK = torch.zeros(len(prompts), room, dtype=torch.int64, device=device)
        logprobs_BK = torch.zeros(len(prompts), room, device=device)
        lengths_B = torch.tensor(limits, device=device)  # shortened where an answer ends
        seeds_B = torch.tensor([_signed(seed) for seed in seeds], device=device)
        rows_R = torch.arange(len(prompts), device=device)  # the rows still running
        with self.policy.autocast():
            logits_RV, cache, prompt_lengths_B, seen_BP = self._read_prompts(prompts, room)
            for step in range(room):
                token_R, logprob_R = draw(logits_RV, uniform(seeds_B[rows_R], step), settings)
                tokens_BK[rows_R, step], logprobs_BK[rows_R, step] = token_R, logprob_R
                ended_R = torch.isin(token_R, self._eos)
                lengths_B[rows_R] = torch.where(ended_R, lengths_B[rows_R].clamp(max=step + 1), lengths_B[rows_R])
                if step + 1 == room:
                    break
                if (step + 1) % self._check_every == 0:
                    kept = (lengths_B[rows_R] > step + 1).nonzero().squeeze(1)
                    if len(kept) == 0:
                        break
                    if len(kept) <= COMPACT_BELOW * len(rows_R):
                        keep(cache, kept)
                        rows_R, token_R = rows_R[kept], token_R[kept]
                logits_RV = self.policy.model(
                    input_ids=token_R[:, None],
                    attention_mask=None if seen_BP is None else seen_BP[rows_R, : seen_BP.shape[1] - room + step + 1],
                    position_ids=(prompt_lengths_B[rows_R] + step)[:, None],
                    past_key_values=cache,
                    use_cache=True,
                ).logits[:, -1]
        return self._completions(tokens_BK, logprobs_BK, lengths_B)

    def _read_prompts(self, prompts: list[Sequence[int]], room: int) -> tuple[Tensor, Any, Tensor, Tensor | None]:
        """Read each distinct prompt once.

        Returns:
            The logits after each row's prompt, float [B, V]; the cache of all rows; the prompts' lengths, int64 [B];
            and bool [B, P + room] with the places that may be attended to, or None where all may.
        """
        device, model = self.policy.device, self.policy.model
        distinct = list(dict.fromkeys(tuple(prompt) for prompt in prompts))
        index = {prompt: number for number, prompt in enumerate(distinct)}
        rows_B = torch.tensor([index[tuple(prompt)] for prompt in prompts], device=device)
        ids_UP, lengths_U = pad_right(distinct, self.policy.pad_id, device)
        place_P = torch.arange(ids_UP.shape[1], device=device)
        cache = DynamicCache(config=model.config)
        # Padded on the right, a causal model needs no mask: no token sees what comes after it.
        last_UP = place_P == lengths_U[:, None] - 1
        logits_UV = logits_at(model, last_UP, input_ids=ids_UP, past_key_values=cache, use_cache=True)
        grow(cache, rows_B)
        seen_BP = None
        if len({len(prompt) for prompt in distinct}) > 1:
            seen_UP = place_P < lengths_U[:, None]
            seen_BP = torch.cat([seen_UP[rows_B], seen_UP.new_ones(len(prompts), room)], dim=1)
        return logits_UV[rows_B], cache, lengths_U[rows_B], seen_BP

    def _completions(self, tokens_BK: Tensor, logprobs_BK: Tensor, lengths_B: Tensor) -> list[Completion]:
        finished = torch.isin(tokens_BK.gather(1, lengths_B[:, None] - 1).squeeze(1), self._eos).tolist()
        rows = zip(tokens_BK.tolist(), logprobs_BK.tolist(), lengths_B.tolist(), finished, strict=True)
        return [Completion(tokens[:length], logprobs[:length], ended) for tokens, logprobs, length, ended in rows]


def pad_right(sequences: Sequence[Sequence[int]], pad_id: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Put token sequences into one tensor.

    Args:
        sequences: B token sequences.
        pad_id: What stands after a sequence's end.
        device: Where the tensors go.

    Returns:
        int64 [B, T] tokens and int64 [B] lengths.

    Example:
        >>> pad_right([[1], [2, 3]], 0, torch.device("cpu"))[0].tolist()
        [[1, 0], [2, 3]]
    """
    lengths = [len(sequence) for sequence in sequences]
    width = max(lengths, default=0)
    rows = [[*sequence, *[pad_id] * (width - len(sequence))] for sequence in sequences]
    return torch.tensor(rows, dtype=torch.int64, device=device), torch.tensor(lengths, device=device)


def draw(logits_BV: Tensor, uniform_B: Tensor, settings: SamplingSettings) -> tuple[Tensor, Tensor]:
    """Draw a token from each row of logits, by inverting its cumulative distribution.

    One uniform number a row is all the noise it takes, where the usual race of exponentials takes one a vocabulary
    entry.

    Args:
        logits_BV: float [B, V].
        uniform_B: float64 [B] in [0, 1).
        settings: Temperature, ``top_p`` and ``top_k``.

    Returns:
        The tokens int64 [B], and their log-probabilities float32 [B] as ``Completion`` defines them.

    Example:
        >>> logits = torch.tensor([[0.0, 0.0, -100.0]])
        >>> [int(draw(logits, torch.tensor([u], dtype=torch.float64), SamplingSettings())[0]) for u in (0.1, 0.9)]
        [0, 1]
    """
    logprobs_BV = torch.log_softmax(logits_BV.float() / (settings.temperature or 1.0), dim=-1)
    if settings.temperature == 0.0:
        token_B = logprobs_BV.argmax(dim=-1)
    else:
        weights_BV = _truncated(logprobs_BV, settings).exp()
        cumulative_BV = weights_BV.cumsum(dim=-1)
        total_B1 = cumulative_BV[:, -1:]
        # Rounding must not reach the total itself, behind which there is no token.
        aim_B1 = (uniform_B[:, None].float() * total_B1).minimum(total_B1.nextafter(torch.zeros_like(total_B1)))
        token_B = torch.searchsorted(cumulative_BV, aim_B1, right=True).squeeze(1)
    return token_B, logprobs_BV.gather(1, token_B[:, None]).squeeze(1)


def _truncated(logprobs_BV: Tensor, settings: SamplingSettings) -> Tensor:
    """Set to -inf what ``top_k`` and ``top_p`` leave out; the most probable token always stays."""
    if 0 < settings.top_k < logprobs_BV.shape[1]:
        smallest_B1 = logprobs_BV.topk(settings.top_k, dim=-1).values[:, -1:]
        logprobs_BV = logprobs_BV.masked_fill(logprobs_BV < smallest_B1, -torch.inf)
    if settings.top_p < 1.0:
        sorted_BV, order_BV = logprobs_BV.softmax(dim=-1).sort(dim=-1, descending=True)
        before_BV = sorted_BV.cumsum(dim=-1) - sorted_BV
        dropped_BV = torch.zeros_like(before_BV, dtype=torch.bool).scatter(1, order_BV, before_BV >= settings.top_p)
        logprobs_BV = logprobs_BV.masked_fill(dropped_BV, -torch.inf)
    return logprobs_BV


def uniform(seeds_B: Tensor, step: int) -> Tensor:
    """Return the noise of one step: a number of SplitMix64's sequence for each seed.

    SplitMix64 (Steele, Lea and Flood 2014, https://doi.org/10.1145/2660193.2660195) is the finaliser of a counter, so
    that any number of a sequence can be had without those before it. Certainty: high, its constants are published.

    Args:
        seeds_B: int64 [B].
        step: Index in each seed's sequence, from 0.

    Returns:
        float64 [B] in [0, 1).

    Example:
        >>> uniform(torch.tensor([0, 1]), 0).tolist() == uniform(torch.tensor([1, 0]), 0).flip(0).tolist()
        True
    """
    z = seeds_B + _signed((step + 1) * 0x9E3779B97F4A7C15)
    z = (z ^ _shift_right(z, 30)) * _signed(0xBF58476D1CE4E5B9)
    z = (z ^ _shift_right(z, 27)) * _signed(0x94D049BB133111EB)
    z = z ^ _shift_right(z, 31)
    return _shift_right(z, 11).double() * 2.0**-53


def _shift_right(value: Tensor, bits: int) -> Tensor:
    """Shift an int64 as if it had no sign."""
    return (value >> bits) & ((1 << (64 - bits)) - 1)


def _signed(value: int) -> int:
    """Return the int64 with the lowest 64 bits of an integer."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >= 1 << 63 else value
