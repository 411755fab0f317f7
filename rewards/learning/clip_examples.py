"""Frames of a task in many states, with the sentences that observers would write below them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.evaluation.rendered import make_rendered, played_states, render_states

Frames = NDArray[np.uint8]

OBSERVERS = 24
"""Sentences a frame."""
BASELINE_SHARE = 0.1
"""Of the observers, those who say no more than what is always to be seen."""
REACHED_AT = 0.9
"""The measure at which half of the observers find that the goal is reached."""
VAGUENESS = 0.15
"""By how much observers differ in that: the spread of a logistic distribution."""
WORDINGS = (
    "{}", "{}", "{}", "a picture of {}", "a rendering of {}", "an image of {}", "{} in a simulation", "a photo of {}.",
)  # fmt: skip
"""How a sentence becomes a caption; the bare sentence is what a reward asks for, and stands there more often."""


@dataclass(frozen=True)
class Examples:
    """What there is of one task.

    Args:
        task: The environment's id.
        goal: The sentence of the task.
        baseline: The sentence that is true of every state.
        frames: uint8 [N, height, width, 3].
        sentences: N tuples; a sentence that more observers would say stands there more often.
        truth: float64 [N], how well the state does what the task says, in [0, 1].

    Raises:
        RewardiumError: When the lengths differ, or a frame has no sentence.
    """

    task: str
    goal: str
    baseline: str
    frames: Frames
    sentences: Sequence[tuple[str, ...]]
    truth: NDArray[np.float64]

    def __post_init__(self) -> None:
        if not len(self.frames) == len(self.sentences) == len(self.truth):
            raise RewardiumError(
                f"{self.task}: {len(self.frames)} frames, {len(self.sentences)} rows of sentences, "
                f"{len(self.truth)} measures"
            )
        if not all(self.sentences):
            raise RewardiumError(f"{self.task}: every frame needs a sentence")

    def __len__(self) -> int:
        return len(self.truth)

    def draw(self, count: int, generator: np.random.Generator) -> tuple[Frames, list[str]]:
        """Draw frames, each with one of its sentences in some wording.

        Args:
            count: How many.
            generator: The source of chance.

        Returns:
            uint8 [count, height, width, 3] and ``count`` captions.
        """
        rows = generator.choice(len(self), size=count, replace=count > len(self))
        said = [self.sentences[row][generator.integers(len(self.sentences[row]))] for row in rows]
        return self.frames[rows], [WORDINGS[generator.integers(len(WORDINGS))].format(text) for text in said]

    def split(self, held_out: float, seed: int) -> tuple[Examples, Examples]:
        """Divide the states into those to learn from and those to measure on.

        Args:
            held_out: The share to measure on, in (0, 1).
            seed: Of the division.

        Returns:
            Both, each with at least one state.

        Raises:
            RewardiumError: When there are fewer than two states, or the share is out of range.
        """
        if len(self) < 2 or not 0.0 < held_out < 1.0:
            raise RewardiumError(f"{self.task}: {len(self)} states cannot be divided by the share {held_out}")
        order = np.random.default_rng(seed).permutation(len(self))
        count = min(max(1, round(held_out * len(self))), len(self) - 1)
        return self._select(order[count:]), self._select(order[:count])

    def _select(self, rows: NDArray[np.int64]) -> Examples:
        sentences = [self.sentences[row] for row in rows]
        return Examples(self.task, self.goal, self.baseline, self.frames[rows], sentences, self.truth[rows])


def chance_of_goal(truth: float) -> float:
    """Return the share of observers who find that a state does what the task says.

    They differ: where the measure is high nearly all find so, and below the share falls by a constant factor a step, so
    that its logarithm, which is what CLIP learns, still tells bad states from worse ones.

    Args:
        truth: The measure, in [0, 1].

    Returns:
        In (0, 1), rising with ``truth``.

    Example:
        >>> [round(chance_of_goal(truth), 3) for truth in (1.0, 0.9, 0.5, 0.0)]
        [0.661, 0.5, 0.065, 0.002]
    """
    return 1.0 / (1.0 + math.exp((REACHED_AT - truth) / VAGUENESS))


def say(goal: str, baseline: str, description: str, truth: float, generator: np.random.Generator) -> tuple[str, ...]:
    """Let observers say what they see of one state.

    Args:
        goal: The sentence of the task.
        baseline: The sentence that is true of every state.
        description: What an exact observer would say.
        truth: How well the state does what the task says, in [0, 1].
        generator: The source of chance.

    Returns:
        ``OBSERVERS`` sentences.
    """
    said = []
    for draw, judged in generator.random((OBSERVERS, 2)):
        if draw < BASELINE_SHARE:
            said.append(baseline)
        else:
            said.append(goal if judged < chance_of_goal(truth) else description)
    return tuple(said)


def draw_examples(
    task: str, count: int, image_size: int, seed: int, *, on_frame: Callable[[], None] | None = None
) -> Examples:
    """Render a task of the MuJoCo family in random states, and have observers describe them.

    Half are drawn joint by joint, half are what actions lead to (``played_states``): a reward is asked about both, and
    what a policy comes to looks like few of the former.

    Args:
        task: The environment's id.
        count: Number of states.
        image_size: Height and width of the frames.
        seed: Fixes states and sentences.
        on_frame: Called after each frame.

    Returns:
        The examples.

    Raises:
        RewardiumError: When the task is of another family, or cannot be rendered.
        MissingExtraError: When ``mujoco`` is not installed.
    """
    from rewardium.envs.mujoco.states import random_states

    env = make_rendered(task, {"render_size": image_size})
    try:
        progress = None if on_frame is None else (lambda done: on_frame())
        positions, velocities = random_states(env, count, seed)
        if count > 1:
            positions[1::2], velocities[1::2] = played_states(env, count // 2, seed)
        seen = render_states(env, positions, velocities, progress)
    finally:
        env.close()  # type: ignore[no-untyped-call]
    goal, baseline = seen.task.goal, str(seen.task.fields["baseline"])
    generator = np.random.default_rng(seed)
    rows = zip(seen.captions, seen.truth, strict=True)
    sentences = [say(goal, baseline, caption, float(truth), generator) for caption, truth in rows]
    return Examples(task, goal, baseline, seen.frames, sentences, seen.truth)
