"""What the parser reads, and that nothing makes it fail in another way than it says."""

import contextlib
import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewardium.envs.math.verify.limits import MAX_DEPTH, TooLargeError, UnreadableError
from rewardium.envs.math.verify.reading.lexer import tokenise
from rewardium.envs.math.verify.reading.normalising import normalise
from rewardium.envs.math.verify.reading.parser import parse
from rewardium.envs.math.verify.tree import (
    Apply,
    Choice,
    Constant,
    Interval,
    Matrix,
    Number,
    Quantity,
    Relation,
    Sequence,
    Symbol,
    Union,
    Words,
)


def written(form):
    """Write a form in one line, so that a table of cases can be read."""
    match form:
        case Number(value, places):
            return str(value) + ("" if places is None else f"@{places}")
        case Symbol(name):
            return name
        case Constant(name):
            return f"<{name}>"
        case Apply(operator, arguments):
            return f"{operator}({', '.join(map(written, arguments))})"
        case Quantity(value, unit):
            return f"{written(value)}[{unit.name}]"
        case Sequence(kind, items, brackets):
            return f"{kind}{brackets}<{'; '.join(map(written, items))}>"
        case Interval(low, high, low_closed, high_closed):
            return f"{'[' if low_closed else '('}{written(low)}, {written(high)}{']' if high_closed else ')'}"
        case Union(parts, minus):
            return " u ".join(map(written, parts)) + "".join(f" \\ {written(part)}" for part in minus)
        case Relation(sides, operators):
            return written(sides[0]) + "".join(f" {o} {written(s)}" for o, s in zip(operators, sides[1:], strict=True))
        case Matrix(rows):
            return "/".join(" ".join(map(written, row)) for row in rows)
        case Words(text):
            return repr(text)
        case Choice(letter, value):
            return letter if value is None else f"{letter}: {written(value)}"
    raise AssertionError(form)


NUMBERS = [
    ("12", "12"),
    ("-5", "-5"),
    ("−5", "-5"),
    ("５", "5"),
    ("3.10", "31/10@2"),
    (".5", "1/2@1"),
    ("5.", "5"),
    ("1,234", "1234"),
    ("1{,}234", "1234"),
    (r"12\,345.6", "61728/5@1"),
    (r"11,\! 111,\! 100", "11111100"),
    ("1,234,5", "list<1; 234; 5>"),
    ("(1,234)", "tuple()<1; 234>"),
    (r"0.\overline{3}", "1/3"),
    (r"0.1\overline{6}", "1/6"),
    ("0.(3)", "1/3"),
    ("0.333...", "1/3"),
    (r"0.\dot{3}", "1/3"),
    (r"3.14159\ldots", "314159/100000@5"),
    ("1.2e-5", "3/250000@6"),
    (r"1.2\times10^{-5}", "multiply(6/5@1, power(10, -5))"),
    ("1.2 x 10^5", "multiply(6/5@1, power(10, 5))"),
    ("1011_2", "11"),
    (r"204_{5}", "54"),
    (r"2\frac{1}{2}", "add(2, divide(1, 2))"),
    ("2 1/2", "add(2, divide(1, 2))"),
    (r"-2\tfrac34", "add(-2, negate(divide(3, 4)))"),
    ("½", "divide(1, 2)"),
    (r"25^{\text{th}}", "25"),
]

EXPRESSIONS = [
    ("1/2", "divide(1, 2)"),
    (r"\frac12", "divide(1, 2)"),
    (r"\frac1{72}", "divide(1, 72)"),
    (r"\dfrac{1}{2}", "divide(1, 2)"),
    (r"-\frac{1}{2}", "negate(divide(1, 2))"),
    (r"\frac94\pi", "multiply(divide(9, 4), <pi>)"),
    (r"\sqrt2+\sqrt5", "add(root(2, 2), root(5, 2))"),
    (r"\sqrt[3]{8}", "root(8, 3)"),
    ("2√3", "multiply(2, root(3, 2))"),
    ("sqrt(2)/2", "divide(root(2, 2), 2)"),
    (r"\sin^2 x", "power(sin(x), 2)"),
    (r"\sin 2x \cos x", "multiply(sin(multiply(2, x)), cos(x))"),
    (r"\sin^{-1} x", "arcsin(x)"),
    ("sin(x)^2", "power(sin(x), 2)"),
    (r"\ln x^2", "ln(power(x, 2))"),
    (r"\log_2 8", "log(8, 2)"),
    (r"\log x", "log(x)"),
    (r"e^{i\pi/3}", "power(<e>, divide(multiply(<i>, <pi>), 3))"),
    ("|x-2|", "abs(add(x, -2))"),
    ("2|x|+|y|", "add(multiply(2, abs(x)), abs(y))"),
    ("||x|-1|", "abs(add(abs(x), -1))"),
    (r"\left|\frac{x}{2}\right|", "abs(divide(x, 2))"),
    (r"\lfloor x \rfloor", "floor(x)"),
    ("5!", "factorial(5)"),
    (r"\binom{5}{2}", "binomial(5, 2)"),
    ("C(5,2)", "binomial(5, 2)"),
    ("-x^2", "negate(power(x, 2))"),
    ("2^3^2", "power(2, power(3, 2))"),
    ("x^10", "power(x, 10)"),
    ("1/2x", "multiply(divide(1, 2), x)"),
    ("2x(x+1)", "multiply(2, x, add(x, 1))"),
    ("f(2x)", "call(f, multiply(2, x))"),
    (r"a_{1}+\alpha_2", "add(a_1, alpha_2)"),
    (r"1 \pm \sqrt{19}", "plus_minus(1, root(19, 2))"),
    ("3:2", "ratio(3, 2)"),
    (r"\sin 30^\circ", "sin(degrees(30))"),
    (r"\frac{dy}{dx}", "{dy}{dx}"),
    (r"\operatorname{arctan}(2)", "arctan(2)"),
    (r"\mathrm{e}^x", "power(<e>, x)"),
    ("3 \\cdot 4", "multiply(3, 4)"),
    ("x²y", "multiply(power(x, 2), y)"),
]

FORMS = [
    ("(1,2)", "tuple()<1; 2>"),
    ("(1,2]", "tuple(]<1; 2>"),
    (r"\{1,2\}", "set<1; 2>"),
    ("{1,2}", "set<1; 2>"),
    (r"\langle 1, 2 \rangle", "tuple<><1; 2>"),
    ("1, 2 and 3", "list<1; 2; 3>"),
    (r"x=5 \text{ or } x=6", "list<x = 5; x = 6>"),
    (r"1 < x \le 2", "1 < x <= 2"),
    (r"x \in [1,2]", "x in tuple[]<1; 2>"),
    ("x >= 5", "x >= 5"),
    (r"x=1/3 \approx 0.33", "x = divide(1, 3) ~ 33/100@2"),
    (r"\{x | x > 3\}", "x > 3"),
    (r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", "1 2/3 4"),
    (r"\left[\begin{array}{cc}1 & 2 \\3 & 4\end{array}\right]", "1 2/3 4"),
    ("5 cm", "5[cm]"),
    (r"15\mbox{ cm}^2", "15[cm^2]"),
    ("60 km/h", "60[km/h]"),
    (r"50\%", "50[percent]"),
    (r"90^\circ", "90[degree]"),
    (r"\$5", "5[$]"),
    ("(p,q)=(3,2)", "tuple()<p; q> = tuple()<3; 2>"),
]


CASES = [*NUMBERS, *EXPRESSIONS, *FORMS]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_reads(text, expected):
    assert written(parse(text)) == expected


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_spelling_does_not_matter(text, expected):
    assert written(parse(f"$ {text} $")) == expected


@pytest.mark.parametrize(
    "text",
    [
        r"\int_0^1 x dx",
        r"\sum_{k=1}^n k",
        "__import__('os')",
        "(1,2",
        "1)",
        "2^",
        "x +",
        "1 2",
        r"\frac{1}",
        "@",
        "19_8",
    ],
)
def test_says_what_it_cannot_read(text):
    with pytest.raises(UnreadableError, match=r"\w"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * (MAX_DEPTH + 1) + "1" + ")" * (MAX_DEPTH + 1),
        "9" * 3000,
        "1e99999999",
        "x" * 5000,
        ",".join("1" * 1500),
        r"\sqrt" * 700 + "2",
    ],
)
def test_too_large_is_said_before_anything_is_built(text):
    started = time.perf_counter()
    with pytest.raises(TooLargeError):
        parse(text)
    assert time.perf_counter() - started < 1


def test_a_group_of_digits_can_be_a_list():
    assert parse("1,234").value == 1234
    assert [item.value for item in parse("1,234", False).items] == [1, 234]


ALPHABET = [
    *r"0123456789xyzie+-*/^_=<>()[]{}|,.;:!%'$ ", r"\frac", r"\sqrt", r"\pi", r"\left", r"\right", r"\text{", r"\}",
    r"\{", r"\sin", r"\log", r"\pm", r"\cup", r"\in", r"\begin{pmatrix}", r"\end{pmatrix}", "&", r"\\",
    r"\overline", r"\circ", "½", "²", "≤", "and", "cm", r"\binom", r"\mathrm{",
]  # fmt: skip


@settings(max_examples=2000, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(ALPHABET), max_size=40).map("".join)))
def test_any_text_is_read_or_refused_in_words(text):
    with contextlib.suppress(UnreadableError, TooLargeError):
        assert parse(text) is not None


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_tokens_cover_the_text(text):
    try:
        normalised = normalise(text)
        tokens = tokenise(normalised)
    except (UnreadableError, TooLargeError):
        return
    assert tokens[-1].kind == "end"
    position = 0
    for token in tokens:
        assert position <= token.start <= token.end
        assert not normalised[position : token.start].strip()
        position = token.end
    assert position == len(normalised)


@given(st.fractions(max_denominator=10**6))
def test_fractions_survive(value):
    assert parse(f"{value.numerator}/{value.denominator}") is not None
    form = parse(rf"\frac{{{value.numerator}}}{{{value.denominator}}}")
    assert form == Apply("divide", (Number(Fraction(value.numerator)), Number(Fraction(value.denominator))))
