"""How sure a vision-language model is that a frame shows the goal, or shows it better than a reference does."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.models.frame_answers import share_of
from rewardium.rewards.models.frame_files import read_frames
from rewardium.rewards.models.frame_judge import FrameJudge, ImageQuestion, Probabilities, make_frame_judge
from rewardium.rewards.models.frame_questions import YES_NO, better_than_reference, shows_goal
from rewardium.rewards.models.judge import JudgeError
from rewardium.rewards.models.rebuilt import Rebuilt
from rewardium.rewards.registry import register
from rewardium.rewards.reward import RewardSource
from rewardium.rewards.source import Score

logger = logging.getLogger(__name__)

_YES, _NO = 0, 1


@register("vlm_yes", papers=("A31",))
@dataclass(frozen=True)
class VlmYes(Rebuilt, RewardSource):
    """The probability with which a vision-language model answers "yes" to "is this better than the reference?".

    From "RewardDance: Reward Scaling in Visual Generation" (2025)::

        r = P(yes | instruction, goal, reference, frame) = exp(l_yes) / (exp(l_yes) + exp(l_no))

    with the logits ``l`` of the model's next token. The formula is that of the abstract. Whether the softmax runs over
    both words or over all tokens is not known: ``among_words`` chooses. The paper's model is trained for this question,
    and takes the best of the policy's own samples as references (recalled); here any vision-language model is asked,
    and the reference is a picture, which may be exchanged between runs as the policy gets better. Without a reference
    the question is whether the frame shows the goal, as the paper does for videos.

    Models prefer what they see first, or last. ``both_orders`` asks each question twice, reference first and frame
    first, and averages ``P(yes)`` of the one and ``P(no)`` of the other; the paper trains on both orders instead.

    A reply that is neither yes nor no is unknown, as is everything while the judge cannot be reached; both are invalid,
    never 0. A model takes long: ``asynchronous(vlm_yes(...))`` scores in the background. Watch the spread of this
    reward within a batch: where it falls to 0 while training goes on, the model is fooled or has nothing more to say.

    Score: value float32 [B] in [0, 1].

    Args:
        judge: ``http://HOST:PORT/v1``, ``transformers:FOLDER_OR_NAME`` or ``scripted:brightness``, see
            ``make_frame_judge``; ``""`` leaves it to the flag ``--judge``.
        reference: A picture to compare with (see ``read_frames``); "" for none.
        goal: What should be seen, in words; by default the task's goal.
        both_orders: Whether to ask with the pictures in both orders.
        among_words: Whether the probability of yes is that among yes and no, or among all tokens.

    Raises:
        RewardiumError: When a parameter is wrong, the picture cannot be read, or a model cannot be loaded.
        MissingExtraError: When the package that the judge needs is not installed.

    Example:
        >>> from rewardium.envs.transition import Transition
        >>> np.save("grey.npy", np.full((4, 4, 3), 100, np.uint8))
        >>> source = VlmYes("scripted:brightness", "grey.npy", "a bright room")
        >>> rows = [Transition(0, 0, 0, frame=np.full((4, 4, 3), grey, np.uint8)) for grey in (60, 100, 140)]
        >>> score = source.score(TransitionBatch.from_transitions([*rows, Transition(0, 0, 0)]))
        >>> [round(value, 3) for value in score.value.tolist()], score.valid.tolist()
        ([0.042, 0.5, 0.958, 0.0], [True, True, True, False])
    """

    judge: str = ""
    reference: str = ""
    goal: str = ""
    both_orders: bool = False
    among_words: bool = True
    _judge: FrameJudge | None = field(init=False, repr=False, compare=False)
    _shown: NDArray[np.uint8] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("judge", "reference", "goal"):
            if not isinstance(getattr(self, name), str):
                raise RewardiumError(f"vlm_yes: {name!r} must be a text, got {getattr(self, name)!r}")
        if self.both_orders and not self.reference:
            raise RewardiumError("vlm_yes: both_orders needs a reference: one picture has no order")
        object.__setattr__(self, "_shown", read_frames(self.reference, most=1)[0] if self.reference else None)
        object.__setattr__(self, "_judge", make_frame_judge(self.judge) if self.judge else None)
        if self._judge is not None:
            self._judge.check_words(YES_NO)

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]
        """The frame, and the task where no goal is given."""
        return frozenset({"frame"} if self.goal else {"frame", "task"})

    @classmethod
    def example(cls) -> VlmYes:
        """Return a small one, with a judge that is a rule and a reference in a temporary folder."""
        return cls("scripted:brightness", str(Path(_example_folder().name) / "reference.npy"))

    def close(self) -> None:
        """End the connection to the judge."""
        if self._judge is not None:
            self._judge.close()

    def score(self, batch: TransitionBatch) -> Score:
        """Ask about the frames of B transitions, all at once."""
        if self._judge is None:
            raise RewardiumError("vlm_yes asks a judge, and none is named: give --judge, or judge='...' in the reward")
        goals = [self.goal or _goal(batch, row) for row in range(len(batch))]
        frames: Any = [None] * len(batch) if batch.frames is None else batch.frames
        rows = [row for row in range(len(batch)) if frames[row] is not None and goals[row]]
        questions = [question for row in rows for question in self._questions(goals[row], frames[row])]
        values: list[float | None] = [None] * len(batch)
        reasons: list[str | None] = ["the row has no frame, or the task no goal"] * len(batch)
        try:
            answers = self._judge.choose(questions, YES_NO)
        except JudgeError as error:
            logger.warning("vlm_yes: %d frames stay unknown: %s", len(rows), error)
            answers = [None] * len(questions)
        each = 2 if self.both_orders else 1
        for place, row in enumerate(rows):
            values[row] = self._value(answers[each * place : each * (place + 1)])
            reasons[row] = "the judge said neither yes nor no" if values[row] is None else None
        return Score.of(values, reasons=reasons, cost={"calls": float(len(questions))})

    def _questions(self, goal: str, frame: NDArray[np.uint8]) -> list[ImageQuestion]:
        frame = np.asarray(frame)
        if self._shown is None:
            return [shows_goal(goal, frame)]
        first = better_than_reference(goal, self._shown, frame)
        return [first, better_than_reference(goal, frame, self._shown)] if self.both_orders else [first]

    def _value(self, answers: list[Probabilities | None]) -> float | None:
        """Average over the orders: in the second one, it is the answer no that speaks for the frame."""
        shares = [
            None if answer is None else share_of(answer, place, self.among_words)
            for answer, place in zip(answers, (_YES, _NO), strict=False)
        ]
        known = [share for share in shares if share is not None]
        return sum(known) / len(known) if len(known) == len(shares) else None


def _goal(batch: TransitionBatch, row: int) -> str:
    task = None if batch.tasks is None else batch.tasks[row]
    return "" if task is None else task.goal.strip()


@cache
def _example_folder() -> TemporaryDirectory[str]:
    """Write a reference once a process; the folder goes when the process ends."""
    folder: TemporaryDirectory[str] = TemporaryDirectory(prefix="rewardium-reference-")
    np.save(Path(folder.name) / "reference.npy", np.full((8, 8, 3), 110, dtype=np.uint8))
    return folder
