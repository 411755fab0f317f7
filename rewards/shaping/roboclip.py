"""Pay at an episode's end for how much its frames, taken together, resemble a text or a demonstration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.models.frame_files import read_frames
from rewardium.rewards.models.vision_encoder import FloatMatrix
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward
from rewardium.rewards.shaping.frame_embeddings import EmbeddedScore, FrameEmbeddings
from rewardium.rewards.shaping.parameters import require_number
from rewardium.rewards.shaping.shaper import FloatArray, Shaped, add_term
from rewardium.rewards.source import Score
from rewardium.rewards.state import RewardState


def pooled_segments(frames: FloatMatrix | FloatArray, segments: int) -> FloatArray:
    """Cut a video into parts of about equal length and average the vectors of each.

    Args:
        frames: float [T, D], the frames' vectors; T at least 1.
        segments: Their number; of a shorter video T.

    Returns:
        float64 [min(segments, T), D], of unit norm.

    Example:
        >>> pooled_segments(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 2.0]]), 2).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    parts = np.array_split(np.asarray(frames, dtype=np.float64), min(segments, len(frames)))
    means = np.stack([part.mean(axis=0) for part in parts])
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    return np.asarray(np.divide(means, norms, out=np.zeros_like(means), where=norms > 0), dtype=np.float64)


def attenuation_factors(segments: int, attenuation: float, centre: float) -> FloatArray:
    """Return ``exp(-attenuation * |m_i - centre|)`` with the middle ``m_i`` of each segment, in shares of the video.

    Args:
        segments: Their number S.
        attenuation: 0 for a factor of 1 everywhere.
        centre: Where the factor is 1, from 0 (the beginning) to 1 (the end).

    Returns:
        float64 [S] in (0, 1].

    Example:
        >>> attenuation_factors(2, 4.0, 0.75).round(4).tolist()
        [0.1353, 1.0]
    """
    middles = (np.arange(segments) + 0.5) / segments
    return np.asarray(np.exp(-attenuation * np.abs(middles - centre)), dtype=np.float64)


def video_similarity(
    frames: FloatMatrix | FloatArray,
    target: FloatMatrix | FloatArray,
    segments: int = 1,
    attenuation: float = 0.0,
    centre: float = 0.5,
) -> float:
    """Compare a video with a text or another video, segment by segment.

    ``(1/S) * sum_i f_i * cos(mean of the frames in segment i, target in segment i)``, with ``f_i`` of
    ``attenuation_factors``.

    Args:
        frames: float [T, D], T at least 1.
        target: float [T', D]: the vectors of a demonstration's frames, or one vector of a text (T' = 1), with which
            every segment is compared.
        segments: S at most; fewer where a video is shorter.
        attenuation: See ``attenuation_factors``.
        centre: See ``attenuation_factors``.

    Returns:
        In [-1, 1].

    Example:
        >>> up, right = np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]])
        >>> there = np.concatenate([right, up])
        >>> video_similarity(there, there, 2), video_similarity(there[::-1], there, 2)
        (1.0, 0.0)
        >>> round(video_similarity(there, up), 4)  # one segment: the average of both frames, half way between them
        0.7071
    """
    if len(target) > 1:
        segments = min(segments, len(target))
    seen = pooled_segments(frames, segments)
    wanted = pooled_segments(target, len(seen))
    cosines = np.sum(seen * wanted, axis=1)
    return float(np.mean(attenuation_factors(len(seen), attenuation, centre) * cosines))


@register("roboclip", papers=("B27",))
@dataclass(frozen=True)
class RoboClip(Reward):
    """Pay the similarity of an episode's video and a text or a demonstration, at the episode's end; 0 before.

    From "RoboCLIP: One Demonstration is Enough to Learn Robot Policies" (2023): ``r_T = z(episode) . z(target)``, and
    ``r_t = 0`` before; certainty: recalled. The paper's ``z`` is a video encoder (S3D, trained on instructional
    videos). It is replaced here by an image encoder: the vectors of the frames are averaged and scaled to length 1, so
    that the value is a cosine in [-1, 1] and knows nothing of motion or of the order of frames within a segment.

    With ``segments`` the order counts again: the episode and the demonstration are cut into that many parts, part i is
    compared with part i, and the mean is paid. With ``attenuation`` each part counts ``exp(-attenuation * |m_i -
    centre|)``, where ``m_i`` in [0, 1] is its middle. Both are "InstructVideo: Instructing Video Diffusion Models with
    Human Feedback" (2023), which has 4 segments of 16 frames, of each one frame drawn at random (here all of them),
    ``centre=0.5``, and ``lambda = 1`` a frame, which is ``attenuation=16``; certainty: from the paper's text. For a
    goal that is reached last, ``centre=1.0`` weights the late segments; this is ours.

    All frames of a time step, or of a rollout that is scored later, go through the model together; their vectors (D
    numbers a step) are kept in the reward's state until the episode ends. A step without a frame is passed over; an
    episode without any, or one that was joined after its beginning, is judged by what was seen; where nothing was, or
    the task has no goal, its end is invalid.

    Args:
        clip: The vision-language model: ``"architecture/weights"`` of open_clip, or a folder; ``--clip`` fills it in.
        text: What the episode should show, in words; by default the goal of the task.
        demonstration: The file or folder of a demonstration's frames (see ``read_frames``), in place of words.
        segments: Parts that are compared one by one, at least 1.
        attenuation: At least 0.
        centre: In [0, 1].

    Raises:
        RewardiumError: When a parameter is wrong, or there is no such model or demonstration.
        MissingExtraError: When open_clip is not installed.

    Example:
        >>> from rewardium.rewards.registry import parse
        >>> print(parse("extrinsic + 0.1 * roboclip(text='a robot that opens a drawer', segments=4)"))
        extrinsic + 0.1 * roboclip(text='a robot that opens a drawer', segments=4)
    """

    clip: str = ""
    text: str = ""
    demonstration: str = ""
    segments: int = 1
    attenuation: float = 0.0
    centre: float = 0.5
    _frames: FrameEmbeddings = field(init=False, repr=False, compare=False)
    _demonstrated: FloatMatrix | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if isinstance(self.segments, bool) or not isinstance(self.segments, int) or self.segments < 1:
            raise RewardiumError(f"roboclip: 'segments' must be a whole number of at least 1, got {self.segments!r}")
        require_number(self, "attenuation", at_least=0.0)
        require_number(self, "centre", at_least=0.0, at_most=1.0)
        if not isinstance(self.text, str) or not isinstance(self.demonstration, str):
            raise RewardiumError("roboclip: 'text' must be a sentence, 'demonstration' a path")
        if self.text and self.demonstration:
            raise RewardiumError("roboclip: give either 'text' or 'demonstration', not both")
        object.__setattr__(self, "_frames", FrameEmbeddings(self.clip))
        object.__setattr__(self, "_demonstrated", self._embedded_demonstration())

    def _embedded_demonstration(self) -> FloatMatrix | None:
        shown = read_frames(self.demonstration) if self.demonstration else None
        if shown is None or not self.clip:  # a flag that fills in the model builds this node anew
            return None
        return self._frames.encoder.encode_images(shown)

    @property
    def own_needs(self) -> frozenset[str]:
        """The task, where neither words nor a demonstration are given."""
        return frozenset() if self.text or self.demonstration else frozenset({"task"})

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Remember the frames' vectors, and pay where an episode ends."""
        value, paid = np.zeros(len(batch), dtype=np.float64), np.ones(len(batch), dtype=np.bool_)
        score = scores[self._frames.key]
        memories = state.episode_dicts(batch)
        if isinstance(score, EmbeddedScore) and score.embeddings is not None:
            for row in np.flatnonzero(score.valid).tolist():
                memories[row].setdefault("frames", []).append(score.embeddings[row].copy())
        for row in np.flatnonzero(batch.dones).tolist():
            similarity = self._similarity(memories[row].pop("frames", []), batch, row)
            value[row], paid[row] = (0.0, False) if similarity is None else (similarity, True)
        return add_term(self.registered_name, (), value.astype(np.float32), Shaped(value, paid))

    def _similarity(self, frames: list[FloatMatrix], batch: TransitionBatch, row: int) -> float | None:
        target = self._target(batch, row)
        if target is None or not frames:
            return None
        return video_similarity(np.stack(frames), target, self.segments, self.attenuation, self.centre)

    def _target(self, batch: TransitionBatch, row: int) -> FloatMatrix | None:
        if self._demonstrated is not None:
            return self._demonstrated
        task = None if batch.tasks is None else batch.tasks[row]
        text = self.text or ("" if task is None else task.goal.strip())
        return self._frames.encoder.encode_texts([text]) if text else None
