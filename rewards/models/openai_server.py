"""A judge behind an OpenAI-compatible server: vLLM, SGLang, llama.cpp, or OpenAI itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.models.after_fork import renew_after_fork
from rewardium.rewards.models.judge import Completion, JudgeError
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
from rewardium.rewards.models.rebuilt import Rebuilt

logger = logging.getLogger(__name__)

Endpoint = Literal["auto", "chat", "completions"]

DEFAULT_MAX_TOKENS = 8
"""Enough for a word of an answer in every tokenizer."""
_MAX_TEXT_LENGTH = 4_000
_PROBE = "Reply with one word: yes."
# The endpoint or the model is not there; the other endpoint may be.
_NO_ENDPOINT = REFUSALS | {404, 405, 501}
_PATHS = {"chat": "/chat/completions", "completions": "/completions"}
# Where many prompts go at once: vLLM has a path of its own for chat, and every server's completions may take a list.
_LIST_PATHS = {"chat": "/chat/completions/batch", "completions": "/completions"}


@dataclass(frozen=True)
class OpenAIServerJudge(Rebuilt):
    """Asks a server that speaks OpenAI's protocol, many prompts at once.

    Answers are greedy (temperature 0) and short. The key comes from the environment variable ``OPENAI_API_KEY``;
    servers of one's own usually want none, and get a dummy. Nothing is retried here: who asks decides that. Proxies of
    the environment are not used for an address of this machine.

    Chat and completions give a prompt to a model in two ways. An instruction-tuned model answers well through its chat
    template; a base model has none, and goes on from where the prompt ends. vLLM and its like offer both, and refuse
    chat for a model without a template; OpenAI offers chat only for its current models. ``"auto"`` therefore tries chat
    first, with one short request, and takes completions where chat is refused.

    Many prompts go in one request, which costs this process little more than a request with one prompt: 2 to 3 ms, for
    which a policy in the same process would wait. vLLM takes such lists for chat and for completions, most servers for
    completions. The prompts of a list that is refused, fails, or gets an answer that does not fit are sent one by one,
    so that a bad prompt costs only its own answer; where all of them are answered then, the server takes no lists, and
    gets none any more. Servers count the tokens of a list together: each answer carries an even share.

    Args:
        url: Where the server is, e.g. ``"http://localhost:8000/v1"``; ``/v1`` is added to an address without a path.
        model: The model to ask; None for the first one that the server lists. Labels are kept under this name. With
            both ``model`` and ``endpoint`` given, labels of earlier runs can be used while the server is down.
        endpoint: ``"chat"``, ``"completions"``, or ``"auto"``.
        choice: The only answers that the server lets the model write (``structured_outputs`` of vLLM); empty for any.
        thinking: False asks the chat template not to let the model think first (``enable_thinking`` of Qwen3 and
            others); a model that thinks does not come to its answer within ``max_tokens``.
        timeout: Seconds that one request may take.
        concurrency: Prompts under way at once, in one request or in many.
        max_tokens: Tokens of an answer.

    Raises:
        RewardiumError: When an argument is wrong. A server that is not there is no error yet.
        MissingExtraError: When ``openai`` is not installed.

    Example:
        >>> OpenAIServerJudge("http://localhost:8000", model="judge", endpoint="chat").name
        'judge#chat'
    """

    url: str
    model: str | None = None
    endpoint: Endpoint = "auto"
    choice: tuple[str, ...] = ()
    thinking: bool = True
    timeout: float = 60.0
    concurrency: int = 32
    max_tokens: int = DEFAULT_MAX_TOKENS
    _connection: _Connection = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", checked_url(self.url))
        object.__setattr__(self, "choice", tuple(self.choice))
        if self.endpoint not in ("auto", "chat", "completions"):
            raise RewardiumError(f"endpoint must be 'auto', 'chat' or 'completions', got {self.endpoint!r}")
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
        """Model and endpoint, and what else changes the answers; asks the server where they are not given.

        Raises:
            JudgeError: When the server had to be asked and did not answer.
        """
        if self.model is not None and self.endpoint != "auto":
            return self._name(self.model, self.endpoint)
        return self._name(*self._connection.target())

    def _name(self, model: str, endpoint: str) -> str:
        changes = [endpoint]
        changes += [f"choice={'|'.join(self.choice)}"] if self.choice else []
        changes += [] if self.thinking else ["no_thinking"]
        changes += [f"max_tokens={self.max_tokens}"] if self.max_tokens != DEFAULT_MAX_TOKENS else []
        return f"{model}#{'&'.join(changes)}"

    def complete(self, prompts: Sequence[str]) -> list[Completion | None]:
        """Ask about B prompts at once.

        Args:
            prompts: Length B.

        Returns:
            Length B; None where the server refused the prompt, failed on it, or answered what cannot be read.

        Raises:
            JudgeError: When no prompt was answered because the server cannot be reached, fails or is too slow, when
                it does not have the model, or when the judge is closed.
        """
        return self._connection.complete(prompts) if prompts else []

    def close(self) -> None:
        """Abort what is under way and end the connection."""
        self._connection.close()


class _Connection:
    """The connection to the server, and what the server said about itself."""

    def __init__(self, judge: OpenAIServerJudge) -> None:
        self._server = ServerConnection(judge.url, judge.timeout, "judge-server")
        self._model, self._endpoint = judge.model, judge.endpoint
        self._settings: dict[str, Any] = {"temperature": 0, "max_tokens": judge.max_tokens}
        self._settings |= {"structured_outputs": {"choice": list(judge.choice)}} if judge.choice else {}
        self._chat_settings = {} if judge.thinking else {"chat_template_kwargs": {"enable_thinking": False}}
        self._slots, self._taking_slots = asyncio.Semaphore(judge.concurrency), asyncio.Lock()
        self._concurrency, self._takes_lists = judge.concurrency, True
        self._target: tuple[str, str] | None = None

    def target(self) -> tuple[str, str]:
        """Return the model and the endpoint; the server is asked once, and again after a failure."""
        known = self._target
        return known if known is not None else self._server.run(self._find_target())

    def complete(self, prompts: Sequence[str]) -> list[Completion | None]:
        answers = self._server.run(self._complete(prompts))
        texts = [answer if isinstance(answer, Completion) else None for answer in answers]
        failures = [answer for answer in answers if isinstance(answer, Exception)]
        troubles = [failure for failure in failures if not isinstance(failure, _NoAnswerError)]
        if troubles and not any(texts):
            raise self._server.failure(troubles[0]) from troubles[0]
        if failures:
            problem = said(failures[0])
            logger.info("the judge at %s did not answer %d prompts: %s", self._server.url, len(failures), problem)
        return texts

    def close(self) -> None:
        self._server.close()

    async def _find_target(self) -> tuple[str, str]:
        if self._target is None:
            try:
                self._target = await self._ask_for_target()
            except Exception as error:
                raise self._server.failure(error) from error
        return self._target

    async def _ask_for_target(self) -> tuple[str, str]:
        model = self._model
        if model is None:
            model = await self._server.first_model()
            if model is None:
                raise JudgeError("the server lists no model")
        if self._endpoint != "auto":
            return model, self._endpoint
        try:
            await self._send(model, "chat", _PROBE)
        except Exception as error:
            if getattr(error, "status_code", None) not in _NO_ENDPOINT:
                raise
            await self._send(model, "completions", _PROBE)
            logger.info("the judge at %s has no chat for %s; completions it is", self._server.url, model)
            return model, "completions"
        return model, "chat"

    async def _complete(self, prompts: Sequence[str]) -> list[Completion | Exception]:
        model, endpoint = await self._find_target()
        batch = SentSoFar()
        size = self._concurrency if self._takes_lists else len(prompts)
        answers: list[Completion | Exception] = []
        for first in range(0, len(prompts), size):
            answers += await self._answer_list(model, endpoint, prompts[first : first + size], batch)
        return answers

    async def _answer_list(
        self, model: str, endpoint: str, prompts: Sequence[str], batch: SentSoFar
    ) -> Sequence[Completion | Exception]:
        """Send prompts in one request, and one by one where that gives no answers."""
        refused = False
        if self._takes_lists and len(prompts) > 1 and not batch.failed:
            try:
                async with self._free_slots(len(prompts)):
                    response = await self._send_list(model, endpoint, prompts)
                answers = _read_list(response, endpoint, len(prompts))
                batch.works = True
                return answers
            except Exception as error:
                refused = isinstance(error, _NoAnswerError) or getattr(error, "status_code", None) in _NO_ENDPOINT
        alone = await asyncio.gather(*(self._answer(model, endpoint, prompt, batch) for prompt in prompts))
        if refused and all(isinstance(answer, Completion) for answer in alone):
            logger.info("the judge at %s takes one prompt a request", self._server.url)
            self._takes_lists = False
        return alone

    async def _answer(self, model: str, endpoint: str, prompt: str, batch: SentSoFar) -> Completion | Exception:
        """Send one prompt when a slot is free; the rest of a batch is not sent to a server that is down."""
        async with self._free_slots(1):
            if batch.trouble is not None and batch.failed:
                return batch.trouble
            try:
                response = await self._send(model, endpoint, prompt)
                batch.works = True
                return _read(response, endpoint)
            except _NoAnswerError as error:
                return error
            except Exception as error:
                if getattr(error, "status_code", None) in REFUSALS:
                    return _NoAnswerError(said(error))
                batch.trouble = error
                return error

    @asynccontextmanager
    async def _free_slots(self, count: int) -> AsyncIterator[None]:
        """Wait for slots, one caller after the other: two that hold half of theirs would wait for each other."""
        async with self._taking_slots:
            for _ in range(count):
                await self._slots.acquire()
        try:
            yield
        finally:
            for _ in range(count):
                self._slots.release()

    async def _send(self, model: str, endpoint: str, prompt: str) -> Any:
        content = {"messages": _messages(prompt)} if endpoint == "chat" else {"prompt": prompt}
        return await self._post(_PATHS[endpoint], model, endpoint, content)

    async def _send_list(self, model: str, endpoint: str, prompts: Sequence[str]) -> Any:
        chat = endpoint == "chat"
        content = {"messages": [_messages(prompt) for prompt in prompts]} if chat else {"prompt": list(prompts)}
        return await self._post(_LIST_PATHS[endpoint], model, endpoint, content)

    async def _post(self, path: str, model: str, endpoint: str, content: dict[str, Any]) -> Any:
        """Return the response as JSON: models of it are slow to build, and must be distrusted all the same."""
        body = {"model": model, **content, **self._settings, **(self._chat_settings if endpoint == "chat" else {})}
        async with asyncio.timeout(self._server.timeout):
            return await self._server.client().post(path, body=body, cast_to=object)


class _NoAnswerError(Exception):
    """The server works, and there is no answer to this one prompt."""


def _messages(prompt: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}]


def _read(response: Any, endpoint: str) -> Completion:
    """Take text and token counts out of a response, whatever it really is."""
    (choice,) = _choices(response, 1)
    return Completion(_text(choice, endpoint), *_token_counts(response))


def _read_list(response: Any, endpoint: str, count: int) -> list[Completion | Exception]:
    """Take the answers to a list of prompts out of a response, in the order of the prompts."""
    choices = _choices(response, count)
    by_number = {choice.get("index"): choice for choice in choices if _is_numbered(choice)}
    if set(by_number) != set(range(count)):
        raise _NoAnswerError("the choices of the response do not have the numbers of the prompts")
    prompt_tokens, completion_tokens = (_shares(total, count) for total in _token_counts(response))
    answers: list[Completion | Exception] = []
    for index in range(count):
        try:
            text = _text(by_number[index], endpoint)
            answers.append(Completion(text, prompt_tokens[index], completion_tokens[index]))
        except _NoAnswerError as error:
            answers.append(error)
    return answers


def _choices(response: Any, count: int) -> list[Any]:
    choices = response.get("choices") if isinstance(response, dict) else None
    if not isinstance(choices, list) or len(choices) != count:
        raise _NoAnswerError(f"the response does not have {count} choice(s)")
    return choices


def _is_numbered(choice: Any) -> bool:
    return isinstance(choice, dict) and type(choice.get("index")) is int


def _text(choice: Any, endpoint: str) -> str:
    """Return the text of a choice, cut to what is ever read of it."""
    holder = choice.get("message") if endpoint == "chat" and isinstance(choice, dict) else choice
    text = holder.get("content" if endpoint == "chat" else "text") if isinstance(holder, dict) else None
    if not isinstance(text, str):
        raise _NoAnswerError("the response has no text")
    return text[:_MAX_TEXT_LENGTH]


def _token_counts(response: dict[str, Any]) -> tuple[int, int]:
    usage = response.get("usage")
    counts = [usage.get(key) if isinstance(usage, dict) else 0 for key in ("prompt_tokens", "completion_tokens")]
    prompt_tokens, completion_tokens = (
        count if type(count) is int and 0 <= count < 10_000_000 else 0 for count in counts
    )
    return prompt_tokens, completion_tokens


def _shares(total: int, count: int) -> list[int]:
    """Divide a number evenly into whole numbers that add up to it."""
    share, rest = divmod(total, count)
    return [share + (index < rest) for index in range(count)]
