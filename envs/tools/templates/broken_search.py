"""A search that has failed for good: another tool may have what is asked for, or nothing has."""

from __future__ import annotations

from rewardium.envs.tools.calls import ToolCall
from rewardium.envs.tools.template import IMPOSSIBLE, Assignment, Dice, Script, Template
from rewardium.envs.tools.templates._invention import Town, read_fact, towns
from rewardium.envs.tools.world import Failure, WorldPlan


class BrokenSearch(Template):
    """A question about an invented town whose page is, in every other episode, a file as well. Up to four turns."""

    name = "broken_search"
    difficulty = 4
    turns = 4
    toolsets = ("search", "file_system")
    may_be_impossible = True

    def draw(self, dice: Dice) -> Assignment:
        """Draw the towns, the question, and whether the pages are files as well."""
        found = towns(dice, 6)
        town, fact, has_file = found[0], dice.pick(tuple(Town.FACTS)), dice.pick((True, False))
        pages = sorted(found, key=lambda each: each.name)
        # Where there is no page of the town, there are pages of the others.
        files = {f"/pages/{each.name.lower()}.txt": each.page for each in pages if has_file or each is not town}
        failure = Failure("the search has lost its documents for good; trying again will not help")
        after = ToolCall("read_file", {"path": _path(town.name)}) if has_file else None
        return Assignment(
            goal=town.question(fact),
            parameters={"town": town.name, "fact": fact, "has_file": has_file},
            world=WorldPlan(
                {
                    "search": {"documents": {each.document: each.page for each in pages}},
                    "file_system": {"files": files},
                },
                {"search_documents": failure, "open_document": failure},
            ),
            gold_calls=(
                ToolCall("search_documents", {"query": town.name}),
                ToolCall("find_files", {"pattern": _pattern(town.name)}),
                *([after] if after else []),
            ),
            reference=town.facts[fact] if has_file else IMPOSSIBLE,
        )

    def script(self, assignment: Assignment) -> Script:
        """Search, then look for a file of the town's name."""
        name, fact = assignment.parameters["town"], assignment.parameters["fact"]
        yield [ToolCall("search_documents", {"query": name})]
        (result,) = yield [ToolCall("find_files", {"pattern": _pattern(name)})]
        if not result.content["found"]:
            return IMPOSSIBLE
        (result,) = yield [ToolCall("read_file", {"path": result.content["found"][0]})]
        return read_fact(result.content["text"], name, fact)


def _path(name: str) -> str:
    return f"/pages/{name.lower()}.txt"


def _pattern(name: str) -> str:
    return f"{name.lower()}.*"


TEMPLATE = BrokenSearch()
