"""What a verification says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["equal", "different", "unparsed", "timeout"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification says of an answer.

    A verdict is true where the answer equals the gold answer, and only there. ``"different"`` is said only of an answer
    that was read and found different; where no answer was found, or it could not be read or decided, the status is
    ``"unparsed"``, and where the time did not suffice, ``"timeout"``.

    Args:
        status: ``"equal"``, ``"different"``, ``"unparsed"`` or ``"timeout"``.
        reason: Why, in words; at most 300 characters.
        answer: The text that was taken for the answer, None where there is none; at most 4000 characters.

    Example:
        >>> bool(Verdict("equal", "both are 1/2", "0.5")), bool(Verdict("timeout", "more than 1 s", "x"))
        (True, False)
    """

    status: Status
    reason: str
    answer: str | None = None

    def __bool__(self) -> bool:
        return self.status == "equal"
