"""Work that is done in rounds beside the policy: asked for often, done one at a time, never waited for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from rewardium.rewards.models.after_fork import renew_after_fork

logger = logging.getLogger(__name__)


class BackgroundRounds:
    """Runs one function in a thread of its own, one call at a time.

    A round that raises is logged and counted, and stops nothing. There is no thread before the first round, and one
    that has ended is started again when there is more to do.

    Args:
        work: What a round does.
        name: Of the thread, and in the log.

    Example:
        >>> done = []
        >>> rounds = BackgroundRounds(lambda: done.append("round"), "example")
        >>> rounds.nudge()
        >>> rounds.wait()
        >>> done
        ['round']
        >>> rounds.close()
    """

    def __init__(self, work: Callable[[], object], name: str) -> None:
        self.work = work
        self.name = name
        self.failures = 0
        self._lock = threading.Lock()
        self._executor: ThreadPoolExecutor | None = None
        self._round: Future[None] | None = None
        renew_after_fork(self)

    def nudge(self) -> None:
        """Start a round unless one is running."""
        with self._lock:
            if self._round is not None and not self._round.done():
                return
            if self._executor is None:
                self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=self.name)
            self._round = self._executor.submit(self._safely)

    def wait(self) -> None:
        """Wait for the round that is running, if there is one."""
        with self._lock:
            running = self._round
        if running is not None and not running.cancelled():
            running.result()

    def close(self) -> None:
        """Wait for the round that is running, and end the thread."""
        with self._lock:
            executor, self._executor, self._round = self._executor, None, None
        if executor is not None:
            executor.shutdown(wait=True)

    def after_fork_in_child(self) -> None:
        """Forget the parent's thread, which a forked process does not have."""
        self._lock, self._executor, self._round = threading.Lock(), None, None

    def _safely(self) -> None:
        try:
            self.work()
        except Exception:
            self.failures += 1
            logger.exception("%s: a round failed; what was learned before stays in use", self.name)
