"""How a reference answer or principles are written into the prompt that a reward model reads."""

from __future__ import annotations

from collections.abc import Sequence


def with_reference(prompt: str, reference: str) -> str:
    r"""Return a prompt followed by the response to compare with.

    Example:
        >>> with_reference("2+2=", "4")
        '2+2=\n\nReference:\n4\n\nResponse:\n'
    """
    return f"{prompt}\n\nReference:\n{reference}\n\nResponse:\n"


def with_principles(prompt: str, principles: Sequence[str]) -> str:
    r"""Return a prompt followed by what the response is judged by.

    Example:
        >>> with_principles("2+2=", ["Be brief."])
        '2+2=\n\nPrinciples:\n- Be brief.\n\nResponse:\n'
    """
    listed = "".join(f"- {principle}\n" for principle in principles)
    return f"{prompt}\n\nPrinciples:\n{listed}\nResponse:\n"


def negated(principle: str) -> str:
    """Return the opposite of a principle, in words.

    Example:
        >>> negated("Be brief.")
        'NOT: Be brief.'
    """
    return f"NOT: {principle}"
