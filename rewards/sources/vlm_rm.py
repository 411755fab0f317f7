"""How well a frame fits a sentence, as a vision-language model sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.registry import register
from rewardium.rewards.shaping.parameters import require_number
from rewardium.rewards.source import Score
from rewardium.rewards.sources._clip import ClipSource, encoded_frames, example_clip, mean_direction, rows_with_frames
from rewardium.rewards.sources._sentences import sentences

Sentences = tuple[str, ...]

_MAX_SENTENCES = 100
_SAME = 1e-4
"""Goal and baseline whose vectors are nearer than this have no direction between them."""


def goal_baseline_reward(
    states: NDArray[np.float32], goal: NDArray[np.float32], baseline: NDArray[np.float32] | None, alpha: float
) -> NDArray[np.float64]:
    """Compute the reward with goal-baseline regularisation from vectors, without a D x D projection.

    The paper's definition, for the projection ``P`` onto the line through baseline ``b`` and goal ``g``::

        r = 1 - |alpha P s + (1 - alpha) s - g|^2 / 2

    With ``u = s - g``, the unit vector ``d`` from ``b`` to ``g``, and ``p = u . d`` this is::

        r = 1 - (p^2 + (1 - alpha)^2 (|u|^2 - p^2)) / 2

    For alpha 0 it is the cosine similarity ``s . g``; for alpha 1 only the place along the line counts.

    Args:
        states: float32 [B, D], of length 1.
        goal: float32 [D], of length 1.
        baseline: float32 [D], of length 1; not read for alpha 0.
        alpha: In [0, 1].

    Returns:
        float64 [B].

    Raises:
        RewardiumError: When alpha is above 0 and goal and baseline are the same, or there is no baseline.

    Example:
        >>> states = np.array([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.0]], dtype=np.float32)
        >>> goal, baseline = states[0], states[1]
        >>> goal_baseline_reward(states, goal, baseline, 0.0).tolist()
        [1.0, 0.0, 0.0]
        >>> goal_baseline_reward(states, goal, baseline, 1.0).round(6).tolist()
        [1.0, 0.0, 1.0]
    """
    cosine = (states @ goal).astype(np.float64)
    if alpha == 0.0:
        return cosine
    if baseline is None:
        raise RewardiumError("alpha above 0 needs a baseline")
    difference = goal.astype(np.float64) - baseline
    length = float(np.linalg.norm(difference))
    if length < _SAME:
        raise RewardiumError("goal and baseline are the same to the encoder: there is no direction between them")
    direction = (difference / length).astype(np.float32)
    along = (states @ direction).astype(np.float64) - float(goal @ direction)
    across = np.maximum(2.0 - 2.0 * cosine - along**2, 0.0)
    return np.asarray(1.0 - 0.5 * (along**2 + (1.0 - alpha) ** 2 * across))


@register("vlm_rm", papers=("A22",))
@dataclass(frozen=True)
class VlmRm(ClipSource):
    """The similarity of a frame with the goal's sentence, less what the baseline's sentence says as well.

    From "Vision-Language Models are Zero-Shot Reward Models for Reinforcement Learning" (2023, VLM-RMs), whose reward
    is that of ``goal_baseline_reward``; certainty of the formula: high. The goal is e.g. "a humanoid robot kneeling",
    the baseline "a humanoid robot": what frames have to do with both of them (the robot, the scene) counts less, the
    larger alpha is. Of several sentences the mean vector is taken, scaled to length 1 again; without that, alpha 0
    would be no cosine. The authors' own results use ViT-bigG-14 and episodes of a fixed length: a reward that lies
    near 0.2 to 0.3 at every step would otherwise teach how to end an episode, or how not to.

    A sentence is encoded once a process, and all frames of a batch in one call.

    Score: value float32 [B] in [-1, 1] for alpha 0, at most 1 and at least -1 for any; invalid where the frame is
    missing, the task has no goal, or alpha is above 0 and the task has no baseline.

    Args:
        clip: A folder, or architecture and weights of ``open_clip``; ``""`` leaves it to the flag ``--clip``.
        goal: One or several sentences; by default the goal of each row's task.
        baseline: One or several sentences; by default ``fields["baseline"]`` of each row's task.
        alpha: Strength of the baseline, in [0, 1].

    Raises:
        RewardiumError: When a parameter is out of range, there is no such encoder, or to it goal and baseline are the
            same.
        MissingExtraError: When ``open_clip`` is not installed.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> source = VlmRm.example()
        >>> frames = [np.zeros((32, 32, 3), dtype=np.uint8), None]
        >>> score = source.score(TransitionBatch.from_transitions([Transition(0, 0, 0, frame=f) for f in frames]))
        >>> bool(-1 <= score.value[0] <= 1), score.valid.tolist()
        (True, [True, False])
    """

    goal: Sentences = ()
    baseline: Sentences = ()
    alpha: float = 0.0

    def __post_init__(self) -> None:
        for name in ("goal", "baseline"):
            object.__setattr__(self, name, sentences(f"vlm_rm: {name!r}", getattr(self, name), _MAX_SENTENCES))
        require_number(self, "alpha", at_least=0.0, at_most=1.0)
        super().__post_init__()
        if self._encoder is not None and self.goal and (self.baseline or self.alpha == 0.0):
            # What is wrong with the sentences is said here, before the long work starts.
            self._rewards(np.zeros((0, self.encoder.dimensions), dtype=np.float32), self.goal, self.baseline)

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """The frame, and the task where it gives a sentence."""
        given = self.goal and (self.baseline or self.alpha == 0.0)
        return frozenset({"frame"} if given else {"frame", "task"})

    @classmethod
    def example(cls) -> VlmRm:
        """Return a small one, on an encoder with random weights."""
        return cls(example_clip().name, ("a pole upright",), ("a pole",), 0.5)

    def score(self, batch: TransitionBatch) -> Score:
        """Score the frames of B transitions."""
        prompts = self._prompts(batch)
        reasons = [self._reason(goal, baseline) for goal, baseline in prompts]
        seen = rows_with_frames(batch)
        rows = [row for row in seen if reasons[row] is None]
        vectors = encoded_frames(self.encoder, batch, rows)
        values: list[float | None] = [None] * len(batch)
        places: dict[tuple[Sentences, Sentences], list[int]] = {}
        for place, row in enumerate(rows):
            places.setdefault(prompts[row], []).append(place)
        for (goal, baseline), own in places.items():
            for place, value in zip(own, self._rewards(vectors[own], goal, baseline).tolist(), strict=True):
                values[rows[place]] = value
        for row in set(range(len(batch))) - set(seen):
            reasons[row] = "the row has no frame"
        return Score.of(values, reasons=reasons)

    def _prompts(self, batch: TransitionBatch) -> list[tuple[Sentences, Sentences]]:
        tasks = [None] * len(batch) if batch.tasks is None else batch.tasks
        return [(self.goal or goal_of(task), self.baseline or baseline_of(task)) for task in tasks]

    def _reason(self, goal: Sentences, baseline: Sentences) -> str | None:
        if not goal:
            return "the task has no goal"
        return "the task has no baseline" if self.alpha > 0.0 and not baseline else None

    def _rewards(self, states: NDArray[np.float32], goal: Sentences, baseline: Sentences) -> NDArray[np.float64]:
        anchors = [mean_direction(self.encoder.encode_texts(texts)) for texts in (goal, baseline) if texts]
        return goal_baseline_reward(states, anchors[0], anchors[1] if baseline else None, self.alpha)


def goal_of(task: Task | None) -> Sentences:
    """Return the sentence of a task, or nothing where it has none."""
    return () if task is None or not task.goal.strip() else (task.goal,)


def baseline_of(task: Task | None) -> Sentences:
    """Return the baseline sentences of a task; nothing where it has none, or what stands there are no sentences.

    Example:
        >>> baseline_of(Task("a pole upright", fields={"baseline": "a pole"}))
        ('a pole',)
    """
    given = None if task is None else task.fields.get("baseline")
    texts = (given,) if isinstance(given, str) else given if isinstance(given, (list, tuple)) else ()
    return tuple(text for text in texts if isinstance(text, str) and text.strip())[:_MAX_SENTENCES]
