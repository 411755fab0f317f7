"""How alike two sentences are: by their words alone, or by the vectors of a sentence encoder."""

from __future__ import annotations

import math
import re
import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.loading import ONE_AT_A_TIME

FloatMatrix = NDArray[np.float32]

_MAX_CHARACTERS = 4_000
"""A sentence is read up to here; what a policy writes may be of any length."""
_WORD = re.compile(r"[^\W_]+")
_FUNCTION_WORDS = frozenset(
    {
        "a", "an", "and", "are", "as", "at", "be", "been", "by", "do", "does", "for", "from", "had", "has", "have",
        "here", "i", "in", "into", "is", "it", "its", "my", "of", "on", "or", "s", "some", "so", "t", "that", "the",
        "their", "them", "then", "there", "these", "they", "this", "those", "to", "up", "was", "were", "will", "with",
        "you", "your",
    }
)  # fmt: skip


class SentenceEncoder(Protocol):
    """Says how alike sentences are. Thread-safe, and free of memory but for caches."""

    def similarities(self, texts: Sequence[str], goals: Sequence[str]) -> FloatMatrix:
        """Compare every text with every goal.

        Args:
            texts: Length T.
            goals: Length G.

        Returns:
            float32 [T, G], cosines in [-1, 1]; 0 where either side is empty.
        """


def words(text: str) -> list[str]:
    """Return the words of a sentence in lower case, without function words such as "the" and "you".

    Args:
        text: Any text; read up to 4,000 characters.

    Returns:
        The words in order, with repetitions.

    Example:
        >>> words("You see here a KEY, named Skeleton-Key.")
        ['see', 'key', 'named', 'skeleton', 'key']
    """
    return [word for word in _WORD.findall(text[:_MAX_CHARACTERS].lower()) if word not in _FUNCTION_WORDS]


def cosine(left: Mapping[str, float], right: Mapping[str, float]) -> float:
    """Return the cosine of two sparse vectors.

    Args:
        left: Numbers by feature.
        right: Numbers by feature.

    Returns:
        In [-1, 1]; 0 where either vector is zero.

    Example:
        >>> cosine({"open": 1, "door": 1}, {"door": 1, "locked": 1})
        0.5
    """
    norms = sum(value * value for value in left.values()) * sum(value * value for value in right.values())
    if norms == 0:
        return 0.0
    small, large = (left, right) if len(left) <= len(right) else (right, left)
    product = sum(value * large.get(feature, 0.0) for feature, value in small.items())
    return product / math.sqrt(norms)


class BagOfWords:
    """Compare sentences by the words that they share: the cosine of their word counts.

    The baseline ELLM-BoW of "Online Intrinsic Rewards for Decision Making Agents from LLM Feedback" (2024). It needs no
    model and knows no synonyms: "The door opens." and "open the door" share one word of two. That function words do not
    count is ours; without it, "You see here a key" would resemble everything that is said to "you".

    Example:
        >>> BagOfWords().similarities(["The door is locked.", "You wait."], ["open the door"]).round(3).tolist()
        [[0.5], [0.0]]
    """

    def similarities(self, texts: Sequence[str], goals: Sequence[str]) -> FloatMatrix:
        """Compare every text with every goal; float32 [T, G]."""
        bags = [Counter(words(goal)) for goal in goals]
        known: dict[str, list[float]] = {}
        for text in texts:
            if text not in known:
                bag = Counter(words(text))
                known[text] = [cosine(bag, goal) for goal in bags]
        return np.array([known[text] for text in texts], dtype=np.float32).reshape(len(texts), len(goals))


class HashedNGrams:
    """Compare sentences by hashed pieces of words, so that inflections of a word count as nearly the same.

    Each word gives itself and its pieces of 3 to 5 characters with marks at its ends; a piece is hashed to one of
    ``dimensions`` numbers and to a sign. "The door opens." and "open the door" are much alike. Needs no model.

    Args:
        dimensions: Length of the vectors; few dimensions let different pieces collide.

    Raises:
        RewardiumError: When ``dimensions`` is not positive.

    Example:
        >>> similarity = HashedNGrams().similarities(["The door opens.", "You wait."], ["open the door"])
        >>> bool(similarity[0, 0] > 0.7 > 0.1 > abs(similarity[1, 0]))
        True
    """

    def __init__(self, dimensions: int = 4096) -> None:
        if dimensions < 1:
            raise RewardiumError(f"hashed n-grams need at least 1 dimension, got {dimensions}")
        self.dimensions = dimensions

    def encode(self, texts: Sequence[str]) -> FloatMatrix:
        """Return one vector of length 1 a text, float32 [T, dimensions]; a text without words is the zero vector."""
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            for piece in _pieces(text):
                code = crc32(piece.encode("utf-8", "surrogatepass"))
                # Sign and place must not share bits, or collisions would all have one sign.
                vectors[row, (code >> 1) % self.dimensions] += 1.0 if code & 1 else -1.0
        return normalised(vectors)

    def similarities(self, texts: Sequence[str], goals: Sequence[str]) -> FloatMatrix:
        """Compare every text with every goal; float32 [T, G]."""
        distinct = list(dict.fromkeys(texts))
        row_of = {text: row for row, text in enumerate(distinct)}
        columns = self.encode(goals).T
        # In parts, because the vectors of a rollout's texts would take much more memory than the texts.
        parts = [self.encode(distinct[start : start + 1024]) @ columns for start in range(0, len(distinct), 1024)]
        table = np.concatenate([np.zeros((0, len(goals)), dtype=np.float32), *parts])
        return np.asarray(np.clip(table[[row_of[text] for text in texts]], -1.0, 1.0), dtype=np.float32)


def _pieces(text: str) -> list[str]:
    pieces = []
    for word in words(text):
        marked = f"<{word}>"
        pieces.append(marked)
        pieces += [marked[start : start + size] for size in (3, 4, 5) for start in range(len(marked) - size + 1)]
    return pieces


def normalised(vectors: FloatMatrix) -> FloatMatrix:
    """Divide each row by its length; a zero row stays zero.

    Example:
        >>> normalised(np.array([[3.0, 4.0], [0.0, 0.0]], dtype=np.float32)).tolist()
        [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0.0, lengths, 1.0), dtype=np.float32)


class TransformerEncoder:
    """A sentence encoder of the Hugging Face hub or in a folder: the mean of the last layer over a sentence's tokens.

    That is what the ``paraphrase-MiniLM`` and ``all-MiniLM`` models of Sentence-BERT were trained for; a model that
    pools its first token instead gives vectors of less use here. The weights are read from safetensors only, no code of
    the repository is run, nothing is trained. Vectors are kept a text, the least recently used are forgotten first.

    Args:
        name: Folder, or name on the hub, e.g. ``"sentence-transformers/all-MiniLM-L6-v2"``.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        batch_size: Texts in one pass.
        max_tokens: Where a text is cut; never above what the model can read.
        capacity: Number of vectors to keep.

    Raises:
        RewardiumError: When the packages are missing, or there is no such model.
    """

    def __init__(
        self,
        name: str,
        *,
        device: str = "auto",
        batch_size: int = 64,
        max_tokens: int = 128,
        capacity: int = 20_000,
    ) -> None:
        if min(batch_size, max_tokens, capacity) < 1:
            raise RewardiumError("a sentence encoder needs a positive batch_size, max_tokens and capacity")
        self.name = name
        self.batch_size = batch_size
        self.capacity = capacity
        self.tokenizer, self.model = _load(name)
        self.device = _device(device)
        self.model.to(self.device)
        positions = getattr(self.model.config, "max_position_embeddings", None) or max_tokens
        self.max_tokens = int(min(max_tokens, self.tokenizer.model_max_length, positions))
        self._known: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str]) -> FloatMatrix:
        """Return one vector of length 1 a text, float32 [T, D].

        Args:
            texts: Length T; each text is read once, however often it stands there.

        Returns:
            float32 [T, D]; the zero vector for an empty text.
        """
        texts = [_readable(text) for text in texts]
        with self._lock:
            vectors = {text: self._known[text] for text in texts if text in self._known}
            missing = [text for text in dict.fromkeys(texts) if text not in vectors]
            missing.sort(key=len)  # texts of like length share a batch, so that little of it is padding
            for start in range(0, len(missing), self.batch_size):
                chunk = missing[start : start + self.batch_size]
                vectors.update(zip(chunk, self._forward(chunk), strict=True))
            self._remember(texts, vectors)
        rows = [vectors[text] for text in texts]
        return np.stack(rows) if rows else np.zeros((0, int(self.model.config.hidden_size)), dtype=np.float32)

    def similarities(self, texts: Sequence[str], goals: Sequence[str]) -> FloatMatrix:
        """Compare every text with every goal; float32 [T, G]."""
        vectors = self.encode([*goals, *texts])
        table = vectors[len(goals) :] @ vectors[: len(goals)].T
        return np.asarray(np.clip(table, -1.0, 1.0), dtype=np.float32)

    def _remember(self, texts: Sequence[str], vectors: Mapping[str, NDArray[np.float32]]) -> None:
        for text in texts:
            self._known[text] = vectors[text]
            self._known.move_to_end(text)
        while len(self._known) > self.capacity:
            self._known.popitem(last=False)

    def _forward(self, texts: Sequence[str]) -> FloatMatrix:
        import torch

        tokens = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=self.max_tokens, return_tensors="pt"
        ).to(self.device)
        with torch.inference_mode():
            hidden = self.model(**tokens).last_hidden_state.float()
        mask = tokens["attention_mask"].unsqueeze(-1).float()
        mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1.0)
        vectors = normalised(mean.cpu().numpy())
        vectors[[not text for text in texts]] = 0.0
        return vectors


def _readable(text: str) -> str:
    """Return a text that a tokenizer can take: of bounded length, without lone surrogates."""
    return text[:_MAX_CHARACTERS].encode("utf-8", "replace").decode("utf-8").strip()


def _load(name: str) -> tuple[Any, Any]:
    try:
        import transformers
    except ImportError as error:
        raise RewardiumError(
            f"the sentence encoder {name!r} needs transformers: pip install 'rewardium[llm]' "
            "(the encoders 'bow' and 'hash' need nothing)"
        ) from error
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(name)
        with ONE_AT_A_TIME:
            model = transformers.AutoModel.from_pretrained(name, use_safetensors=True)
    except (OSError, ValueError) as error:
        raise RewardiumError(
            f"cannot load the sentence encoder {name!r}: it must be 'bow', 'hash', a folder with an encoder, its "
            f"tokenizer and safetensors, or a name on the hub: {str(error).splitlines()[0] if str(error) else error}"
        ) from error
    if tokenizer.pad_token is None:
        raise RewardiumError(f"the sentence encoder {name!r} has no padding token; it is no encoder of sentences")
    return tokenizer, model.eval().requires_grad_(False)


def _device(device: str) -> str:
    import torch

    if device not in ("auto", "cpu", "cuda"):
        raise RewardiumError(f"a sentence encoder's device must be 'auto', 'cpu' or 'cuda', got {device!r}")
    return device if device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"


_LOADING = threading.Lock()


def make_sentence_encoder(name: str) -> SentenceEncoder:
    """Return an encoder by name, one in a process, so that equal rewards share one copy of a model.

    Args:
        name: ``"bow"``, ``"hash"``, or the folder or hub name of an encoder for ``transformers``.

    Returns:
        The encoder.

    Raises:
        RewardiumError: When there is no such encoder.

    Example:
        >>> make_sentence_encoder("bow") is make_sentence_encoder("bow")
        True
    """
    with _LOADING:  # two threads that ask for a model at the same time must not load it twice
        return _made(name)


@lru_cache(maxsize=8)
def _made(name: str) -> SentenceEncoder:
    if name == "bow":
        return BagOfWords()
    if name == "hash":
        return HashedNGrams()
    if not isinstance(name, str) or not name.strip():
        raise RewardiumError(f"a sentence encoder is 'bow', 'hash', a folder or a name on the hub, got {name!r}")
    return TransformerEncoder(name)
