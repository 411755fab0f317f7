"""Two calculations, of which the second needs the result of the first."""

from __future__ import annotations

from rewardium.envs.tools.calls import ToolCall
from rewardium.envs.tools.template import Assignment, Dice, Script, Template
from rewardium.envs.tools.world import WorldPlan


class TwoStepCalculation(Template):
    """A remainder decides how the second calculation looks. Two calls, one a turn, then the answer."""

    name = "two_step_calculation"
    difficulty = 2
    turns = 3
    toolsets = ("calculator",)

    def draw(self, dice: Dice) -> Assignment:
        """Draw both calculations."""
        a, b, c = dice.integer(103, 989), dice.integer(103, 989), dice.integer(7, 97)
        if_even, if_odd = dice.integer(13, 79), dice.integer(13, 79)
        if if_even == if_odd:
            if_odd += 1
        remainder = a * b % c
        first, second = f"mod({a} * {b}, {c})", _second(remainder, if_even, if_odd)
        factor = if_odd if remainder % 2 else if_even
        return Assignment(
            goal=(
                f"Let r be the remainder of {a} * {b} divided by {c}. If r is even, calculate (r + {if_even}) * "
                f"{if_even}; if r is odd, calculate (r + {if_odd}) * {if_odd}."
            ),
            parameters={"first": first, "if_even": if_even, "if_odd": if_odd},
            world=WorldPlan({"calculator": {}}),
            gold_calls=(ToolCall("calculate", {"expression": first}), ToolCall("calculate", {"expression": second})),
            reference=str((remainder + factor) * factor),
        )

    def script(self, assignment: Assignment) -> Script:
        """Calculate the remainder, and write the second calculation with it."""
        given = assignment.parameters
        (result,) = yield [ToolCall("calculate", {"expression": given["first"]})]
        second = _second(int(result.content["exact"]), given["if_even"], given["if_odd"])
        (result,) = yield [ToolCall("calculate", {"expression": second})]
        return str(result.content["exact"])


def _second(remainder: int, if_even: int, if_odd: int) -> str:
    factor = if_odd if remainder % 2 else if_even
    return f"({remainder} + {factor}) * {factor}"


TEMPLATE = TwoStepCalculation()
