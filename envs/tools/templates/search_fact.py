"""A fact in documents that are new in every episode."""

from __future__ import annotations

from rewardium.envs.tools.calls import ToolCall
from rewardium.envs.tools.template import Assignment, Dice, Script, Template
from rewardium.envs.tools.templates._invention import Town, read_fact, towns
from rewardium.envs.tools.world import WorldPlan


class SearchFact(Template):
    """A question about an invented town. Search, open its page, answer."""

    name = "search_fact"
    difficulty = 2
    turns = 3
    toolsets = ("search",)

    def draw(self, dice: Dice) -> Assignment:
        """Draw the towns and the question."""
        found = towns(dice, dice.integer(6, 12))
        town, fact = found[0], dice.pick(tuple(Town.FACTS))
        return Assignment(
            goal=town.question(fact),
            parameters={"town": town.name, "fact": fact},
            world=WorldPlan({"search": {"documents": {each.document: each.page for each in [*found[1:], town]}}}),
            gold_calls=(
                ToolCall("search_documents", {"query": town.name}),
                ToolCall("open_document", {"id": town.document}),
            ),
            reference=town.facts[fact],
        )

    def script(self, assignment: Assignment) -> Script:
        """Search for the town and read its page."""
        name, fact = assignment.parameters["town"], assignment.parameters["fact"]
        (result,) = yield [ToolCall("search_documents", {"query": name})]
        (result,) = yield [ToolCall("open_document", {"id": page_of(result.content, name)})]
        return read_fact(result.content["text"], name, fact)


def page_of(content: dict[str, list[dict[str, str]]], name: str) -> str:
    """Return the id of a town's own page among the results of a search."""
    return next(found["id"] for found in content["results"] if found["id"].endswith(f"/{name.lower()}"))


TEMPLATE = SearchFact()
