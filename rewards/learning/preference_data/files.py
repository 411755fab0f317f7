"""Comparisons in files: one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.preference_data.comparison import Comparison

LONGEST_LINE = 64_000_000
_KEYS = frozenset(
    {"prompt", "prompts", "responses", "chosen", "rejected", "scores", "preference", "strength", "factors"}
)


def as_row(comparison: Comparison) -> dict[str, Any]:
    """Return what stands in a line for a comparison."""
    same = len(set(comparison.prompts)) == 1
    row: dict[str, Any] = {"prompt": comparison.prompts[0]} if same else {"prompts": list(comparison.prompts)}
    row["responses"] = list(comparison.responses)
    if comparison.scores is not None:
        row["scores"] = list(comparison.scores)
    if comparison.preference is not None:
        row["preference"] = comparison.preference
    if comparison.strength != 1.0:
        row["strength"] = comparison.strength
    if comparison.factors:
        row["factors"] = {name: list(column) for name, column in comparison.factors.items()}
    return row


def from_row(row: Any) -> Comparison:
    """Read a comparison from what a line holds.

    Args:
        row: ``{"prompt": ..., "responses": [...]}`` with ``"scores"`` (one a response) or ``"preference"`` (of two
            responses), and where wanted ``"strength"``, ``"factors"``, or ``"prompts"`` in place of ``"prompt"``;
            or ``{"prompt": ..., "chosen": ..., "rejected": ...}``.

    Returns:
        The comparison.

    Raises:
        RewardiumError: When it is something else.

    Example:
        >>> from_row({"prompt": "2+2=", "chosen": "4", "rejected": "5"}).preference
        1.0
    """
    if not isinstance(row, dict):
        raise RewardiumError("needs an object with prompt, responses, and scores or preference")
    unknown = sorted(set(row) - _KEYS)
    if unknown:
        raise RewardiumError(f"unknown keys {unknown}; known are {sorted(_KEYS)}")
    responses, preference = row.get("responses"), row.get("preference")
    if "chosen" in row or "rejected" in row:
        if responses is not None or preference is not None or not {"chosen", "rejected"} <= set(row):
            raise RewardiumError("chosen and rejected come together, without responses and preference")
        responses, preference = [row["chosen"], row["rejected"]], 1.0
    if not isinstance(responses, list) or not all(isinstance(text, str) for text in responses):
        raise RewardiumError("responses must be a list of texts")
    strength = row.get("strength", 1.0)
    return Comparison(
        _prompts(row, len(responses)),
        tuple(responses),
        _column("scores", row.get("scores")) if row.get("scores") is not None else None,
        preference,
        strength,
        _factors(row.get("factors") or {}),
    )


def _prompts(row: Mapping[str, Any], count: int) -> tuple[str, ...]:
    if isinstance(row.get("prompt"), str) and "prompts" not in row:
        return (row["prompt"],) * count
    prompts = row.get("prompts")
    if "prompt" in row or not isinstance(prompts, list) or not all(isinstance(text, str) for text in prompts):
        raise RewardiumError("needs a prompt, which is a text, or prompts, a list of texts")
    return tuple(prompts)


def _factors(factors: Any) -> dict[str, tuple[float, ...]]:
    if not isinstance(factors, dict):
        raise RewardiumError("factors must be an object of lists of numbers")
    return {name: _column(name, column) for name, column in factors.items()}


def _column(name: str, values: Any) -> tuple[float, ...]:
    if not isinstance(values, list) or not all(
        isinstance(value, (int, float)) and not isinstance(value, bool) for value in values
    ):
        raise RewardiumError(f"{name} must be a list of numbers")
    return tuple(float(value) for value in values)


def write_comparisons(path: str | Path, comparisons: Iterable[Comparison]) -> None:
    """Write comparisons, one a line.

    Args:
        path: The file; it is there as a whole or not at all.
        comparisons: What to write.

    Raises:
        RewardiumError: When it cannot be written.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8", newline="\n") as file:
            for comparison in comparisons:
                file.write(json.dumps(as_row(comparison)) + "\n")
        part.replace(path)
    except OSError as error:
        raise RewardiumError(f"cannot write {path}: {error.strerror}") from error


def read_comparisons(path: str | Path) -> list[Comparison]:
    """Read comparisons.

    Args:
        path: The file.

    Returns:
        The comparisons, in their order.

    Raises:
        RewardiumError: When it cannot be read or holds none, with the number of the line that is wrong.

    Example:
        >>> write_comparisons("some.jsonl", [Comparison.of("2+2=", ["4", "5"], scores=[1, 0])])
        >>> read_comparisons("some.jsonl")[0].scores
        (1.0, 0.0)
    """
    found = []
    try:
        with Path(path).open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), b""), start=1):
                if line.strip():
                    found.append(_read_line(line, f"{path}:{number}"))
    except OSError as error:
        raise RewardiumError(f"cannot read {path}: {error.strerror}") from error
    if not found:
        raise RewardiumError(f"{path} holds no comparison")
    return found


def _read_line(line: bytes, place: str) -> Comparison:
    try:
        return from_row(json.loads(line.decode("utf-8")))
    except (ValueError, RecursionError) as error:
        raise RewardiumError(f"{place} is no JSON object: {error}") from None
    except RewardiumError as error:
        raise RewardiumError(f"{place}: {error}") from None


def read_episodes(path: str | Path) -> list[Comparison]:
    """Read the episodes that a training run wrote, as one group of responses for each prompt.

    Args:
        path: The run's ``episodes.jsonl``, or its folder.

    Returns:
        One comparison a prompt, in the order of their first episodes. Scores are 1 for a success and 0 otherwise, the
        factor ``reward`` is what was paid. A response that comes again counts once, and of more than 64 responses the
        first are taken.

    Raises:
        RewardiumError: When it cannot be read or holds no episodes, with the number of the line that is wrong.
    """
    path = Path(path)
    path = path / "episodes.jsonl" if path.is_dir() else path
    groups: dict[str, dict[str, tuple[float, float]]] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RewardiumError(f"cannot read the episodes {path}: {error}") from error
    for number, line in enumerate(lines, start=1):
        prompt, response, success, reward = _read_episode(line, f"{path}:{number}")
        group = groups.setdefault(prompt, {})
        if len(group) < 64:
            group.setdefault(response, (success, reward))
    if not groups:
        raise RewardiumError(f"{path} holds no episode")
    return [
        Comparison.of(
            prompt,
            list(group),
            scores=[success for success, _ in group.values()],
            factors={"reward": [reward for _, reward in group.values()]},
        )
        for prompt, group in groups.items()
    ]


def _read_episode(line: str, place: str) -> tuple[str, str, float, float]:
    try:
        row = json.loads(line)
        prompt, response, success, reward = row["prompt"], row["response"], row["success"], row.get("reward", 0.0)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise RewardiumError(f"{place} is no episode with prompt, response and success: {error!r}") from None
    if not isinstance(prompt, str) or not isinstance(response, str) or not isinstance(success, bool):
        raise RewardiumError(f"{place}: prompt and response must be texts, and success true or false")
    known = isinstance(reward, (int, float)) and not isinstance(reward, bool)
    return prompt, response, float(success), float(reward) if known else 0.0
