"""How likely a judge of texts is to answer with each of a few words."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.frame_answers import bare_word
from rewardium.rewards.models.frame_judge import FrameJudge, ImageQuestion, Probabilities, make_frame_judge
from rewardium.rewards.models.judge import Judge, JudgeError
from rewardium.rewards.models.spec import make_judge, split_options, words

logger = logging.getLogger(__name__)

_MOST_TOKENS = 100_000


class WordChooser(Protocol):
    """Gives the probabilities of words as the answer to prompts. Thread-safe."""

    def choose(self, prompts: Sequence[str], allowed: Sequence[str]) -> list[Probabilities | None]:
        """Answer B prompts.

        Args:
            prompts: Length B.
            allowed: The W words, in small letters.

        Returns:
            Length B: float64 [W], the probability of each word, at most 1 in sum; None where there is no answer.

        Raises:
            JudgeError: When none could be answered.
        """

    def close(self) -> None:
        """Free what it holds."""


def make_word_chooser(spec: str) -> WordChooser:
    """Build a judge whose answers are probabilities.

    ============================================  =====================================================================
    ``http://HOST:PORT/v1`` (or ``https``)        the server's ``logprobs`` of the answer's first token; a server that
                                                  gives none leaves its word, which then counts as certain
    ``transformers:FOLDER_OR_NAME``               one pass of a causal language model in this process, which all sources
                                                  share; options ``device=`` and ``dtype=``
    ``scripted:NAME``                             a rule, whose word is certain
    ============================================  =====================================================================

    Args:
        spec: The text; options as for ``make_frame_judge`` where it is a server.

    Returns:
        The judge.

    Raises:
        RewardiumError: When the text is no such spec, or a model cannot be loaded.
        MissingExtraError: When the package that the judge needs is not installed.

    Example:
        >>> from rewardium.rewards.models.text_questions import ask_yes_or_no
        >>> prompt = ask_yes_or_no("Judge.", [("question", "1 + 1"), ("response", "2")], "Is it right?")
        >>> make_word_chooser("scripted:grader").choose([prompt], ["yes", "no"])[0].tolist()
        [1.0, 0.0]
    """
    spec = spec.strip()
    if spec.startswith(("http://", "https://")):
        return _OfServer(make_frame_judge(spec))
    if spec.startswith("transformers:"):
        from rewardium.rewards.models.causal_model import load_causal_model

        name, options = split_options(spec, "#", {"device": words("device"), "dtype": words("dtype")})
        return _OfModel(load_causal_model(name.removeprefix("transformers:"), **options))
    return _OfWords(make_judge(spec))


@dataclass(frozen=True)
class _OfServer:
    """A server shows the probabilities of its first word; that the parts of a question hold no frame is no matter."""

    judge: FrameJudge

    def choose(self, prompts: Sequence[str], allowed: Sequence[str]) -> list[Probabilities | None]:
        return self.judge.choose([ImageQuestion((prompt,)) for prompt in prompts], allowed)

    def close(self) -> None:
        self.judge.close()


@dataclass(frozen=True)
class _OfModel:
    """The probability of a word is that of all tokens of each of its spellings, added up over the spellings."""

    model: Any

    def choose(self, prompts: Sequence[str], allowed: Sequence[str]) -> list[Probabilities | None]:
        from rewardium.rewards.models.causal_model import Request

        spelled = [(place, text) for place, word in enumerate(allowed) for text in spellings(word)]
        requests = [Request((prompt,), text) for prompt in prompts for _, text in spelled]
        try:
            encoded = self.model.encode(requests, max_tokens=_MOST_TOKENS)
            scored = self.model.score([row for row in encoded if not isinstance(row, str)])
        except (RewardiumError, RuntimeError, ValueError, IndexError) as error:
            raise JudgeError(f"the judge {self.model.name} failed: {str(error).strip()[:300]}") from error
        scores = iter(scored)
        logs = [None if isinstance(row, str) else _log_probability(next(scores)) for row in encoded]
        count = len(spelled)
        rows = [logs[start : start + count] for start in range(0, len(logs), count)]
        return [_summed([place for place, _ in spelled], row, len(allowed)) for row in rows]

    def close(self) -> None:
        """The model goes with the last reward that uses it."""


@dataclass(frozen=True)
class _OfWords:
    """A judge that gives words only: what it says is certain."""

    judge: Judge

    def choose(self, prompts: Sequence[str], allowed: Sequence[str]) -> list[Probabilities | None]:
        answers = self.judge.complete(prompts)
        said = ["" if answer is None or not answer.text.split() else answer.text.split()[0] for answer in answers]
        found = [bare_word(word) for word in said]
        return [np.array([float(word == one) for one in allowed]) if word in allowed else None for word in found]

    def close(self) -> None:
        self.judge.close()


def spellings(word: str) -> list[str]:
    """Return the ways to write a word at the beginning of an answer.

    Example:
        >>> spellings("yes")
        ['yes', ' yes', 'Yes', ' Yes', 'YES', ' YES']
        >>> spellings("a")
        ['a', ' a', 'A', ' A']
    """
    texts = dict.fromkeys((word, word.capitalize(), word.upper()))
    return [blank + text for text in texts for blank in ("", " ")]


def _log_probability(score: Any) -> float | None:
    return None if score is None else float(score.log_probabilities.sum())


def _summed(places: Sequence[int], logs: Sequence[float | None], count: int) -> Probabilities | None:
    """Add up the probabilities of the spellings; None where one of them is not known."""
    known = [log for log in logs if log is not None and not np.isnan(log)]
    if len(known) < len(logs):
        return None
    shares = np.zeros(count)
    np.add.at(shares, list(places), np.exp(known))
    return np.minimum(shares, 1.0)
