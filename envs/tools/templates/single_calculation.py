"""One exact calculation."""

from __future__ import annotations

from rewardium.envs.tools.calls import ToolCall
from rewardium.envs.tools.template import Assignment, Dice, Script, Template
from rewardium.envs.tools.world import WorldPlan

_FORMS = ("{a} * {b} + {c}", "{a} * {b} - {c}", "({a} + {b}) * {d}", "({c} - {a}) * {d}", "{a} ** 2 - {b} * {d}")


class SingleCalculation(Template):
    """An expression with integers. One call, then the answer."""

    name = "single_calculation"
    difficulty = 1
    turns = 2
    toolsets = ("calculator",)

    def draw(self, dice: Dice) -> Assignment:
        """Draw an expression; its value is calculated here."""
        a, b, c, d = dice.integer(12, 99), dice.integer(12, 99), dice.integer(100, 999), dice.integer(3, 29)
        index = dice.integer(0, len(_FORMS) - 1)
        expression = _FORMS[index].format(a=a, b=b, c=c, d=d)
        value = (a * b + c, a * b - c, (a + b) * d, (c - a) * d, a * a - b * d)[index]
        return Assignment(
            goal=f"Calculate {expression}.",
            parameters={"expression": expression},
            world=WorldPlan({"calculator": {}}),
            gold_calls=(ToolCall("calculate", {"expression": expression}),),
            reference=str(value),
        )

    def script(self, assignment: Assignment) -> Script:
        """Calculate it and read the value."""
        (result,) = yield [ToolCall("calculate", {"expression": assignment.parameters["expression"]})]
        return str(result.content["exact"])


TEMPLATE = SingleCalculation()
