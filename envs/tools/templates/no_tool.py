"""A question that holds its own answer, so that no tool is right."""

from __future__ import annotations

from rewardium.envs.tools.template import Assignment, Dice, Script, Template
from rewardium.envs.tools.templates._invention import words
from rewardium.envs.tools.world import WorldPlan

_PLACES = ("first", "second", "third", "fourth")


class NoTool(Template):
    """A word of a list, or who is taller than whom. One turn; whoever calls a tool has failed."""

    name = "no_tool"
    difficulty = 1
    turns = 1
    toolsets = ("calculator", "search")

    def draw(self, dice: Dice) -> Assignment:
        """Draw the words and what is asked about them."""
        found = words(dice, 4)
        at = dice.integer(0, 3)
        if dice.pick((True, False)):
            goal = f"Which is the {_PLACES[at]} of these words: {', '.join(found)}?"
            answer = found[at]
        else:
            tall, middle, short = found[:3]
            goal = f"{tall} is taller than {middle}, and {short} is shorter than {middle}. Who is the tallest?"
            answer = tall
        documents = {f"notes/{word.lower()}": f"{word} is mentioned here, and nothing else is." for word in found}
        return Assignment(
            goal=goal,
            parameters={"goal": goal},
            world=WorldPlan({"calculator": {}, "search": {"documents": documents}}),
            gold_calls=(),
            reference=answer,
            needs_no_call=True,
        )

    def script(self, assignment: Assignment) -> Script:
        """Answer at once."""
        yield from ()
        return str(assignment.reference)


TEMPLATE = NoTool()
