"""Whether two expressions, values with names, equations or inequalities say the same."""

from __future__ import annotations

from fractions import Fraction

from rewardium.envs.math.verify.canonical import Canonical, Labelled, is_node, substitute
from rewardium.envs.math.verify.comparison import Compare, compare_forms
from rewardium.envs.math.verify.inequalities import same_inequality
from rewardium.envs.math.verify.numeric.identity import identical
from rewardium.envs.math.verify.numeric.zero_set import same_zero_set
from rewardium.envs.math.verify.outcome import DIFFERENT, EQUAL, UNKNOWN, Identity, all_of
from rewardium.envs.math.verify.tree import Apply, Form, Node, Number, Relation, Sequence, Symbol, Words, symbols

# Expressions.


def expressions(gold: Node, answer: Node) -> Identity:
    """Compare two expressions; antiderivatives may differ by a constant."""
    result = identical(gold, answer)
    if result.status == DIFFERENT and _integration_constant(gold) and _integration_constant(answer):
        return _up_to_a_constant(gold, answer)
    return result


def _integration_constant(node: Node) -> str | None:
    """Return the name of a constant of integration: a letter C, c or K that is added to an expression."""
    if isinstance(node, Apply) and node.operator == "add":
        names = [item.name for item in node.arguments if isinstance(item, Symbol) and item.name in ("C", "c", "K")]
        if len(names) == 1 and symbols(node) - {names[0]}:
            return names[0]
    return None


def _up_to_a_constant(gold: Node, answer: Node) -> Identity:
    """Compare two antiderivatives: their difference must not depend on a variable."""
    first, second = (_without_term(node, _integration_constant(node)) for node in (gold, answer))
    difference = Apply("add", (first, Apply("negate", (second,))))
    names = sorted(symbols(difference))
    fixed: Node = difference
    for at, name in enumerate(names):
        fixed = substitute(fixed, name, Number(Fraction(3 + 2 * at, 7)))
    result = identical(difference, fixed)
    return result._replace(reason=f"up to the constant of integration: {result.reason}")


def _without_term(node: Node, name: str | None) -> Node:
    if not isinstance(node, Apply) or name is None:
        return node
    return Apply("add", tuple(item for item in node.arguments if item != Symbol(name)))


# Values with names.


def labelled(gold: Canonical, answer: Canonical, compare: Compare) -> Identity:
    """Compare where at least one is a value with a name."""
    if isinstance(gold, Labelled) and isinstance(answer, Labelled):
        return _both_labelled(gold, answer, compare)
    named, other = (gold, answer) if isinstance(gold, Labelled) else (answer, gold)
    if isinstance(other, Relation):
        return relations(_as_equation(named), other, compare)  # type: ignore[arg-type]
    if isinstance(gold, Labelled):
        return compare(gold.value, answer)
    return compare(gold, answer.value if isinstance(answer, Labelled) else answer)


def _both_labelled(gold: Labelled, answer: Labelled, compare: Compare) -> Identity:
    order = _order_of_names(gold.label, answer.label)
    if order is not None and isinstance(answer.value, Sequence) and len(answer.value.items) == len(order):
        answer = Labelled(gold.label, answer.value._replace(items=tuple(answer.value.items[at] for at in order)))
    values = compare(gold.value, answer.value)
    if _same_label(gold.label, answer.label):
        return values
    if isinstance(gold.label, Sequence) and isinstance(answer.label, Sequence):
        return Identity(DIFFERENT, "they give values to different variables")
    first, second = _as_equation(gold), _as_equation(answer)
    if isinstance(first, Relation) and isinstance(second, Relation):
        depends = symbols(first.sides[1]) or symbols(second.sides[1])  # type: ignore[arg-type]
        if depends and not (_is_call(gold.label) and _is_call(answer.label)):
            return relations(first, second, compare)
    if isinstance(gold.label, Symbol) and isinstance(answer.label, Symbol):
        return Identity(DIFFERENT, f"one is about {gold.label.name}, the other about {answer.label.name}")
    return values


def _order_of_names(gold: Form, answer: Form) -> list[int] | None:
    """Return where each name of the one tuple stands in the other, for ``(x, y) = ...`` against ``(y, x) = ...``."""
    if not (isinstance(gold, Sequence) and isinstance(answer, Sequence)):
        return None
    names = list(answer.items)
    if len(set(names)) != len(names) or set(names) != set(gold.items) or len(names) != len(gold.items):
        return None
    return [names.index(name) for name in gold.items]


def _is_call(label: Form) -> bool:
    return not isinstance(label, Symbol)


def _same_label(first: Form, second: Form) -> bool:
    return first == second or (isinstance(first, Words) or isinstance(second, Words))


def _as_equation(form: Labelled) -> Canonical:
    if is_node(form.value) and is_node(form.label):
        return Relation((form.label, form.value), ("=",))  # type: ignore[arg-type]
    return form.value


# Relations.


def relations(gold: Canonical, answer: Canonical, compare: Compare) -> Identity:
    """Compare where at least one is an equation or an inequality."""
    if not (isinstance(gold, Relation) and isinstance(answer, Relation)):
        relation, other = (gold, answer) if isinstance(gold, Relation) else (answer, gold)
        if isinstance(relation, Relation) and set(relation.operators) & {"<", "<=", ">", ">="}:
            return same_inequality(relation, other)
        return Identity(DIFFERENT, "one is an equation, the other is not")
    if not all(is_node(side) for side in (*gold.sides, *answer.sides)):
        return _sidewise(gold, answer, compare)
    if gold.operators == answer.operators and gold.operators in (("=",), ("!=",)):
        return same_zero_set(_difference(gold), _difference(answer))
    return same_inequality(gold, answer)


def _difference(relation: Relation) -> Node:
    left, right = relation.sides
    return Apply("add", (left, Apply("negate", (right,))))  # type: ignore[arg-type]


def _sidewise(gold: Relation, answer: Relation, compare: Compare) -> Identity:
    if gold.operators != answer.operators:
        return Identity(UNKNOWN, "the relations are written in different ways")
    pairs = zip(gold.sides, answer.sides, strict=True)
    result = all_of((compare_forms(first, second, compare) for first, second in pairs), "all sides are equal")
    return result if result.status == EQUAL else Identity(UNKNOWN, "the relations are written in different ways")
