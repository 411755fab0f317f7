"""One annotator a process for equal arguments: rewards are values built from flags, and several may ask the same."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rewardium.rewards.annotation.annotator import Annotator
from rewardium.rewards.annotation.budget import Budget
from rewardium.rewards.annotation.question import Question
from rewardium.rewards.models.after_fork import renew_after_fork
from rewardium.rewards.models.judge import Completion, Judge
from rewardium.rewards.models.spec import make_judge


def shared_annotator(
    question: Question,
    judge: str,
    cache: str | Path | None = None,
    *,
    budget: Budget = Budget(),  # noqa: B008 - frozen
    batch_size: int = 64,
    capacity: int = 10_000,
    retry_seconds: float = 1.0,
) -> Annotator:
    """Return this process's annotator for these arguments; the first call makes it.

    Shared annotators with equal judges also share the judge, so that a model in this process is loaded once. A pickled
    or copied one is, on the other side, the one of that process. They are closed at the end of the interpreter, by
    ``close_shared_annotators``, or one by one; the next call then makes a new one.

    Args:
        question: What to ask.
        judge: Whom to ask, as for ``make_judge``.
        cache: The file that keeps labels, or None.
        budget: What the judge may cost.
        batch_size: Items that the judge gets at once.
        capacity: Items that may wait.
        retry_seconds: The first pause after the judge failed.

    Returns:
        The annotator.

    Raises:
        RewardiumError: When an argument is wrong, or the judge cannot be built.

    Example:
        >>> from rewardium.rewards.annotation.questions import HELPFUL
        >>> shared_annotator(HELPFUL, "scripted:keyword") is shared_annotator(HELPFUL, "scripted:keyword")
        True
        >>> close_shared_annotators()
    """
    arguments = {
        "question": question,
        "judge": judge,
        "cache": None if cache is None else Path(cache).absolute(),
        "budget": budget,
        "batch_size": batch_size,
        "capacity": capacity,
        "retry_seconds": retry_seconds,
    }
    return _REGISTRY.annotator(arguments)


def close_shared_annotators() -> None:
    """Close every shared annotator of this process, and their judges."""
    _REGISTRY.close()


class SharedAnnotator(Annotator):
    """An annotator of the registry; made by ``shared_annotator`` only."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (dict(self._arguments),)

    def close(self) -> None:
        """Close it for all that share it, and let the next call of ``shared_annotator`` make a new one."""
        _REGISTRY.forget(self)
        super().close()

    def _open_judge(self, judge: Judge | str) -> Judge:
        return _LeasedJudge(str(judge))


class _LeasedJudge:
    """One annotator's share in a judge; the judge itself is closed with its last share."""

    def __init__(self, spec: str) -> None:
        self._spec = spec
        self._judge = _REGISTRY.lease(spec)
        self._lock = threading.Lock()
        self._given_back = False
        renew_after_fork(self)

    @property
    def name(self) -> str:
        return self._judge.name

    def complete(self, prompts: Sequence[str]) -> list[Completion | None]:
        return self._judge.complete(prompts)

    def close(self) -> None:
        with self._lock:
            given_back, self._given_back = self._given_back, True
        if not given_back:
            _REGISTRY.give_back(self._spec)

    def after_fork_in_child(self) -> None:
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return repr(self._judge)


class _Registry:
    """The shared annotators by their arguments, and the judges by their text with the number of shares."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # an annotator leases its judge while it is being made
        self._annotators: dict[tuple[Any, ...], SharedAnnotator] = {}
        self._judges: dict[str, tuple[Judge, int]] = {}

    def annotator(self, arguments: dict[str, Any]) -> SharedAnnotator:
        key = tuple(arguments.values())
        with self._lock:
            if key not in self._annotators:
                renew_after_fork(self)
                self._annotators[key] = SharedAnnotator(**arguments)
            return self._annotators[key]

    def forget(self, annotator: SharedAnnotator) -> None:
        with self._lock:
            self._annotators = {key: kept for key, kept in self._annotators.items() if kept is not annotator}

    def close(self) -> None:
        with self._lock:
            annotators = list(self._annotators.values())
        for annotator in annotators:
            annotator.close()

    def lease(self, spec: str) -> Judge:
        with self._lock:
            judge, shares = self._judges[spec] if spec in self._judges else (make_judge(spec), 0)
            self._judges[spec] = (judge, shares + 1)
            return judge

    def give_back(self, spec: str) -> None:
        with self._lock:
            judge, shares = self._judges.pop(spec)
            if shares > 1:
                self._judges[spec] = (judge, shares - 1)
                return
        judge.close()

    def after_fork_in_child(self) -> None:
        self._lock = threading.RLock()


_REGISTRY = _Registry()


def _again(arguments: dict[str, Any]) -> Annotator:
    return _REGISTRY.annotator(arguments)
