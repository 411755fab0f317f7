"""A search that fails at first, and works when it is tried again."""

from __future__ import annotations

from dataclasses import replace

from rewardium.envs.tools.calls import ToolCall
from rewardium.envs.tools.template import Assignment, Dice, Script, Template
from rewardium.envs.tools.templates._invention import read_fact
from rewardium.envs.tools.templates.search_fact import TEMPLATE as SEARCH_FACT
from rewardium.envs.tools.templates.search_fact import page_of
from rewardium.envs.tools.world import Failure


class FlakySearch(Template):
    """A question about an invented town, where the first one or two searches fail. Up to five turns."""

    name = "flaky_search"
    difficulty = 3
    turns = 5
    toolsets = ("search",)

    def draw(self, dice: Dice) -> Assignment:
        """Draw a question, and how often the search fails."""
        times = dice.integer(1, 2)
        plain = SEARCH_FACT.draw(dice)
        failure = Failure("the search is busy for a moment; try again", times)
        return replace(
            plain,
            parameters={**plain.parameters, "times": times},
            world=replace(plain.world, failures={"search_documents": failure}),
            gold_calls=(plain.gold_calls[0],) * times + plain.gold_calls,
        )

    def script(self, assignment: Assignment) -> Script:
        """Search until it works, then read the page."""
        name, fact = assignment.parameters["town"], assignment.parameters["fact"]
        while True:
            (result,) = yield [ToolCall("search_documents", {"query": name})]
            if result.status == "ok":
                break
        (result,) = yield [ToolCall("open_document", {"id": page_of(result.content, name)})]
        return read_fact(result.content["text"], name, fact)


TEMPLATE = FlakySearch()
