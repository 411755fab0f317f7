"""Two facts from documents, and a calculation with them."""

from __future__ import annotations

from rewardium.envs.tools.calls import ToolCall
from rewardium.envs.tools.template import Assignment, Dice, Script, Template
from rewardium.envs.tools.templates._invention import read_fact, towns
from rewardium.envs.tools.templates.search_fact import page_of
from rewardium.envs.tools.world import WorldPlan

_FACTS = {"inhabitants": "inhabitants", "tower": "metres of height of the tower"}


class SearchThenCalculate(Template):
    """A weighted sum over two invented towns. Two searches, two pages, one calculation: four turns."""

    name = "search_then_calculate"
    difficulty = 3
    turns = 4
    toolsets = ("search", "calculator")

    def draw(self, dice: Dice) -> Assignment:
        """Draw the towns, the fact and the weights."""
        found = towns(dice, dice.integer(6, 12))
        first, second = found[0], found[2]
        fact, weight, minus = dice.pick(tuple(_FACTS)), dice.integer(2, 19), dice.integer(10, 99)
        expression = _expression(weight, first.facts[fact], second.facts[fact], minus)
        value = weight * int(first.facts[fact]) + int(second.facts[fact]) - minus
        pages = sorted(found, key=lambda town: town.name)
        return Assignment(
            goal=(
                f"Let A be the number of {_FACTS[fact]} of {first.name}, and B that of {second.name}. "
                f"What is {weight} * A + B - {minus}?"
            ),
            parameters={"towns": [first.name, second.name], "fact": fact, "weight": weight, "minus": minus},
            world=WorldPlan({"search": {"documents": {town.document: town.page for town in pages}}, "calculator": {}}),
            gold_calls=(
                ToolCall("search_documents", {"query": first.name}),
                ToolCall("search_documents", {"query": second.name}),
                ToolCall("open_document", {"id": first.document}),
                ToolCall("open_document", {"id": second.document}),
                ToolCall("calculate", {"expression": expression}),
            ),
            reference=str(value),
        )

    def script(self, assignment: Assignment) -> Script:
        """Search for both at once, read both pages, calculate."""
        given = assignment.parameters
        names = given["towns"]
        found = yield [ToolCall("search_documents", {"query": name}) for name in names]
        ids = [page_of(result.content, name) for result, name in zip(found, names, strict=True)]
        pages = yield [ToolCall("open_document", {"id": id}) for id in ids]
        facts = [read_fact(r.content["text"], name, given["fact"]) for r, name in zip(pages, names, strict=True)]
        expression = _expression(given["weight"], facts[0], facts[1], given["minus"])
        (result,) = yield [ToolCall("calculate", {"expression": expression})]
        return str(result.content["exact"])


def _expression(weight: int, first: str, second: str, minus: int) -> str:
    return f"{weight} * {first} + {second} - {minus}"


TEMPLATE = SearchThenCalculate()
