"""How far a frame has come from a start towards a goal: a potential that is seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.models.frame_files import read_frames
from rewardium.rewards.registry import register
from rewardium.rewards.shaping.parameters import require_choice
from rewardium.rewards.source import Score
from rewardium.rewards.sources._clip import ClipSource, encoded_frames, example_clip, mean_direction, rows_with_frames
from rewardium.rewards.sources.vlm_rm import baseline_of, goal_of

Measure = Literal["line", "forward", "backward", "both"]
FloatArray = NDArray[np.float64]
Words = tuple[str, ...]
_NEAR = 1e-4


def progress_on_line(frames: FloatArray, start: FloatArray, goal: FloatArray) -> FloatArray:
    """Return how far frames lie on the line from start to goal, cut to [0, 1].

    ``(e - s) . (g - s) / |g - s|^2``, which for vectors of unit norm is ``1/2 + (cos(e, g) - cos(e, s)) / |g - s|^2``:
    it asks only which of the two a frame is nearer to, so that start and goal may be sentences.

    Args:
        frames: float64 [B, D].
        start: float64 [D].
        goal: float64 [D], another vector.

    Returns:
        float64 [B] in [0, 1].

    Example:
        >>> start, goal = np.array([1.0, 0.0]), np.array([0.0, 1.0])
        >>> progress_on_line(np.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]), start, goal).tolist()
        [0.0, 0.5, 1.0]
    """
    way = goal - start
    return np.clip((frames - start) @ way / np.sum(way * way), 0.0, 1.0)


def forward_progress(frames: FloatArray, start: FloatArray, goal: FloatArray) -> FloatArray:
    """Return ``|e - s| / |g - s|``, cut to [0, 1]: how far frames have come from the start.

    Args:
        frames: float64 [B, D].
        start: float64 [D].
        goal: float64 [D], another vector.

    Returns:
        float64 [B] in [0, 1].
    """
    covered = np.linalg.norm(frames - start, axis=1) / np.linalg.norm(goal - start)
    return np.asarray(covered, dtype=np.float64).clip(0.0, 1.0)


def backward_progress(frames: FloatArray, start: FloatArray, goal: FloatArray) -> FloatArray:
    """Return ``1 - |e - g| / |g - s|``, cut to [0, 1]: how much of the way to the goal is left.

    Args:
        frames: float64 [B, D].
        start: float64 [D].
        goal: float64 [D], another vector.

    Returns:
        float64 [B] in [0, 1].

    Example:
        >>> start, goal = np.array([1.0, 0.0]), np.array([-1.0, 0.0])
        >>> aside = np.array([[0.0, 1.0]])  # as far from the one as from the other, and not between them
        >>> [measure(aside, start, goal).round(3).tolist() for measure in (forward_progress, backward_progress)]
        [[0.707], [0.293]]
    """
    left = np.linalg.norm(frames - goal, axis=1) / np.linalg.norm(goal - start)
    return np.asarray(1.0 - left, dtype=np.float64).clip(0.0, 1.0)


def progress_of(frames: FloatArray, start: FloatArray, goal: FloatArray, measure: Measure) -> FloatArray:
    """Return the progress of frames by one of the measures; ``"both"`` is the mean of forward and backward.

    Args:
        frames: float64 [B, D].
        start: float64 [D].
        goal: float64 [D], another vector.
        measure: Which.

    Returns:
        float64 [B] in [0, 1].

    Example:
        >>> start, goal = np.array([1.0, 0.0]), np.array([-1.0, 0.0])
        >>> progress_of(np.array([[0.0, 1.0], [1.0, 0.0]]), start, goal, "both").round(6).tolist()
        [0.5, 0.0]
    """
    if measure == "line":
        return progress_on_line(frames, start, goal)
    if measure == "forward":
        return forward_progress(frames, start, goal)
    if measure == "backward":
        return backward_progress(frames, start, goal)
    return 0.5 * (forward_progress(frames, start, goal) + backward_progress(frames, start, goal))


@register("progress", papers=("B55",))
@dataclass(frozen=True)
class Progress(ClipSource):
    """How far a frame has come from a start to a goal: ``Phi`` in [0, 1], the potential for ``potential(progress)``.

    From "Robo-Dopamine: General Process Reward Modeling for High-Precision Robotic Manipulation" (2025). There a
    trained model judges the hop from one frame to another; its forward progress is the hop from the start, its backward
    progress 1 plus the hop from the goal, and the two are averaged (with a third, from the frame before: see
    ``progress_fusion``). Certainty: the fusion and the shaping from an annotated copy of the method section. The
    trained model is replaced here by distances between the vectors of an image encoder, which is ours: with ``e``,
    ``s`` and ``g`` of the frame, the start and the goal::

        forward   |e - s| / |g - s|            backward   1 - |e - g| / |g - s|
        both      their mean                   line       (e - s) . (g - s) / |g - s|^2       each cut to [0, 1]

    As the paper shows, Phi itself is no reward: an agent hovers where it is high. ``potential(progress, gamma=g)`` pays
    ``g * Phi(s') - Phi(s)``, which changes no optimal policy, and ``delta(progress)`` pays ``Phi(s') - Phi(s)``.

    Start and goal are pictures or sentences. A picture is never as near to a sentence as to another picture, so that
    distances to sentences mean nothing and only ``"line"`` is allowed for them. Several pictures of one thing are
    averaged.

    Score: value float32 [B] in [0, 1]; invalid where a row has no frame, or its task does not say what start and goal
    are, or says the same of both.

    Args:
        clip: The vision-language model: ``"architecture/weights"`` of open_clip, or a folder; ``--clip`` fills it in.
        start: The start in words; by default the task's ``fields["baseline"]``.
        goal: The goal in words; by default the task's goal.
        start_image: A picture of the start, or several (see ``read_frames``), in place of words.
        goal_image: The same of the goal.
        measure: ``"line"``, ``"forward"``, ``"backward"`` or ``"both"``.

    Raises:
        RewardiumError: When a parameter is wrong, there is no such model or file, or start and goal look the same.
        MissingExtraError: When open_clip is not installed.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("extrinsic + potential(progress(start='a robot', goal='a robot kneeling'), gamma=0.95)"))
        extrinsic + potential(reward=progress(start='a robot', goal='a robot kneeling'), gamma=0.95)
    """

    start: str = ""
    goal: str = ""
    start_image: str = ""
    goal_image: str = ""
    measure: Measure = "line"
    _seen_start: FloatArray | None = field(init=False, repr=False, compare=False)
    _seen_goal: FloatArray | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        require_choice(self, "measure", get_args(Measure))
        for name in ("start", "goal", "start_image", "goal_image"):
            if not isinstance(getattr(self, name), str):
                raise RewardiumError(f"progress: {name!r} must be a text, got {getattr(self, name)!r}")
        for name in ("start", "goal"):
            if getattr(self, name) and getattr(self, f"{name}_image"):
                raise RewardiumError(f"progress: give {name!r} in words or as {name}_image, not both")
        if self.measure != "line" and not (self.start_image and self.goal_image):
            raise RewardiumError(f"progress: measure={self.measure!r} needs start_image and goal_image")
        super().__post_init__()
        object.__setattr__(self, "_seen_start", self._picture(self.start_image))
        object.__setattr__(self, "_seen_goal", self._picture(self.goal_image))
        if (
            self._seen_start is not None
            and self._seen_goal is not None
            and self._same(self._seen_start, self._seen_goal)
        ):
            raise RewardiumError("progress: start and goal look the same to the model: nothing lies between them")

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """The frame, and the task where it says what start or goal are."""
        said = (self.start or self.start_image) and (self.goal or self.goal_image)
        return frozenset({"frame"} if said else {"frame", "task"})

    @classmethod
    def example(cls) -> Progress:
        """Return a small one, on an encoder with random weights."""
        return cls(example_clip().name, "a pole that hangs", "a pole upright")

    def score(self, batch: TransitionBatch) -> Score:
        """Measure the progress of B frames."""
        values: list[float | None] = [None] * len(batch)
        reasons: list[str | None] = ["the row has no frame"] * len(batch)
        seen = rows_with_frames(batch)
        vectors = dict(zip(seen, encoded_frames(self.encoder, batch, seen).astype(np.float64), strict=True))
        for anchors, rows in self._rows_by_anchors(batch, seen).items():
            measured = None if anchors is None else self._measured(np.stack([vectors[row] for row in rows]), *anchors)
            for place, row in enumerate(rows):
                values[row] = None if measured is None else float(measured[place])
                reasons[row] = "the task names no start or no goal, or one thing as both" if measured is None else None
        return Score.of(values, reasons=reasons)

    def _rows_by_anchors(self, batch: TransitionBatch, seen: list[int]) -> dict[tuple[Words, Words] | None, list[int]]:
        """Group rows by what start and goal are in words, () where it is a picture; None where one is not known."""
        rows: dict[tuple[Words, Words] | None, list[int]] = {}
        for row in seen:
            task = None if batch.tasks is None else batch.tasks[row]
            start: Words = () if self.start_image else (self.start,) if self.start else baseline_of(task)
            goal: Words = () if self.goal_image else (self.goal,) if self.goal else goal_of(task)
            known = (start or self.start_image) and (goal or self.goal_image)
            rows.setdefault((start, goal) if known else None, []).append(row)
        return rows

    def _measured(self, vectors: FloatArray, start_words: Words, goal_words: Words) -> FloatArray | None:
        start, goal = self._vector(self._seen_start, start_words), self._vector(self._seen_goal, goal_words)
        return None if self._same(start, goal) else progress_of(vectors, start, goal, self.measure)

    def _vector(self, seen: FloatArray | None, words: Words) -> FloatArray:
        return mean_direction(self.encoder.encode_texts(words)).astype(np.float64) if seen is None else seen

    def _picture(self, path: str) -> FloatArray | None:
        frames = read_frames(path) if path else None
        if frames is None or self._encoder is None:  # a flag that fills in the model builds this source anew
            return None
        return mean_direction(self._encoder.encode_images(frames)).astype(np.float64)

    @staticmethod
    def _same(start: FloatArray, goal: FloatArray) -> bool:
        return bool(np.linalg.norm(goal - start) <= _NEAR)
