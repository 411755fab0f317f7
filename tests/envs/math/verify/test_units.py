"""Units: reading, converting, comparing."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.math.verify.reading.units import PLAIN_UNIT, convert, read_unit, same_unit_kind


def base(text, value=1, in_text=True):
    """Return an amount in base units, and the dimensions."""
    unit = read_unit(text, in_text=in_text)
    assert unit is not None, text
    return convert(Fraction(value), unit), unit.dimensions


@pytest.mark.parametrize(
    ("text", "factor"),
    [
        ("cm", "1/100"),
        (r"\text{ cm}", "1/100"),
        (r"\mathrm{~cm}", "1/100"),
        (r"{\rm cm}", "1/100"),
        (r"\,\text{km}", "1000"),
        ("in", "127/5000"),
        ("inches", "127/5000"),
        ("''", "127/5000"),
        ("″", "127/5000"),
        ("ft", "381/1250"),
        ("feet", "381/1250"),
        ("miles", "201168/125"),
        ("nautical miles", "1852"),
        ("light-years", "9460730472580800"),
        ("µm", "1/1000000"),
        (r"\mu\mathrm{m}", "1/1000000"),
        (r"\mathrm{cm}^2", "1/10000"),
        ("cm²", "1/10000"),
        ("cm2", "1/10000"),
        (r"\text{cm$^2$}", "1/10000"),
        ("square centimeters", "1/10000"),
        ("centimetres squared", "1/10000"),
        ("sq. ft.", "145161/1562500"),
        ("cm^{-2}", "10000"),
        ("acres", "4046.8564224"),
        ("liters", "1/1000"),
        ("mL", "1/1000000"),
        ("cc", "1/1000000"),
        ("gallons", "0.003785411784"),
        ("lb", "45359237/100000000"),
        ("lbs", "45359237/100000000"),
        ("oz", "45359237/1600000000"),
        ("g", "1/1000"),
        ("Kg", "1"),
        ("tonnes", "1000"),
        ("h", "3600"),
        ("hrs.", "3600"),
        ("hour(s)", "3600"),
        ("min", "60"),
        ("days", "86400"),
        ("m/s", "1"),
        ("km/h", "5/18"),
        ("km per hour", "5/18"),
        ("kmph", "5/18"),
        ("mph", "0.44704"),
        ("miles/hr", "0.44704"),
        (r"\frac{m}{s}", "1"),
        ("m s^{-1}", "1"),
        ("m s⁻¹", "1"),
        ("meters per second per second", "1"),
        (r"\frac{\text{meters}}{\text{second}^2}", "1"),
        (r"kg\cdot m/s^2", "1"),
        ("N", "1"),
        ("J/kg K", "1"),
        ("kWh", "3600000"),
        ("kilowatt-hours", "3600000"),
        ("eV", "1.602176634e-19"),
        ("atm", "101325"),
        (r"\Omega", "1"),
        ("MHz", "1000000"),
        ("bytes", "8"),
        ("dollars", "1"),
        (r"\$", "1"),
        ("U.S. dollars", "1"),
        ("cents", "1/100"),
        ("%", "1/100"),
        (r"\%", "1/100"),
        ("per cent", "1/100"),
        ("percentage points", "1/100"),
        ("degrees", "1"),
        (r"^\circ", "1"),
        ("°", "1"),
        ("arcminutes", "1/60"),
        ("radians", "1"),
        ("million", "1000000"),
        ("million dollars", "1000000"),
        ("dozen eggs", "12"),
        ("months", "1"),
        ("years old", "12"),
        ("cm tall", "1/100"),
        ("cups of flour", "0.0002365882365"),
        ("feet in length", "381/1250"),
    ],
)
def test_factors(text, factor):
    unit = read_unit(text, in_text=True)
    assert unit is not None
    assert unit.factor == Fraction(factor)
    assert unit.offset == 0


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("N", "kg m/s^2"),
        ("J", "N m"),
        ("W", "J/s"),
        ("Pa", "N/m^2"),
        ("V", "W/A"),
        (r"\Omega", "V/A"),
        ("C", "A s"),
        ("L", "dm^3"),
        ("Hz", "s^{-1}"),
        ("mph", "miles per hour"),
        ("acre", "ha"),
        ("gallons", "m^3"),
        ("psi", "Pa"),
        ("people", "person"),
        ("children", "child"),
        ("boxes", "box"),
        ("berries", "berry"),
        ("dollars per hour", "cents/min"),
    ],
)
def test_units_of_one_kind(first, second):
    left, right = read_unit(first, in_text=True), read_unit(second, in_text=True)
    assert left is not None
    assert right is not None
    assert same_unit_kind(left, right)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("m", "s"),
        ("m", "m^2"),
        ("apples", "oranges"),
        ("dollars", "euros"),
        ("years", "days"),
        ("3 pm", "am"),
        ("g", "N"),
    ],
)
def test_units_of_different_kinds(first, second):
    left, right = (read_unit(text.removeprefix("3 "), in_text=True) for text in (first, second))
    assert left is not None
    assert right is not None
    assert not same_unit_kind(left, right)


def test_names_that_comparisons_rely_on():
    for texts, name in (
        ((r"\%", "percent", "pct"), "percent"),
        (("°", "deg"), "degree"),
        (("rad", "radian"), "radian"),
    ):
        assert {read_unit(text, in_text=True).name for text in texts} == {name}  # type: ignore[union-attr]
    assert read_unit("°", in_text=True).dimensions == (("angle", Fraction(1)),)  # type: ignore[union-attr]
    assert read_unit("m", in_text=True).name == "m"  # type: ignore[union-attr]
    assert read_unit("apples", in_text=True).name == "label:apple"  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["units", "square units", "sq. units", "cubic units", "units^2", r"\text{ unit}"])
def test_units_that_leave_open_which(text):
    unit = read_unit(text, in_text=True)
    assert unit == PLAIN_UNIT
    assert same_unit_kind(unit, read_unit("cm^2", in_text=True))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "kelvin"),
    [
        ("°C", "373.15"),
        ("^\\circ C", "373.15"),
        (r"^{\circ}\mathrm{C}", "373.15"),
        ("degrees Celsius", "373.15"),
        ("K", "100"),
    ],
)
def test_temperatures(text, kelvin):
    assert base(text, 100)[0] == Fraction(kelvin)


def test_fahrenheit():
    assert base("°F", 212)[0] == base("°C", 100)[0]
    assert base("degrees Fahrenheit", 32)[0] == base("celsius", 0)[0]


@pytest.mark.parametrize("text", ["m", "s", "in", "h", "N", r"\frac{m}{s}", "m s^{-1}", "x", "C", "ms", "mi", "apples"])
def test_letters_of_a_formula_are_variables(text):
    assert read_unit(text, in_text=False) is None


@pytest.mark.parametrize(
    "text",
    ["cm", "cm^2", "km", "kg", "km/h", "mL", "ft", "%", r"\$", "°", "hours", "kg m/s^2", r"\text{m}", r"\mathrm{m/s}"],
)
def test_units_that_are_no_variables(text):
    assert read_unit(text, in_text=False) == read_unit(text, in_text=True) is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "5",
        "x",
        "xy",
        "x+1",
        "x^2",
        "or",
        "5 or 6",
        "and 6",
        "sin x",
        "pi",
        "of",
        "per",
        "/",
        "^2",
        "cm^10",
        "cm^x",
        "cm^{2",
        "(cm",
        "cm)",
        r"\frac{m}",
        "kg apples and",
        "three blind mice",
        "squared",
        "a" * 200,
        "supercalifragilisticexpialidocious meters per second",
        "(" * 100,
        "{" * 100,
        "\\" * 100,
        "-" * 100,
    ],
)
def test_what_is_no_unit(text):
    assert read_unit(text, in_text=True) is None


def test_a_unit_that_is_no_word_of_prose_may_still_begin_a_label():
    assert read_unit("foot soldiers", in_text=True).name == "label:foot soldier"  # type: ignore[union-attr]
    assert read_unit("square tiles", in_text=True).name == "label:square tile"  # type: ignore[union-attr]


@given(st.text(max_size=60), st.booleans())
def test_no_text_raises(text, in_text):
    unit = read_unit(text, in_text=in_text)
    assert unit is None or unit.factor > 0


@given(st.text(alphabet=r"\{}()[]^_-/*.$%° 0123mskgcdhinf", max_size=50))
def test_no_formula_raises(text):
    unit = read_unit(text, in_text=True)
    assert unit is None or all(exponent for _, exponent in unit.dimensions)


NAMES = st.sampled_from(["m", "km", "s", "kg", "inches", "hours", "dollars", "newtons"])


@given(NAMES, st.integers(1, 9), NAMES, st.integers(1, 9))
def test_products_and_quotients(first, power, second, other):
    top, bottom = read_unit(f"{first}^{power}", in_text=True), read_unit(f"{second}^{other}", in_text=True)
    quotient = read_unit(f"{first}^{power}/{second}^{other}", in_text=True)
    assert quotient.factor == top.factor / bottom.factor  # type: ignore[union-attr]
    assert read_unit(rf"{first}^{{{power}}} {second}^{{-{other}}}", in_text=True)[1:] == quotient[1:]  # type: ignore[index]


@given(st.fractions(max_denominator=10**6), st.sampled_from(["°C", "°F", "K", "km", "lb"]))
def test_converting_keeps_the_order_of_amounts(value, text):
    unit = read_unit(text, in_text=True)
    assert unit is not None
    assert convert(value, unit) < convert(value + 1, unit)
    assert convert(value + 1, unit) - convert(value, unit) == unit.factor
