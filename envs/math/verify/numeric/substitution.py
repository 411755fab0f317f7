"""Expressions in the place of variables."""

from __future__ import annotations

from collections.abc import Mapping

from rewardium.envs.math.verify.tree import Apply, Node, Symbol


def substituted(node: Node, values: Mapping[str, Node]) -> Node:
    """Put expressions in the place of variables, without recursion; names of unknown functions stay.

    Args:
        node: The expression.
        values: What takes the place of a variable, by its name.

    Returns:
        The new expression.

    Example:
        >>> from rewardium.envs.math.verify.tree import Constant
        >>> substituted(Apply("call", (Symbol("f"), Symbol("x"))), {"x": Constant("pi"), "f": Constant("e")})
        Apply(operator='call', arguments=(Symbol(name='f'), Constant(name='pi')))
    """
    results: dict[int, Node] = {}  # by identity: parts that are one object stay one object
    stack: list[Node] = [node]
    while stack:
        current = stack[-1]
        if id(current) in results:
            stack.pop()
        elif isinstance(current, Symbol):
            results[id(current)] = values.get(current.name, current)
        elif not isinstance(current, Apply):
            results[id(current)] = current
        elif missing := [operand for operand in _operands(current) if id(operand) not in results]:
            stack.extend(missing)
        else:
            head = current.arguments[:1] if current.operator == "call" else ()
            operands = (results[id(operand)] for operand in _operands(current))
            results[id(current)] = Apply(current.operator, (*head, *operands))
    return results[id(node)]


def variables(*nodes: Node) -> list[str]:
    """Return the names of the variables in expressions, in order, without those of unknown functions.

    Example:
        >>> variables(Apply("call", (Symbol("f"), Symbol("x"))), Symbol("a"))
        ['a', 'x']
    """
    names: set[str] = set()
    seen: set[int] = set()
    stack = list(nodes)
    while stack:
        current = stack.pop()
        if isinstance(current, Symbol):
            names.add(current.name)
        elif isinstance(current, Apply) and id(current) not in seen:
            seen.add(id(current))
            stack.extend(_operands(current))
    return sorted(names)


def _operands(node: Apply) -> tuple[Node, ...]:
    return node.arguments[1:] if node.operator == "call" else node.arguments
