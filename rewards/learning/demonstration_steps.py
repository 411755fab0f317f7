"""Steps of a task, found in the features of a few demonstrations: cut, choose features, and score a frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError

FloatArray = NDArray[np.float64]
Squash = Literal["exponential", "linear"]


def segment_spread(features: FloatArray, shortest: int) -> FloatArray:
    """Return the mean standard deviation of the features of every stretch of a demonstration.

    Args:
        features: float64 [T, D].
        shortest: Shorter stretches get infinity.

    Returns:
        float64 [T, T + 1]: entry (a, b) is that of the frames a .. b - 1.

    Example:
        >>> segment_spread(np.array([[0.0], [2.0]]), 1).tolist()
        [[inf, 0.0, 1.0], [inf, inf, 0.0]]
    """
    length = len(features)
    spread = np.full((length, length + 1), np.inf)
    centred = features - features.mean(axis=0)  # keeps the difference of sums below exact
    for start in range(length):
        part = centred[start:]
        count = np.arange(1, len(part) + 1, dtype=np.float64)[:, None]
        mean = np.cumsum(part, axis=0) / count
        variance = np.maximum(np.cumsum(part * part, axis=0) / count - mean * mean, 0.0)
        spread[start, start + 1 :] = np.sqrt(variance).mean(axis=1)
        spread[start, start + 1 : start + shortest] = np.inf
    return spread


def cut_points(features: FloatArray, segments: int, shortest: int = 2) -> list[int]:
    """Cut a demonstration into segments so that the sum of their spreads is the smallest possible.

    By dynamic programming over ``segment_spread``: exact, in ``O(T^2 (D + segments))``.

    Args:
        features: float64 [T, D].
        segments: Their number.
        shortest: Frames of a segment at least.

    Returns:
        Length ``segments + 1``: 0, the cuts, T.

    Raises:
        RewardiumError: When the demonstration has too few frames.

    Example:
        >>> cut_points(np.array([[0.0], [0.1], [5.0], [5.1], [5.0], [9.0], [9.1]]), 3)
        [0, 2, 5, 7]
    """
    length = len(features)
    if length < segments * shortest:
        raise RewardiumError(f"a demonstration of {length} frames cannot be cut into {segments} steps of {shortest}")
    spread = segment_spread(features, shortest)
    best = np.full(length + 1, np.inf)
    best[0] = 0.0
    came_from = np.zeros((segments, length + 1), dtype=np.int64)
    for index in range(segments):
        through = best[:length, None] + spread  # [where this segment begins, where it ends]
        came_from[index] = np.argmin(through, axis=0)
        best = through[came_from[index], np.arange(length + 1)]
    cuts = [length]
    for index in reversed(range(segments)):
        cuts.append(int(came_from[index, cuts[-1]]))
    return cuts[::-1]


class StepModel(NamedTuple):
    """What is learned of each of S steps.

    Args:
        features: int64 [S, M], the features that tell the step from the others.
        mean: float64 [S, M], their means in the step.
        deviation: float64 [S, M], their standard deviations in the step.
        farthest: float64 [S], the largest mean square ``q`` of any frame of the demonstrations.
    """

    features: NDArray[np.int64]
    mean: FloatArray
    deviation: FloatArray
    farthest: FloatArray


def discriminability(inside: FloatArray, outside: FloatArray, alpha: float) -> FloatArray:
    """Return ``alpha * |mu+ - mu-| - (sigma+ + sigma-)`` of each feature.

    Args:
        inside: float64 [N, D], the frames of a step.
        outside: float64 [N', D], all others.
        alpha: How much a gap of the means counts against the spreads.

    Returns:
        float64 [D].

    Example:
        >>> discriminability(np.array([[1.0, 0.0], [1.0, 2.0]]), np.array([[0.0, 1.0]]), 5.0).tolist()
        [5.0, -1.0]
    """
    gap = np.abs(inside.mean(axis=0) - outside.mean(axis=0))
    return np.asarray(alpha * gap - (inside.std(axis=0) + outside.std(axis=0)), dtype=np.float64)


def learn_steps(
    demonstrations: Sequence[FloatArray],
    steps: int,
    *,
    kept: int = 32,
    alpha: float = 5.0,
    floor: float = 0.05,
    shortest: int = 2,
) -> StepModel:
    """Cut the demonstrations into steps and learn which features tell each step from the others.

    Args:
        demonstrations: Each float64 [T, D].
        steps: Their number S, at least 2, the same in all demonstrations.
        kept: Features to keep for a step, M; all where there are fewer.
        alpha: See ``discriminability``.
        floor: The least deviation, as a share of the feature's deviation over all frames: with few frames a deviation
            is 0 by chance.
        shortest: Frames of a step at least.

    Returns:
        The model.

    Raises:
        RewardiumError: When a demonstration has too few frames.

    Example:
        >>> frames = np.array([[0.0, 1.0], [0.0, 0.9], [1.0, 1.0], [1.0, 0.9]])
        >>> model = learn_steps([frames], 2, kept=1)
        >>> model.features.tolist(), model.mean.tolist()
        ([[0], [0]], [[0.0], [1.0]])
    """
    labels = [np.repeat(np.arange(steps), np.diff(cut_points(part, steps, shortest))) for part in demonstrations]
    frames, label = np.concatenate(list(demonstrations)), np.concatenate(labels)
    least = np.maximum(floor * frames.std(axis=0), 1e-6)
    chosen, means, deviations = [], [], []
    for step in range(steps):
        inside = frames[label == step]
        scores = discriminability(inside, frames[label != step], alpha)
        best = np.argsort(-scores, kind="stable")[:kept]
        chosen.append(best)
        means.append(inside.mean(axis=0)[best])
        deviations.append(np.maximum(inside.std(axis=0), least)[best])
    model = StepModel(np.stack(chosen), np.stack(means), np.stack(deviations), np.ones(steps))
    return model._replace(farthest=np.maximum(mean_squares(frames, model).max(axis=0), 1e-6))


def mean_squares(frames: FloatArray, model: StepModel) -> FloatArray:
    """Return ``q = (1/M) * sum_j ((x_j - mu_j) / sigma_j)^2`` of each frame for each step.

    Args:
        frames: float64 [B, D].
        model: Of S steps.

    Returns:
        float64 [B, S], at least 0.
    """
    gaps = (frames[:, model.features] - model.mean) / model.deviation  # [B, S, M]
    return np.asarray(np.mean(gaps * gaps, axis=2), dtype=np.float64)


def step_rewards(frames: FloatArray, model: StepModel, squash: Squash = "exponential") -> FloatArray:
    """Return how well each frame fits each step, in [0, 1].

    ``exp(-q / 2)``, the geometric mean of the features' Gaussians without their constant; or ``1 - q / q_max``, cut to
    [0, 1], with the largest q of any frame of the demonstrations.

    Args:
        frames: float64 [B, D].
        model: Of S steps.
        squash: Which of the two.

    Returns:
        float64 [B, S] in [0, 1].

    Example:
        >>> one = StepModel(np.array([[0]]), np.array([[0.0]]), np.array([[1.0]]), np.array([4.0]))
        >>> frames = np.array([[0.0], [1.0], [4.0]])
        >>> step_rewards(frames, one).round(4).tolist(), step_rewards(frames, one, "linear").tolist()
        ([[1.0], [0.6065], [0.0003]], [[1.0], [0.75], [0.0]])
    """
    squares = mean_squares(frames, model)
    if squash == "linear":
        return np.clip(1.0 - squares / model.farthest, 0.0, 1.0)
    return np.asarray(np.exp(-0.5 * squares), dtype=np.float64)


def weighted_steps(rewards: FloatArray) -> FloatArray:
    """Return ``sum_{i=2..S} 2^(i-1) R_i / (2^S - 2)``: the first step is where one begins, later ones count double.

    Args:
        rewards: float64 [B, S] in [0, 1], S at least 2.

    Returns:
        float64 [B] in [0, 1].

    Example:
        >>> weighted_steps(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])).round(3).tolist()
        [0.0, 0.333, 0.667]
    """
    weights = 2.0 ** np.arange(1, rewards.shape[1])
    return np.asarray(rewards[:, 1:] @ weights / weights.sum(), dtype=np.float64)
