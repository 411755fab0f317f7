"""A question that a database answers."""

from __future__ import annotations

from rewardium.envs.tools.calls import ToolCall
from rewardium.envs.tools.template import Assignment, Dice, Script, Template
from rewardium.envs.tools.templates._invention import words
from rewardium.envs.tools.world import WorldPlan

_SCHEMA = "CREATE TABLE orders (id INTEGER PRIMARY KEY, city TEXT, product TEXT, quantity INTEGER, unit_price INTEGER)"
_PRODUCTS = ("lamp", "chair", "kettle", "desk", "mirror")


class SqlQuery(Template):
    """A sum over some of many orders. Look at the tables, query, answer."""

    name = "sql_query"
    difficulty = 3
    turns = 3
    toolsets = ("sql",)

    def draw(self, dice: Dice) -> Assignment:
        """Draw the orders and the question."""
        cities = words(dice, 4)
        rows = [
            (number, dice.pick(cities), dice.pick(_PRODUCTS), dice.integer(1, 20), dice.integer(5, 250))
            for number in range(1, dice.integer(60, 90))
        ]
        city, product, least = dice.pick(cities), dice.pick(_PRODUCTS), dice.integer(2, 8)
        value = sum(r[3] * r[4] for r in rows if r[1] == city and r[2] != product and r[3] >= least)
        statement = (
            f"SELECT COALESCE(SUM(quantity * unit_price), 0) FROM orders "
            f"WHERE city = '{city}' AND product <> '{product}' AND quantity >= {least}"
        )
        return Assignment(
            goal=(
                f"What is the total value (quantity times unit price) of all orders in the database from {city} that "
                f"are not for the product {product} and have a quantity of at least {least}?"
            ),
            parameters={"city": city, "product": product, "least": least},
            world=WorldPlan({"sql": {"schema": _SCHEMA, "rows": {"orders": list(map(list, rows))}}}),
            gold_calls=(ToolCall("list_tables", {}), ToolCall("run_sql", {"statement": statement})),
            reference=str(value),
            secrets={"statement": statement},
        )

    def script(self, assignment: Assignment) -> Script:
        """Look at the tables, and read the sum out of the second line of the result."""
        yield [ToolCall("list_tables", {})]
        (result,) = yield [ToolCall("run_sql", {"statement": assignment.secrets["statement"]})]
        return str(result.content).split("\n")[1]


TEMPLATE = SqlQuery()
