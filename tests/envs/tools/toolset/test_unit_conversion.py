"""Conversion of units: exact, and refused where there is nothing to convert."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardium.envs.tools.calls import ParsedTurn, ToolCall
from rewardium.envs.tools.execution import execute
from rewardium.envs.tools.tool import Toolbox, ToolError
from rewardium.envs.tools.toolset.unit_conversion import UnitConversion

convert = UnitConversion().convert_units


@pytest.mark.parametrize(
    ("amount", "source", "target", "value", "decimal"),
    [
        (1, "mile", "km", "25146/15625", "1.609344"),
        (0.1, "km", "m", "100", "100"),
        (60, "mph", "km/h", "301752/3125", "96.56064"),
        (3, "square feet", "m^2", "435483/1562500", "0.27870912"),
        (100, "°C", "°F", "212", "212"),
        (-40, "degrees Fahrenheit", "celsius", "-40", "-40"),
        (0, "kelvin", "°C", "-5463/20", "-273.15"),
        (1, "kWh", "J", "3600000", "3600000"),
        (2, "weeks", "hours", "336", "336"),
        (1, "year", "months", "12", "12"),
        (50, "percent", "ppm", "500000", "500000"),
        (1, "GB", "bits", "8000000000", "8000000000"),
        (1, "ft", "in", "12", "12"),
        (1, "m", "ft", "1250/381", "3.2808398950131233596"),
        (10**50, "m", "km", "1" + "0" * 47, "1e47"),
    ],
)
def test_conversions(amount, source, target, value, decimal):
    assert convert(amount, source, target) == {"value": value, "decimal": decimal, "unit": target}


@pytest.mark.parametrize(
    ("amount", "source", "target", "words"),
    [
        (1, "m", "kg", "m (length) cannot be converted to kg (mass)"),
        (1, "m", "m^2", "cannot be converted to m^2 (length^2)"),
        (1, "month", "days", "cannot be converted"),
        (1, "EUR", "USD", "currency"),
        (90, "degrees", "radians", "a bare number"),
        (1, "apples", "m", "unknown unit 'apples'"),
        (1, "apples", "apples", "unknown unit 'apples'"),
        (1, "units", "m", "unknown unit"),
        (1, "", "m", "unknown unit ''"),
        (1, "m", "3", "unknown unit '3'"),
        (1, "m" * 100_000, "m", "unknown unit"),
        (1, "\ud800", "m", "unknown unit"),
        (1e300, "m", "km", "must lie between"),
        (1e-300, "m", "km", "must lie between"),
    ],
)
def test_refusals(amount, source, target, words):
    with pytest.raises(ToolError) as caught:
        convert(amount, source, target)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 300


@given(
    st.fractions(0, 10**6).map(float) | st.integers(-(10**9), 10**9), st.sampled_from(["mi", "ft", "nmi", "cm", "ly"])
)
def test_there_and_back(amount, unit):
    there = Fraction(convert(amount, unit, "m")["value"])
    one = Fraction(convert(1, unit, "m")["value"])
    assert there == Fraction(repr(amount)) * one


@given(st.text(max_size=50), st.text(max_size=50))
def test_nothing_else_is_raised(source, target):
    try:
        convert(1, source, target)
    except ToolError:
        return


def test_through_a_call():
    call = ToolCall("convert_units", {"amount": 1, "from_unit": "m", "to_unit": "s"})
    (outcome,) = execute(ParsedTurn((call,), ""), Toolbox.of(UnitConversion()))
    assert (outcome.status, outcome.result) == (
        "tool_error",
        "error: m (length) cannot be converted to s (time)",
    )
