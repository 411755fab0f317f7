"""How a reference answer, principles or earlier steps are written into what a reward model reads."""

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


def with_earlier_steps(earlier: str, step: str, most: int = 1_500) -> str:
    r"""Return a step behind the steps before it, so that a model knows where begins what it judges.

    It is all in the response, and the prompt stays the question, so that no question is on both sides when prompts are
    held out.

    Args:
        earlier: The steps before; "" for none.
        step: The step, or several that are judged as one.
        most: Characters of the earlier steps that are kept, the last ones.

    Example:
        >>> with_earlier_steps("1+2=3\n", "3+3=6")
        '1+2=3\n\nStep to judge:\n3+3=6'
    """
    return f"{earlier[max(0, len(earlier) - most) :]}\nStep to judge:\n{step}"
