"""A conversion of units, and a calculation with its result."""

from __future__ import annotations

from fractions import Fraction

from rewardium.envs.tools.calls import ToolCall
from rewardium.envs.tools.decimals import as_decimal
from rewardium.envs.tools.template import Assignment, Dice, Script, Template
from rewardium.envs.tools.world import WorldPlan

# The unit, the unit asked for, how much of the latter one of the former is, and what is measured.
_UNITS = (
    ("miles", "kilometres", Fraction(1609344, 1_000_000), "A ride is", "long", "rides"),
    ("feet", "metres", Fraction(3048, 10_000), "A rope is", "long", "ropes"),
    ("inches", "centimetres", Fraction(254, 100), "A shelf is", "wide", "shelves"),
    ("pounds", "kilograms", Fraction(45359237, 100_000_000), "A crate is", "heavy", "crates"),
    ("hours", "minutes", Fraction(60), "A shift is", "long", "shifts"),
)


class UnitArithmetic(Template):
    """How much several things are in another unit. Two calls, one a turn, then the answer."""

    name = "unit_arithmetic"
    difficulty = 2
    turns = 3
    toolsets = ("unit_conversion", "calculator")

    def draw(self, dice: Dice) -> Assignment:
        """Draw the thing, its amount and how many there are."""
        index = dice.integer(0, len(_UNITS) - 1)
        source, target, factor, thing, measure, things = _UNITS[index]
        amount, count, extra = dice.integer(11, 480), dice.integer(3, 60), dice.integer(2, 90)
        one = amount * factor
        arguments = {"amount": amount, "from_unit": source, "to_unit": target}
        return Assignment(
            goal=(
                f"{thing} {amount} {source} {measure}. How many {target} are {count} {things} together, "
                f"and {extra} {target} more? Give the exact decimal number."
            ),
            parameters={"convert": arguments, "count": count, "extra": extra},
            world=WorldPlan({"unit_conversion": {}, "calculator": {}}),
            gold_calls=(
                ToolCall("convert_units", arguments),
                ToolCall("calculate", {"expression": f"{count} * {as_decimal(one)} + {extra}"}),
            ),
            reference=as_decimal(count * one + extra),
        )

    def script(self, assignment: Assignment) -> Script:
        """Convert one, and calculate with what that gives."""
        given = assignment.parameters
        (result,) = yield [ToolCall("convert_units", given["convert"])]
        expression = f"{given['count']} * {result.content['decimal']} + {given['extra']}"
        (result,) = yield [ToolCall("calculate", {"expression": expression})]
        return str(result.content["decimal"])


TEMPLATE = UnitArithmetic()
