"""A careless user of an address book, which is not always there.

What it does wrong in its first response::

    no tool for contacts           invents an address, built as addresses usually are
    a given name that ends in s    searches with the surname first, finds nobody, and takes that for "impossible"
"""

from __future__ import annotations

from rewardium.agents.llm.pupil import CALL_WORDS, ERROR_WORDS, RESULT_WORDS, Pupil, boxed, content_of
from rewardium.envs.task import Task
from rewardium.envs.tools.template import IMPOSSIBLE

_QUESTION = "What is the e-mail address of "


class ContactsPupil(Pupil):
    """Solves ``missing_tool``."""

    template = "missing_tool"
    words = (
        _QUESTION, *CALL_WORDS, "find_contacts", "query", *RESULT_WORDS, '{"contacts": [', '{"id": "c', '", "name": "',
        '", "phone": "", "email": "', "@example.org", '", "notes": ""}', '], "total": ', IMPOSSIBLE, *ERROR_WORDS,
    )  # fmt: skip

    def careless_response(self, task: Task, right: str) -> str | None:
        """Invent an address, or search with the surname first."""
        name = person_of(task.goal)
        if not task.fields["gold_calls"]:
            return boxed(invented_address(name))
        given, _, surname = name.partition(" ")
        return right.replace(name, f"{surname} {given}") if given.endswith("s") else None

    def read(self, reply: str) -> str:
        """Return the address of the first contact of a reply; that it is impossible where there is none."""
        content = content_of(reply)
        found = content.get("contacts") if isinstance(content, dict) else None
        return str(found[0]["email"]) if found else IMPOSSIBLE

    def kind(self, task: Task) -> str:
        """Say whether the tool is there."""
        return "with the tool" if task.fields["gold_calls"] else "without the tool"


def person_of(goal: str) -> str:
    """Return whom a question asks about.

    Example:
        >>> person_of("What is the e-mail address of Ada Toravik?")
        'Ada Toravik'
    """
    return goal.removeprefix(_QUESTION).removesuffix("?")


def invented_address(name: str) -> str:
    """Build an address out of a name; those of the tasks also have a number, which no one can guess.

    Example:
        >>> invented_address("Ada Toravik")
        'ada.toravik@example.org'
    """
    return f"{name.lower().replace(' ', '.')}@example.org"
