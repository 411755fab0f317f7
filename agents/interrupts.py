"""Ctrl-C that ends a run in order: after the update at work, with a checkpoint."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

logger = logging.getLogger(__name__)


class StopRequest:
    """Whether somebody asked a run to stop.

    Example:
        >>> request = StopRequest()
        >>> with request.listening():
        ...     signal.raise_signal(signal.SIGINT)
        >>> request.asked
        True
    """

    def __init__(self) -> None:
        self.asked = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take Ctrl-C as the request; a second one ends the run at once. Threads but the main one hear none."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def ask(number: int, frame: Any) -> None:
            if self.asked:
                raise KeyboardInterrupt
            self.asked = True
            logger.warning("stopping after this update; press Ctrl-C again to stop at once and lose it")

        before = signal.signal(signal.SIGINT, ask)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
