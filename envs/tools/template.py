"""What a template of tasks is, and what it makes.

A template is one file in ``envs/tools/templates/`` with an object ``TEMPLATE``. It draws parameters and makes an
``Assignment``: the question, the world, what solves it. It also tells, as a script, how an agent solves it that reads
what the tools answer; tests hold every template to its script.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from rewardium.envs.math.templates.problem import Dice
from rewardium.envs.tools.calls import ToolCall
from rewardium.envs.tools.observations import ToolResult
from rewardium.envs.tools.world import WorldPlan

__all__ = ["DONE", "IMPOSSIBLE", "Assignment", "Dice", "Script", "Template"]

IMPOSSIBLE = "IMPOSSIBLE"
"""The right answer where the tools cannot do what is asked."""

DONE = "Done."
"""What the scripts say where only the state counts."""

Script = Generator[list[ToolCall], tuple[ToolResult, ...], str]
"""Yields the calls of a turn, is sent what they gave, and returns the final answer."""


@dataclass(frozen=True)
class Assignment:
    """What an episode asks, in which world, and what solves it.

    Args:
        goal: What is asked, in words.
        parameters: What makes this task another one than the others of its template, as JSON data.
        world: The world at the beginning.
        gold_calls: The calls of a best solution, in order.
        reference: The right answer; None where only the final state counts.
        changes: The calls that make the right final state out of the beginning; without any, nothing may change.
        needs_no_call: Whether a call is a mistake.
        secrets: What the template's own script must know beyond the parameters.
    """

    goal: str
    parameters: Mapping[str, Any]
    world: WorldPlan
    gold_calls: tuple[ToolCall, ...]
    reference: str | None = None
    changes: tuple[ToolCall, ...] = ()
    needs_no_call: bool = False
    secrets: Mapping[str, Any] = field(default_factory=dict)


class Template(ABC):
    """Draws assignments of one kind, as many as there are seeds.

    A class sets ``name``, the name of its file; ``difficulty`` from 1 to 5; ``turns``, the most turns of a best
    solution with the final answer; ``toolsets``, all that its worlds are made of; and ``may_be_impossible`` where the
    right answer may be ``IMPOSSIBLE``.
    """

    name: ClassVar[str]
    difficulty: ClassVar[int]
    turns: ClassVar[int]
    toolsets: ClassVar[tuple[str, ...]]
    may_be_impossible: ClassVar[bool] = False

    @abstractmethod
    def draw(self, dice: Dice) -> Assignment:
        """Draw an assignment; all randomness comes from the dice."""

    @abstractmethod
    def script(self, assignment: Assignment) -> Script:
        """Solve an assignment as an agent does: what the tools must tell is read from what they answer."""
