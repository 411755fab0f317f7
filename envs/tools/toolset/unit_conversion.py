"""Conversion of units, exactly."""

from __future__ import annotations

from fractions import Fraction

from rewardium.envs.math.verify.reading.units import read_unit, same_unit_kind
from rewardium.envs.math.verify.tree import Unit
from rewardium.envs.tools.decimals import as_decimal, as_fraction
from rewardium.envs.tools.registry import register_toolset
from rewardium.envs.tools.tool import ToolError, Toolset, tool

MAX_EXPONENT = 100
"""Largest absolute exponent of ten of an amount."""


@register_toolset("unit_conversion")
class UnitConversion(Toolset):
    """Converts an amount from one unit to another, by the exact definitions of the units.

    An amount is the decimal number that was written: 0.1 is a tenth. Units that are no fixed multiples of each other do
    not convert: neither months to days nor dollars to euros.

    Example:
        >>> UnitConversion().convert_units(5, "km/h", "m/s")
        {'value': '25/18', 'decimal': '1.3888888888888888889', 'unit': 'm/s'}
        >>> UnitConversion().convert_units(-40, "°F", "°C")["decimal"]
        '-40'
    """

    @tool
    def convert_units(self, amount: float, from_unit: str, to_unit: str) -> dict[str, str]:
        """Convert an amount from one unit to another. The value is exact; the decimal has 20 significant digits.

        Args:
            amount: How much, in the unit to convert from.
            from_unit: The unit to convert from, by its symbol or English name, e.g. km/h, square feet, °C.
            to_unit: The unit to convert to.
        """
        source, target = _unit(from_unit), _unit(to_unit)
        if not same_unit_kind(source, target):
            raise ToolError(
                f"{from_unit} ({_dimensions(source)}) cannot be converted to {to_unit} ({_dimensions(target)})"
            )
        value = (_exact(amount) * source.factor + source.offset - target.offset) / target.factor
        return {"value": as_fraction(value), "decimal": as_decimal(value), "unit": to_unit}


def _exact(amount: float) -> Fraction:
    """Return the decimal number that was written; of a float the shortest one that reads as the same."""
    value = Fraction(amount) if isinstance(amount, int) else Fraction(repr(amount))
    if value and not Fraction(1, 10**MAX_EXPONENT) <= abs(value) <= 10**MAX_EXPONENT:
        raise ToolError(f"the amount must lie between 1e-{MAX_EXPONENT} and 1e{MAX_EXPONENT}")
    return value


def _unit(text: str) -> Unit:
    unit = read_unit(text, in_text=True)
    if unit is None or not unit.name or any(name.startswith("label:") for name in (unit.name, *_names(unit))):
        raise ToolError(f"unknown unit {text[:60]!r}; write a symbol or an English name, e.g. km/h or square feet")
    return unit


def _names(unit: Unit) -> list[str]:
    return [str(name) for name, _ in unit.dimensions]


def _dimensions(unit: Unit) -> str:
    """Say in words what a unit measures."""
    parts = [str(name) if power == 1 else f"{name}^{power}" for name, power in unit.dimensions]
    return " ".join(parts) or "a bare number"
