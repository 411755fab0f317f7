"""What judges behind an OpenAI-compatible server share: its address, the client, and the thread that runs it."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Coroutine
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from rewardium.envs.errors import MissingExtraError, RewardiumError
from rewardium.rewards.models.event_loop import EventLoopThread, LoopClosedError
from rewardium.rewards.models.judge import JudgeError

if TYPE_CHECKING:
    from openai import AsyncOpenAI

T = TypeVar("T")

REFUSALS = frozenset({400, 413, 422})
"""The server is there and refuses this one request: its prompt is too long, say. Other statuses mean trouble."""


class ServerConnection:
    """The client of one server, and the thread in which it runs.

    The key comes from the environment variable ``OPENAI_API_KEY``; servers of one's own usually want none, and get a
    dummy. Nothing is retried. Proxies of the environment are not used for an address of this machine. Nothing is sent,
    and no thread begins, before something is asked.

    Args:
        url: Where the server is, as ``checked_url`` returns it.
        timeout: Seconds that one request may take.
        thread: The name of the thread.

    Example:
        >>> connection = ServerConnection("http://localhost:8000/v1", timeout=60.0, thread="example")
        >>> str(connection.failure(TimeoutError()))
        'the judge at http://localhost:8000/v1 fails: TimeoutError'
        >>> connection.close()
    """

    def __init__(self, url: str, timeout: float, thread: str) -> None:
        self.url, self.timeout = url, timeout
        self._client: AsyncOpenAI | None = None
        self._loop = EventLoopThread(thread, at_end=self._end)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the connection's thread and return its result.

        Raises:
            JudgeError: When the connection is closed, before or meanwhile.
        """
        try:
            return self._loop.run(coroutine)
        except LoopClosedError:
            raise JudgeError(f"the judge at {self.url} is closed") from None

    def close(self) -> None:
        """Abort what is under way and end the connection."""
        self._loop.close()

    def client(self) -> AsyncOpenAI:
        """Return the client, which is opened for the first request; call it in a coroutine that ``run`` runs."""
        if self._client is None:
            from openai import AsyncOpenAI, DefaultAsyncHttpxClient

            encrypted = self.url.startswith("https:")
            self._client = AsyncOpenAI(
                base_url=self.url,
                api_key=os.environ.get("OPENAI_API_KEY") or "none",
                timeout=self.timeout,
                max_retries=0,
                # Certificates take a third of a second to load; without them, no redirect leads to where they matter.
                http_client=DefaultAsyncHttpxClient(
                    trust_env=not is_local(self.url), verify=encrypted, follow_redirects=encrypted
                ),
            )
        return self._client

    async def first_model(self) -> str | None:
        """Return the first model that the server lists; None where it lists none, or something else."""
        async with asyncio.timeout(self.timeout):
            listed = await self.client().models.list()
        models = getattr(listed, "data", None) or []
        model = getattr(models[0], "id", None) if isinstance(models, list) and models else None
        return model if isinstance(model, str) and model else None

    def failure(self, error: BaseException) -> JudgeError:
        """Return what to raise where an error kept the server from answering; raise it ``from`` that error."""
        return JudgeError(f"the judge at {self.url} fails: {said(error)}")

    async def _end(self) -> None:
        if self._client is not None:
            await self._client.close()


@dataclass(slots=True)
class SentSoFar:
    """What the questions of a batch that were sent so far tell of the server.

    Args:
        works: Whether it has answered one of them.
        trouble: What went wrong last; a question that the server refused is no trouble.

    Example:
        >>> sent = SentSoFar(trouble=ConnectionError("refused"))
        >>> sent.failed, SentSoFar(works=True, trouble=sent.trouble).failed
        (True, False)
    """

    works: bool = False
    trouble: Exception | None = None

    @property
    def failed(self) -> bool:
        """Whether the server has answered nothing so far, and was in trouble."""
        return self.trouble is not None and not self.works


def checked_url(url: str) -> str:
    """Return a server's address as the client takes it.

    Args:
        url: ``http`` or ``https``, a host, and a port and a path where they are needed.

    Returns:
        The address without a slash at its end, and with ``/v1`` where it had no path.

    Raises:
        RewardiumError: When it is no such address, or holds a password.

    Example:
        >>> checked_url("http://localhost:8000"), checked_url("https://example.org/api/")
        ('http://localhost:8000/v1', 'https://example.org/api')
    """
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


def check_limits(timeout: float, concurrency: int, max_tokens: int) -> None:
    """Refuse limits under which nothing can be asked.

    Args:
        timeout: Seconds that one request may take.
        concurrency: Requests or prompts under way at once.
        max_tokens: Tokens of an answer.

    Raises:
        RewardiumError: When ``timeout`` is not above 0 and finite, or another one is below 1.

    Example:
        >>> check_limits(timeout=60.0, concurrency=16, max_tokens=4)
    """
    if not math.isfinite(timeout) or timeout <= 0:
        raise RewardiumError(f"timeout must be a positive number of seconds, got {timeout!r}")
    if concurrency < 1 or max_tokens < 1:
        raise RewardiumError(f"concurrency and max_tokens must be at least 1, got {concurrency} and {max_tokens}")


def is_local(url: str) -> bool:
    """Say whether an address is one of this machine.

    Example:
        >>> is_local("http://localhost:8000/v1"), is_local("http://[::1]:8000/v1"), is_local("http://example.org/v1")
        (True, True, False)
    """
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def said(error: BaseException) -> str:
    r"""Return what an error says, short enough for a line of a log.

    Example:
        >>> said(ValueError("one\n  line")), said(TimeoutError())
        ('ValueError: one line', 'TimeoutError')
    """
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def require_openai() -> None:
    """Import here what the thread of the client uses: a process forked while it imports could never import it.

    Raises:
        MissingExtraError: When ``openai`` is not installed.
    """
    try:
        import openai.resources.chat
        import openai.resources.completions
        import openai.resources.models  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("openai", "judge") from error


def keep_for_parent(connection: object) -> None:
    """Keep a connection of the parent in a forked process, so that nothing is closed that is still in use there."""
    _INHERITED.append(connection)


_INHERITED: list[object] = []
