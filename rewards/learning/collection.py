"""Messages to label: collected by playing, or read from a file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym

from rewardium.envs.errors import RewardiumError
from rewardium.envs.spaces import Utf8Text
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.learning.messages import MAX_CHARACTERS, clean_message, message_column
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.source import Score
from rewardium.rewards.vector import DenseVectorReward

_LONGEST_LINE = 64 * MAX_CHARACTERS
_STEPS_A_REPORT = 64


@dataclass(frozen=True)
class _Counting(RewardSource):
    """Counts messages and pays nothing."""

    counts: Counter[str] = field(default_factory=Counter, compare=False)

    needs = frozenset({"text"})
    registered_name = "counting"

    def score(self, batch: TransitionBatch) -> Score:
        self.counts.update(message for message in message_column(batch) if message)
        return Score.of([None] * len(batch))


def collect_messages(
    env: str,
    *,
    env_kwargs: Mapping[str, Any] | None = None,
    steps: int = 20_000,
    num_envs: int = 8,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, int]:
    """Play an environment with random actions and count the messages.

    Args:
        env: The id of an environment whose steps have a text, and whose actions are not texts.
        env_kwargs: Arguments of ``gym.make``.
        steps: Steps in all, over the environments.
        num_envs: Environments that play side by side, in this process.
        seed: Fixes episodes and actions.
        progress: Called with the steps done and the number of distinct messages.

    Returns:
        How often each message came, the most frequent first.

    Raises:
        RewardiumError: When the environment cannot be made, has no texts, or takes texts as actions.
    """
    if steps < 1 or num_envs < 1:
        raise RewardiumError(f"collecting messages needs steps and num_envs of at least 1, got {steps} and {num_envs}")
    try:
        venv = gym.make_vec(env, num_envs=num_envs, vectorization_mode="sync", **(env_kwargs or {}))
    except (gym.error.Error, TypeError) as error:
        raise RewardiumError(f"cannot make the environment {env!r}: {error}") from error
    try:
        if isinstance(venv.single_action_space, (Utf8Text, gym.spaces.Text)):
            raise RewardiumError(
                f"{env!r} takes texts as actions, and random texts bring about nothing: take the environment with "
                "numbered actions, or give a file of messages"
            )
        return _played(venv, steps, seed, progress)
    finally:
        venv.close()


def _played(
    venv: gym.vector.VectorEnv[Any, Any, Any], steps: int, seed: int, progress: Callable[[int, int], None] | None
) -> dict[str, int]:
    counting = _Counting()
    rewarded = DenseVectorReward(venv, counting)
    rewarded.reset(seed=seed)
    rewarded.action_space.seed(seed)
    rounds = -(-steps // venv.num_envs)
    for number in range(1, rounds + 1):
        try:
            rewarded.step(rewarded.action_space.sample())
        except AttributeError as error:  # Gymnasium's, for a caption() that the environment has not
            raise RewardiumError(
                f"the steps of the environment have no text, so there are no messages: {error}"
            ) from error
        if progress is not None and (number % _STEPS_A_REPORT == 0 or number == rounds):
            progress(min(number * venv.num_envs, steps), len(counting.counts))
    # Ties in number are put in the order of the alphabet, so that the result does not depend on who came first.
    return dict(sorted(counting.counts.items(), key=lambda entry: (-entry[1], entry[0])))


def write_messages(path: str | Path, counts: Mapping[str, int]) -> None:
    """Write messages as JSON lines: ``{"message": ..., "count": 3}``.

    Args:
        path: The file; it is there as a whole or not at all.
        counts: How often each message came.

    Raises:
        RewardiumError: When it cannot be written.
    """
    path = Path(path)
    rows = [json.dumps({"message": text, "count": count}, ensure_ascii=False) + "\n" for text, count in counts.items()]
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes("".join(rows).encode("utf-8"))
        part.replace(path)
    except OSError as error:
        raise RewardiumError(f"cannot write {path}: {error.strerror}") from error


def read_messages(path: str | Path) -> dict[str, int]:
    """Read messages from JSON lines: a text, or an object with a ``message`` (or a caption, ``text``) and a ``count``.

    Args:
        path: The file.

    Returns:
        How often each cleaned message came; empty ones are left out.

    Raises:
        RewardiumError: When it cannot be read, with the number of the line that has no message.

    Example:
        >>> write_messages("messages.jsonl", {"You see here a key.": 2})
        >>> read_messages("messages.jsonl")
        {'You see here a key.': 2}
    """
    counts: Counter[str] = Counter()
    try:
        with Path(path).open(encoding="utf-8") as file:
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), ""), start=1):
                if line.strip():
                    message, count = _message_of_line(line, f"{path}:{number}")
                    counts[message] += count
    except (OSError, UnicodeDecodeError) as error:
        raise RewardiumError(f"cannot read {path}: {error}") from error
    return {message: count for message, count in counts.items() if message}


def _message_of_line(line: str, place: str) -> tuple[str, int]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RewardiumError(f"{place} is no JSON: {error}") from None
    row = {"message": row} if isinstance(row, str) else row
    text = row.get("message", row.get("text")) if isinstance(row, dict) else None
    if not isinstance(text, str):
        raise RewardiumError(f"{place} must be a text, or an object with a 'message' or a 'text'")
    count = row.get("count", 1)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise RewardiumError(f"{place}: 'count' must be a whole number of at least 1, got {count!r}")
    return clean_message(text), count
