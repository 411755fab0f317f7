"""What a calculator cannot do: a loop over many numbers, or over a text."""

from __future__ import annotations

from rewardium.envs.tools.calls import ToolCall
from rewardium.envs.tools.template import Assignment, Dice, Script, Template
from rewardium.envs.tools.world import WorldPlan


class PythonProgram(Template):
    """A count, a sum or an iteration. One program, then the answer."""

    name = "python_program"
    difficulty = 3
    turns = 2
    toolsets = ("python_interpreter",)

    def draw(self, dice: Dice) -> Assignment:
        """Draw one of the kinds."""
        kind = dice.pick((_digit_sums, _recurrence, _letters))
        goal, program, value, parameters = kind(dice)
        return Assignment(
            goal=goal,
            parameters=parameters,
            world=WorldPlan({"python_interpreter": {}}),
            gold_calls=(ToolCall("run_python", {"code": program}),),
            reference=str(value),
            secrets={"program": program},
        )

    def script(self, assignment: Assignment) -> Script:
        """Run the program and read what it printed."""
        (result,) = yield [ToolCall("run_python", {"code": assignment.secrets["program"]})]
        return str(result.content)


_Kind = tuple[str, str, int, dict[str, object]]


def _digit_sums(dice: Dice) -> _Kind:
    top, divisor, ending = dice.integer(300, 900), dice.integer(3, 11), dice.integer(0, 9)
    value = sum(1 for n in range(1, top + 1) if sum(map(int, str(n))) % divisor == 0 and n % 10 != ending)
    goal = (
        f"How many whole numbers from 1 to {top} have a sum of digits that is divisible by {divisor} and do not end in "
        f"the digit {ending}?"
    )
    condition = f"sum(map(int, str(n))) % {divisor} == 0 and n % 10 != {ending}"
    program = f"print(sum(1 for n in range(1, {top} + 1) if {condition}))"
    return goal, program, value, {"kind": "digit_sums", "top": top, "divisor": divisor, "ending": ending}


def _recurrence(dice: Dice) -> _Kind:
    start, factor, plus = dice.integer(2, 99), dice.integer(3, 60), dice.integer(1, 90)
    modulus, steps = dice.integer(500, 9000), dice.integer(120, 400)
    value = start
    for _ in range(steps):
        value = (value * factor + plus) % modulus
    goal = (
        f"Start with x = {start}. Replace x by the remainder of {factor} * x + {plus} divided by {modulus}, {steps} "
        "times. What is x then?"
    )
    program = f"x = {start}\nfor _ in range({steps}):\n    x = (x * {factor} + {plus}) % {modulus}\nprint(x)"
    numbers = {"start": start, "factor": factor, "plus": plus, "modulus": modulus, "steps": steps}
    return goal, program, value, {"kind": "recurrence", **numbers}


def _letters(dice: Dice) -> _Kind:
    text = "".join(dice.pick("abcdef") for _ in range(dice.integer(60, 120)))
    pair = dice.pick("abcdef") + dice.pick("abcdef")
    value = sum(text[i : i + 2] == pair for i in range(len(text) - 1))
    goal = f"At how many places does '{pair}' begin in the text '{text}'? Places may overlap."
    program = f"text = {text!r}\nprint(sum(text[i:i + 2] == {pair!r} for i in range(len(text) - 1)))"
    return goal, program, value, {"kind": "letters", "text": text, "pair": pair}


TEMPLATE = PythonProgram()
