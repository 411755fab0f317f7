"""A change to a database; its final table decides."""

from __future__ import annotations

from rewardium.envs.tools.calls import ToolCall
from rewardium.envs.tools.template import DONE, Assignment, Dice, Script, Template
from rewardium.envs.tools.templates._invention import words
from rewardium.envs.tools.world import WorldPlan

_SCHEMA = "CREATE TABLE articles (id INTEGER PRIMARY KEY, name TEXT, category TEXT, price INTEGER, stock INTEGER)"
_CATEGORIES = ("garden", "kitchen", "office", "travel")


class SqlUpdate(Template):
    """Raise low prices or delete what is nearly sold out, in one category. Look at the tables, change them, done."""

    name = "sql_update"
    difficulty = 3
    turns = 3
    toolsets = ("sql",)

    def draw(self, dice: Dice) -> Assignment:
        """Draw the articles and the change, which always touches some of them and never all."""
        category, amount, limit = dice.pick(_CATEGORIES), dice.integer(2, 60), dice.integer(20, 190)
        deletes = dice.pick((True, False))
        rows = [
            [number, name, dice.pick(_CATEGORIES), dice.integer(10, 400), dice.integer(0, 400)]
            for number, name in enumerate(words(dice, 14), 1)
        ]
        # One that must change, one of the category that must not, and one of another category.
        rows[0][2:] = [category, dice.integer(10, limit - 1), dice.integer(0, limit - 1)]
        rows[1][2:] = [category, dice.integer(limit, 400), dice.integer(limit, 400)]
        rows[2][2] = next(other for other in _CATEGORIES if other != category)
        if deletes:
            goal = f"delete every article of the category {category} of which fewer than {limit} are in stock"
            statement = f"DELETE FROM articles WHERE category = '{category}' AND stock < {limit}"
        else:
            goal = (
                f"raise the price of every article of the category {category} that costs less than {limit} by {amount}"
            )
            statement = (
                f"UPDATE articles SET price = price + {amount} WHERE category = '{category}' AND price < {limit}"
            )
        change = ToolCall("run_sql", {"statement": statement})
        return Assignment(
            goal=f"In the database, {goal}. Leave everything else as it is.",
            parameters={"category": category, "limit": limit, "amount": 0 if deletes else amount},
            world=WorldPlan({"sql": {"schema": _SCHEMA, "rows": {"articles": rows}}}),
            gold_calls=(ToolCall("list_tables", {}), change),
            changes=(change,),
        )

    def script(self, assignment: Assignment) -> Script:
        """Look at the tables and change them."""
        yield [ToolCall("list_tables", {})]
        yield list(assignment.changes)
        return DONE


TEMPLATE = SqlUpdate()
