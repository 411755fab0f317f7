"""Random calculations: fresh arithmetic whose answer no corpus holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from gymnasium.vector import AutoresetMode

from rewardium.envs.errors import RewardiumError
from rewardium.envs.math.expressions import Generator, Notation, Split, render
from rewardium.envs.math.one_answer import OneAnswerEnv, OneAnswerVectorEnv
from rewardium.envs.math.rational import AnswerFrom, Verdict, check, parse_reference
from rewardium.envs.name_registry import build_dataclass
from rewardium.envs.spaces import Utf8Text
from rewardium.envs.task import Task
from rewardium.envs.text import MAX_OBSERVATION_LENGTH

REGISTRATION = [
    {
        "id": "rewardium/RandomCalculation-v0",
        "entry_point": "RandomCalculationEnv",
        "vector_entry_point": "RandomCalculationVectorEnv",
        "papers": ["A6"],
    }
]

BOXED_PROMPT = r"Calculate {expression}. Give the exact value, as an integer or a fraction, in \boxed{}."
LAST_LINE_PROMPT = "Calculate {expression}. Give the exact value, as an integer or a fraction, alone on the last line."


@dataclass(frozen=True)
class Calculation:
    r"""What an environment of random calculations asks and how it judges; shared by the scalar and the batched one.

    Args:
        num_steps: Number of binary operations, or smallest and largest number, drawn uniformly.
        operators: Some of ``+-*/``.
        operand_kinds: Some of ``integer``, ``fraction``, ``square`` and ``cube``.
        operand_range: Smallest and largest integer, inclusive, that operands are built from.
        max_magnitude: Bound on numerator and denominator of every intermediate and final result.
        reward: ``"graded"`` by closeness, or ``"exact"``: 1 for the exact value, else 0.
        split: ``"train"`` or ``"test"``, which share no expression, or ``"all"``.
        answer_from: Where the answer stands: in the last ``\boxed{}``, or alone on the last line.
        prompt: Text with ``{expression}`` in it; None for one that fits ``answer_from``.
        notation: ``"plain"`` or ``"latex"``.
        compact: Whether plain notation leaves out spaces, as in ``47+85``.

    Raises:
        RewardiumError: When an argument is wrong, or the arguments leave no expression.
    """

    num_steps: int | tuple[int, int] = (1, 20)
    operators: str = "+-*/"
    operand_kinds: tuple[str, ...] = ("integer", "fraction", "square", "cube")
    operand_range: tuple[int, int] = (0, 100)
    max_magnitude: int = 10**12
    reward: Literal["graded", "exact"] = "graded"
    split: Split = "train"
    answer_from: AnswerFrom = "boxed"
    prompt: str | None = None
    notation: Notation = "plain"
    compact: bool = False

    def __post_init__(self) -> None:
        for name, allowed in (
            ("reward", ("graded", "exact")),
            ("answer_from", ("boxed", "last_line")),
            ("notation", ("plain", "latex")),
        ):
            if getattr(self, name) not in allowed:
                raise RewardiumError(f"{name} must be one of {allowed}, got {getattr(self, name)!r}")
        if self.prompt is not None and (not isinstance(self.prompt, str) or "{expression}" not in self.prompt):
            raise RewardiumError(f"prompt must be a str that contains '{{expression}}', got {self.prompt!r}")
        _ = self.generator

    @classmethod
    def from_arguments(cls, arguments: dict[str, Any]) -> Calculation:
        """Build from an environment's keyword arguments.

        Raises:
            RewardiumError: When a name is unknown; the message lists the near ones.

        Example:
            >>> Calculation.from_arguments({"num_step": 3})
            Traceback (most recent call last):
            ...
            rewardium.envs.errors.RewardiumError: unknown argument 'num_step'; did you mean 'num_steps'?
        """
        return build_dataclass(cls, arguments, kind="argument")

    @cached_property
    def generator(self) -> Generator:
        """The generator of the expressions."""
        return Generator(
            self.num_steps,  # type: ignore[arg-type]  # the generator takes one number as well
            self.operators,
            self.operand_kinds,
            self.operand_range,
            self.max_magnitude,
            self.split,
        )

    @cached_property
    def observation_space(self) -> Utf8Text:
        """The space of prompts."""
        return Utf8Text(MAX_OBSERVATION_LENGTH)

    def draw(self, random: np.random.Generator) -> Task:
        """Draw a task: the expression is the goal, its exact value the reference."""
        expression = self.generator.draw(random)
        tree = expression.tree
        value = str(tree.numerator) if tree.denominator == 1 else f"{tree.numerator}/{tree.denominator}"
        return Task(
            render(tree, self.notation, self.compact),
            value,
            {"num_steps": expression.num_steps, "kind": "random_calculation"},
        )

    def read_task(self, option: Any) -> Task:
        """Read a chosen task.

        Raises:
            RewardiumError: When it has no reference, or one that is no rational number, or its prompt is no valid
                observation.
        """
        task = Task.from_option(option)
        if task.reference is None:
            raise RewardiumError(f"the task {task.goal!r} needs a 'reference', the exact value as text, e.g. '3/4'")
        parse_reference(task.reference)
        if self.ask(task) not in self.observation_space:
            raise RewardiumError(
                f"the prompt of the task {task.goal[:80]!r} must encode as UTF-8 and have at most "
                f"{MAX_OBSERVATION_LENGTH} characters"
            )
        return task

    def ask(self, task: Task) -> str:
        """Return the prompt of a task."""
        prompt = self.prompt or (BOXED_PROMPT if self.answer_from == "boxed" else LAST_LINE_PROMPT)
        # Not str.format: a prompt about \boxed{} is full of braces.
        return prompt.replace("{expression}", task.goal)

    def judge(self, response: Any, task: Task) -> Verdict:
        """Check a response."""
        return check(response, task.reference or "", self.answer_from)

    def judge_all(self, responses: Sequence[Any], tasks: Sequence[Task]) -> list[Verdict]:
        """Check R responses."""
        return [self.judge(response, task) for response, task in zip(responses, tasks, strict=True)]

    def pay(self, verdict: Verdict) -> float:
        """Return the reward of a verdict."""
        return verdict.graded if self.reward == "graded" else float(verdict.correct)

    def told(self, verdict: Verdict) -> dict[str, Any]:
        """Return what the infos of a step say of a verdict."""
        return {
            "success": verdict.correct,
            "reason": verdict.reason,
            "answer": verdict.answer,
            "graded": verdict.graded,
        }


class RandomCalculationEnv(OneAnswerEnv[Verdict]):
    r"""Calculate one random arithmetic expression.

    ## Description
    Expressions are drawn at random from integers, fractions, squares and cubes, so that no pre-training corpus holds
    them: a gain of reward is a gain in calculating. They come from "Reasoning or Memorization? Unreliable Results of
    Reinforcement Learning Due to Data Contamination" (2025), whose text gives the operands, the 1 to 20 steps, the
    70/30 split and the graded reward. The shape of the tree, the bound on results and the notation are the suite's own.

    ## Action Space
    A ``Utf8Text``: the response, any text. Its answer is the content of the last ``\boxed{}``, or the last line: an
    integer, a decimal number or a fraction, compared exactly. A response of any length or type is judged and never
    raises.

    ## Observation Space
    A ``Utf8Text``: the prompt after ``reset``, and ``""`` at the episode's end.

    ## Rewards
    With answer a, true value b and eps = 1e-6, ``reward="graded"`` pays
    ``1 - 0.5 min(|a - b|, 1) - 0.5 min(|a - b| / (|b| + eps), 1)``, which lies in [0, 1] and is 1 exactly for a = b.
    ``reward="exact"`` pays 1 for a = b, else 0. A response without a readable number gets 0.

    ## Starting State
    A new expression; a seed fixes it, so that environments reset with one seed ask the same. ``options={"task":
    {"goal": "47 + 85", "reference": "132"}}`` asks a chosen one.

    ## Episode End
    ``terminated`` after the first response. Never truncated.

    ## Information
    ``reset``: ``task``, a ``Task`` with the expression as goal and its value as reference. ``step``: ``task``,
    ``success`` (bool, exactly right), ``reason`` (str, why), ``answer`` (str or None, what was read) and ``graded``
    (float, the graded reward).

    ## Arguments
    Those of ``Calculation``, and ``render_mode="ansi"``, where ``render`` returns the prompt and the response.

    ## Version History
    * v0: the first version.

    Args:
        render_mode: ``"ansi"`` or None.
        **arguments: The fields of ``Calculation``.

    Raises:
        RewardiumError: When an argument is unknown or wrong.

    Example:
        >>> env = RandomCalculationEnv(num_steps=1, operators="+", operand_kinds=("integer",))
        >>> observation, info = env.reset(seed=0)
        >>> info["task"].goal, info["task"].reference
        ('82 + 73', '155')
        >>> observation, reward, terminated, truncated, info = env.step(r"\boxed{155}")
        >>> reward, terminated, info["success"]
        (1.0, True, True)
    """

    def __init__(self, render_mode: str | None = None, **arguments: Any) -> None:
        super().__init__(Calculation.from_arguments(arguments), render_mode)


class RandomCalculationVectorEnv(OneAnswerVectorEnv[Verdict]):
    """The batched ``RandomCalculationEnv``: the same tasks, rewards and infos, checked together.

    Args:
        num_envs: Number of environments N.
        autoreset_mode: How an environment that has ended begins again.
        render_mode: ``"ansi"`` or None.
        **arguments: The fields of ``Calculation``.

    Raises:
        RewardiumError: When an argument is unknown or wrong.

    Example:
        >>> venv = RandomCalculationVectorEnv(2, autoreset_mode="Disabled", num_steps=1, operators="+", compact=True)
        >>> observations, infos = venv.reset(seed=[5, 5])
        >>> len({task.goal for task in infos["task"]})
        1
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(Calculation.from_arguments(arguments), num_envs, autoreset_mode, render_mode)
