r"""Math problems whose answers are verified: the shipped ones, a file's, or a data set's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from rewardium.envs.errors import RewardiumError
from rewardium.envs.math.one_answer import OneAnswerEnv, OneAnswerVectorEnv
from rewardium.envs.math.task_sets import Choice, TaskSet, load_tasks
from rewardium.envs.math.verify import verify, verify_batch
from rewardium.envs.math.verify.verdict import Verdict
from rewardium.envs.name_registry import build_dataclass
from rewardium.envs.spaces import Utf8Text
from rewardium.envs.task import Task
from rewardium.envs.text import MAX_OBSERVATION_LENGTH

REGISTRATION = [
    {
        "id": "rewardium/MathVerify-v0",
        "entry_point": "MathVerifyEnv",
        "vector_entry_point": "MathVerifyVectorEnv",
    }
]

BOXED_PROMPT = "{problem}\n\nGive the final answer in \\boxed{}."


@dataclass(frozen=True)
class MathProblems:
    r"""What an environment of math problems asks and how it judges; shared by the scalar and the batched one.

    Args:
        tasks: None for the shipped problems; a path or a data set's name, as ``load_tasks`` takes it; or a ``TaskSet``,
            of which only ``level`` and ``subject`` then choose.
        split: A split of the tasks, or ``"all"``. A source without splits has ``"train"`` (70 %) and ``"test"``, which
            share no problem.
        level: Only problems of this level, or of one of these.
        subject: Only problems of this subject, or of one of these.
        timeout: Seconds for verifying one answer.
        workers: Processes that verify hard answers beside each other in the batched environment; None chooses.
        prompt: Text with ``{problem}`` in it; it should ask for the answer in ``\boxed{}``.
        strict: Whether a row that is no task is an error; else it is left out and logged.
        columns: Where the columns have other names: from ``problem``, ``answer``, ``level``, ``subject`` to theirs.
        subset: The configuration of a data set that has several.

    Raises:
        RewardiumError: When an argument is wrong, the tasks cannot be read, or none is left.
    """

    tasks: str | PathLike[str] | TaskSet | None = None
    split: str = "train"
    level: Choice = None
    subject: Choice = None
    timeout: float = 1.0
    workers: int | None = None
    prompt: str = BOXED_PROMPT
    strict: bool = False
    columns: Mapping[str, str] | None = None
    subset: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.prompt, str) or "{problem}" not in self.prompt:
            raise RewardiumError(f"prompt must be a str that contains '{{problem}}', got {self.prompt!r}")
        check_timeout(self.timeout)
        if self.workers is not None and (
            isinstance(self.workers, bool) or not isinstance(self.workers, int) or self.workers < 1
        ):
            raise RewardiumError(f"workers must be a whole number of at least 1, or None, got {self.workers!r}")
        longest = max(self.task_set, key=lambda task: len(task.goal))
        self._check_prompt(longest)

    @classmethod
    def from_arguments(cls, arguments: dict[str, Any]) -> MathProblems:
        """Build from an environment's keyword arguments.

        Raises:
            RewardiumError: When a name is unknown; the message lists the near ones.

        Example:
            >>> MathProblems.from_arguments({"levels": 3})
            Traceback (most recent call last):
            ...
            rewardium.envs.errors.RewardiumError: unknown argument 'levels'; did you mean 'level'?
        """
        return build_dataclass(cls, arguments, kind="argument")

    @cached_property
    def task_set(self) -> TaskSet:
        """The tasks that are drawn from."""
        tasks = self.tasks
        if not isinstance(tasks, TaskSet):
            tasks = load_tasks(tasks, split=self.split, strict=self.strict, columns=self.columns, subset=self.subset)
        return tasks.where(level=self.level, subject=self.subject)

    @cached_property
    def observation_space(self) -> Utf8Text:
        """The space of prompts."""
        return Utf8Text(MAX_OBSERVATION_LENGTH)

    def draw(self, random: np.random.Generator) -> Task:
        """Draw a task, each with the same probability."""
        return self.task_set.draw(random)

    def read_task(self, option: Any) -> Task:
        """Read a chosen task.

        Raises:
            RewardiumError: When it has no reference, or its prompt is no valid observation.
        """
        task = Task.from_option(option)
        if not task.reference or not task.reference.strip():
            raise RewardiumError(f"the task {task.goal[:80]!r} needs a 'reference', the answer as text, e.g. '3/4'")
        self._check_prompt(task)
        return task

    def _check_prompt(self, task: Task) -> None:
        if self.ask(task) not in self.observation_space:
            raise RewardiumError(
                f"the prompt of the task {task.goal[:80]!r} must encode as UTF-8 and have at most "
                f"{MAX_OBSERVATION_LENGTH} characters"
            )

    def ask(self, task: Task) -> str:
        """Return the prompt of a task."""
        # Not str.format: a prompt about \boxed{} is full of braces.
        return self.prompt.replace("{problem}", task.goal)

    def judge(self, response: Any, task: Task) -> Verdict:
        """Verify a response."""
        if not isinstance(response, str):
            return no_text(response)
        return verify(task.reference or "", response, timeout=self.timeout)

    def judge_all(self, responses: Sequence[Any], tasks: Sequence[Task]) -> list[Verdict]:
        """Verify R responses in one batch."""
        pairs = [(t.reference or "", r) for r, t in zip(responses, tasks, strict=True) if isinstance(r, str)]
        verdicts = iter(verify_batch(pairs, timeout=self.timeout, workers=self.workers))
        return [next(verdicts) if isinstance(response, str) else no_text(response) for response in responses]

    def pay(self, verdict: Verdict) -> float:
        """Return the reward of a verdict."""
        return float(bool(verdict))

    def told(self, verdict: Verdict) -> dict[str, Any]:
        """Return what the infos of a step say of a verdict."""
        return {
            "success": bool(verdict),
            "reason": verdict.reason,
            "answer": verdict.answer,
            "status": verdict.status,
        }


def check_timeout(timeout: object) -> None:
    """Refuse a time limit that is no positive number.

    Raises:
        RewardiumError: Naming it.

    Example:
        >>> check_timeout(0)
        Traceback (most recent call last):
        ...
        rewardium.envs.errors.RewardiumError: timeout must be a number of seconds above 0, got 0
    """
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout < float("inf"):
        raise RewardiumError(f"timeout must be a number of seconds above 0, got {timeout!r}")


def no_text(response: object) -> Verdict:
    """Return the verdict of a response that is no text.

    Example:
        >>> no_text(3.5).reason
        'the response is no text but float'
    """
    return Verdict("unparsed", f"the response is no text but {type(response).__name__}")


class MathVerifyEnv(OneAnswerEnv[Verdict]):
    r"""Solve one math problem; a verifier compares the answer with the known one.

    ## Description
    The shipped problems go from arithmetic to calculus. They are made by templates, with answers of many forms:
    numbers, fractions, percentages, surds, multiples of pi, complex numbers, polynomials, sets, intervals, matrices,
    quantities with units, words. A file of JSON lines or a data set (GSM8K, MATH and the like) takes their place with
    ``tasks``. The answer is compared by value, not by form: ``0.5``, ``\frac12`` and ``2^{-1}`` are one answer, and
    where a problem asks to expand or to simplify, what it shows is already equal to its answer.

    ## Action Space
    A ``Utf8Text``: the response, any text. Its answer is best put into ``\boxed{}``. A response of any length or type
    is judged and never raises.

    ## Observation Space
    A ``Utf8Text``: the prompt after ``reset``, and ``""`` at the episode's end.

    ## Rewards
    1.0 where the answer is verified to equal the reference, else 0.0. Where verifying took longer than ``timeout``
    the reward is 0.0 as well, and ``info["status"]`` says so; the reward source ``math_verify`` gives no score there.

    ## Starting State
    A task of the set, each with the same probability; a seed fixes it, so that environments reset with one seed ask the
    same. ``options={"task": {"goal": "What is $1 + 1$?", "reference": "2"}}`` asks a chosen one.

    ## Episode End
    ``terminated`` after the first response. Never truncated.

    ## Information
    ``reset``: ``task``, a ``Task`` with the problem as goal and its answer as reference; its fields hold what else is
    known, such as ``level`` and ``subject``. ``step``: ``task``, ``success`` (bool, equal to the reference), ``reason``
    (str, why), ``answer`` (str or None, what was taken for the answer) and ``status`` (str: ``"equal"``,
    ``"different"``, ``"unparsed"`` or ``"timeout"``).

    ## Arguments
    Those of ``MathProblems``, and ``render_mode="ansi"``, where ``render`` returns the prompt and the response.

    ## Version History
    * v0: the first version.

    Args:
        render_mode: ``"ansi"`` or None.
        **arguments: The fields of ``MathProblems``.

    Raises:
        RewardiumError: When an argument is unknown or wrong, or the tasks cannot be read.

    Example:
        >>> env = MathVerifyEnv(subject="algebra", level=[1, 2])
        >>> observation, info = env.reset(options={"task": {"goal": "What is $3/4 - 1/4$?", "reference": "1/2"}})
        >>> observation, reward, terminated, truncated, info = env.step(r"It is \boxed{\frac{1}{2}}.")
        >>> reward, terminated, info["status"], info["answer"]
        (1.0, True, 'equal', '\\frac{1}{2}')
    """

    def __init__(self, render_mode: str | None = None, **arguments: Any) -> None:
        super().__init__(MathProblems.from_arguments(arguments), render_mode)


class MathVerifyVectorEnv(OneAnswerVectorEnv[Verdict]):
    r"""The batched ``MathVerifyEnv``: the same tasks, rewards and infos, verified together.

    Args:
        num_envs: Number of environments N.
        autoreset_mode: How an environment that has ended begins again.
        render_mode: ``"ansi"`` or None.
        **arguments: The fields of ``MathProblems``.

    Raises:
        RewardiumError: When an argument is unknown or wrong, or the tasks cannot be read.

    Example:
        >>> venv = MathVerifyVectorEnv(3, autoreset_mode="Disabled", subject="calculus")
        >>> observations, infos = venv.reset(seed=[5, 5, 5])
        >>> answer = infos["task"][0].reference
        >>> venv.step([rf"\boxed{{{answer}}}", "no idea", None])[1].tolist()
        [1.0, 0.0, 0.0]
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(MathProblems.from_arguments(arguments), num_envs, autoreset_mode, render_mode)
