"""A question for which the tool may be missing."""

from __future__ import annotations

from rewardium.envs.tools.calls import ToolCall
from rewardium.envs.tools.template import IMPOSSIBLE, Assignment, Dice, Script, Template
from rewardium.envs.tools.templates._invention import email, people
from rewardium.envs.tools.world import WorldPlan


class MissingTool(Template):
    """The e-mail address of someone, with contacts or, in every other episode, without. At most two turns."""

    name = "missing_tool"
    difficulty = 2
    turns = 2
    toolsets = ("calculator", "unit_conversion", "contacts_calendar")
    may_be_impossible = True

    def draw(self, dice: Dice) -> Assignment:
        """Draw the contacts, and whether there is a tool for them."""
        names = people(dice, 4)
        addresses = [email(name).replace("@", f"{dice.integer(10, 99)}@") for name in names]
        is_there = dice.pick((True, False))
        contacts = [{"name": name, "email": address} for name, address in zip(names, addresses, strict=True)]
        services = {"contacts_calendar": {"contacts": contacts}} if is_there else {}
        return Assignment(
            goal=f"What is the e-mail address of {names[0]}?",
            parameters={"name": names[0], "is_there": is_there},
            world=WorldPlan({"calculator": {}, "unit_conversion": {}, **services}),
            gold_calls=(ToolCall("find_contacts", {"query": names[0]}),) if is_there else (),
            reference=addresses[0] if is_there else IMPOSSIBLE,
        )

    def script(self, assignment: Assignment) -> Script:
        """Look the contact up where there is a tool for it."""
        if not assignment.parameters["is_there"]:
            return IMPOSSIBLE
        (result,) = yield [ToolCall("find_contacts", {"query": assignment.parameters["name"]})]
        return str(result.content["contacts"][0]["email"])


TEMPLATE = MissingTool()
