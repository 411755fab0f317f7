"""Answers in words, letters of multiple choice, numbers that are spelled out."""

from fractions import Fraction
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.math.verify.reading.words import as_form, normalise_words, number_word, read_choice, read_words
from rewardium.envs.math.verify.tree import Choice, Interval, Number, Quantity, Sequence, Words


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Yes.", "yes"),
        (r"\text{The  Blue} \textbf{Car}.", "blue car"),
        (r"\mathrm{odd}", "odd"),
        (r"\operatorname*{odd}", "odd"),
        ("**An apple**", "apple"),
        ("“quoted”", "quoted"),
        ("`code`", "code"),
        ("$x$", "x"),
        ("a", "a"),
        ("The", "the"),
        ("ＦＵＬＬ", "full"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("red ,  blue", "red, blue"),
        (r"twenty\ one", "twenty one"),
        ("twenty‑one", "twenty-one"),
        ("x" * 5000, ""),
        ("", ""),
    ],
)
def test_normalised_words(text, normal):
    assert normalise_words(text) == normal


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("yes", "yes"),
        ("True", "yes"),
        ("CORRECT", "yes"),
        ("No.", "no"),
        ("false", "no"),
        ("no solution", "no solution"),
        (r"\text{There are no real solutions.}", "no solution"),
        ("None", "no solution"),
        (r"\emptyset", "no solution"),
        (r"\varnothing", "no solution"),
        ("∅", "no solution"),
        ("{}", "no solution"),
        (r"\{\}", "no solution"),
        ("DNE", "does not exist"),
        (r"\text{undefined}", "does not exist"),
        ("infinitely many solutions", "infinitely many"),
        ("all real numbers", "all real numbers"),
        (r"\mathbb{R}", "all real numbers"),
        (r"\reals", "all real numbers"),
        (r"x\in\mathbb{R}", "all real numbers"),
        (r"(-\infty, \infty)", "all real numbers"),
        ("impossible", "impossible"),
        ("not enough information", "cannot be determined"),
        ("Mon", "monday"),
        ("Wednesday", "wednesday"),
        ("sept", "september"),
        ("ODD", "odd"),
        ("even", "even"),
        ("not even", "not even"),
        ("red or blue", "red or blue"),
        ("maybe", "maybe"),
        ("The blue car", "blue car"),
        ("Alice and Bob", "alice and bob"),
        (r"\text{ways}", "ways"),
        ("n is odd", "n is odd"),
        ("Müller", "müller"),
        ("twenty-one", "twenty-one"),
    ],
)
def test_words(text, words):
    assert read_words(text) == Words(words)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "x",
        "xy",
        "abc",
        "ABCD",
        "a b c",
        "x or y",
        "sin x",
        "alpha",
        "infinity",
        r"\infty",
        "5 apples",
        "2",
        "x+1",
        "x^2",
        r"\frac{a}{b}",
        r"\text{x}",
        r"x=\text{even}",
        r"x \text{ even}",
        "(0,1)",
        "3:00",
        "x" * 5000,
    ],
)
def test_what_are_no_words(text):
    assert read_words(text) is None


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("C", ("C", "")),
        ("C.", ("C", "")),
        ("(C)", ("C", "")),
        ("(c)", ("C", "")),
        ("c)", ("C", "")),
        (r"\text{C}", ("C", "")),
        (r"\textbf{(C)}", ("C", "")),
        (r"\mathbf{C}", ("C", "")),
        ("**C**", ("C", "")),
        ("$C$", ("C", "")),
        ("option C", ("C", "")),
        ("Answer: (b)", ("B", "")),
        ("(C) 12", ("C", "12")),
        ("(C)12", ("C", "12")),
        ("C) 12", ("C", "12")),
        ("C. 12", ("C", "12")),
        ("c) x+1", ("C", "x+1")),
        ("Choice B: 12", ("B", "12")),
        (r"\textbf{(C) } 12", ("C", "12")),
        (r"\textbf{(C)}\ 12\text{ cm}", ("C", r"12\text{ cm}")),
        (r"\textbf{(C) 12}", ("C", "12")),
        (r"(A) \frac{1}{2}", ("A", r"\frac{1}{2}")),
        ("(A) -3", ("A", "-3")),
        ("(J) red", ("J", "red")),
    ],
)
def test_choices(text, choice):
    assert read_choice(text) == choice


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c",
        "K",
        "AB",
        "A B",
        "Aa",
        "(A)(B)",
        "(A)+3",
        "(A) - x",
        "(A)x",
        "A = 3",
        "A.5",
        "A:12",
        "(A, B)",
        "answer",
        "A(2)",
    ],
)
def test_what_is_no_choice(text):
    assert read_choice(text) is None


def test_choices_among_words():
    assert read_words("(b)") == Choice("B")
    assert read_words("(B) no solutions") == Choice("B", Words("no solution"))
    assert read_words("(B) 12") is None  # what stands there is no text: the caller reads it


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("zero", 0),
        ("Nineteen", 19),
        ("ninety-nine", 99),
        ("twenty one", 21),
        ("hundred", 100),
        ("a hundred", 100),
        ("one hundred and five", 105),
        ("twelve hundred", 1200),
        ("two thousand three hundred and five", 2305),
        ("two million and three", 2000003),
        ("nine hundred ninety-nine thousand, nine hundred ninety-nine", 999999),
        ("minus four", -4),
        (r"\text{negative ten}", -10),
    ],
)
def test_numbers_in_words(text, number):
    assert number_word(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "five apples",
        "two or three",
        "twenty twelve",
        "twenty zero",
        "zero hundred",
        "thousand",
        "one thousand thousand",
        "one thousand and",
        "and five",
        "negative",
        "one and two",
        "three point five",
        "one " * 100,
        "12",
    ],
)
def test_what_is_no_number_in_words(text):
    assert number_word(text) is None


_ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen".split()  # noqa: SIM905
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()  # noqa: SIM905


def spelled(value):
    """Spell a number out whose last two digits are below 16 or above 19."""
    if value >= 1000:
        rest = f" {spelled(value % 1000)}" if value % 1000 else ""
        return f"{spelled(value // 1000)} thousand{rest}"
    if value >= 100:
        rest = f" and {spelled(value % 100)}" if value % 100 else ""
        return f"{_ONES[value // 100]} hundred{rest}"
    if value >= 20:
        return _TENS[value // 10 - 2] + (f"-{_ONES[value % 10]}" if value % 10 else "")
    return _ONES[value]


@given(st.integers(0, 999_999).filter(lambda value: not {value % 100, value // 1000 % 100} & {16, 17, 18, 19}))
def test_every_number_can_be_spelled_out(value):
    assert number_word(spelled(value)) == value


def test_what_words_stand_for():
    assert as_form(Words("twelve")) == Number(Fraction(12))
    assert as_form(Words("no solution")) == Sequence("set", ())
    assert isinstance(as_form(Words("all real numbers")), Interval)
    assert as_form(Words("blue")) is None
    apples = as_form(Words("five apples"))
    assert isinstance(apples, Quantity)
    assert apples.value == Number(Fraction(5))


@given(st.text(max_size=80))
def test_no_text_raises(text):
    normal = normalise_words(text)
    assert normalise_words(normal) == normal or len(normal) > 0
    words = read_words(text)
    assert words is None or isinstance(words, (Words, Choice))
    assert number_word(text) is None or isinstance(number_word(text), int)


@given(
    st.sampled_from(["yes", "no solution", "red car", "monday", "infinitely many"]),
    st.sampled_from(["{}", r"\text{{{}}}"]),
)
def test_spelling_does_not_matter(words, frame):
    assert read_words(frame.format(words.upper() + ".")) == read_words(words)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 4000,
        "\\text{" * 600,
        "{" * 4000,
        "a" * 4000,
        "a " * 2000,
        "a'" * 2000,
        "\\" * 4000,
        " " * 4000,
        "one " * 1000,
        "(A) " * 1000,
        "\\," * 2000,
        "," * 4000,
        "a,   " * 800,
        "option " * 500,
    ],
)
def test_long_texts_take_linear_time(text):
    start = perf_counter()
    for reader in (read_words, read_choice, number_word, normalise_words):
        reader(text)  # type: ignore[operator]
    assert perf_counter() - start < 2
