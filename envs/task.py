"""What an episode asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rewardium.envs.errors import RewardiumError


@dataclass(frozen=True, slots=True)
class Task:
    """What an episode asks for, and the ground truth where there is one.

    Two tasks are equal when they ask the same and expect the same; the episodes of a GRPO group share one task.

    Args:
        goal: What is asked, in words (a problem, an instruction, the sentence of a vision-language reward).
        reference: The ground truth in the family's own notation, or None.
        fields: Whatever else the family's sources may read, e.g. the difficulty.

    Example:
        >>> Task("1 + 1", reference="2") == Task("1 + 1", reference="2", fields={"steps": 1})
        True
    """

    goal: str
    reference: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict, compare=False, hash=False)

    @classmethod
    def from_option(cls, value: Task | Mapping[str, Any]) -> Task:
        """Read the ``task`` of ``env.reset(options={"task": ...})``.

        Args:
            value: A task, or a mapping with ``goal``, optionally ``reference``, and further fields.

        Returns:
            The task.

        Raises:
            RewardiumError: When the value is neither, or has no ``goal`` of type str.

        Example:
            >>> Task.from_option({"goal": "2 * 3", "reference": "6", "steps": 1}).fields
            {'steps': 1}
        """
        if isinstance(value, Task):
            return value
        if not isinstance(value, Mapping) or not isinstance(value.get("goal"), str):
            raise RewardiumError(
                f"options['task'] must be a Task or a mapping with a 'goal' of type str, got {value!r}"
            )
        reference = value.get("reference")
        if reference is not None and not isinstance(reference, str):
            raise RewardiumError(f"options['task']['reference'] must be a str or None, got {reference!r}")
        rest = {key: item for key, item in value.items() if key not in ("goal", "reference")}
        return cls(value["goal"], reference, rest)
