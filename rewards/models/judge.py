"""What a judge is: something that answers prompts, in batches, and may fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from rewardium.envs.errors import RewardiumError


class JudgeError(RewardiumError):
    """A judge could not be reached, or answered no prompt of a batch; the labels stay unknown."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A judge's answer to one prompt.

    Args:
        text: What it wrote; data of a stranger, to be parsed and never evaluated.
        prompt_tokens: What reading the prompt took, where the judge says so.
        completion_tokens: What writing took.
    """

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0


@runtime_checkable
class Judge(Protocol):
    """Answers prompts. Thread-safe: several annotators may share one."""

    @property
    def name(self) -> str:
        """The model's identity, as labels are kept under it; two judges that may answer differently differ here."""

    def complete(self, prompts: Sequence[str]) -> list[Completion | None]:
        """Answer B prompts.

        Args:
            prompts: Length B.

        Returns:
            Length B; None where this one prompt got no answer.

        Raises:
            JudgeError: When none could be answered, e.g. because the server is down.
        """

    def close(self) -> None:
        """Free what the judge holds; a closed judge answers nothing."""
