"""Trees of expressions, from Python's notation: what the tests of values and identities write."""

from __future__ import annotations

import ast
from fractions import Fraction

from rewardium.envs.math.verify.tree import Apply, Constant, Node, Number, Symbol

OPERATORS = {ast.Add: "add", ast.Mult: "multiply", ast.Div: "divide", ast.Pow: "power"}


def tree(text: str) -> Node:
    """Build a tree from Python's notation: ``sqrt(2) * f(x) ** 2``, with constants pi, e, i and infinity."""
    return build(ast.parse(text, mode="eval").body, text)


def build(node: ast.expr, text: str) -> Node:
    match node:
        case ast.Constant():
            written = (ast.get_source_segment(text, node) or "").lower()
            mantissa, _, exponent = written.partition("e")
            places = len(mantissa.partition(".")[2]) - int(exponent or 0)
            return Number(Fraction(written), places if "." in written or exponent else None)
        case ast.Name(id=name):
            return Constant(name) if name in ("pi", "e", "i", "infinity") else Symbol(name)
        case ast.UnaryOp(op=ast.USub()):
            return Apply("negate", (build(node.operand, text),))
        case ast.BinOp(op=ast.Sub()):
            return Apply("add", (build(node.left, text), Apply("negate", (build(node.right, text),))))
        case ast.BinOp():
            return Apply(OPERATORS[type(node.op)], (build(node.left, text), build(node.right, text)))
        case ast.Call(func=ast.Name(id=name)):
            arguments = tuple(build(argument, text) for argument in node.args)
            if name == "sqrt":
                return Apply("root", (*arguments, Number(Fraction(2))))
            if name in ("f", "g"):
                return Apply("call", (Symbol(name), *arguments))
            return Apply(name, arguments)
    raise ValueError(text)
