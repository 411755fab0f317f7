"""The tools of MCP servers, which run as programs of their own and speak over standard input and output.

The protocol is spoken by the official client, the package ``mcp``. It is asynchronous, and an environment is not: each
server has a thread with an event loop, to which calls are handed and which they wait for, never longer than their time.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import threading
import weakref
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import CancelledError as FutureCancelled
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from rewardium.envs.errors import MissingExtraError, RewardiumError
from rewardium.envs.tools.tool import Tool, ToolError, Toolset, ToolTimeoutError

if TYPE_CHECKING:
    from mcp import Client

MAX_TOOLS = 500
"""Tools of a server; a server with more is refused."""

MAX_STDERR_LINES = 20
"""Last lines that a server wrote to standard error, kept for messages."""

CLOSING_SECONDS = 15.0
"""How long closing waits: the client asks a server to end, then ends it, then kills it, with 2 seconds for each."""

_BAD_CHARACTER = re.compile(r"[^A-Za-z0-9_-]")
T = TypeVar("T")


class McpServer(Toolset):
    """A running MCP server, as a toolset.

    The server is a program that the user chose, and runs with the user's rights and few environment variables: those of
    ``env``, ``PATH``, ``HOME`` and the like. What it says is data, bounded and made harmless like that of other tools.
    Arguments are checked against the schema of the tool before they are sent; a top-level argument that the schema does
    not name is refused unless the schema says that there may be others. Characters that a tool's name must not have for
    an agent become ``_``.

    Args:
        command: The program that is the server.
        args: Its arguments.
        env: Further environment variables.
        timeout: Seconds for the start, and for each call.

    Raises:
        MissingExtraError: When the package ``mcp`` is not installed.
        RewardiumError: When the server does not start, or its list of tools cannot be used.

    Example:
        Use it as a context, or call ``close``; a server that was not closed ends with the process::

            with McpServer("uvx", ["mcp-server-time"]) as server:
                toolbox = Toolbox.of(server, make("calculator"))
    """

    def __init__(
        self,
        command: str,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        timeout: float = 10.0,
    ) -> None:
        if find_spec("mcp") is None:
            raise MissingExtraError("mcp", "tools")
        is_number = isinstance(timeout, (int, float)) and not isinstance(timeout, bool)
        if not is_number or not 0 < timeout <= 3600:
            raise RewardiumError(f"timeout must be above 0 and at most 3600 seconds, got {timeout!r}")
        self.command = " ".join([command, *args])
        self._connection = _Connection(command, list(args), dict(env or {}), float(timeout))
        # Not __del__: this also runs when the interpreter ends, while threads still do.
        self._finalizer = weakref.finalize(self, self._connection.close)
        try:
            self._connection.start()
            self._tools = self._listed()
        except BaseException:
            self.close()
            raise

    @property
    def tools(self) -> list[Tool]:
        """The server's tools, as it listed them at the start."""
        return list(self._tools)

    def close(self) -> None:
        """End the server and wait until it has ended."""
        self._finalizer()

    def _listed(self) -> list[Tool]:
        tools: dict[str, Tool] = {}
        for name, description, schema in self._connection.wait_for(_list_tools, "listing its tools"):
            shown = _BAD_CHARACTER.sub("_", name)[:64]
            if shown in tools:
                raise RewardiumError(f"the MCP server {self.command!r} has two tools with the name {shown!r}")
            tools[shown] = Tool(shown, description, _closed(schema), partial(self._call, name))
        return list(tools.values())

    def _call(self, tool_name: str, /, **arguments: Any) -> str:
        try:
            text, is_error = self._connection.wait_for(partial(_call_tool, tool_name, arguments), tool_name)
        except ToolError:
            raise
        except RewardiumError as error:
            raise ToolError(str(error)) from None
        if is_error:
            raise ToolError(text or f"{tool_name} failed without a message")
        return text


def _closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse arguments that a schema does not name; most servers would drop them silently."""
    return {"properties": {}, "additionalProperties": False, **schema, "type": "object"}


async def _list_tools(client: Client) -> list[tuple[str, str, dict[str, Any]]]:
    """Fetch all pages of the list of tools."""
    found: list[tuple[str, str, dict[str, Any]]] = []
    cursor: str | None = None
    while True:
        page = await client.list_tools(cursor=cursor)
        found += [(tool.name, tool.description or tool.title or tool.name, tool.input_schema) for tool in page.tools]
        if len(found) > MAX_TOOLS:
            raise RewardiumError(f"it has more than {MAX_TOOLS} tools")
        cursor = page.next_cursor
        if not cursor or not page.tools:
            return found


async def _call_tool(name: str, arguments: dict[str, Any], client: Client) -> tuple[str, bool]:
    """Call a tool; return what it said and whether that is an error."""
    result = await client.call_tool(name, arguments)
    parts = [_as_text(block) for block in result.content]
    if not parts and result.structured_content is not None:
        parts = [json.dumps(result.structured_content, ensure_ascii=False)]
    return "\n".join(parts), result.is_error


def _as_text(block: Any) -> str:
    """Write a block of content; of pictures, sounds and the like only what they are."""
    if block.type == "text":
        return str(block.text)
    if block.type == "resource" and isinstance(getattr(block.resource, "text", None), str):
        return str(block.resource.text)
    kind = getattr(block, "mime_type", None) or getattr(block, "uri", None) or ""
    return f"[{block.type} {kind}]".replace(" ]", "]")


class _Connection:
    """A server's process, and the thread with the event loop that speaks with it."""

    def __init__(self, command: str, args: list[str], env: dict[str, str], timeout: float) -> None:
        self._command, self._args, self._env, self.timeout = command, args, env, timeout
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: Client | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._stderr = _LastLines()
        self._thread = threading.Thread(target=self._run, name=f"mcp {command}", daemon=True)

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            RewardiumError: When it does not, or not in time.
        """
        self._thread.start()
        if not self._ready.wait(self.timeout + 1.0) or self._client is None:
            failure = self._failure
            reason = "it did not answer in time" if failure is None else _reason(failure)
            self.close()
            raise RewardiumError(f"the MCP server {self._named()} did not start: {reason}{self._stderr.shown()}")

    def _named(self) -> str:
        return repr(" ".join([self._command, *self._args])[:200])

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # the thread must not end with a traceback on standard error
            self._failure = error
        finally:
            self._ready.set()
            self._stderr.close()

    async def _serve(self) -> None:
        """Hold the connection open until it is to be closed; one task enters it and leaves it."""
        import anyio
        from mcp import Client, StdioServerParameters, stdio_client

        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        parameters = StdioServerParameters(
            command=self._command, args=self._args, env=self._env, encoding_error_handler="replace"
        )
        client = Client(stdio_client(parameters, errlog=self._stderr.stream), cache=None)
        with anyio.fail_after(self.timeout) as starting:
            async with client:
                starting.deadline = math.inf
                self._client = client
                self._ready.set()
                await self._stop.wait()

    def wait_for(self, request: Callable[[Client], Coroutine[Any, Any, T]], what: str) -> T:
        """Run a request in the event loop and wait for what it returns.

        Raises:
            ToolTimeoutError: When it takes longer than the time-out.
            RewardiumError: When the server has ended, or answers with an error.
        """
        loop, client = self._loop, self._client
        if loop is None or client is None or not self._thread.is_alive():
            raise RewardiumError(f"the MCP server {self._named()} has ended")
        future = asyncio.run_coroutine_threadsafe(self._timed(request(client)), loop)
        try:
            # The loop has its own time-out; the second is for a loop that is stuck.
            return future.result(self.timeout + 2.0)
        except TimeoutError:
            future.cancel()
            raise ToolTimeoutError(f"{what} took longer than {self.timeout:g} seconds") from None
        except FutureCancelled:
            raise RewardiumError(f"the MCP server {self._named()} has ended") from None
        except RewardiumError as error:
            raise RewardiumError(f"the MCP server {self._named()}: {error}") from None
        except Exception as error:
            raise RewardiumError(f"{what} failed: {_reason(error)}") from None

    async def _timed(self, request: Coroutine[Any, Any, T]) -> T:
        import anyio

        with anyio.fail_after(self.timeout):
            return await request

    def close(self) -> None:
        """End the server; calling it again does nothing."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            with suppress(RuntimeError):  # the loop has just ended by itself
                self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(CLOSING_SECONDS)
        if not self._thread.is_alive():
            self._stderr.close()


def _reason(error: BaseException) -> str:
    """Say why something failed; of a group of errors the first one says it."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    text = str(error).strip()
    return f"{type(error).__name__}: {text[:500]}" if text else type(error).__name__


class _LastLines:
    """A stream to write to, of which only the last lines are kept."""

    def __init__(self) -> None:
        near, far = os.pipe()
        self.stream: TextIO = os.fdopen(far, "w", encoding="utf-8", errors="replace")
        self._lines: deque[str] = deque(maxlen=MAX_STDERR_LINES)
        self._reader = threading.Thread(target=self._read, args=(near,), name="mcp stderr", daemon=True)
        self._reader.start()

    def _read(self, near: int) -> None:
        with os.fdopen(near, "r", encoding="utf-8", errors="replace") as source:
            while line := source.readline(500):
                self._lines.append(line.rstrip())

    def close(self) -> None:
        """Close the end that is written to; the reader ends when the server has closed its own."""
        if not self.stream.closed:
            self.stream.close()
        self._reader.join(1.0)

    def shown(self) -> str:
        """Return what was written last, as an addition to a message."""
        lines = [line for line in self._lines if line]
        return f"; it wrote: {' | '.join(lines)[-1000:]}" if lines else ""
