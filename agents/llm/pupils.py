"""All careless pupils, by the template that they know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rewardium.agents.llm.pupil import Pupil
from rewardium.agents.llm.pupil_calculation import CalculationPupil
from rewardium.agents.llm.pupil_contacts import ContactsPupil
from rewardium.agents.llm.pupil_program import ProgramPupil
from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task

PUPILS: Mapping[str, Pupil] = {pupil.template: pupil for pupil in (CalculationPupil(), ContactsPupil(), ProgramPupil())}
"""The templates that are solved in two turns."""


def pupil_of(task: Task) -> Pupil:
    """Return the pupil that knows the template of a task.

    Raises:
        RewardiumError: When none does.

    Example:
        >>> from rewardium.envs.tools.tool_use import ToolUseEnv
        >>> pupil_of(ToolUseEnv(templates=["missing_tool"]).reset(seed=0)[1]["task"]).template
        'missing_tool'
    """
    template = task.fields.get("template")
    if template not in PUPILS:
        raise RewardiumError(
            f"no pupil knows the template {template!r} of the task {task.goal[:80]!r}; there are pupils for "
            f"{', '.join(PUPILS)}"
        )
    return PUPILS[str(template)]


def kind_of(task: Task) -> str:
    """Name template and kind of a task.

    Example:
        >>> from rewardium.envs.tools.tool_use import ToolUseEnv
        >>> kind_of(ToolUseEnv(templates=["missing_tool"]).reset(seed=0)[1]["task"])
        'missing_tool, with the tool'
    """
    pupil = pupil_of(task)
    kind = pupil.kind(task)
    return f"{pupil.template}, {kind}" if kind else pupil.template


def words_of(templates: Iterable[str]) -> tuple[str, ...]:
    """Return what is one token to a policy that plays some templates, in their order, each word once.

    Example:
        >>> words_of(["single_calculation"])[:2]
        ('Calculate ', '<tool_call>')
    """
    return tuple(dict.fromkeys(word for template in templates for word in PUPILS[template].words))
