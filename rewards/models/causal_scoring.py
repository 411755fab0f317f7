"""What a causal language model thinks of texts: the log-probability of each token of a target after its context."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.after_fork import renew_after_fork
from rewardium.rewards.models.conversation import text_before
from rewardium.rewards.models.passes import Pass, cheapest_plan
from rewardium.rewards.models.plain_attention import pads_freely
from rewardium.rewards.models.token_scores import (
    Encoded,
    Request,
    Span,
    TokenScores,
    as_scores,
    joined,
    measured_tokens,
)

if TYPE_CHECKING:
    import torch

TOKENS_A_PASS = {"cpu": 4_096, "cuda": 32_768}
"""Tokens of one pass, padding counted; more make nothing faster."""
_LOGIT_BYTES = {"cpu": 256 * 2**20, "cuda": 2 * 2**30}
"""Bytes that the logits of one pass may take."""
_PROBE = 'Is 12 + 7 = 19? \\boxed{19}\n\n{"name": "add"} <think>¿no? 🙂 naïve  x_1</think>'


class CausalModel:
    """Scores texts with a causal language model, which is not trained.

    Context and target are tokenised apart, as a prompt and an answer are in sampling, so that no token lies on both
    sides. Texts of like length share a pass, padded on the right; texts that begin with one context share its keys and
    values where that saves work and every layer of the model is plain attention. Logits are computed where a target's
    token is predicted, and only what is asked of them is kept. A pass that the GPU has no memory for is cut in two.

    Several threads may use one model. A process forked from the one that loaded it cannot, since the threads that
    compute do not survive a fork. Made by ``load_causal_model``.

    Args:
        model: A causal language model of ``transformers``, in evaluation mode on its device.
        tokenizer: Its tokenizer, a fast one.
        name: Where it comes from.

    Raises:
        RewardiumError: When the tokenizer is not a fast one: it cannot say which characters a token stands for.
    """

    def __init__(self, model: Any, tokenizer: Any, name: str) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise RewardiumError(f"the tokenizer of {name!r} is no fast one: it cannot say where its tokens stand")
        self.model, self.tokenizer, self.name = model, tokenizer, name
        self.device: torch.device = model.device
        vocabulary = tokenizer.get_vocab()
        self._longest_piece = max(map(len, vocabulary), default=1)
        self.has_template = bool(getattr(tokenizer, "chat_template", None))
        self.longest = int(getattr(model.config.get_text_config(), "max_position_embeddings", None) or 1 << 30)
        self.shares_contexts = pads_freely(model)
        self._lock = threading.Lock()
        self._forked = False
        self.tokens_key = _tokens_key(vocabulary, self._tokenise([_PROBE], special=False)[0])
        renew_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Note that this is not the process that loaded the model."""
        self._forked = True
        self._lock = threading.Lock()

    def encode(self, requests: Sequence[Request], *, max_tokens: int, chat: bool = True) -> list[Encoded | str]:
        """Turn requests into tokens.

        Args:
            requests: Length B. Lone surrogates, which no tokenizer reads, become question marks.
            max_tokens: The most tokens of context and target together; never above what the model can read.
            chat: Whether to use the tokenizer's chat template, where it has one.

        Returns:
            Length B; in place of what cannot be encoded the reason in words. A text that is too long is never cut.
        """
        chat = chat and self.has_template
        limit = min(max_tokens, self.longest)
        rendered: dict[tuple[str, ...], str] = {}
        texts = [self._texts(request, chat, limit, rendered) for request in requests]
        contexts = list(dict.fromkeys(text[0] for text in texts if not isinstance(text, str)))
        targets = list(dict.fromkeys(text[1] for text in texts if not isinstance(text, str)))
        with self._lock:
            context_ids = dict(zip(contexts, self._contexts(contexts, special=not chat), strict=True))
            target_ids = dict(zip(targets, self._tokenise(targets, special=False), strict=True))
        return [
            text if isinstance(text, str) else joined(context_ids[text[0]], *target_ids[text[1]], limit)
            for text in texts
        ]

    def score(
        self, encoded: Sequence[Encoded], *, distribution: bool = False, tokens_a_pass: int | None = None
    ) -> list[TokenScores | None]:
        """Score the targets of B requests; equal requests are scored once.

        Args:
            encoded: Length B.
            distribution: Whether ``entropies`` and ``mean_log_probabilities`` are wanted.
            tokens_a_pass: Tokens of one pass, padding counted; None for 4,096 on a CPU and 32,768 on a GPU. A single
                text that is longer has a pass of its own.

        Returns:
            Length B; None where the memory did not suffice for one text alone.

        Raises:
            RewardiumError: When the process was forked.
        """
        if self._forked:
            raise RewardiumError(f"the model {self.name!r} cannot be used after a fork: score where it was loaded")
        keys = [(row.context, row.target) for row in encoded]
        distinct = list(dict.fromkeys(keys))
        found: dict[tuple[tuple[int, ...], tuple[int, ...]], NDArray[Any] | None] = {}
        budget = tokens_a_pass or TOKENS_A_PASS.get(self.device.type, TOKENS_A_PASS["cuda"])
        vocabulary = self._vocabulary()
        positions = max(1, _LOGIT_BYTES.get(self.device.type, _LOGIT_BYTES["cuda"]) // (4 * vocabulary))
        scorable = [key for key in distinct if key[1]]
        with self._lock:
            for plan in cheapest_plan(scorable, budget, positions, sharing=self.shares_contexts):
                rows = [scorable[row] for row in plan.rows]
                found.update(zip(rows, self._run(rows, plan, distribution), strict=True))
        empty = np.zeros((4 if distribution else 2, 0))
        return [
            as_scores(row.spans, found.get(key) if key[1] else empty, vocabulary)
            for row, key in zip(encoded, keys, strict=True)
        ]

    def _texts(
        self, request: Request, chat: bool, limit: int, rendered: dict[tuple[str, ...], str]
    ) -> tuple[str, str] | str:
        """Return the texts of context and target, or why there are none; equal conversations are rendered once."""
        size = sum(map(len, request.turns)) + len(request.opening) + len(request.target)
        if size > limit * self._longest_piece:  # no token stands for more characters
            return f"the text has more than {limit} tokens"
        try:
            if request.turns not in rendered:
                turns = [_readable(turn) for turn in request.turns]
                rendered[request.turns] = text_before(self.tokenizer, turns, chat=chat)
        except RewardiumError as error:
            return str(error)
        return rendered[request.turns] + _readable(request.opening), _readable(request.target)

    def _contexts(self, texts: list[str], *, special: bool) -> list[tuple[int, ...]]:
        """Tokenise contexts; one that is empty is what begins a text."""
        tokenizer = self.tokenizer
        begin = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        found = []
        for ids, _ in self._tokenise(texts, special=special, plain=False):
            end = len(ids)
            while special and end and ids[end - 1] == tokenizer.eos_token_id:  # some tokenizers end every text
                end -= 1
            found.append(ids[:end] or (() if begin is None else (begin,)))
        return found

    def _tokenise(
        self, texts: list[str], *, special: bool, plain: bool = True
    ) -> list[tuple[tuple[int, ...], tuple[Span, ...]]]:
        """Return ids and spans; in plain text, special tokens that someone spells out are read letter by letter."""
        if not texts:
            return []
        output = self.tokenizer(
            texts,
            add_special_tokens=special,
            return_offsets_mapping=True,
            split_special_tokens=plain,
            padding=False,
            truncation=False,
            verbose=False,
        )
        return [
            (tuple(ids), tuple((start, end) for start, end in spans))
            for ids, spans in zip(output["input_ids"], output["offset_mapping"], strict=True)
        ]

    def _vocabulary(self) -> int:
        return int(self.model.get_output_embeddings().weight.shape[0])

    def _run(
        self, rows: list[tuple[tuple[int, ...], tuple[int, ...]]], plan: Pass, distribution: bool
    ) -> list[NDArray[Any] | None]:
        """Score the rows of one pass; where the memory does not suffice, each half in a pass of its own."""
        import torch

        try:
            with torch.inference_mode():
                logits = (self._logits_shared if plan.shared else self._logits_plain)(rows)
                chosen = torch.tensor([token for _, target in rows for token in target], device=self.device)
                measured = measured_tokens(logits, chosen, distribution).cpu().numpy()
        except torch.OutOfMemoryError:
            if len(rows) == 1:
                return [None]
            torch.cuda.empty_cache()
            half = len(rows) // 2
            return [*self._run(rows[:half], plan, distribution), *self._run(rows[half:], plan, distribution)]
        ends = np.cumsum([len(target) for _, target in rows])[:-1]
        return list(np.split(measured, ends, axis=1))

    def _logits_plain(self, rows: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> torch.Tensor:
        """Read each row as one sequence; returns the logits before each token of the targets [N, V]."""
        sequences = [(*context, *target[:-1]) for context, target in rows]
        ids = self._padded(sequences)
        starts = [len(context) - 1 for context, _ in rows]
        places = self._places(ids.shape, starts, [len(target) for _, target in rows])
        # Padding stands on the right, behind all that a row reads: a causal model needs no mask for it.
        return self._logits_at(places, input_ids=ids, use_cache=False)

    def _logits_shared(self, rows: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> torch.Tensor:
        """Read each context once, up to its last token, then what follows in each row; returns the same logits."""
        import torch

        heads = list(dict.fromkeys(context[:-1] for context, _ in rows))
        number = {head: index for index, head in enumerate(heads)}
        of_row = torch.tensor([number[context[:-1]] for context, _ in rows], device=self.device)
        lengths = torch.tensor([len(head) for head in heads], device=self.device)
        cache = self._cache(self._padded(heads), of_row)
        ids = self._padded([(context[-1], *target[:-1]) for context, target in rows])
        places = self._places(ids.shape, [0] * len(rows), [len(target) for _, target in rows])
        seen = torch.arange(max(map(len, heads)), device=self.device) < lengths[of_row][:, None]
        return self._logits_at(
            places,
            input_ids=ids,
            attention_mask=torch.cat([seen, seen.new_ones(ids.shape)], dim=1),
            position_ids=lengths[of_row][:, None] + torch.arange(ids.shape[1], device=self.device),
            past_key_values=cache,
            use_cache=True,
        )

    def _cache(self, heads: torch.Tensor, of_row: torch.Tensor) -> Any:
        """Return the keys and values of each row's context."""
        from transformers.cache_utils import DynamicCache

        cache = DynamicCache(config=self.model.config)
        # Only the keys and values matter: one logit is the fewest that every model can be asked for.
        self.model(input_ids=heads, past_key_values=cache, use_cache=True, logits_to_keep=1)
        for layer in cache.layers:
            layer.keys, layer.values = layer.keys.index_select(0, of_row), layer.values.index_select(0, of_row)
        return cache

    def _logits_at(self, places: torch.Tensor, **inputs: Any) -> torch.Tensor:
        """Run the model and compute its logits at some places only: bool [B, S], N of them, gives [N, V].

        The output layer sees no other hidden state; what a model does to its logits afterwards still happens.
        """

        def select(module: Any, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
            return (arguments[0][places].unsqueeze(0), *arguments[1:])

        handle = self.model.get_output_embeddings().register_forward_pre_hook(select)
        try:
            logits: torch.Tensor = self.model(**inputs).logits
        finally:
            handle.remove()
        return logits.squeeze(0)

    def _padded(self, rows: Sequence[Sequence[int]]) -> torch.Tensor:
        """Return int64 [B, S], padded on the right."""
        import torch

        ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)  # nobody reads a padding token
        for index, row in enumerate(rows):
            ids[index, : len(row)] = row
        return torch.from_numpy(ids).to(self.device)

    def _places(self, shape: Sequence[int], starts: list[int], counts: list[int]) -> torch.Tensor:
        """Return bool [B, S]: in each row ``count`` places from ``start`` on."""
        import torch

        column = np.arange(shape[1])[None, :]
        first, number = np.array(starts)[:, None], np.array(counts)[:, None]
        return torch.from_numpy((column >= first) & (column < first + number)).to(self.device)


def _readable(text: str) -> str:
    """Return a text without lone surrogates, which no tokenizer takes, of the same length."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _tokens_key(vocabulary: dict[str, int], probe: tuple[tuple[int, ...], tuple[Span, ...]]) -> str:
    """Return a digest that tells tokenizers apart: of the vocabulary, and of what a text of all kinds becomes."""
    digest = hashlib.sha256(repr(probe).encode())
    for token, index in sorted(vocabulary.items(), key=lambda item: (item[1], item[0])):
        digest.update(f"{index} {token!r}\n".encode("utf-8", "backslashreplace"))
    return digest.hexdigest()
