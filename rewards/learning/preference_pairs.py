"""What all preference data have in common, whatever is compared: files, a split that never moves, checks, training."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.bradley_terry import pair_accuracy


class Compared(Protocol):
    """Two things of which one is better; a named tuple of ``first``, ``second`` and ``preference``."""

    @property
    def first(self) -> Any:
        """A text, or an index."""

    @property
    def second(self) -> Any:
        """Another one."""

    @property
    def preference(self) -> float:
        """1.0 where the first is better, 0.0 where the second is, 0.5 for a tie."""

    def _asdict(self) -> dict[str, Any]: ...


P = TypeVar("P", bound=Compared)


def sides_of(pairs: Sequence[Compared]) -> list[Any]:
    """Return what is compared, each once, in order."""
    return sorted({side for pair in pairs for side in (pair.first, pair.second)})


def split_pairs(preferences: Sequence[P], held_out: float, seed: int = 0) -> tuple[list[P], list[P]]:
    """Split pairs into those to train on and those held out.

    The side of a pair depends on what it compares alone: neither on the order nor on the other pairs, so that more
    labels never move a pair, and a pair and its reverse are never on both sides.

    Args:
        preferences: The pairs.
        held_out: The share to hold out, on average.
        seed: Another seed, another split.

    Returns:
        The pairs to train on and those held out, in their order.

    Example:
        >>> from rewardium.rewards.learning.bradley_terry import Preference
        >>> pairs = [Preference(str(number), "x", 1.0) for number in range(100)]
        >>> trained, kept_back = split_pairs(pairs, 0.2)
        >>> len(trained) + len(kept_back), 5 < len(kept_back) < 40
        (100, True)
    """

    def is_held_out(pair: Compared) -> bool:
        text = json.dumps([seed, *sorted((pair.first, pair.second))])
        digest = hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest()
        return int.from_bytes(digest, "big") < held_out * 2**64

    sides: tuple[list[P], list[P]] = ([], [])
    for pair in preferences:
        sides[is_held_out(pair)].append(pair)
    return sides


def check_training(steps: int, learning_rate: float, batch_size: int, held_out: float) -> None:
    """Refuse settings of training that make no sense.

    Raises:
        RewardiumError: When a number is out of its range.
    """
    for name, value in (("steps", steps), ("batch_size", batch_size)):
        if value < 1:
            raise RewardiumError(f"training on preferences: {name} must be at least 1, got {value}")
    if not (learning_rate > 0.0 and math.isfinite(learning_rate)):
        raise RewardiumError(f"training on preferences: learning_rate must be above 0, got {learning_rate}")
    if not 0.0 <= held_out < 1.0:
        raise RewardiumError(f"training on preferences: held_out must be in [0, 1), got {held_out}")


def require_decided(trained: Sequence[Compared], number: int) -> None:
    """Refuse to train where there is nothing to learn.

    Args:
        trained: The pairs to train on.
        number: Of all pairs.

    Raises:
        RewardiumError: When all pairs to train on are ties, or there are none.
    """
    if not any(pair.preference != 0.5 for pair in trained):
        raise RewardiumError(
            f"no preferences to learn from: {number} pairs, of which {len(trained)} are trained on, and no decided one "
            "among these"
        )


def train_in_parts(
    learn: Callable[[int], float], steps: int, part: int, progress: Callable[[int, float], None] | None
) -> float:
    """Train some steps at a time, and tell after each part.

    Args:
        learn: Takes so many gradient steps and returns their mean loss.
        steps: In all.
        part: At a time.
        progress: Called with the number of steps done and the mean loss of the last ones.

    Returns:
        The mean loss of the last part.

    Example:
        >>> done = []
        >>> train_in_parts(float, 5, 2, lambda steps, loss: done.append((steps, loss)))
        1.0
        >>> done
        [(2, 2.0), (4, 2.0), (5, 1.0)]
    """
    loss, done = float("nan"), 0
    while done < steps:
        now = min(part, steps - done)
        loss, done = learn(now), done + now
        if progress is not None:
            progress(done, loss)
    return loss


def accuracy(scores: Callable[[list[Any]], NDArray[np.float64]], pairs: Sequence[Compared]) -> float | None:
    """Return the share of decided pairs whose better side has the larger score.

    Args:
        scores: Gives each of some sides a number, float64 [S].
        pairs: The pairs.

    Returns:
        In [0, 1]; None where no pair is decided.
    """
    if not pairs:
        return None
    sides = sides_of(pairs)
    score = dict(zip(sides, scores(sides), strict=True))
    first = np.array([score[pair.first] for pair in pairs])
    second = np.array([score[pair.second] for pair in pairs])
    return pair_accuracy(first, second, np.array([pair.preference for pair in pairs]))


def write_pairs(path: str | Path, preferences: Sequence[Compared]) -> None:
    """Write preferences as JSON lines: ``{"first": ..., "second": ..., "preference": 1.0}``.

    Args:
        path: The file; it is there as a whole or not at all.
        preferences: The pairs.

    Raises:
        RewardiumError: When it cannot be written.
    """
    path = Path(path)
    text = "".join(json.dumps(pair._asdict(), ensure_ascii=False) + "\n" for pair in preferences)
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(text.encode("utf-8"))
        part.replace(path)
    except OSError as error:
        raise RewardiumError(f"cannot write {path}: {error.strerror}") from error


def read_pairs(
    path: str | Path, make: Callable[[Any, Any, float], P], is_side: Callable[[Any], bool], sides: str, longest: int
) -> list[P]:
    """Read what ``write_pairs`` wrote, or the same made elsewhere; other fields are passed over.

    Args:
        path: The file.
        make: Makes a pair.
        is_side: Whether a value may be compared.
        sides: What the sides must be, in words, e.g. ``"texts"``.
        longest: Characters of a line.

    Returns:
        The pairs.

    Raises:
        RewardiumError: When it cannot be read, with the number of the line that is no preference.
    """
    pairs = []
    try:
        with Path(path).open(encoding="utf-8") as file:
            for number, line in enumerate(iter(lambda: file.readline(longest), ""), start=1):
                if line.strip():
                    pairs.append(make(*_read_row(line, f"{path}:{number}", is_side, sides)))
    except (OSError, UnicodeDecodeError) as error:
        raise RewardiumError(f"cannot read {path}: {error}") from error
    return pairs


def _read_row(line: str, place: str, is_side: Callable[[Any], bool], sides: str) -> tuple[Any, Any, float]:
    try:
        row = json.loads(line)
        first, second, preference = row["first"], row["second"], row["preference"]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise RewardiumError(f"{place} needs first, second and preference: {error!r}") from None
    right = isinstance(preference, (int, float)) and not isinstance(preference, bool) and 0.0 <= preference <= 1.0
    if not is_side(first) or not is_side(second) or not right:
        raise RewardiumError(f"{place}: first and second must be {sides}, and preference a number in [0, 1]")
    return first, second, float(preference)
