"""A judge of frames behind an OpenAI-compatible server: vLLM, SGLang, or OpenAI itself."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rewardium.rewards.models.after_fork import renew_after_fork
from rewardium.rewards.models.frame_answers import bare_word, word_probabilities
from rewardium.rewards.models.frame_judge import ImageQuestion, Probabilities
from rewardium.rewards.models.judge import JudgeError
from rewardium.rewards.models.openai_client import (
    REFUSALS,
    SentSoFar,
    ServerConnection,
    check_limits,
    checked_url,
    keep_for_parent,
    require_openai,
    said,
)
from rewardium.rewards.models.png import png_url
from rewardium.rewards.models.rebuilt import Rebuilt

logger = logging.getLogger(__name__)

_ALTERNATIVES = 20
_MOST_TOKENS = 1_000


@dataclass(frozen=True)
class FrameServerJudge(Rebuilt):
    """Shows frames to a vision-language model behind a server, as PNG pictures in chat messages.

    Answers are greedy (temperature 0). The server is asked for the 20 likeliest tokens at each place; the answer is the
    first token that is more than blanks and punctuation, and the probability of an allowed word is the sum over its
    spellings ("yes", " Yes"). Where that token is no allowed word, the answer is unknown. A server that gives no
    probabilities leaves the word itself, which then has probability 1; that is said once in the log.

    The key comes from the environment variable ``OPENAI_API_KEY``; servers of one's own usually want none. Nothing is
    retried here.

    Args:
        url: Where the server is, e.g. ``"http://localhost:8000/v1"``; ``/v1`` is added to an address without a path.
        model: The model to ask; None for the first one that the server lists.
        timeout: Seconds that one request may take.
        concurrency: Requests under way at once.
        max_tokens: Tokens of an answer.

    Raises:
        RewardiumError: When an argument is wrong. A server that is not there is no error yet.
        MissingExtraError: When ``openai`` is not installed.

    Example:
        >>> FrameServerJudge("http://localhost:8000", model="vision").name
        'vision#frames'
    """

    url: str
    model: str | None = None
    timeout: float = 60.0
    concurrency: int = 16
    max_tokens: int = 4
    _connection: _Connection = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", checked_url(self.url))
        check_limits(self.timeout, self.concurrency, self.max_tokens)
        require_openai()
        self._connect_anew()
        renew_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Give the child a connection of its own; the parent's sockets and thread are not usable there."""
        keep_for_parent(self._connection)
        self._connect_anew()

    def _connect_anew(self) -> None:
        object.__setattr__(self, "_connection", _Connection(self))

    @property
    def name(self) -> str:
        """The model; asks the server where it is not given.

        Raises:
            JudgeError: When the server had to be asked and did not answer.
        """
        return f"{self.model or self._connection.target()}#frames"

    def check_words(self, allowed: Sequence[str]) -> None:
        """What a server's tokenizer does is not known here: every word may be an answer."""

    def choose(self, questions: Sequence[ImageQuestion], allowed: Sequence[str]) -> list[Probabilities | None]:
        """Ask B questions at once.

        Returns:
            Length B, float64 [W] each; None where the server refused the question, or answered something else.

        Raises:
            JudgeError: When no question was answered because the server cannot be reached, fails or is too slow, or
                when the judge is closed.
        """
        return self._connection.choose(questions, allowed) if questions else []

    def close(self) -> None:
        """Abort what is under way and end the connection."""
        self._connection.close()


class _Connection:
    """The connection to the server, and what the server said about itself."""

    def __init__(self, judge: FrameServerJudge) -> None:
        self._server = ServerConnection(judge.url, judge.timeout, "frame-judge-server")
        self._model, self._max_tokens = judge.model, judge.max_tokens
        self._slots = asyncio.Semaphore(judge.concurrency)
        self._warned = False

    def target(self) -> str:
        return self._server.run(self._find_model())

    def choose(self, questions: Sequence[ImageQuestion], allowed: Sequence[str]) -> list[Probabilities | None]:
        answers = self._server.run(self._choose(questions, allowed))
        troubles = [answer for answer in answers if isinstance(answer, Exception)]
        if troubles and len(troubles) == len(answers):
            raise self._server.failure(troubles[0]) from troubles[0]
        if troubles:
            logger.info("the judge at %s failed on %d frames: %s", self._server.url, len(troubles), said(troubles[0]))
        return [None if isinstance(answer, Exception) else answer for answer in answers]

    def close(self) -> None:
        self._server.close()

    async def _find_model(self) -> str:
        if self._model is None:
            try:
                model = await self._server.first_model()
            except Exception as error:
                raise self._server.failure(error) from error
            if model is None:
                raise JudgeError(f"the judge at {self._server.url} lists no model")
            self._model = model
        return self._model

    async def _choose(
        self, questions: Sequence[ImageQuestion], allowed: Sequence[str]
    ) -> list[Probabilities | Exception | None]:
        model = await self._find_model()
        batch = SentSoFar()
        return await asyncio.gather(*(self._answer(model, question, allowed, batch) for question in questions))

    async def _answer(
        self, model: str, question: ImageQuestion, allowed: Sequence[str], batch: SentSoFar
    ) -> Probabilities | Exception | None:
        """Send one question when a slot is free; the rest of a batch is not sent to a server that is down."""
        async with self._slots:
            if batch.trouble is not None and batch.failed:
                return batch.trouble
            try:
                response = await self._send(model, question)
                batch.works = True
                return self._read(response, allowed)
            except Exception as error:
                if getattr(error, "status_code", None) in REFUSALS:
                    logger.info("the judge at %s refused a question: %s", self._server.url, said(error))
                    return None
                batch.trouble = error
                return error

    async def _send(self, model: str, question: ImageQuestion) -> Any:
        content = [
            {"type": "text", "text": part}
            if isinstance(part, str)
            else {"type": "image_url", "image_url": {"url": png_url(part)}}
            for part in question.parts
        ]
        async with asyncio.timeout(self._server.timeout):
            return await self._server.client().chat.completions.create(
                model=model,
                messages=[{"role": "user", "content": content}],  # type: ignore[list-item,misc]
                temperature=0,
                max_tokens=self._max_tokens,
                logprobs=True,
                top_logprobs=_ALTERNATIVES,
            )

    def _read(self, response: Any, allowed: Sequence[str]) -> Probabilities | None:
        """Take the answer out of a response, whatever it really is."""
        choices = getattr(response, "choices", None)
        if not isinstance(choices, list) or len(choices) != 1:
            return None
        tokens = getattr(getattr(choices[0], "logprobs", None), "content", None)
        if not isinstance(tokens, list) or not tokens:
            text = getattr(getattr(choices[0], "message", None), "content", None)
            return self._without_probabilities(text, allowed)
        for token in tokens[:_MOST_TOKENS]:
            spelled = getattr(token, "token", None)
            if not isinstance(spelled, str):
                return None
            if word := bare_word(spelled):
                return word_probabilities(_alternatives(token), allowed) if word in allowed else None
        return None

    def _without_probabilities(self, text: Any, allowed: Sequence[str]) -> Probabilities | None:
        if not self._warned:
            self._warned = True
            logger.warning("the judge at %s gives no logprobs: its words count as certain", self._server.url)
        first = bare_word(text.split()[0]) if isinstance(text, str) and text.split() else ""
        return np.array([float(word == first) for word in allowed]) if first in allowed else None


def _alternatives(token: Any) -> list[tuple[str, float]]:
    listed = getattr(token, "top_logprobs", None)
    found = {}
    for item in [token, *(listed[:_ALTERNATIVES] if isinstance(listed, list) else [])]:
        spelled, logarithm = getattr(item, "token", None), getattr(item, "logprob", None)
        if isinstance(spelled, str) and isinstance(logarithm, (int, float)) and not math.isnan(logarithm):
            found[spelled] = float(logarithm)
    return list(found.items())
