"""A reward that somebody, usually a language model, wrote as a Python program."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rewardium.envs.errors import RewardiumError
from rewardium.envs.tools.sandbox import Mode
from rewardium.envs.transition import TransitionBatch
from rewardium.rewards.programs.bounds import DENSE_WEIGHT, SPARSE_WEIGHT
from rewardium.rewards.programs.check import MAX_CHARACTERS, check_program
from rewardium.rewards.programs.runner import Answer, ProgramRunner
from rewardium.rewards.programs.step import Step, steps_of
from rewardium.rewards.registry import register
from rewardium.rewards.reward import Outcome, Reward, Term
from rewardium.rewards.source import Score
from rewardium.rewards.state import RewardState

logger = logging.getLogger(__name__)


@register("reward_program", papers=("A34",))
@dataclass(frozen=True)
class RewardProgram(Reward):
    r"""Run a reward program and pay the signs of what it says: ``1.0 * sign(sparse) + 0.1 * sign(dense)``.

    From "Auto MC-Reward: Automated Dense Reward Design with Large Language Models for Minecraft" (2023): a language
    model writes ``reward(step, memory)``, a dense and a sparse value come back, and only their signs count. Certainty:
    high for the formula and its constants, and for the memory across the steps of an episode; what a step shows
    (``rewardium.rewards.programs.step``) is ours, since the paper's is Minecraft's.

    A leaf of the tree, but no ``RewardSource``: sources score without a memory, in any order and any batch, and a
    program has one. Scoring it from the history of each step instead would run an episode of T steps T times. So the
    program runs when the tree is folded, in one call a step for all environments, and its memory is a part of the
    ``RewardState``: one a row, empty at a new episode, saved with a checkpoint. The sandbox keeps nothing.

    The text is never trusted. It is checked before anything runs and runs only in the sandbox; a row for which it
    raises, or returns anything but two finite numbers, has no score and leaves the memory as it was. After ``failures``
    steps in a row on which no environment got a score it is disabled with one warning: every later row is invalid.

    The extrinsic reward is not shown to the program, see ``steps_of``.

    Value: float32 [B], one of 0, ±0.1, ±0.9, ±1 and ±1.1. The ledger has two terms, ``reward_program_sparse`` with
    weight 1.0 and ``reward_program_dense`` with weight 0.1; ``raw`` is what the program said, ``shaped`` its sign.

    Args:
        path: The program's file, read when the reward is built.
        text: The program itself, in place of a file.
        mode: How programs are kept in: "bubblewrap", or "subprocess" with weaker protection where that cannot run.
        seconds: How long a call may take, in which all environments are answered; at most 10. An ordinary one takes a
            few milliseconds.
        failures: After how many failed steps in a row the program is disabled, at least 1.

    Raises:
        RewardiumError: When the check refuses the program (with every reason), or a parameter is out of range.
        SandboxUnavailableError: When this machine cannot run the sandbox in this mode.

    Example:
        >>> from rewardium.envs.caption import Caption
        >>> from rewardium.envs.transition import Transition
        >>> program = '''
        ... def reward(step, memory):
        ...     memory["keys"] = memory.get("keys", 0) + ("key" in step["message"])
        ...     return {"sparse": 0, "dense": 1000 * memory["keys"]}
        ... '''
        >>> reward, state = RewardProgram(text=program, mode="subprocess"), RewardState()
        >>> for step, message in enumerate(["", "You see here a key.", ""]):
        ...     row = Transition("", "", 0, text=Caption(message).text(), step=step)
        ...     print(reward.evaluate(TransitionBatch.from_transitions([row]), state).value)
        [0.]
        [0.1]
        [0.1]
    """

    path: str = ""
    text: str = ""
    mode: Mode = "bubblewrap"
    seconds: float = 2.0
    failures: int = 5
    _runner: ProgramRunner = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", str(self.path))
        if bool(self.path) == bool(self.text):
            raise RewardiumError("reward_program: give either 'path', a program's file, or 'text', the program itself")
        if isinstance(self.failures, bool) or not isinstance(self.failures, int) or self.failures < 1:
            raise RewardiumError(
                f"reward_program: 'failures' must be a whole number of at least 1, got {self.failures!r}"
            )
        self._build(self.text or read_program(self.path))

    def _build(self, text: str) -> None:
        try:
            program = check_program(text)
        except RewardiumError as error:
            raise RewardiumError(f"{self.path or 'reward_program'}: {error}") from None
        object.__setattr__(self, "_runner", ProgramRunner(program, self.mode, self.seconds))

    def __getstate__(self) -> dict[str, Any]:
        fields = ("path", "text", "mode", "seconds", "failures")
        return {**{name: getattr(self, name) for name in fields}, "program": self.program}

    def __setstate__(self, state: dict[str, Any]) -> None:
        text = state.pop("program")  # what was read from the file, which may be another one by now, or on no disk here
        for name, value in state.items():
            object.__setattr__(self, name, value)
        self._build(text)

    def __deepcopy__(self, memo: dict[int, Any]) -> RewardProgram:
        return self  # frozen, and its runner may serve any number of users

    @property
    def program(self) -> str:
        """The program's text."""
        return self._runner.program.text

    @property
    def own_needs(self) -> frozenset[str]:
        """The caption and the action."""
        return frozenset({"text", "action"})

    def fold(self, scores: Mapping[str, Score], batch: TransitionBatch, state: RewardState) -> Outcome:
        """Run the program on one step of each environment."""
        memories = state.episode_dicts(batch)
        answers = self._answers(steps_of(batch), memories, state)
        valid = np.array([answer.sparse is not None for answer in answers], dtype=np.bool_)
        sparse = _term([answer.sparse for answer in answers], SPARSE_WEIGHT, valid)
        dense = _term([answer.dense for answer in answers], DENSE_WEIGHT, valid)
        value = sparse.weight * sparse.shaped.astype(np.float64) + dense.weight * dense.shaped
        terms = {"reward_program_sparse": sparse, "reward_program_dense": dense}
        return Outcome(value.astype(np.float32), valid, terms)

    def _answers(self, steps: list[Step | None], memories: list[dict[str, Any]], state: RewardState) -> list[Answer]:
        """Return one answer a row, and put what the program remembers into the memories."""
        answers = [Answer(None, None, "there is no text")] * len(steps)
        rows = [row for row, step in enumerate(steps) if step is not None]
        failed = state.memory.setdefault("failed_steps", 0)
        if not rows or failed >= self.failures:
            return answers
        played = self._runner.play([(memories[row].get("memory", {}), [steps[row]]) for row in rows])  # type: ignore[list-item]
        for row, (memory, (answer,)) in zip(rows, played, strict=True):
            memories[row]["memory"] = memory
            answers[row] = answer
        self._count_failure(answers, state)
        return answers

    def _count_failure(self, answers: list[Answer], state: RewardState) -> None:
        if any(answer.sparse is not None for answer in answers):
            state.memory["failed_steps"] = 0
            return
        state.memory["failed_steps"] += 1
        if state.memory["failed_steps"] == self.failures:
            reason = next((answer.reason for answer in answers if answer.reason), "no reason is known")
            logger.warning(
                "the reward program %s is disabled after %d failed steps in a row; its term is invalid from now on: %s",
                self.path or "(given as text)",
                self.failures,
                reason,
            )


def read_program(path: str | Path) -> str:
    """Read a program's file.

    Args:
        path: The file, in UTF-8.

    Returns:
        Its text.

    Raises:
        RewardiumError: When it cannot be read, or is too long to be a program.
    """
    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(4 * MAX_CHARACTERS)
    except (OSError, UnicodeDecodeError) as error:
        raise RewardiumError(f"cannot read the reward program {path}: {error}") from None
    if not text.strip():
        raise RewardiumError(f"the reward program {path} is empty")
    return text


def _term(numbers: list[float | None], weight: float, valid: NDArray[np.bool_]) -> Term:
    """Write one of the two numbers as a term; what is too large for single precision is cut off, its sign stays."""
    values = np.array([0.0 if number is None else float(number) for number in numbers], dtype=np.float64)
    largest = float(np.finfo(np.float32).max)
    raw = np.clip(values, -largest, largest).astype(np.float32)
    return Term(raw, np.sign(values).astype(np.float32), weight, valid)
