"""What a judge of texts is shown of a step, and which responses it never sees; no source, as the underscore says."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from rewardium.envs.task import Task
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.models.text_questions import MAX_BLOCK_LENGTH, bounded

Scope = Literal["response", "episode"]
"""What is judged: each response by itself, or all turns of an episode at its last turn."""

NO_TASK = "there is no task"
NO_CONTENT = "the response has no content of an answer; the judge was not asked"
NOT_YET = "judged at the episode's last turn"
NO_HISTORY = "the batch has no histories"
NO_OBSERVATION = "the batch has no observations"

MASTER_KEYS = (
    " ", ".", ",", ":", "Thought process:", "Let's solve this problem step by step.", "Solution",
    "解", "かいせつ", "Respuesta",
)  # fmt: skip
"""Responses without content that judges took for right answers, of "One Token to Fool LLM-as-a-Judge" (2025). The keys
are from notes on the paper, the translations of "Solution" recalled."""

# Openers beyond the paper's own: what is left of a response without them must hold a letter or a digit.
_OPENERS = (
    *MASTER_KEYS, "Solución", "Lösung", "解答", "解决方案", "答案", "解説", "Antwort", "Réponse", "Ответ", "Решение",
    "Answer", "Final answer", "The answer is", "The final answer is", "Response", "Explanation", "Reasoning", "Proof",
    "Thought", "Thoughts", "Thinking", "Step 1", "Step by step", "Let's think step by step", "Let's think",
    "Let's solve this", "Let's solve it", "Let us solve this problem step by step", "To solve this problem",
    "To find the answer", "Here is the solution", "Here is the answer", "Okay", "Sure", "Certainly", "Of course",
    "boxed", "text", "begin", "end", "think", "answer",
)  # fmt: skip
_MOST_OF_A_TURN = 1_500
_MOST_TURNS = 64


def _words(text: str) -> str:
    """Return the words of a text, in small letters and with a blank between each two."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("'", "").replace("’", "")
    return " ".join("".join(letter if letter.isalnum() else " " for letter in plain).split())


_OPENING = re.compile(
    "|".join(
        rf"(?<!\S){re.escape(words)}(?!\S)" for words in sorted(filter(None, map(_words, _OPENERS)), key=len)[::-1]
    )
)


@lru_cache(maxsize=4096)
def has_content(text: str) -> bool:
    r"""Say whether a text holds anything beside punctuation, blanks and openers such as "Solution:".

    Example:
        >>> [has_content(text) for text in (" ", ":", "Let's solve this problem step by step.", "Solution: 4", "x")]
        [False, False, False, True, True]
    """
    return bool(_OPENING.sub("", _words(text)).strip())


def without_thought(text: str) -> str:
    """Return what follows a response's last ``</think>``, and nothing of a thought that is not closed.

    Example:
        >>> without_thought("<think>2 + 2</think> 4"), without_thought("4 <think>so"), without_thought("4")
        (' 4', '4 ', '4')
    """
    return text.rpartition("</think>")[2].partition("<think>")[0]


class Settled(NamedTuple):
    """A row that the judge is not asked about.

    Args:
        value: The score; None where it cannot be had.
        reason: Why, in words.
    """

    value: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A row that the judge is asked about.

    Args:
        question: What the task asks for.
        response: What is judged: a response, or the turns of an episode.
        reference: The task's reference, or None.
        task: The task.
    """

    question: str
    response: str
    reference: str | None
    task: Task


def judged_rows(batch: TransitionBatch, scope: Scope, keeps_thought: bool = False) -> Iterator[Judged | Settled]:
    """Yield what a judge is shown of each of B rows.

    A response without content is settled with 0, unless the reference itself is such a text. An action that is no text
    counts as an empty response.

    Args:
        batch: B transitions with actions.
        scope: What is judged.
        keeps_thought: Whether the judge sees what stands in ``<think>`` tags; whether a response has content is always
            decided without it.

    Yields:
        B rows.
    """
    tasks = batch.tasks if batch.tasks is not None else [None] * len(batch)
    for row, (task, action, done) in enumerate(zip(tasks, batch.actions, batch.dones.tolist(), strict=True)):
        if task is None:
            yield Settled(None, NO_TASK)
        elif scope == "episode" and batch.histories is None:
            yield Settled(None, NO_HISTORY)
        elif scope == "episode" and batch.observations is None:
            yield Settled(None, NO_OBSERVATION)
        elif scope == "episode" and not done:
            yield Settled(0.0, NOT_YET)
        else:
            past = batch.histories[row] if scope == "episode" and batch.histories is not None else ()
            yield _judged(task, action, past, keeps_thought)


def _judged(task: Task, action: Any, past: tuple[Transition, ...], keeps_thought: bool) -> Judged | Settled:
    said = action if isinstance(action, str) else ""
    answer = without_thought(said)
    reference = task.reference
    if not has_content(_ends(answer)) and (reference is None or has_content(_ends(reference))):
        return Settled(0.0, NO_CONTENT)
    last = said if keeps_thought else answer
    shown = _transcript(past, last, keeps_thought) if past else last.strip()
    return Judged(task.goal, shown, reference, task)


def _ends(text: str) -> str:
    """Return what a judge would see of a text, without a word about what is left out."""
    text, half = text.strip(), MAX_BLOCK_LENGTH // 2
    return text if len(text) <= 2 * half else f"{text[:half]} {text[-half:]}"


def _transcript(past: tuple[Transition, ...], last: str, keeps_thought: bool) -> str:
    """Write an episode's turns below each other, each cut to what a judge reads of it."""
    parts = []
    for turn in past[-_MOST_TURNS:]:
        said = turn.action if isinstance(turn.action, str) else ""
        seen = turn.observation if isinstance(turn.observation, str) else ""
        said = said if keeps_thought else without_thought(said)
        parts += [f"[assistant]\n{bounded(said.strip(), _MOST_OF_A_TURN)}"]
        parts += [f"[environment]\n{bounded(seen.strip(), _MOST_OF_A_TURN)}"]
    return "\n".join([*parts, f"[assistant]\n{last.strip()}"])
