"""Asking a judge of texts about a whole batch: once, again what could not be read, and never twice the same."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from rewardium.rewards.annotation.cache import CacheError, LabelCache, LabelRecord
from rewardium.rewards.models.after_fork import renew_after_fork
from rewardium.rewards.models.judge import Completion, Judge, JudgeError
from rewardium.rewards.models.spec import make_judge
from rewardium.rewards.models.text_questions import TextQuestion

logger = logging.getLogger(__name__)

MOST_NOTES = 1_500
"""Characters of a judge's notes that are kept and shown to it again."""

_MOST_REMEMBERED = 100_000
_OF_ONE_WORD = "choice"
_SHARED: WeakValueDictionary[str, Judge] = WeakValueDictionary()

Known = tuple[float | None, str]
"""What was read of an answer, and its beginning."""


@dataclass(slots=True)
class Cost:
    """What asking took: prompts sent, and tokens read and written."""

    calls: int = 0
    tokens: int = 0

    def as_dict(self) -> dict[str, float]:
        """Return the cost as a score tells it."""
        return {"calls": float(self.calls), "tokens": float(self.tokens)}


def with_room(judge: str, tokens: int) -> str:
    """Return a judge's text with room for an answer of so many tokens, unless it says itself how many.

    Args:
        judge: What ``make_judge`` takes.
        tokens: Tokens of an answer.

    Returns:
        The same judge, free to write any words: a list of allowed ones does not fit answers that begin with a code.

    Example:
        >>> with_room("http://localhost:8000/v1#model=judge&choice=yes|no", 24)
        'http://localhost:8000/v1#model=judge&max_tokens=24'
        >>> with_room("transformers:folder#max_tokens=4", 24), with_room("scripted:grader", 24)
        ('transformers:folder#max_tokens=4', 'scripted:grader')
    """
    judge = judge.strip()
    if judge.startswith("scripted:"):
        return judge
    address, _, options = judge.partition("#")
    kept = [option for option in options.split("&") if option and option.partition("=")[0] != _OF_ONE_WORD]
    if not any(option.startswith("max_tokens=") for option in kept):
        kept.append(f"max_tokens={tokens}")
    return f"{address}#{'&'.join(kept)}"


class Asking:
    """A judge and what it has said, for one source.

    Args:
        judge: What ``make_judge`` takes; equal models in this process are loaded once.
        tokens: Tokens of an answer, where ``judge`` does not say.
        key: Names source and wording; verdicts are kept under it, the judge's name and the prompt.
        path: A file of verdicts that runs share, see ``LabelCache``; "" for none.

    Raises:
        RewardiumError: When the judge cannot be built.
        MissingExtraError: When the package that it needs is not installed.
    """

    def __init__(self, judge: str, tokens: int, key: str, path: str = "") -> None:
        self._judge = _open(with_room(judge, tokens))
        self._key = key
        self._memory = _Memory(path)

    def verdicts(self, questions: Sequence[TextQuestion], cost: Cost) -> list[float | None]:
        """Ask Q questions in one call, and once more those whose answers could not be read.

        Args:
            questions: Length Q; equal prompts are sent once, and what is known is not sent.
            cost: What it took is added here.

        Returns:
            Length Q; None where there is no verdict, all of them where the judge cannot be reached.
        """
        by_prompt = {question.prompt: question for question in questions}

        def read(prompt: str, text: str) -> float | None:
            return by_prompt[prompt].read(text)

        known = self._answers(list(by_prompt), read, lambda prompt: by_prompt[prompt].retry_prompt, cost)
        return [known[question.prompt][0] for question in questions]

    def notes(self, prompts: Sequence[str], cost: Cost) -> list[str | None]:
        """Let the judge write freely on Q prompts, in one call.

        Returns:
            Length Q: at most 1,500 characters each; None where the judge said nothing.
        """
        known = self._answers(list(dict.fromkeys(prompts)), _is_something, lambda prompt: prompt, cost, tries=1)
        return [known[prompt][1] if known[prompt][0] is not None else None for prompt in prompts]

    def close(self) -> None:
        """End the connection to the judge; a model in this process goes with the last source that holds it."""
        self._memory.close()
        if not any(self._judge is judge for judge in _SHARED.values()):
            self._judge.close()

    def _answers(
        self,
        prompts: list[str],
        read: Callable[[str, str], float | None],
        retry: Callable[[str], str],
        cost: Cost,
        tries: int = 2,
    ) -> dict[str, Known]:
        name = self._name()
        known = self._memory.recall(name, self._key, prompts) if name is not None else {}
        unread = [prompt for prompt in prompts if prompt not in known]
        fresh: dict[str, Known] = {}
        for attempt in range(tries):
            sent = [retry(prompt) if attempt else prompt for prompt in unread] if unread else []
            for prompt, answer in zip(unread, self._complete(sent, cost), strict=True):
                if answer is not None:
                    fresh[prompt] = (read(prompt, answer), answer.strip()[:MOST_NOTES])
            # A prompt that got no answer at all would get none the second time either.
            unread = [prompt for prompt in unread if prompt in fresh and fresh[prompt][0] is None]
        if name is not None:
            self._memory.keep(name, self._key, fresh)
        return {prompt: known.get(prompt) or fresh.get(prompt) or (None, "") for prompt in prompts}

    def _name(self) -> str | None:
        try:
            return self._judge.name
        except Exception as error:  # a judge of someone's own may raise anything
            logger.warning("a judge does not say its name, so that nothing it says is remembered: %s", error)
            return None

    def _complete(self, prompts: list[str], cost: Cost) -> list[str | None]:
        """Ask, count, and see to it that a judge can do no harm: whatever it raises is no answer."""
        if not prompts:
            return []
        try:
            given = list(self._judge.complete(prompts))
            if len(given) != len(prompts):
                raise JudgeError(f"{len(given)} answers to {len(prompts)} prompts")
        except (Exception, SystemExit) as error:
            logger.warning("a judge failed, %d prompts stay without an answer: %s", len(prompts), error)
            return [None] * len(prompts)
        answers = [answer if isinstance(answer, Completion) else None for answer in given]
        cost.calls += len(prompts)
        cost.tokens += sum(answer.prompt_tokens + answer.completion_tokens for answer in answers if answer)
        return [answer.text if answer is not None and isinstance(answer.text, str) else None for answer in answers]


def _is_something(prompt: str, text: str) -> float | None:
    return 0.0 if text.strip() else None


def _open(spec: str) -> Judge:
    """Build a judge; a model in this process is shared by all that name it in the same way."""
    if not spec.startswith("transformers:"):
        return make_judge(spec)
    judge = _SHARED.get(spec)
    if judge is None:
        judge = _SHARED[spec] = make_judge(spec)
    return judge


@dataclass
class _Memory:
    """What judges said, by a digest of judge, key and prompt; also in a file where a path is given."""

    path: str
    _known: OrderedDict[bytes, Known] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _read: dict[tuple[str, str], int] = field(default_factory=dict)
    _file: LabelCache | None = None

    def __post_init__(self) -> None:
        self._file = LabelCache(self.path) if self.path else None
        renew_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Replace the lock, which may be held."""
        self._lock = threading.Lock()

    def recall(self, judge: str, key: str, prompts: Sequence[str]) -> dict[str, Known]:
        """Return what is known of the prompts."""
        with self._lock:
            self._load(judge, key)
            found = {prompt: self._known.get(_digest(judge, key, _item(prompt))) for prompt in prompts}
        return {prompt: answer for prompt, answer in found.items() if answer is not None}

    def keep(self, judge: str, key: str, answers: dict[str, Known]) -> None:
        """Remember what was read; what could not be read is asked again another time."""
        read = {prompt: answer for prompt, answer in answers.items() if answer[0] is not None}
        with self._lock:
            for prompt, answer in read.items():
                self._remember(judge, key, _item(prompt), answer)
            if self._file is not None and read:
                records = [LabelRecord((_item(prompt),), value, text) for prompt, (value, text) in read.items()]
                try:
                    self._file.write(judge, key, records)
                except CacheError as error:
                    logger.warning("verdicts are not kept: %s", error)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _load(self, judge: str, key: str) -> None:
        """Read what this or another process wrote since the last time."""
        if self._file is None:
            return
        try:
            while True:
                records, revision = self._file.read(judge, key, after=self._read.get((judge, key), 0))
                for record in records:
                    if record.label is not None:
                        self._remember(judge, key, record.item[0], (record.label, record.answer))
                self._read[judge, key] = revision
                if not records:
                    return
        except CacheError as error:
            logger.warning("kept verdicts cannot be read: %s", error)

    def _remember(self, judge: str, key: str, item: str, answer: Known) -> None:
        self._known[_digest(judge, key, item)] = answer
        while len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)


def _item(prompt: str) -> str:
    return hashlib.sha256(prompt.encode("utf-8", "backslashreplace")).hexdigest()


def _digest(judge: str, key: str, item: str) -> bytes:
    return hashlib.sha256(repr((judge, key, item)).encode("utf-8", "backslashreplace")).digest()
