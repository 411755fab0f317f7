"""Random calculations: the truth of their references, their difficulty and their splits."""

import re
from fractions import Fraction

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.envs.math.expressions import OPERAND_KINDS, Generator, Node, combine, render, split_of
from rewardium.envs.math.random_calculation import RandomCalculationEnv, RandomCalculationVectorEnv


class Reader:
    """An independent reading of plain notation: precedence climbing over tokens, exact throughout."""

    def __init__(self, text):
        self.tokens = re.findall(r"\d+|[-+*/^()]", text)
        assert "".join(self.tokens) == text.replace(" ", "")

    def peek(self):
        return self.tokens[0] if self.tokens else None

    def sum(self):
        value = self.product()
        while self.peek() in ("+", "-"):
            sign = 1 if self.tokens.pop(0) == "+" else -1
            value += sign * self.product()
        return value

    def product(self):
        value = self.power()
        while self.peek() in ("*", "/"):
            operator, factor = self.tokens.pop(0), self.power()
            value = value * factor if operator == "*" else value / factor
        return value

    def power(self):
        if self.peek() == "-":
            self.tokens.pop(0)
            return -self.power()
        if self.peek() == "(":
            self.tokens.pop(0)
            base = self.sum()
            assert self.tokens.pop(0) == ")"
        else:
            base = Fraction(int(self.tokens.pop(0)))
        if self.peek() == "^":
            self.tokens.pop(0)
            base **= int(self.tokens.pop(0))
        return base


def evaluate(text):
    reader = Reader(text)
    value = reader.sum()
    assert not reader.tokens
    return value


def latex_to_plain(text):
    """Rewrite this suite's LaTeX as plain notation, innermost fractions first."""
    text = text.replace(r"\left(", "(").replace(r"\right)", ")").replace(r"\times", "*")
    text = re.sub(r"\^\{(\d+)\}", r"^\1", text)
    while r"\frac" in text:
        text, count = re.subn(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))", text)
        assert count
    return text


def operations(tree):
    return 0 if isinstance(tree.left, int) else 1 + operations(tree.left) + operations(tree.right)


arguments = st.fixed_dictionaries(
    {
        "num_steps": st.integers(1, 20),
        "operand_kinds": st.sets(st.sampled_from(OPERAND_KINDS), min_size=1).map(tuple),
        "operand_range": st.sampled_from([(0, 100), (-20, 20), (1, 9), (-5, 3)]),
    }
)


@given(arguments, st.integers(0, 2**31))
@settings(max_examples=150, deadline=None)
def test_reference_equals_an_independent_evaluation(difficulty, seed):
    plain = RandomCalculationEnv(**difficulty)
    task = plain.reset(seed=seed)[1]["task"]
    value = evaluate(task.goal)
    assert Fraction(task.reference) == value
    assert max(abs(value.numerator), value.denominator) <= 10**12
    compact = RandomCalculationEnv(**difficulty, compact=True).reset(seed=seed)[1]["task"]
    assert compact.goal == task.goal.replace(" ", "")
    latex = RandomCalculationEnv(**difficulty, notation="latex").reset(seed=seed)[1]["task"]
    assert latex.reference == compact.reference == task.reference
    assert evaluate(latex_to_plain(latex.goal)) == value


@given(st.integers(1, 20), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_number_of_steps(steps, seed):
    expression = Generator((steps, steps)).draw(np.random.default_rng(seed))
    assert operations(expression.tree) == expression.num_steps == steps


def test_steps_are_drawn_from_the_whole_range():
    env = RandomCalculationEnv(num_steps=(2, 5))
    env.reset(seed=0)
    assert {env.reset()[1]["task"].fields["num_steps"] for _ in range(200)} == {2, 3, 4, 5}


@pytest.mark.parametrize("kind", OPERAND_KINDS)
def test_operand_kinds(kind):
    form = {"integer": r"\d+", "fraction": r"\d+/\d+", "square": r"\d+\^2", "cube": r"\d+\^3"}[kind]
    env = RandomCalculationEnv(num_steps=1, operators="+", operand_kinds=(kind,), operand_range=(3, 8))
    env.reset(seed=0)
    goals = [env.reset()[1]["task"].goal for _ in range(100)]
    assert all(re.fullmatch(rf"{form} \+ {form}", goal) for goal in goals)
    bases = {int(number) for goal in goals for number in re.findall(r"(?<!\^)\d+", goal)}
    assert bases == set(range(3, 9))


def test_operators():
    env = RandomCalculationEnv(num_steps=6, operators="-", operand_kinds=("integer",))
    assert set(re.sub(r"[\d ()]", "", env.reset(seed=0)[1]["task"].goal)) == {"-"}


def test_sums_for_a_small_policy():
    env = RandomCalculationEnv(
        num_steps=1, operators="+", operand_kinds=("integer",), operand_range=(0, 99), compact=True,
        answer_from="last_line", prompt="{expression}=",
    )  # fmt: skip
    observation, info = env.reset(seed=0)
    assert re.fullmatch(r"\d+\+\d+=", observation)
    a, b = map(int, observation.rstrip("=").split("+"))
    assert env.step(str(a + b))[1] == 1.0
    assert info["task"].reference == str(a + b)


def test_division_by_zero_is_never_asked():
    generator = Generator((3, 3), "/", ("integer",), (0, 1))
    random = np.random.default_rng(0)
    for _ in range(200):
        evaluate(render(generator.draw(random).tree))


@pytest.mark.parametrize(
    ("make", "plain", "latex"),
    [
        (lambda a, b, c: op("-", a, op("-", b, c)), "7 - (2 - 3)", r"7 - \left(2 - 3\right)"),
        (lambda a, b, c: op("-", op("-", a, b), c), "7 - 2 - 3", "7 - 2 - 3"),
        (lambda a, b, c: op("/", a, op("*", b, c)), "7 / (2 * 3)", r"\frac{7}{2 \times 3}"),
        (lambda a, b, c: op("*", op("+", a, b), c), "(7 + 2) * 3", r"\left(7 + 2\right) \times 3"),
        (lambda a, b, c: op("+", a, op("*", b, c)), "7 + 2 * 3", r"7 + 2 \times 3"),
        (lambda a, b, c: op("/", op("/", a, b), c), "7 / 2 / 3", r"\frac{\frac{7}{2}}{3}"),
        (lambda a, b, c: op("*", half(), a), "(1/2) * 7", r"\frac{1}{2} \times 7"),
        (lambda a, b, c: op("/", a, half()), "7 / (1/2)", r"\frac{7}{\frac{1}{2}}"),
        (lambda a, b, c: op("-", a, half()), "7 - 1/2", r"7 - \frac{1}{2}"),
        (
            lambda a, b, c: op("*", number(-4), square(-5)),
            "(-4) * (-5)^2",
            r"\left(-4\right) \times \left(-5\right)^{2}",
        ),
    ],
)
def test_notation(make, plain, latex):
    tree = make(number(7), number(2), number(3))
    assert render(tree) == plain
    assert render(tree, compact=True) == plain.replace(" ", "")
    assert render(tree, "latex") == latex
    assert evaluate(plain) == evaluate(latex_to_plain(latex)) == Fraction(tree.numerator, tree.denominator)


def op(symbol, left, right):
    return combine(symbol, left, right, 10**12)


def number(value):
    return Node("integer", value, 1, value, 1, str(value))


def square(value):
    return Node("square", value, 2, value**2, 1, f"{value}^2")


def half():
    return Node("fraction", 1, 2, 1, 2, "1/2")


def test_combine_refuses_zero_division_and_excess():
    assert combine("/", number(1), number(0), 10) is None
    assert combine("*", number(4), number(3), 10) is None
    assert combine("/", number(1), number(11), 10) is None
    assert combine("-", number(-6), number(5), 10) is None
    negative = combine("/", number(4), number(-6), 10)
    assert (negative.numerator, negative.denominator) == (-2, 3)


def test_splits_share_no_expression_and_are_70_to_30():
    difficulty = {"num_steps": (1, 2), "operators": "+*", "operand_kinds": ("integer",), "operand_range": (0, 9)}
    goals = {split: set() for split in ("train", "test", "all")}
    for split in goals:
        env = RandomCalculationEnv(**difficulty, split=split)
        env.reset(seed=0)
        for _ in range(3000):
            goals[split].add(env.reset()[1]["task"].goal)
    assert not goals["train"] & goals["test"]
    assert len(goals["all"] & goals["train"]) > 100
    assert len(goals["all"] & goals["test"]) > 100
    share = len(goals["all"] & goals["train"]) / len(goals["all"] & (goals["train"] | goals["test"]))
    assert 0.6 < share < 0.8


def test_splits_ignore_order_notation_and_prompt():
    train = RandomCalculationEnv(
        num_steps=1, operators="+", operand_kinds=("integer",), compact=True, prompt="{expression}"
    )
    test = RandomCalculationEnv(num_steps=1, operators="+", operand_kinds=("integer",), split="test", notation="latex")

    def sums(env):
        env.reset(seed=0)
        return {frozenset(map(int, re.findall(r"\d+", env.reset()[1]["task"].goal))) for _ in range(2000)}

    assert not sums(train) & sums(test)


def test_split_hash_is_stable_over_releases():
    assert [split_of(combine("+", number(a), number(a + 1), 10**6)) for a in range(8)] == STABLE


STABLE = ["test", "test", "test", "train", "train", "test", "test", "train"]


def test_long_expressions_end_quickly_in_every_split():
    for split in ("train", "test"):
        env = RandomCalculationEnv(num_steps=20, split=split)
        env.reset(seed=0)
        goals = [env.reset()[1]["task"].goal for _ in range(100)]
        assert len(set(goals)) == 100
        # The bound must not drive out every kind of operand and operation.
        text = " ".join(goals)
        assert all(mark in text for mark in ("^2", "^3", "+", "-", "*", "/"))


@pytest.mark.parametrize(
    "difficulty",
    [
        {"num_steps": 20, "operators": "*", "operand_kinds": ("cube",), "operand_range": (90, 100)},
        {"num_steps": 1, "operators": "/", "operand_kinds": ("integer",), "operand_range": (0, 0)},
        {"num_steps": 2, "operators": "+", "max_magnitude": 1, "operand_range": (5, 9)},
    ],
)
def test_no_expression_at_all_is_told_at_construction(difficulty):
    with pytest.raises(RewardiumError, match="no expression of"):
        RandomCalculationEnv(**difficulty)


def test_an_empty_split_is_told_at_construction():
    only = {"num_steps": 1, "operators": "+", "operand_kinds": ("integer",), "operand_range": (1, 1)}
    outcomes = []
    for split in ("train", "test"):
        try:
            RandomCalculationEnv(**only, split=split)
            outcomes.append(split)
        except RewardiumError as error:
            assert f"the split {split!r}" in str(error)  # noqa: PT017
    assert len(outcomes) == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_steps": 0}, "num_steps"),
        ({"num_steps": (3, 2)}, "num_steps"),
        ({"num_steps": (1, 101)}, "num_steps"),
        ({"num_steps": 1.5}, "num_steps"),
        ({"num_steps": True}, "num_steps"),
        ({"num_steps": (1, 2, 3)}, "num_steps"),
        ({"operators": ""}, "operators"),
        ({"operators": "+^"}, "operators"),
        ({"operators": None}, "operators"),
        ({"operand_kinds": ()}, "operand_kinds"),
        ({"operand_kinds": ("integers",)}, "operand_kinds"),
        ({"operand_kinds": "integer"}, "operand_kinds"),
        ({"operand_range": (5, 1)}, "operand_range"),
        ({"operand_range": (0, 10**10)}, "operand_range"),
        ({"operand_range": (-5, 0)}, "positive denominator"),
        ({"max_magnitude": 0}, "max_magnitude"),
        ({"max_magnitude": 1e12}, "max_magnitude"),
        ({"reward": "dense"}, "reward"),
        ({"split": "validation"}, "split"),
        ({"answer_from": "box"}, "answer_from"),
        ({"prompt": "Calculate!"}, "{expression}"),
        ({"notation": "rpn"}, "notation"),
        ({"render_mode": "human"}, "render_mode"),
        ({"num_step": 3}, "did you mean 'num_steps'"),
    ],
)
@pytest.mark.parametrize("env", [RandomCalculationEnv, RandomCalculationVectorEnv])
def test_wrong_arguments_are_named(env, wrong, message):
    with pytest.raises(RewardiumError, match=message):
        env(**wrong)


@pytest.mark.parametrize(("reward", "close"), [("graded", 0.5 - 0.5 / (132 + 1e-6)), ("exact", 0.0)])
def test_rewards(reward, close):
    env = RandomCalculationEnv(reward=reward)
    task = {"goal": "47 + 85", "reference": "132"}
    for response, expected, success in [
        (r"\boxed{132}", 1.0, True),
        (r"\boxed{133}", close, False),
        ("132", 0.0, False),
    ]:
        env.reset(options={"task": task})
        observation, paid, terminated, truncated, info = env.step(response)
        assert paid == pytest.approx(expected)
        assert (observation, terminated, truncated, info["success"]) == ("", True, False, success)
        assert info["graded"] == pytest.approx(
            1.0 if success else 0.5 - 0.5 / (132 + 1e-6) if "boxed" in response else 0
        )


@pytest.mark.parametrize(
    "task",
    [{"goal": "1 + 1"}, {"goal": "1 + 1", "reference": "two"}, {"reference": "2"}, 3, {"goal": "1", "reference": 2}],
)
def test_a_chosen_task_is_checked(task):
    with pytest.raises(RewardiumError, match=r"reference|task"):
        RandomCalculationEnv().reset(options={"task": task})
    with pytest.raises(RewardiumError, match=r"reference|task"):
        RandomCalculationVectorEnv(2).reset(options={"task": task})


@pytest.mark.parametrize("goal", ["1" * 10**6, "\ud800"])
def test_a_chosen_task_must_be_an_observation(goal):
    with pytest.raises(RewardiumError, match="UTF-8"):
        RandomCalculationEnv().reset(options={"task": {"goal": goal, "reference": "1"}})


def test_made_through_gymnasium_in_both_forms():
    venv = gym.make_vec("rewardium/RandomCalculation-v0", num_envs=2, autoreset_mode="SameStep", num_steps=2)
    assert isinstance(venv, RandomCalculationVectorEnv)
    assert venv.metadata["autoreset_mode"] is gym.vector.AutoresetMode.SAME_STEP
    assert gym.envs.registration.EnvSpec.from_json(venv.spec.to_json()).kwargs["num_steps"] == 2
    plain = gym.make_vec("rewardium/RandomCalculation-v0", num_envs=2, vectorization_mode="sync", num_steps=2)
    assert venv.reset(seed=3)[0] == plain.reset(seed=3)[0]


def test_prompt_may_hold_braces():
    env = RandomCalculationEnv(prompt=r"{expression} -> \boxed{answer} {0}")
    observation, info = env.reset(seed=0)
    assert observation == info["task"].goal + r" -> \boxed{answer} {0}"


def test_groups_part_after_their_seed():
    """The rows of a group go on alike without a seed, each with a generator of its own."""
    venv = gym.make_vec("rewardium/RandomCalculation-v0", num_envs=3, autoreset_mode="Disabled")
    scalar = RandomCalculationEnv()
    first = scalar.reset(seed=4)[1]["task"]
    assert list(venv.reset(seed=[4, 4, 4])[1]["task"]) == [first] * 3
    venv.step([""] * 3)
    second, third = scalar.reset()[1]["task"], scalar.reset()[1]["task"]
    venv.reset(options={"reset_mask": np.array([True, False, True])})
    infos = venv.reset()[1]
    assert list(infos["task"]) == [third, second, third]


def test_vector_renders_every_row():
    venv = RandomCalculationVectorEnv(2, render_mode="ansi")
    observations, _ = venv.reset(seed=0)
    assert venv.render() == observations
    venv.step(["one", 3])
    assert venv.render() == (observations[0] + "\none", observations[1] + "\n3")
    assert RandomCalculationVectorEnv(2).render() is None
