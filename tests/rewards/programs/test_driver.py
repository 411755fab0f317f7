from __future__ import annotations

import json
import math

import pytest

from rewardium.rewards.programs.driver import MAX_MEMORY_CHARACTERS, answer_all


def ask(program, steps, memory=None):
    return json.loads(answer_all(lambda: program, json.dumps([[memory or {}, steps]])))[0]


def answer(returned):
    _, [answer] = ask(lambda step, memory: returned, [{}])
    return answer


@pytest.mark.parametrize(("sparse", "dense"), [(0, 0), (1, -2.5), (1e300, -1e300), (-(10**299), 5e-324), (-0.0, 3)])
def test_two_numbers_are_an_answer(sparse, dense):
    assert answer({"sparse": sparse, "dense": dense}) == [sparse, dense, "", 0]


class Pretender(float):
    def __float__(self):
        return 1.0


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        (None, "returned None"),
        (1.0, "returned of the type float"),
        ({"sparse": 1}, "returned of the type dict with the keys ['sparse']"),
        ({"sparse": 1, "dense": 1, "more": 1}, "with the keys ['dense', 'more', 'sparse']"),
        ({"sparse": 1, "dense": None}, "dense must be a number, and is None"),
        ({"sparse": "1", "dense": 0}, "sparse must be a number, and is a text"),
        ({"sparse": True, "dense": 0}, "sparse must be a number, and is a boolean"),
        ({"sparse": Pretender(), "dense": 0}, "sparse must be a number, and is of the type Pretender"),
        ({"sparse": [1], "dense": 0}, "sparse must be a number, and is of the type list"),
        ({"sparse": 0, "dense": math.nan}, "dense must be finite, and is nan"),
        ({"sparse": -math.inf, "dense": 0}, "sparse must be finite, and is -inf"),
        ({"sparse": 10**400, "dense": 0}, "sparse is larger than 1e+300"),
        ({"sparse": 0, "dense": 10**5000}, "dense is larger than 1e+300"),
    ],
)
def test_anything_else_is_none(returned, reason):
    sparse, dense, told, line = answer(returned)
    assert (sparse, dense, line) == (None, None, 0)
    assert reason in told


def remember(value):
    def program(step, memory):
        memory["kept"] = value
        return {"sparse": 0, "dense": 0}

    return program


@pytest.mark.parametrize("value", [None, True, -3, 2.5, "é\ud800", [1, [2, {"a": None}]], {"": {}}])
def test_memory_keeps_what_json_keeps(value):
    memory, [[_, _, reason, _]] = ask(remember(value), [{}])
    assert (memory, reason) == ({"kept": value}, "")


CYCLE: list = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ((1, 2), "memory holds of the type tuple"),
        ({1, 2}, "memory holds of the type set"),
        ({3: 1}, "memory has a key that is of the type int"),
        (math.inf, "memory holds inf"),
        (2**64, "memory holds an integer above 2**63"),
        (len, "memory holds of the type builtin_function_or_method"),
        (CYCLE, "memory is nested deeper than 20 levels"),
        ("a" * MAX_MEMORY_CHARACTERS, "at most 4000 are kept"),
    ],
)
def test_what_memory_cannot_keep_is_refused(value, reason):
    memory, [[sparse, _, told, _]] = ask(remember(value), [{}], {"before": 1})
    assert (memory, sparse) == ({"before": 1}, None)
    assert reason in told


def test_a_step_that_fails_leaves_the_memory_and_the_others_alone():
    def program(step, memory):
        memory["n"] = memory.get("n", 0) + 1
        return {"sparse": memory["n"], "dense": 1 / step["x"]}

    memory, answers = ask(program, [{"x": 1}, {"x": 0}, {"x": 2}])
    assert memory == {"n": 2}
    assert [row[0] for row in answers] == [1, None, 2]
    assert answers[1][2] == "ZeroDivisionError: division by zero"


def test_each_step_has_a_program_and_a_step_of_its_own():
    made = []

    def make():
        made.append(0)
        seen = []

        def program(step, memory):
            seen.append(step.pop("x"))
            return {"sparse": len(seen), "dense": seen[0]}

        return program

    request = json.dumps([[{}, [{"x": 1}, {"x": 2}]], [{}, [{"x": 3}]]])
    assert json.loads(answer_all(make, request)) == [[{}, [[1, 1, "", 0], [1, 2, "", 0]]], [{}, [[1, 3, "", 0]]]]
    assert len(made) == 3


def test_recursion_is_an_ordinary_exception():
    def program(step, memory):
        return program(step, memory)

    assert ask(program, [{}])[1][0][2].startswith("RecursionError")
