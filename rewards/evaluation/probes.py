"""Questions with a known answer, put to a reward that looks at frames: does it look, does it read, where does it stand?

A reward that pays a blank frame like a good one does not look; one that orders states the same whatever the sentence
says does not read it; one that orders them otherwise from another camera has learned a place in the picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.evaluation.epic import Values
from rewardium.rewards.evaluation.rank_correlation import spearman
from rewardium.rewards.evaluation.states import state_values
from rewardium.rewards.reward import Reward

GREY = 127


@dataclass(frozen=True)
class Probe:
    """What came of changing something about B states.

    Args:
        mean: The mean reward of the states as they are.
        changed_mean: The mean reward of the changed ones.
        below: The share of the states as they are that are paid less than the changed ones are on average.
        same_order: Spearman's correlation between the rewards before and after; not a number where one is constant.
        truth: Spearman's correlation of the changed rewards with the truth, where that was given.
    """

    mean: float
    changed_mean: float
    below: float
    same_order: float
    truth: float


def probe(reward: Reward, batch: TransitionBatch, changed: TransitionBatch, truth: Values | None = None) -> Probe:
    """Score states as they are and changed.

    Args:
        reward: The reward.
        batch: B states.
        changed: The same states, with something changed about them.
        truth: float [B], how good the states are.

    Returns:
        The comparison, over the rows that have a score both times; its figures are not numbers where none has.

    Raises:
        RewardiumError: When the batches have other lengths.

    Example:
        >>> from rewardium.rewards import parse
        >>> from rewardium.rewards.evaluation.states import batch_of_states
        >>> batch, other = (batch_of_states([0, 1, 2], extrinsic=np.array(paid)) for paid in ([1, 2, 3], [2, 2, 2]))
        >>> result = probe(parse("extrinsic"), batch, other)
        >>> result.changed_mean, round(result.below, 2), result.same_order
        (2.0, 0.33, nan)
    """
    if len(batch) != len(changed):
        raise RewardiumError(f"a probe compares the same states, got {len(batch)} and {len(changed)}")
    before, after = state_values(reward, batch), state_values(reward, changed)
    known = np.isfinite(before) & np.isfinite(after)
    if not known.any():
        return Probe(math.nan, math.nan, math.nan, math.nan, math.nan)
    mean = float(after[known].mean())
    return Probe(
        mean=float(before[known].mean()),
        changed_mean=mean,
        below=float((before[known] < mean).mean()),
        same_order=spearman(before[known], after[known]),
        truth=math.nan if truth is None else spearman(after[known], np.asarray(truth)[known]),
    )


def blank_frames(batch: TransitionBatch, value: int = GREY) -> TransitionBatch:
    """Return states whose frames show nothing: one grey.

    Args:
        batch: States with frames.
        value: The grey, 0 to 255.

    Returns:
        The states with new frames.

    Raises:
        RewardiumError: When they have no frames.
    """
    return replace(batch, frames=[np.full_like(np.asarray(frame), value) for frame in _frames(batch)])


def other_frames(batch: TransitionBatch, frames: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> TransitionBatch:
    """Return the states seen otherwise, e.g. from another camera.

    Raises:
        RewardiumError: When there is not one frame a state.
    """
    if len(frames) != len(batch):
        raise RewardiumError(f"{len(batch)} states need as many frames, got {len(frames)}")
    return replace(batch, frames=list(frames))


def other_goal(batch: TransitionBatch, goal: str) -> TransitionBatch:
    """Return the states with another sentence for what is to be done.

    Raises:
        RewardiumError: When they have no task.
    """
    if batch.tasks is None or any(task is None for task in batch.tasks):
        raise RewardiumError("a probe of captions needs states with a task")
    return replace(batch, tasks=[replace(task, goal=goal) for task in batch.tasks if task is not None])


def _frames(batch: TransitionBatch) -> Sequence[Any]:
    if batch.frames is None or any(frame is None for frame in batch.frames):
        raise RewardiumError("a probe of frames needs states with frames")
    frames: Sequence[Any] = batch.frames
    return frames
