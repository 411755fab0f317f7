"""Which tasks there are: templates, found by their files, and draws from them by seed.

A task is a template and a number. The number seeds the template's dice, so that it fixes question and world, and an
episode can be played again from its task alone.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal, get_args

import numpy as np

from rewardium.envs.errors import RewardiumError, unknown_name_message
from rewardium.envs.name_registry import build_dataclass
from rewardium.envs.spaces import Utf8Text
from rewardium.envs.task import Task
from rewardium.envs.text import MAX_OBSERVATION_LENGTH
from rewardium.envs.tools import registry
from rewardium.envs.tools.answers import AnswerFrom
from rewardium.envs.tools.calls import CallStyle
from rewardium.envs.tools.prompts import PromptStyle, preamble
from rewardium.envs.tools.template import Assignment, Dice, Template
from rewardium.envs.tools.world import Settings, WorldPlan

Split = Literal["train", "test", "all"]

_PACKAGE = "rewardium.envs.tools.templates"
_TEST_SHARE = 0.3
_MAX_DRAWS = 10_000
_SANDBOXED = "python_interpreter"


@cache
def templates() -> Mapping[str, Template]:
    """Return every template by its name.

    Example:
        >>> "search_fact" in templates()
        True
    """
    package = importlib.import_module(_PACKAGE)
    found: dict[str, Template] = {}
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda each: each.name):
        if not module.name.startswith("_"):
            template = importlib.import_module(f"{_PACKAGE}.{module.name}").TEMPLATE
            found[template.name] = template
    return found


def assign(name: str, number: int) -> Assignment:
    """Make the assignment of a template and a number.

    Raises:
        RewardiumError: When there is no such template.

    Example:
        >>> assign("single_calculation", 3) == assign("single_calculation", 3)
        True
    """
    if name not in templates():
        raise RewardiumError(unknown_name_message("template", str(name)[:64], templates()))
    return templates()[name].draw(Dice(np.random.default_rng(number)))


def split_of(name: str, parameters: Mapping[str, Any]) -> Literal["train", "test"]:
    """Return the split of a task, which its template and parameters alone decide.

    However often a question comes again, with whatever names and numbers around it, it is always in the same split.

    Example:
        >>> [split_of("single_calculation", {"expression": f"12 * 13 + {n}"}) for n in (6, 7)]
        ['train', 'test']
    """
    text = json.dumps([name, parameters], sort_keys=True, ensure_ascii=False)
    fraction = int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big") / 2**64
    return "test" if fraction < _TEST_SHARE else "train"


@dataclass(frozen=True)
class Draw:
    """A task with what its episode is made of.

    Args:
        task: The task.
        assignment: What its template made of it.
        world: The world at the beginning, with the environment's further tools.
        prompt: What the agent sees first.
        names: The names of the tools.
    """

    task: Task
    assignment: Assignment
    world: WorldPlan
    prompt: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class ToolTasks:
    r"""What an environment of tool tasks asks, and how; shared by the scalar and the batched one.

    Args:
        templates: Names of templates, each drawn with the same probability; None for all that need no sandbox.
        extra_tools: Registered names of toolsets that are there in every episode, whether or not they are of use.
        max_turns: Responses of an episode at most.
        prompt_style: ``"full"``: JSON schemas and instructions; ``"compact"``: one line a tool; ``"goal"``: the bare
            question.
        call_style: How calls are written: ``"hermes"``, ``"openai"``, or ``"auto"`` for either.
        answer_from: Where the final answer stands: in the last ``\boxed{}`` (``"boxed"``), on the last line
            (``"last_line"``), or the whole response (``"whole"``).
        split: ``"train"`` (70 %), ``"test"``, which share no task, or ``"all"``.
        sandbox: How Python of the agent is kept in: ``"bubblewrap"``, or ``"subprocess"`` for programs one trusts.

    Raises:
        RewardiumError: When an argument is wrong; also where Python is to be run and this machine has no sandbox.
    """

    templates: Sequence[str] | None = None
    extra_tools: Sequence[str] = ()
    max_turns: int = 8
    prompt_style: PromptStyle = "full"
    call_style: CallStyle | Literal["auto"] = "hermes"
    answer_from: AnswerFrom = "boxed"
    split: Split = "train"
    sandbox: str = "bubblewrap"

    def __post_init__(self) -> None:
        object.__setattr__(self, "templates", _checked_templates(self.templates))
        object.__setattr__(self, "extra_tools", _checked_names("extra_tools", self.extra_tools))
        if isinstance(self.max_turns, bool) or not isinstance(self.max_turns, int) or self.max_turns < 1:
            raise RewardiumError(f"max_turns must be a whole number of at least 1, got {self.max_turns!r}")
        for name, choices in (
            ("prompt_style", get_args(PromptStyle)),
            ("call_style", ("hermes", "openai", "auto")),
            ("answer_from", get_args(AnswerFrom)),
            ("split", get_args(Split)),
            ("sandbox", ("bubblewrap", "subprocess")),
        ):
            if getattr(self, name) not in choices:
                known = ", ".join(map(repr, choices))
                raise RewardiumError(f"{name} must be one of {known}, got {getattr(self, name)!r}")
        for name in self.extra_tools:
            registry.get(name)
            WorldPlan({}).with_services([name]).tools()
        self._check_sandbox()

    @classmethod
    def from_arguments(cls, arguments: dict[str, Any]) -> ToolTasks:
        """Build from an environment's keyword arguments.

        Raises:
            RewardiumError: When a name is unknown; the message lists the near ones.

        Example:
            >>> ToolTasks.from_arguments({"template": ["no_tool"]})
            Traceback (most recent call last):
            ...
            rewardium.envs.errors.RewardiumError: unknown argument 'template'; did you mean 'templates'?
        """
        return build_dataclass(cls, arguments, kind="argument")

    def _check_sandbox(self) -> None:
        """Start the sandbox now where programs will run, so that a machine without one is known before the work."""
        chosen = {toolset for name in self.templates or () for toolset in templates()[name].toolsets}
        if _SANDBOXED in chosen | set(self.extra_tools):
            registry.make(_SANDBOXED, **self.service_settings[_SANDBOXED]).close()

    @property
    def service_settings(self) -> Mapping[str, Settings]:
        """Settings that the environment gives to toolsets of any task."""
        return {_SANDBOXED: {"mode": self.sandbox}}

    @cached_property
    def names_impossible(self) -> bool:
        """Whether the prompt says what to answer where the tools cannot do what is asked."""
        return any(templates()[name].may_be_impossible for name in self.templates or ())

    @cached_property
    def _preambles(self) -> dict[tuple[str, ...], tuple[str, tuple[str, ...]]]:
        """Preambles and names of tools by the names of the toolsets."""
        return {}

    @cached_property
    def observation_space(self) -> Utf8Text:
        """The space of prompts and observations."""
        return Utf8Text(MAX_OBSERVATION_LENGTH)

    def draw(self, random: np.random.Generator) -> Draw:
        """Draw a template, and a task of it that lies in the split."""
        dice = Dice(random)
        name = dice.pick(self.templates or ())
        for _ in range(_MAX_DRAWS):
            number = dice.integer(0, 2**53 - 1)
            assignment = assign(name, number)
            if self.split in ("all", split_of(name, assignment.parameters)):
                return self._made(name, number, assignment)
        raise RewardiumError(f"the template {name!r} has no task in the split {self.split!r}")

    def _made(self, name: str, number: int, assignment: Assignment) -> Draw:
        template = templates()[name]
        gold = [{"name": call.name, "arguments": dict(call.arguments)} for call in assignment.gold_calls]
        world, start, names = self._world(assignment.world)
        task_fields = {
            "template": name,
            "number": number,
            "difficulty": template.difficulty,
            "gold_calls": gold,
            "num_gold_calls": len(gold),
            "tools": list(names),
        }
        task = Task(assignment.goal, assignment.reference, task_fields)
        return Draw(task, assignment, world, start + assignment.goal, names)

    def _world(self, plan: WorldPlan) -> tuple[WorldPlan, str, tuple[str, ...]]:
        """Return the plan with what the environment adds, the preamble, and the names of the tools."""
        world = plan.with_services(self.extra_tools).with_settings(self.service_settings)
        key = tuple(world.services)
        if key not in self._preambles:
            tools = world.tools()
            text = preamble(
                tools, self.prompt_style, self.call_style, self.answer_from, self.max_turns, self.names_impossible
            )
            self._preambles[key] = text, tuple(tool.name for tool in tools)
        return world, *self._preambles[key]

    def read_task(self, option: Any) -> Draw:
        """Read a chosen task: one that was drawn, or a question with a ``reference``.

        The tools of a question are those of ``extra_tools``, or the calculator where there are none.

        Raises:
            RewardiumError: When its fields do not belong to its question, it has no answer, or its prompt is too long.
        """
        task = Task.from_option(option)
        name, number = task.fields.get("template"), task.fields.get("number")
        if name is None and number is None:
            return self._own(task)
        if isinstance(number, bool) or not isinstance(number, int) or number < 0 or not isinstance(name, str):
            raise RewardiumError(f"a task has the name of its 'template' and a 'number', got {name!r} and {number!r}")
        draw = self._made(name, number, assign(name, number))
        if draw.task != task:
            raise RewardiumError(f"the task {task.goal[:80]!r} is not number {number} of the template {name!r}")
        return draw

    def _own(self, task: Task) -> Draw:
        if not task.reference or not task.reference.strip():
            raise RewardiumError(f"the task {task.goal[:80]!r} needs a 'reference', the right answer")
        plan = WorldPlan({} if self.extra_tools else {"calculator": {}})
        assignment = Assignment(task.goal, {}, plan, (), task.reference)
        world, start, names = self._world(plan)
        draw = Draw(task, assignment, world, start + task.goal, names)
        if draw.prompt not in self.observation_space:
            raise RewardiumError(
                f"the prompt of the task {task.goal[:80]!r} must encode as UTF-8 and have at most "
                f"{MAX_OBSERVATION_LENGTH} characters"
            )
        return draw


def _checked_templates(names: Any) -> tuple[str, ...]:
    if names is None:
        return tuple(name for name, template in templates().items() if _SANDBOXED not in template.toolsets)
    chosen = _checked_names("templates", names)
    if not chosen:
        raise RewardiumError("templates must name at least one template, or be None")
    for name in chosen:
        if name not in templates():
            raise RewardiumError(unknown_name_message("template", name, templates()))
    return chosen


def _checked_names(argument: str, names: Any) -> tuple[str, ...]:
    if isinstance(names, str) or not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise RewardiumError(f"{argument} must be a list of names, got {names!r}")
    return tuple(names)
