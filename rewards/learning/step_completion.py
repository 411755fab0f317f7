"""Values of steps by completion: from each step a policy writes some ends, and the share of right ends is its label."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

from rewardium.envs.catalogue import implements
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.preference_data.comparison import Comparison
from rewardium.rewards.learning.preference_data.labelled import Labelled, as_comparisons
from rewardium.rewards.text_units import TextUnit, unit_spans


class Written(NamedTuple):
    """What stands as an answer to a task.

    Args:
        task: The number of the task.
        text: A response, or the beginning of one.
    """

    task: int
    text: str


Complete = Callable[[Sequence[Written], Sequence[int]], list[str]]
"""Goes on from the beginnings of responses, each with a seed of its own, and returns what was written behind them."""
Check = Callable[[Sequence[Written]], list[float | None]]
"""Says how right whole responses are, from 0 to 1; None where that cannot be said."""


def seed_of(seed: int, beginning: Written, number: int) -> int:
    """Return a seed that depends on the task, the text and the number of the draw, and on nothing else.

    Example:
        >>> seed_of(0, Written(3, "1+2=3"), 0) == seed_of(0, Written(3, "1+2=3"), 1)
        False
    """
    key = json.dumps([seed, beginning.task, beginning.text, number]).encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=4).digest(), "big") >> 1


def completed(
    beginnings: Sequence[Written], count: int, complete: Complete, check: Check, seed: int
) -> list[list[float]]:
    """Go on from each beginning several times, and say how right each end is.

    Args:
        beginnings: Length N.
        count: Completions of each, at least 1.
        complete: The policy.
        check: The judge.
        seed: Of the draws.

    Returns:
        Length N: the outcomes that could be had, at most ``count``.

    Raises:
        RewardiumError: When there is nothing to draw, or policy or judge return another number than they were given.
    """
    if count < 1:
        raise RewardiumError(f"there must be at least one completion, got {count}")
    asked = [beginning for beginning in beginnings for _ in range(count)]
    seeds = [seed_of(seed, beginning, number) for beginning in beginnings for number in range(count)]
    ends = complete(asked, seeds) if asked else []
    if len(ends) != len(asked):
        raise RewardiumError(f"{len(asked)} beginnings were completed {len(ends)} times")
    outcomes = checked([Written(start.task, start.text + end) for start, end in zip(asked, ends, strict=True)], check)
    rows = [outcomes[first : first + count] for first in range(0, len(outcomes), count)]
    return [[outcome for outcome in row if outcome is not None] for row in rows]


def checked(responses: Sequence[Written], check: Check) -> list[float | None]:
    """Ask the judge, equal responses once.

    Raises:
        RewardiumError: When it returns another number of outcomes than it was given responses.
    """
    distinct = list(dict.fromkeys(responses))
    found = check(distinct) if distinct else []
    if len(found) != len(distinct):
        raise RewardiumError(f"{len(distinct)} responses were checked {len(found)} times")
    table = dict(zip(distinct, found, strict=True))
    return [table[response] for response in responses]


@implements("A1", what="function completion_labels")
def completion_labels(
    prompts: Sequence[str],
    responses: Sequence[Written],
    complete: Complete,
    check: Check,
    *,
    completions: int = 8,
    unit: TextUnit = "step",
    separator: str = "\n",
    seed: int = 0,
) -> list[Comparison]:
    """Label each step of some responses by what a policy makes of it.

    The labels of the process reward model in "On Designing Effective RL Reward at Training Time for LLM Reasoning"
    (2024), which are those of Math-Shepherd (certainty: recalled): from the end of a step k completions are drawn, and
    the step is worth the share of right ones (``soft``), or 1 where any is right (``hard``). A whole response has its
    own outcome. Nothing is drawn twice for equal beginnings.

    Args:
        prompts: The prompt of each task.
        responses: Responses to the tasks.
        complete: The policy.
        check: The judge.
        completions: How many of each step.
        unit: What a step is, see ``text_units``.
        separator: What ends a step.
        seed: Of the draws.

    Returns:
        Comparisons of the beginnings of one prompt each, whose scores are the soft labels; the factors ``soft``,
        ``hard`` and ``ends``, the number of outcomes. ``rank_by: {factor: hard}`` makes those the scores. What has no
        outcome is left out.

    Raises:
        RewardiumError: When there is nothing to draw, or policy or judge fail to answer.
    """
    starts, wholes = _beginnings(responses, unit, separator)
    drawn = dict(zip(starts, completed(starts, completions, complete, check, seed), strict=True))
    own = zip(wholes, checked(wholes, check), strict=True)
    drawn.update({whole: [] if outcome is None else [outcome] for whole, outcome in own})
    rows: dict[str, list[Labelled]] = {}
    for written, outcomes in sorted(drawn.items()):
        if outcomes:
            soft, hard = sum(outcomes) / len(outcomes), float(max(outcomes) > 0.5)
            more = {"soft": soft, "hard": hard, "ends": float(len(outcomes))}
            rows.setdefault(prompts[written.task], []).append(Labelled(written.text, soft, more))
    return [row for prompt, own_rows in rows.items() for row in as_comparisons(prompt, own_rows)]


def _beginnings(responses: Sequence[Written], unit: TextUnit, separator: str) -> tuple[list[Written], list[Written]]:
    """Return the distinct beginnings that end with a step, and the distinct whole responses."""
    wholes = dict.fromkeys(response for response in responses if response.text)
    starts = dict.fromkeys(
        Written(response.task, response.text[:end])
        for response in wholes
        for _, end in unit_spans(response.text, unit, separator)[:-1]
    )
    return [start for start in starts if start not in wholes], list(wholes)
