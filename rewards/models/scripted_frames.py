"""Judges of frames that are rules over pixels: for tests, for baselines, and for training without a large model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rewardium.envs.errors import RewardiumError, unknown_name_message
from rewardium.rewards.models.frame_judge import Frame, ImageQuestion, Probabilities
from rewardium.rewards.models.rule_names import Registered, registering

FrameRule = Callable[[Sequence[Frame], str, str], Sequence[float]]
"""From frames, the goal and the name of a model to one number a frame: the larger, the nearer to the goal."""

_RULES: dict[str, Registered[FrameRule]] = {}
_SHARPNESS = 20.0
_SAME = 1e-6


def frame_rule(name: str, version: str = "1") -> Callable[[FrameRule], FrameRule]:
    """Register a rule under a name.

    Args:
        name: What stands in ``scripted:NAME``; letters, digits, ``_`` and ``-``.
        version: Part of the judge's name, which labels are kept under: change it with the rule.

    Returns:
        A decorator that returns its argument unchanged.

    Raises:
        RewardiumError: When the name has other characters, or belongs to another rule.

    Example:
        >>> @frame_rule("blue")
        ... def blue(frames, goal, clip):
        ...     return [float(frame[..., 2].mean()) / 255 for frame in frames]
        >>> ScriptedFrameJudge("blue").name
        'scripted:blue/1?error=0&seed=0'
    """
    return registering(_RULES, name, version)


@frame_rule("brightness")
def brightness(frames: Sequence[Frame], goal: str, clip: str) -> list[float]:
    """Return the mean of each frame in [0, 1], whatever the goal."""
    return [float(np.mean(frame)) / 255.0 for frame in frames]


@frame_rule("clip")
def clip_similarity(frames: Sequence[Frame], goal: str, clip: str) -> list[float]:
    """Return the cosine similarity of each frame with the goal, to a vision encoder."""
    from rewardium.rewards.models.vision_encoder import load_vision_encoder

    encoder = load_vision_encoder(clip)
    seen = np.concatenate([encoder.encode_images([frame]) for frame in frames])
    return [float(value) for value in seen @ encoder.encode_texts([goal])[0]]


@dataclass(frozen=True)
class ScriptedFrameJudge:
    """Answers by a rule that gives each frame a number, with a set share of mistakes.

    Of two frames the second is better with probability ``sigmoid(20 * (second - first))``; a single frame shows the
    goal with ``sigmoid(20 * (number - 1/2))``. Where two numbers are equal, a question that allows ``0`` gets it. A
    mistake is the opposite answer; which questions get one follows from the seed and the pixels, so that a repeated
    question gets the same answer, in every process.

    Args:
        rule: ``"brightness"``, ``"clip"``, or one that ``frame_rule`` added.
        error: The share of wrong answers, in [0, 1].
        seed: Picks the questions that get a wrong answer.
        clip: The vision encoder of the rule ``clip``.

    Raises:
        RewardiumError: When there is no such rule, a number is out of its range, or the rule ``clip`` has no model.

    Example:
        >>> from rewardium.rewards.models.frame_questions import YES_NO, shows_goal
        >>> judge, frames = ScriptedFrameJudge("brightness"), [np.full((2, 2, 3), grey, np.uint8) for grey in (0, 255)]
        >>> answers = judge.choose([shows_goal("a bright room", frame) for frame in frames], YES_NO)
        >>> [answer.round(2).tolist() for answer in answers]
        [[0.0, 1.0], [1.0, 0.0]]
    """

    rule: str
    error: float = 0.0
    seed: int = 0
    clip: str = ""

    def __post_init__(self) -> None:
        if self.rule not in _RULES:
            raise RewardiumError(unknown_name_message("scripted judge of frames", self.rule, _RULES))
        if not 0 <= self.error <= 1:
            raise RewardiumError(f"scripted judge of frames: error must lie between 0 and 1, got {self.error!r}")
        if self.rule == "clip":
            from rewardium.rewards.models.vision_encoder import load_vision_encoder

            if not self.clip:
                raise RewardiumError("scripted:clip needs a vision encoder: scripted:clip?clip=FOLDER_OR_NAME")
            load_vision_encoder(self.clip)

    @property
    def name(self) -> str:
        """The rule, its version, and what changes its answers."""
        model = f"&clip={self.clip}" if self.clip else ""
        return f"scripted:{self.rule}/{_RULES[self.rule].version}?error={self.error:g}&seed={self.seed}{model}"

    def check_words(self, allowed: Sequence[str]) -> None:
        """Refuse words that no rule knows; only yes and no, or 1, 2 and 0, are answered."""
        if set(allowed) not in ({"yes", "no"}, {"1", "2", "0"}):
            raise RewardiumError(f"a scripted judge of frames answers yes or no, or 1, 2 or 0, not {list(allowed)}")

    def choose(self, questions: Sequence[ImageQuestion], allowed: Sequence[str]) -> list[Probabilities | None]:
        """Answer B questions; None for one without one or two pictures."""
        self.check_words(allowed)
        return [self._answer(question, allowed) for question in questions]

    def close(self) -> None:
        """There is nothing to free."""

    def _answer(self, question: ImageQuestion, allowed: Sequence[str]) -> Probabilities | None:
        frames = question.frames
        if not 1 <= len(frames) <= 2:
            return None
        values = list(_RULES[self.rule].rule(frames, question.goal, self.clip))
        gap = values[1] - values[0] if len(values) == 2 else values[0] - 0.5
        if self._mistaken(question):
            gap = -gap
        second = 1.0 / (1.0 + float(np.exp(np.clip(-_SHARPNESS * gap, -700, 700))))
        share = {"yes": second, "no": 1.0 - second, "2": second, "1": 1.0 - second, "0": 0.0}
        if "0" in allowed and abs(gap) < _SAME:
            share.update({"0": 1.0, "1": 0.0, "2": 0.0})
        return np.array([share[word] for word in allowed])

    def _mistaken(self, question: ImageQuestion) -> bool:
        digest = hashlib.sha256(f"{self.seed}\n{question.goal}".encode("utf-8", "surrogatepass"))
        for frame in question.frames:
            digest.update(np.ascontiguousarray(frame).tobytes())
        return int.from_bytes(digest.digest()[:8], "big") < self.error * 2**64
