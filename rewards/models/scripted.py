"""Judges that are rules: for tests, for baselines, and for training without a language model."""

from __future__ import annotations

import hashlib
import importlib
import logging
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rewardium.envs.errors import RewardiumError, unknown_name_message
from rewardium.rewards.models.after_fork import renew_after_fork
from rewardium.rewards.models.judge import Completion, JudgeError
from rewardium.rewards.models.rebuilt import Rebuilt
from rewardium.rewards.models.rule_names import Registered, registering

logger = logging.getLogger(__name__)

Rule = Callable[[str], str | tuple[str, ...]]
"""From a prompt to an answer, or to an answer followed by the other answers that are allowed."""


_RULES: dict[str, Registered[Rule]] = {}


def scripted_rule(name: str, version: str = "1") -> Callable[[Rule], Rule]:
    """Register a rule under a name.

    Args:
        name: What stands in ``scripted:NAME``; letters, digits, ``_`` and ``-``.
        version: Part of the judge's name, which labels are kept under: change it with the rule.

    Returns:
        A decorator that returns its argument unchanged.

    Raises:
        RewardiumError: When the name has other characters, or belongs to another rule.

    Example:
        >>> from rewardium.rewards.annotation.question import parts_of
        >>> @scripted_rule("loud")
        ... def loud(prompt: str) -> tuple[str, ...]:
        ...     return ("helpful", "unhelpful") if parts_of(prompt)[0].isupper() else ("unhelpful", "helpful")
        >>> from rewardium.rewards.annotation.questions import HELPFUL
        >>> ScriptedJudge("loud").complete([HELPFUL.prompt(("YOU WIN!",))])[0].text
        'helpful'
    """
    return registering(_RULES, name, version)


def rule_names() -> list[str]:
    """Return the registered rules, sorted.

    Example:
        >>> {"dead", "keyword", "nonsense"} <= set(rule_names())
        True
    """
    for module in ("rules", "text_rules"):  # not at the top: their rules register here
        importlib.import_module(f"rewardium.rewards.models.{module}")
    return sorted(_RULES)


@dataclass(frozen=True)
class ScriptedJudge(Rebuilt):
    """Answers by a rule, with a set share of mistakes and a set delay.

    A mistake is another one of the allowed answers. Whether a prompt gets one follows from the seed and the prompt, so
    that a repeated question gets the same answer, in every process.

    Args:
        rule: The rule's name: ``"keyword"`` knows the shipped questions about NetHack, ``"grader"`` those about texts;
            ``"nonsense"`` never gives an allowed answer; ``"dead"`` cannot be reached. ``scripted_rule`` adds others.
        error: The share of prompts that get a wrong answer, in [0, 1].
        delay: Seconds that a batch takes.
        seed: Picks the prompts that get a wrong answer.

    Raises:
        RewardiumError: When there is no such rule, or a number is out of its range.

    Example:
        >>> from rewardium.rewards.annotation.questions import HELPFUL
        >>> judge = ScriptedJudge("keyword")
        >>> judge.complete([HELPFUL.prompt(("The door opens.",)), HELPFUL.prompt(("It's a wall.",))])
        [Completion(text='helpful', ...), Completion(text='unhelpful', ...)]
    """

    rule: str
    error: float = 0.0
    delay: float = 0.0
    seed: int = 0
    _closed: threading.Event = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.rule not in rule_names():
            raise RewardiumError(unknown_name_message("scripted judge", self.rule, _RULES))
        if not 0 <= self.error <= 1:
            raise RewardiumError(f"scripted judge: error must lie between 0 and 1, got {self.error!r}")
        if not math.isfinite(self.delay) or self.delay < 0:
            raise RewardiumError(f"scripted judge: delay must be a number of seconds of at least 0, got {self.delay!r}")
        object.__setattr__(self, "_closed", threading.Event())
        renew_after_fork(self)

    def after_fork_in_child(self) -> None:
        """Replace the event, whose lock may be held."""
        closed = self._closed.is_set()
        object.__setattr__(self, "_closed", threading.Event())
        if closed:
            self._closed.set()

    @property
    def name(self) -> str:
        """The rule, its version, and what changes its answers."""
        return f"scripted:{self.rule}/{_RULES[self.rule].version}?error={self.error:g}&seed={self.seed}"

    def complete(self, prompts: Sequence[str]) -> list[Completion | None]:
        """Answer B prompts by the rule; None where the rule failed.

        Tokens are counted as words.

        Raises:
            JudgeError: When the rule says that it cannot be reached, or the judge is closed.
        """
        if self._closed.wait(self.delay) if self.delay else self._closed.is_set():
            raise JudgeError(f"the judge {self.name} is closed")
        return [self._answer(prompt) for prompt in prompts]

    def close(self) -> None:
        """End a delay under way; a closed judge answers nothing."""
        self._closed.set()

    def _answer(self, prompt: str) -> Completion | None:
        try:
            given = _RULES[self.rule].rule(prompt)
        except JudgeError:
            raise
        except Exception:
            logger.exception("the rule of %s failed", self.name)
            return None
        answer, *others = (given,) if isinstance(given, str) else given
        share, pick = _draws(self.seed, prompt)
        if others and share < self.error:
            answer = others[int(pick * len(others))]
        return Completion(answer, len(prompt.split()), len(answer.split()))


def _draws(seed: int, prompt: str) -> tuple[float, float]:
    """Return two numbers in [0, 1) that follow from seed and prompt."""
    digest = hashlib.sha256(f"{seed}\n{prompt}".encode("utf-8", "surrogatepass")).digest()
    first, second = (int.from_bytes(part, "big") >> 11 for part in (digest[:8], digest[8:16]))
    return first / 2**53, second / 2**53
