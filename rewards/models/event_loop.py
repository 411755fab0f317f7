"""An event loop in a daemon thread, for code that is not asynchronous itself."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

T = TypeVar("T")


class LoopClosedError(Exception):
    """The loop is closed, or was closed while the work was under way."""


class EventLoopThread:
    """Runs coroutines for other threads, and can abort all of them at once.

    The thread begins with the first coroutine. It is a daemon, and no thread of a pool: the interpreter waits for those
    at its exit, for as long as a request hangs.

    Args:
        name: The thread's name.
        at_end: Called in the loop when it is closed, to free what lives in it.

    Example:
        >>> async def answer() -> int:
        ...     return 42
        >>> thread = EventLoopThread("example")
        >>> thread.run(answer())
        42
        >>> thread.close()
    """

    def __init__(self, name: str, at_end: Callable[[], Awaitable[None]] | None = None) -> None:
        self._name, self._at_end = name, at_end
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end and return its result.

        Raises:
            LoopClosedError: When the thread is closed, before or meanwhile.
        """
        try:
            return self._submit(coroutine).result()
        except CancelledError:
            raise LoopClosedError from None

    def _submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        with self._lock:
            if self._closed:
                coroutine.close()
                raise LoopClosedError
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_serve, args=(self._loop,), name=self._name, daemon=True)
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def close(self, timeout: float = 5.0) -> None:
        """Cancel what is under way and end the thread; further calls do nothing.

        Args:
            timeout: Seconds to wait for the thread's end.
        """
        with self._lock:
            loop, thread = self._loop, self._thread
            already, self._closed = self._closed, True
        if loop is None or thread is None or already:
            return
        # What was submitted before runs first, so that it is among the tasks that are cancelled.
        asyncio.run_coroutine_threadsafe(self._end(loop), loop)
        if thread is not threading.current_thread():
            thread.join(timeout)

    async def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._at_end is not None:
                with contextlib.suppress(Exception):
                    await asyncio.wait_for(self._at_end(), 2.0)
        finally:
            loop.stop()


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
