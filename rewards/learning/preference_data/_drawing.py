"""What builders share; the leading underscore says that this file is none."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.preference_data.comparison import Comparison


def generator_for(seed: int, comparison: Comparison) -> np.random.Generator:
    """Return a generator that depends on the comparison's texts alone, so that other comparisons move nothing."""
    text = json.dumps([seed, comparison.prompts, comparison.responses])
    digest = hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def some_of(items: Sequence[tuple[int, int]], most: int, generator: np.random.Generator) -> list[tuple[int, int]]:
    """Draw at most ``most`` items, in their order; all of them where ``most`` is 0."""
    if most == 0 or len(items) <= most:
        return list(items)
    return [items[index] for index in sorted(generator.choice(len(items), most, replace=False).tolist())]


def require_range(step: str, name: str, value: object, low: float, high: float = math.inf) -> None:
    """Refuse a setting that is no finite number in its range.

    Raises:
        RewardiumError: Naming the setting.
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not low <= float(value) <= high:  # type: ignore[arg-type]
        bounds = f"at least {low:g}" if math.isinf(high) else f"in [{low:g}, {high:g}]"
        raise RewardiumError(f"{step!r}: {name} must be {bounds}, got {value!r}")


def require_count(step: str, name: str, value: object, low: int = 0) -> None:
    """Refuse a setting that is no whole number of at least ``low``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise RewardiumError(f"{step!r}: {name} must be a whole number of at least {low}, got {value!r}")


def better_and_worse(step: str, comparison: Comparison) -> tuple[int, int] | None:
    """Return which of two responses is the better and which the worse; None for a tie.

    Raises:
        RewardiumError: When there are not two responses.
    """
    if len(comparison.responses) != 2:
        raise RewardiumError(
            f"{step!r} works on pairs, got {len(comparison.responses)} responses to {comparison.prompts[0][:60]!r}: "
            "put a builder of pairs before it"
        )
    preference = float(comparison.wins()[0, 1])
    return None if preference == 0.5 else (0, 1) if preference > 0.5 else (1, 0)


def pair_of(comparison: Comparison, better: int, worse: int, strength: float = 1.0) -> Comparison:
    """Return the pair of two of the responses, the better first."""
    return comparison.subset((better, worse), preference=1.0, strength=strength)
