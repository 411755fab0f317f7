"""A judge behind an OpenAI-compatible server: vLLM, SGLang, llama.cpp, or OpenAI itself."""

from __future__ import annotations

import asyncio
import logging
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from rewardium.envs.errors import MissingExtraError, RewardiumError
from rewardium.rewards.models.after_fork import renew_after_fork
from rewardium.rewards.models.event_loop import EventLoopThread, LoopClosedError
from rewardium.rewards.models.judge import Completion, JudgeError

if TYPE_CHECKING:
    from openai import AsyncOpenAI

logger = logging.getLogger(__name__)

Endpoint = Literal["auto", "chat", "completions"]

DEFAULT_MAX_TOKENS = 8
"""Enough for a word of an answer in every tokenizer."""
_MAX_TEXT_LENGTH = 4_000
_PROBE = "Reply with one word: yes."
# The server is there and refuses this one request: its prompt is too long, say. All others mean that it has trouble.
_REFUSALS = frozenset({400, 413, 422})
# The endpoint or the model is not there; the other endpoint may be.
_NO_ENDPOINT = _REFUSALS | {404, 405, 501}


@dataclass(frozen=True)
class OpenAIServerJudge:
    """Asks a server that speaks OpenAI's protocol, many prompts at once.

    Answers are greedy (temperature 0) and short. The key comes from the environment variable ``OPENAI_API_KEY``;
    servers of one's own usually want none, and get a dummy. Nothing is retried here: who asks decides that. Proxies of
    the environment are not used for an address of this machine.

    Chat and completions give a prompt to a model in two ways. An instruction-tuned model answers well through its chat
    template; a base model has none, and goes on from where the prompt ends. vLLM and its like offer both, and refuse
    chat for a model without a template; OpenAI offers chat only for its current models. ``"auto"`` therefore tries chat
    first, with one short request, and takes completions where chat is refused.

    Args:
        url: Where the server is, e.g. ``"http://localhost:8000/v1"``; ``/v1`` is added to an address without a path.
        model: The model to ask; None for the first one that the server lists. Labels are kept under this name. With
            both ``model`` and ``endpoint`` given, labels of earlier runs can be used while the server is down.
        endpoint: ``"chat"``, ``"completions"``, or ``"auto"``.
        choice: The only answers that the server lets the model write (``structured_outputs`` of vLLM); empty for any.
        thinking: False asks the chat template not to let the model think first (``enable_thinking`` of Qwen3 and
            others); a model that thinks does not come to its answer within ``max_tokens``.
        timeout: Seconds that one request may take.
        concurrency: Requests under way at once.
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
        object.__setattr__(self, "url", _checked_url(self.url))
        object.__setattr__(self, "choice", tuple(self.choice))
        if self.endpoint not in ("auto", "chat", "completions"):
            raise RewardiumError(f"endpoint must be 'auto', 'chat' or 'completions', got {self.endpoint!r}")
        if not math.isfinite(self.timeout) or self.timeout <= 0:
            raise RewardiumError(f"timeout must be a positive number of seconds, got {self.timeout!r}")
        if self.concurrency < 1 or self.max_tokens < 1:
            raise RewardiumError(
                f"concurrency and max_tokens must be at least 1, got {self.concurrency} and {self.max_tokens}"
            )
        _require_openai()
        self._connect_anew()
        renew_after_fork(self)

    def __getstate__(self) -> dict[str, Any]:
        return {item.name: getattr(self, item.name) for item in fields(self) if item.init}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)
        self.__post_init__()

    def after_fork_in_child(self) -> None:
        """Give the child a connection of its own; the parent's sockets and thread are not usable there."""
        _INHERITED.append(self._connection)
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
    """The client, the thread that runs it, and what the server said about itself."""

    def __init__(self, judge: OpenAIServerJudge) -> None:
        self._url, self._timeout = judge.url, judge.timeout
        self._model, self._endpoint = judge.model, judge.endpoint
        self._max_tokens = judge.max_tokens
        self._extra: dict[str, Any] = {"structured_outputs": {"choice": list(judge.choice)}} if judge.choice else {}
        self._chat_extra = {} if judge.thinking else {"chat_template_kwargs": {"enable_thinking": False}}
        self._slots = asyncio.Semaphore(judge.concurrency)
        self._target: tuple[str, str] | None = None
        self._client: AsyncOpenAI | None = None
        self._loop = EventLoopThread("judge-server", at_end=self._end)

    def target(self) -> tuple[str, str]:
        """Return the model and the endpoint; the server is asked once, and again after a failure."""
        known = self._target
        return known if known is not None else self._run(self._find_target())

    def complete(self, prompts: Sequence[str]) -> list[Completion | None]:
        answers: list[Completion | Exception] = self._run(self._complete(prompts))
        texts = [answer if isinstance(answer, Completion) else None for answer in answers]
        failures = [answer for answer in answers if isinstance(answer, Exception)]
        troubles = [failure for failure in failures if not isinstance(failure, _NoAnswerError)]
        if troubles and not any(texts):
            raise JudgeError(f"the judge at {self._url} fails: {_said(troubles[0])}") from troubles[0]
        if failures:
            logger.info("the judge at %s did not answer %d prompts: %s", self._url, len(failures), _said(failures[0]))
        return texts

    def close(self) -> None:
        self._loop.close()

    def _run(self, coroutine: Any) -> Any:
        try:
            return self._loop.run(coroutine)
        except LoopClosedError:
            raise JudgeError(f"the judge at {self._url} is closed") from None

    async def _end(self) -> None:
        if self._client is not None:
            await self._client.close()

    def _open_client(self) -> AsyncOpenAI:
        if self._client is None:
            from openai import AsyncOpenAI, DefaultAsyncHttpxClient

            encrypted = self._url.startswith("https:")
            self._client = AsyncOpenAI(
                base_url=self._url,
                api_key=os.environ.get("OPENAI_API_KEY") or "none",
                timeout=self._timeout,
                max_retries=0,
                # Certificates take a third of a second to load; without them, no redirect leads to where they matter.
                http_client=DefaultAsyncHttpxClient(
                    trust_env=not _is_local(self._url), verify=encrypted, follow_redirects=encrypted
                ),
            )
        return self._client

    async def _find_target(self) -> tuple[str, str]:
        if self._target is None:
            try:
                self._target = await self._ask_for_target()
            except Exception as error:
                raise JudgeError(f"the judge at {self._url} fails: {_said(error)}") from error
        return self._target

    async def _ask_for_target(self) -> tuple[str, str]:
        model = self._model
        if model is None:
            async with asyncio.timeout(self._timeout):
                listed = await self._open_client().models.list()
            models = getattr(listed, "data", None) or []
            model = getattr(models[0], "id", None) if isinstance(models, list) and models else None
            if not isinstance(model, str) or not model:
                raise JudgeError("the server lists no model")
        if self._endpoint != "auto":
            return model, self._endpoint
        try:
            await self._send(model, "chat", _PROBE)
        except Exception as error:
            if getattr(error, "status_code", None) not in _NO_ENDPOINT:
                raise
            await self._send(model, "completions", _PROBE)
            logger.info("the judge at %s has no chat for %s; completions it is", self._url, model)
            return model, "completions"
        return model, "chat"

    async def _complete(self, prompts: Sequence[str]) -> list[Completion | Exception]:
        model, endpoint = await self._find_target()
        batch = _Batch()
        return await asyncio.gather(*(self._answer(model, endpoint, prompt, batch) for prompt in prompts))

    async def _answer(self, model: str, endpoint: str, prompt: str, batch: _Batch) -> Completion | Exception:
        """Send one prompt when a slot is free; the rest of a batch is not sent to a server that is down."""
        async with self._slots:
            if batch.trouble is not None and not batch.works:
                return batch.trouble
            try:
                response = await self._send(model, endpoint, prompt)
                batch.works = True
                return _read(response, endpoint)
            except _NoAnswerError as error:
                return error
            except Exception as error:
                if getattr(error, "status_code", None) in _REFUSALS:
                    return _NoAnswerError(_said(error))
                batch.trouble = error
                return error

    async def _send(self, model: str, endpoint: str, prompt: str) -> Any:
        client = self._open_client()
        async with asyncio.timeout(self._timeout):
            if endpoint == "chat":
                return await client.chat.completions.create(
                    model=model,
                    messages=[{"role": "user", "content": prompt}],
                    temperature=0,
                    max_tokens=self._max_tokens,
                    extra_body={**self._extra, **self._chat_extra},
                )
            return await client.completions.create(
                model=model, prompt=prompt, temperature=0, max_tokens=self._max_tokens, extra_body=dict(self._extra)
            )


@dataclass(slots=True)
class _Batch:
    """What the prompts of a batch that were sent so far tell of the server."""

    works: bool = False
    trouble: Exception | None = None


class _NoAnswerError(Exception):
    """The server works, and there is no answer to this one prompt."""


_INHERITED: list[_Connection] = []
"""Connections of the parent, in a forked process: kept, so that nothing is closed that is still in use there."""


def _read(response: Any, endpoint: str) -> Completion:
    """Take text and token counts out of a response, whatever it really is."""
    choices = getattr(response, "choices", None)
    if not isinstance(choices, list) or len(choices) != 1:
        raise _NoAnswerError("the response does not have one choice")
    if endpoint == "chat":
        text = getattr(getattr(choices[0], "message", None), "content", None)
    else:
        text = getattr(choices[0], "text", None)
    if not isinstance(text, str):
        raise _NoAnswerError("the response has no text")
    usage = getattr(response, "usage", None)
    counts = [getattr(usage, key, 0) for key in ("prompt_tokens", "completion_tokens")]
    prompt_tokens, completion_tokens = (
        count if type(count) is int and 0 <= count < 10_000_000 else 0 for count in counts
    )
    return Completion(text[:_MAX_TEXT_LENGTH], prompt_tokens, completion_tokens)


def _said(error: BaseException) -> str:
    """Return what an error says, short enough for a line of a log."""
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _require_openai() -> None:
    """Import here what the thread of the client uses: a process forked while it imports could never import it."""
    try:
        import openai.resources.chat
        import openai.resources.completions
        import openai.resources.models  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("openai", "judge") from error


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        port_is_right = False
    if not port_is_right or parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise RewardiumError(f"a judge's address must look like 'http://HOST:PORT/v1', got {url.rpartition('@')[2]!r}")
    if parts.username is not None or parts.password is not None:
        raise RewardiumError("a judge's address must not hold a password: put the key into OPENAI_API_KEY")
    return url.rstrip("/") + ("" if parts.path.strip("/") else "/v1")


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
