"""A contact to be changed, and another to be looked up who is named in its notes."""

from __future__ import annotations

from rewardium.envs.tools.calls import ToolCall
from rewardium.envs.tools.template import Assignment, Dice, Script, Template
from rewardium.envs.tools.templates._invention import email, people, phone
from rewardium.envs.tools.world import WorldPlan


class ContactUpdate(Template):
    """A new telephone number, then the e-mail address of a deputy. Find, change, find, answer."""

    name = "contact_update"
    difficulty = 3
    turns = 4
    toolsets = ("contacts_calendar",)

    def draw(self, dice: Dice) -> Assignment:
        """Draw the contacts, each with a deputy, and the new number."""
        names = people(dice, 5)
        at, deputy_at = dice.sample(range(5), 2)
        contacts = [
            {"name": name, "phone": phone(dice), "email": email(name), "notes": f"Deputy: {names[(i + 1) % 5]}"}
            for i, name in enumerate(names)
        ]
        contacts[at]["notes"] = f"Deputy: {names[deputy_at]}"
        contacts[deputy_at]["email"] = f"{names[deputy_at].split()[0].lower()}{dice.integer(100, 999)}@example.org"
        number = f"+49 30 555 {dice.integer(10, 99)} {dice.integer(10, 99)}"
        change = ToolCall("update_contact", {"id": f"c{at + 1}", "phone": number})
        return Assignment(
            goal=(
                f"Change the telephone number of the contact {names[at]} to {number} and nothing else. The notes of "
                "the contact name a deputy: what is the deputy's e-mail address?"
            ),
            parameters={"name": names[at], "number": number},
            world=WorldPlan({"contacts_calendar": {"contacts": contacts}}),
            gold_calls=(
                ToolCall("find_contacts", {"query": names[at]}),
                change,
                ToolCall("find_contacts", {"query": names[deputy_at]}),
            ),
            reference=contacts[deputy_at]["email"],
            changes=(change,),
        )

    def script(self, assignment: Assignment) -> Script:
        """Find the contact, change it, find the deputy."""
        name, number = assignment.parameters["name"], assignment.parameters["number"]
        (result,) = yield [ToolCall("find_contacts", {"query": name})]
        contact = _named(result.content["contacts"], name)
        yield [ToolCall("update_contact", {"id": contact["id"], "phone": number})]
        deputy = contact["notes"].removeprefix("Deputy: ")
        (result,) = yield [ToolCall("find_contacts", {"query": deputy})]
        return _named(result.content["contacts"], deputy)["email"]


def _named(contacts: list[dict[str, str]], name: str) -> dict[str, str]:
    """Return the contact of this name; the search also finds those in whose notes it stands."""
    return next(contact for contact in contacts if contact["name"] == name)


TEMPLATE = ContactUpdate()
