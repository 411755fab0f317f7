"""Labels of pairs of frames: asked of a judge, kept as they come, and never asked for twice."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.frame_model import FramePreference
from rewardium.rewards.models.frame_judge import FrameJudge, Probabilities
from rewardium.rewards.models.frame_questions import FIRST_SECOND_NEITHER, which_is_better
from rewardium.rewards.models.judge import JudgeError

_PREFERENCE = {"1": 1.0, "2": 0.0, "0": 0.5}
_LONGEST_LINE = 10_000
_SECONDS_BETWEEN = 1.0

IndexPair = tuple[int, int]


class LabelCounts(NamedTuple):
    """How far the labelling is.

    Args:
        done: Pairs that were asked for or known, of those wanted.
        unknown: Pairs among them without an answer.
        calls: Questions that were put to the judge now.
    """

    done: int
    unknown: int
    calls: int


def frames_digest(frames: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> str:
    """Return a digest of frames: labels of other frames are none of these.

    Example:
        >>> len(frames_digest([np.zeros((2, 2, 3), np.uint8)]))
        16
    """
    digest = hashlib.sha256()
    for frame in frames:
        digest.update(f"{frame.shape}".encode() + np.ascontiguousarray(frame).tobytes())
    return digest.hexdigest()[:16]


class FrameLabelFile:
    """Answers by judge, goal, frames and pair, one JSON line each.

    A line that was cut off while it was written is passed over.

    Args:
        path: The file; created with the first answer.
        judge: The judge's name.
        goal: The goal that it is asked about.
        frames: What ``frames_digest`` says of the frames.

    Raises:
        RewardiumError: When the file cannot be read.
    """

    def __init__(self, path: Path, judge: str, goal: str, frames: str) -> None:
        self.path = path
        self.asked = {"judge": judge, "goal": goal, "frames": frames}
        self.known: dict[IndexPair, str] = {}
        try:
            if path.is_file():
                with path.open(encoding="utf-8") as file:
                    for line in iter(lambda: file.readline(_LONGEST_LINE), ""):
                        self._take(line)
        except (OSError, UnicodeDecodeError) as error:
            raise RewardiumError(f"cannot read the labels in {path}: {error}") from error

    def add(self, answers: dict[IndexPair, str]) -> None:
        """Keep answers, each one of ``FIRST_SECOND_NEITHER``."""
        rows = [
            {**self.asked, "first": first, "second": second, "answer": answer}
            for (first, second), answer in answers.items()
        ]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                # The line break stands first: what follows a line that was cut off begins a line of its own.
                file.write("".join("\n" + json.dumps(row) for row in rows))
        except OSError as error:
            raise RewardiumError(f"cannot write the labels to {self.path}: {error}") from error
        self.known.update(answers)

    def _take(self, line: str) -> None:
        try:
            row = json.loads(line)
            pair, answer = (row["first"], row["second"]), row["answer"]
            mine = all(row[name] == value for name, value in self.asked.items())
        except (ValueError, RecursionError, KeyError, TypeError):
            return
        readable = isinstance(answer, str) and answer in _PREFERENCE
        if mine and readable and all(type(index) is int for index in pair):
            self.known[pair] = answer


def label_frame_pairs(
    judge: FrameJudge,
    goal: str,
    frames: Sequence[NDArray[np.uint8]] | NDArray[np.uint8],
    pairs: Sequence[IndexPair],
    labels: FrameLabelFile,
    *,
    at_once: int = 16,
    max_calls: int | None = None,
    patience: float = 300.0,
    progress: Callable[[LabelCounts], None] | None = None,
) -> list[FramePreference]:
    """Ask a judge which frame of each pair is nearer to the goal.

    A pair whose answer is in the file is not asked for. What the judge leaves without an allowed answer stays unknown.
    When the judge fails, it is asked again after a second, until it has been silent for too long.

    Args:
        judge: The judge.
        goal: What should be seen, in words.
        frames: N frames, uint8 [H, W, 3].
        pairs: Pairs of indices.
        labels: Where answers are kept.
        at_once: Questions of one call.
        max_calls: The most questions; None for no limit.
        patience: Seconds that a failing judge is waited for.
        progress: Called after each call.

    Returns:
        The labelled pairs in their order; a tie has the preference 0.5.

    Raises:
        RewardiumError: When the judge fails for too long; the labels so far are kept.

    Example:
        >>> from rewardium.rewards.models.frame_judge import make_frame_judge
        >>> frames = [np.full((4, 4, 3), grey, np.uint8) for grey in (0, 90, 90)]
        >>> judge = make_frame_judge("scripted:brightness")
        >>> file = FrameLabelFile(Path("labels.jsonl"), judge.name, "bright", frames_digest(frames))
        >>> label_frame_pairs(judge, "bright", frames, [(0, 1), (1, 2)], file)[0]
        FramePreference(first=0, second=1, preference=0.0)
        >>> FrameLabelFile(Path("labels.jsonl"), judge.name, "bright", frames_digest(frames)).known
        {(0, 1): '2', (1, 2): '0'}
    """
    missing = [pair for pair in pairs if pair not in labels.known]
    if max_calls is not None:
        missing = missing[:max_calls]
    unknown, calls = 0, 0
    for start in range(0, len(missing), at_once):
        part = missing[start : start + at_once]
        answers = dict(zip(part, _asked(judge, goal, frames, part, patience), strict=True))
        labels.add({pair: answer for pair, answer in answers.items() if answer is not None})
        unknown, calls = unknown + sum(answer is None for answer in answers.values()), calls + len(part)
        if progress is not None:
            progress(LabelCounts(len(pairs) - len(missing) + start + len(part), unknown, calls))
    return [FramePreference(*pair, _PREFERENCE[labels.known[pair]]) for pair in pairs if pair in labels.known]


def _asked(
    judge: FrameJudge, goal: str, frames: Sequence[NDArray[np.uint8]] | NDArray[np.uint8], part: Sequence[IndexPair],
    patience: float,
) -> list[str | None]:  # fmt: skip
    questions = [which_is_better(goal, frames[first], frames[second]) for first, second in part]
    since = time.monotonic()
    while True:
        try:
            return [_word(answer) for answer in judge.choose(questions, FIRST_SECOND_NEITHER)]
        except JudgeError as error:
            if time.monotonic() - since + _SECONDS_BETWEEN > patience:
                raise RewardiumError(
                    f"the judge gave no label for {patience:g} s ({error}); labels so far are kept, and the same "
                    "command goes on"
                ) from error
            time.sleep(_SECONDS_BETWEEN)


def _word(answer: Probabilities | None) -> str | None:
    if answer is None or not float(answer.sum()) > 0.0:
        return None
    return FIRST_SECOND_NEITHER[int(np.argmax(answer))]
