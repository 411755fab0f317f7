"""Reading and grading answers."""

import time
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rewardium.envs.errors import RewardiumError
from rewardium.envs.math.rational import (
    MAX_ANSWER_LENGTH,
    NotRationalError,
    Verdict,
    boxed,
    check,
    graded_reward,
    last_line,
    parse_rational,
)

EPS = Fraction(1, 10**6)
rationals = st.fractions(min_value=-(10**9), max_value=10**9, max_denominator=10**6)


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (r"\boxed{132}", "132"),
        (r"\boxed {132}", "132"),
        ("\\boxed\n\t{132}", "132"),
        (r"\boxed{1} then \boxed{2}", "2"),
        (r"\boxed{1} then \boxed {2}", "2"),
        (r"\boxed{\frac{3}{4}}", r"\frac{3}{4}"),
        (r"\boxed{1} and \boxed{2", "1"),
        (r"\boxed{\boxed{7}}", "7"),
        (r"\boxed{\boxed{7}", "7"),
        (r"\boxed{a\}b}", r"a\}b"),
        (r"{\boxed{5}}", "5"),
        (r"} \boxed{5} {", "5"),
        (r"\boxed{}", ""),
        (r"\\\boxed{5}", "5"),
        (r"\boxed{4} \boxedx{9}", "4"),
        (r"\boxed{4} then \boxed", "4"),
        (r"\boxed", None),
        (r"\boxed{", None),
        (r"\boxed}", None),
        (r"\boxed 5}", None),
        (r"boxed{5}", None),
        ("", None),
    ],
)
def test_boxed(text, content):
    assert boxed(text) == content


@pytest.mark.parametrize(
    "text",
    [
        "\\boxed{" * 150_000,
        "\\boxed {" * 120_000,
        "{" * 10**6 + "\\boxed{",
        "\\boxed" + " " * 10**6,
        "\\boxed" * 150_000 + "}",
        "\\" * 10**6 + "boxed{",
        "\\boxed{" * 70_000 + "{" * 100_000,
    ],
    ids=range(7),
)
def test_boxed_takes_linear_time(text):
    start = time.process_time()
    assert boxed(text) is None
    assert time.process_time() - start < 3.0


def test_boxed_finds_the_answer_in_a_megabyte():
    assert boxed("{" * 10**6 + r"\boxed {7}" + "\\boxed{" * 1000) == "7"


@given(st.text(alphabet="{}\\boxed 1", max_size=60))
def test_boxed_agrees_with_a_slow_search(text):
    found = None
    for start in range(len(text)):
        if not text.startswith("\\boxed", start) or (len(text[:start]) - len(text[:start].rstrip("\\"))) % 2:
            continue
        rest = text[start + 6 :]
        inner = rest.lstrip()
        if not inner.startswith("{"):
            continue
        begin = len(text) - len(inner) + 1
        depth, position = 1, begin
        while position < len(text) and depth:
            if text[position] == "\\":
                position += 2
                continue
            depth += {"{": 1, "}": -1}.get(text[position], 0)
            position += 1
        if not depth:
            found = text[begin : position - 1]
    assert boxed(text) == found


@pytest.mark.parametrize(
    ("text", "line"),
    [("7", "7"), ("a\nb", "b"), ("a\n 7 \n\n \n", "7"), ("a\r\n7\r\n", "7"), ("", None), (" \n ", None)],
)
def test_last_line(text, line):
    assert last_line(text) == line


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("132", 132),
        ("+7", 7),
        ("-7", -7),
        ("- 7", -7),
        ("−7", -7),
        ("007", 7),
        (" $132$ ", 132),
        ("$$ 3/4 $$", Fraction(3, 4)),
        ("0.5", Fraction(1, 2)),
        (".5", Fraction(1, 2)),
        ("-.5", Fraction(-1, 2)),
        ("5.", 5),
        ("1,234", 1234),
        ("1,234,567.25", Fraction(4938269, 4)),
        ("3/4", Fraction(3, 4)),
        ("20/10", 2),
        ("-3/4", Fraction(-3, 4)),
        ("3/-4", Fraction(-3, 4)),
        ("-3 / -4", Fraction(3, 4)),
        ("1.5/2", Fraction(3, 4)),
        (r"\frac{3}{4}", Fraction(3, 4)),
        (r"\dfrac{3}{4}", Fraction(3, 4)),
        (r"\tfrac {3} { 4 }", Fraction(3, 4)),
        (r"-\frac{3}{4}", Fraction(-3, 4)),
        (r"- \frac{-3}{4}", Fraction(3, 4)),
        (r"\frac{1,000}{10}", 100),
        ("1e3", 1000),
        ("2.5E-1", Fraction(1, 4)),
        ("1e100", 10**100),
        ("9" * MAX_ANSWER_LENGTH, int("9" * MAX_ANSWER_LENGTH)),
    ],
)
def test_parse_rational_reads(text, value):
    assert parse_rational(text) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        (" $ $ ", "empty"),
        ("nan", "not a rational"),
        ("inf", "not a rational"),
        ("-Infinity", "not a rational"),
        ("50%", "not a rational"),
        ("1,23", "not a rational"),
        ("1,2345", "not a rational"),
        ("1234,567", "not a rational"),
        ("1 2", "not a rational"),
        ("1_000", "not a rational"),
        ("0x10", "not a rational"),
        ("٣", "not a rational"),
        ("x = 3", "not a rational"),
        ("3+4", "not a rational"),
        ("3/4/5", "not a rational"),
        ("--3", "not a rational"),
        (".", "not a rational"),
        ("-", "not a rational"),
        ("1e", "not a rational"),
        (r"\frac{3}", "not a rational"),
        (r"\frac34", "not a rational"),
        ("__import__('os')", "not a rational"),
        ("3/0", "divides by zero"),
        ("3/000", "divides by zero"),
        (r"\frac{3}{0.0}", "divides by zero"),
        ("1e101", "beyond 100"),
        ("1e-999999", "beyond 100"),
        ("1e" + "0" * 100 + "999999999", "beyond 100"),
        ("1/1e999999999", "beyond 100"),
        ("9" * 10**6, "more than 200"),
        ("x" * 10**6, "more than 200"),
    ],
)
def test_parse_rational_says_why_not(text, reason):
    with pytest.raises(NotRationalError, match=reason):
        parse_rational(text)


@given(rationals)
def test_parse_rational_reads_what_str_writes(value):
    assert parse_rational(str(value)) == value
    assert parse_rational(rf"$\frac{{{value.numerator}}}{{{value.denominator}}}$") == value
    assert parse_rational(f"{value.numerator:,}/{value.denominator:,}") == value


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=6))
def test_parse_rational_reads_decimals_exactly(value):
    assert parse_rational(f"{value:f}") == Fraction(value)
    assert parse_rational(f"{value:,f}") == Fraction(value)


@given(st.text() | st.text(alphabet="0123456789+-.,/eE$%\\frac{} ", max_size=210))
def test_parse_rational_reads_or_says_why(text):
    try:
        value = parse_rational(text)
    except NotRationalError:
        return
    assert isinstance(value, Fraction)
    assert len(text) <= MAX_ANSWER_LENGTH


@pytest.mark.parametrize(
    "reference", [Fraction(0), Fraction(1, 3), Fraction(-7), Fraction(10**40), Fraction(1, 10**40)]
)
def test_graded_is_one_at_the_reference(reference):
    assert graded_reward(reference, reference) == 1.0


@pytest.mark.parametrize("reference", [Fraction(5), Fraction(-5), Fraction(1, 4), Fraction(1000), Fraction(22, 7)])
@pytest.mark.parametrize("sign", [1, -1])
def test_graded_half_away(reference, sign):
    expected = 1 - 0.25 - 0.5 * min(0.5 / (abs(float(reference)) + 1e-6), 1.0)
    assert graded_reward(reference + Fraction(sign, 2), reference) == pytest.approx(expected, abs=1e-12)


def test_graded_around_zero():
    # |b| = 0: the relative error is |a| / eps.
    assert graded_reward(Fraction(1, 2), Fraction(0)) == 0.25
    assert graded_reward(Fraction(1, 10**6), Fraction(0)) == pytest.approx(0.5 - 0.5e-6)
    assert graded_reward(Fraction(1, 2 * 10**6), Fraction(0)) == pytest.approx(1 - 0.25e-6 - 0.25)
    assert graded_reward(Fraction(7), Fraction(0)) == 0.0


def test_graded_far_away_and_large():
    assert graded_reward(Fraction(1001), Fraction(1000)) == pytest.approx(0.5 - 0.5 / (1000 + 1e-6))
    assert graded_reward(Fraction(5), Fraction(1)) == 0.0
    # Far beyond what a float can hold.
    assert graded_reward(Fraction(10**400), Fraction(3)) == 0.0
    assert graded_reward(Fraction(10**400 + 1), Fraction(10**400)) == 0.5
    assert graded_reward(Fraction(1, 10**400), Fraction(1, 10**399)) == 1.0


@given(rationals, rationals)
@example(Fraction(1, 3), Fraction(1, 3) + EPS)
def test_graded_follows_the_formula(answer, reference):
    error = abs(answer - reference)
    exact = 1 - min(error, 1) / 2 - min(error / (abs(reference) + EPS), 1) / 2
    reward = graded_reward(answer, reference)
    assert reward == pytest.approx(float(exact), abs=1e-12)
    assert 0.0 <= reward <= 1.0
    assert (reward == 1.0) == (answer == reference) or error < Fraction(1, 10**9)


@pytest.mark.parametrize(
    ("response", "where", "correct", "graded", "reason"),
    [
        (r"so \boxed{3/4}", "boxed", True, 1.0, "equals"),
        (r"so \boxed{0.750}", "boxed", True, 1.0, "equals"),
        ("because\n0.75\n", "last_line", True, 1.0, "equals"),
        (r"\boxed{5/4}", "boxed", False, pytest.approx(0.75 - 0.5 * 0.5 / 0.750001), "differs"),
        ("3/4", "boxed", False, 0.0, "boxed"),
        ("it is 3/4", "last_line", False, 0.0, "not a rational"),
        (r"\boxed{}", "boxed", False, 0.0, "empty"),
        (r"\boxed{nan}", "boxed", False, 0.0, "not a rational"),
        ("", "last_line", False, 0.0, "empty"),
        (None, "boxed", False, 0.0, "NoneType"),
        (b"\\boxed{3/4}", "boxed", False, 0.0, "bytes"),
        ("\\boxed{" + "1" * 10**6 + "}", "boxed", False, 0.0, "more than 200"),
        ("1" * 10**6, "last_line", False, 0.0, "more than 200"),
        ("\\boxed{\ud800}", "boxed", False, 0.0, "not a rational"),
    ],
)
def test_check(response, where, correct, graded, reason):
    verdict = check(response, "3/4", where)
    assert verdict.correct is correct
    assert verdict.graded == graded
    assert reason in verdict.reason
    verdict.reason.encode("utf-8")


def test_check_remembers():
    assert check(r"\boxed{17}", "18") is check(r"other words, \boxed{17}", "18")
    assert check(r"\boxed{17}", "18") == Verdict(
        "17", Fraction(17), False, pytest.approx(0.5 - 0.5 / (18 + 1e-6)), "the answer differs from the reference"
    )


@pytest.mark.parametrize("response", [r"\boxed{1}", "", None])
@pytest.mark.parametrize("reference", ["", "three", "1/0", None, 3, ["1"]])
def test_check_refuses_a_wrong_reference(response, reference):
    with pytest.raises(RewardiumError, match="reference"):
        check(response, reference)


def test_check_refuses_an_unknown_place():
    with pytest.raises(RewardiumError, match="'boxed' or 'last_line'"):
        check("1", "1", "somewhere")


@given(st.text() | st.text(alphabet="\\boxed{}fra0123456789e+-./,$% \n").map(lambda text: "\\boxed{" + text))
def test_check_never_raises(response):
    for where in ("boxed", "last_line"):
        verdict = check(response, "3/4", where)
        assert 0.0 <= verdict.graded <= 1.0
        assert verdict.correct == (verdict.value == Fraction(3, 4))
        assert verdict.reason
