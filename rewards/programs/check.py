r"""The check of a reward program's text before anything of it runs: a small part of Python, read as a tree.

A reward program is Python text that defines ``reward(step, memory)``. The check does not make it safe, which is the
sandbox's work; it makes it *well defined*: nothing in the allowed part of the language keeps anything between two
calls but ``memory``, or reads clocks, files and random numbers. A refusal says in words, and with its line, what would
have to be different, so that whoever wrote the program can write a better one.

Example:
    >>> program = check_program('''
    ... def reward(step, memory):
    ...     return {"sparse": 0, "dense": 1 if "key" in step["message"] else 0}
    ... ''')
    >>> program.digest[:8]
    '...'
    >>> for refusal in refusals_of("import os\ndef reward(step): return open('x')"):
    ...     print(refusal)
    line 1: a program may import math and re only, not os
    line 2: reward must take exactly two parameters, step and memory
    line 2: the name open is neither defined by the program nor among the allowed functions
"""

from __future__ import annotations

import ast
import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from rewardium.envs.errors import RewardiumError

MAX_CHARACTERS = 20_000
"""Length of a program."""

MAX_NODES = 5_000
"""Number of nodes of its syntax tree."""

MAX_DEPTH = 50
"""How deep its syntax tree may be nested."""

MAX_CONSTANT_CHARACTERS = 2_000
"""Length of one text constant."""

MAX_INTEGER = 10**15
"""Largest integer constant."""

MAX_REFUSALS = 20
"""Refusals that are told; a text that is no program at all could have thousands."""

FUNCTIONS = frozenset(
    {
        "abs", "all", "any", "bool", "dict", "divmod", "enumerate", "filter", "float", "frozenset", "int",
        "isinstance", "len", "list", "map", "max", "min", "ord", "chr", "pow", "range", "reversed", "round", "set",
        "sorted", "str", "sum", "tuple", "zip",
    }
)  # fmt: skip
"""The built-in functions and types that a program may name."""

EXCEPTIONS = frozenset(
    {"ArithmeticError", "AttributeError", "Exception", "IndexError", "KeyError", "LookupError", "OverflowError",
     "TypeError", "ValueError", "ZeroDivisionError"}
)  # fmt: skip
"""The exceptions that a program may catch."""

_PUBLIC_MATH = frozenset(name for name in dir(math) if not name.startswith("_"))
_TEXT_METHODS = (  # format and format_map are not among them, because their argument can read any attribute
    "capitalize casefold count endswith find index isalnum isalpha isdecimal isdigit islower isnumeric isspace isupper "
    "join lower lstrip partition removeprefix removesuffix replace rfind rindex rpartition rsplit rstrip split "
    "splitlines startswith strip swapcase title upper zfill"
)
_COLLECTION_METHODS = (
    "append clear copy extend insert pop remove reverse sort count index get items keys popitem setdefault update "
    "values add difference discard intersection isdisjoint issubset issuperset symmetric_difference union"
)
_EXPRESSIONS = "compile escape findall finditer fullmatch match search split sub subn IGNORECASE MULTILINE DOTALL ASCII"
_MATCH_METHODS = "end group groupdict groups span start"
_NUMBER_METHODS = "is_integer bit_length"

METHODS = _PUBLIC_MATH.union(
    *(names.split() for names in (_TEXT_METHODS, _COLLECTION_METHODS, _EXPRESSIONS, _MATCH_METHODS, _NUMBER_METHODS))
)
"""The attributes that a program may name."""

MODULES = {"math": _PUBLIC_MATH, "re": frozenset(_EXPRESSIONS.split())}
"""The modules that a program may import, and what it may import from them."""

_ALLOWED: tuple[type[ast.AST], ...] = (
    ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Delete, ast.Assign, ast.AugAssign,
    ast.AnnAssign, ast.For, ast.While, ast.If, ast.Try, ast.ExceptHandler, ast.Import, ast.ImportFrom, ast.alias,
    ast.Expr, ast.Pass, ast.Break, ast.Continue, ast.BoolOp, ast.NamedExpr, ast.BinOp, ast.UnaryOp, ast.Lambda,
    ast.IfExp, ast.Dict, ast.Set, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension,
    ast.Compare, ast.Call, ast.keyword, ast.JoinedStr, ast.FormattedValue, ast.Constant, ast.Attribute, ast.Subscript,
    ast.Starred, ast.Name, ast.List, ast.Tuple, ast.Slice, ast.expr_context, ast.boolop, ast.operator, ast.unaryop,
    ast.cmpop,
)  # fmt: skip
_OUTSIDE: tuple[type[ast.stmt], ...] = (ast.FunctionDef, ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom)
_WORDS: dict[type[ast.AST], str] = {
    ast.ClassDef: "class", ast.AsyncFunctionDef: "async def", ast.Yield: "yield",
    ast.YieldFrom: "yield from", ast.Await: "await", ast.Global: "global", ast.Nonlocal: "nonlocal", ast.With: "with",
    ast.Raise: "raise", ast.Assert: "assert", ast.Match: "match", ast.AsyncFor: "async for",
    ast.AsyncWith: "async with",
}  # fmt: skip


class Refusal(NamedTuple):
    """Why a program is not run.

    Args:
        line: The line of the program's text, from 1; 0 where no single line is to blame.
        reason: What is wrong, in words.

    Example:
        >>> print(Refusal(3, "a program has no class"))
        line 3: a program has no class
    """

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}" if self.line else self.reason


@dataclass(frozen=True)
class CheckedProgram:
    """A program that the check has nothing against.

    Args:
        text: As it was written.
        body: The same statements as they are run: written anew from the tree that was checked, so that nothing runs
            that was not checked.
        lines: For each line of ``body`` on which a statement begins, that statement's line in ``text``.
        digest: What tells it from other programs: SHA-256 of ``body``, hexadecimal.
    """

    text: str
    body: str
    lines: tuple[tuple[int, int], ...]
    digest: str

    def line_of(self, body_line: int) -> int:
        """Return the line of ``text`` that a line of ``body`` came from; 0 where that is not known."""
        return max(((here, there) for here, there in self.lines if here <= body_line), default=(0, 0))[1]


def check_program(text: str) -> CheckedProgram:
    """Check a program, and return it in the form in which it is run.

    Args:
        text: The program.

    Returns:
        The checked program.

    Raises:
        RewardiumError: With every refusal, one a line.
    """
    tree, refusals = _read(text)
    if tree is None or refusals:
        raise RewardiumError("the reward program is refused:\n" + "\n".join(map(str, refusals)))
    body = ast.unparse(tree)
    again = ast.parse(body)
    statements = zip(_statements(again), _statements(tree), strict=True)
    lines = tuple(sorted({here.lineno: there.lineno for here, there in statements}.items()))
    return CheckedProgram(text, body, lines, hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest())


def refusals_of(text: str) -> tuple[Refusal, ...]:
    """Return what the check has against a program, in the order of its lines; nothing of it runs.

    Args:
        text: What somebody wrote; any text at all.

    Returns:
        The refusals, at most ``MAX_REFUSALS``; none where the program may run in the sandbox.
    """
    return tuple(_read(text)[1])


def _read(text: str) -> tuple[ast.Module | None, list[Refusal]]:
    if not text.strip():
        return None, [Refusal(0, "the program is empty")]
    if len(text) > MAX_CHARACTERS:
        return None, [Refusal(0, f"the program has {len(text)} characters; at most {MAX_CHARACTERS} are read")]
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        return None, [Refusal(error.lineno or 0, f"it cannot be read: {error.msg}")]
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        return None, [Refusal(0, f"it cannot be read: {str(error)[:200] or type(error).__name__}")]
    if too_large := _size_refusal(tree):
        return None, [too_large]
    refusals = sorted({*_shape_refusals(tree), *_node_refusals(tree)})
    if not refusals and not _survives_writing(tree):
        refusals = [Refusal(0, "it cannot be written down in plain form; take apart its formatted texts")]
    return tree, refusals[:MAX_REFUSALS]


def _size_refusal(tree: ast.Module) -> Refusal | None:
    """Measure the tree without recursion, since it may be nested deeper than this interpreter can recurse."""
    level: list[ast.AST] = [tree]
    nodes, depth = 0, 0
    while level:
        nodes, depth = nodes + len(level), depth + 1
        if nodes > MAX_NODES:
            return Refusal(0, f"the program is too large: more than {MAX_NODES} nodes of syntax")
        if depth > MAX_DEPTH:
            line = next((getattr(node, "lineno", 0) for node in level if hasattr(node, "lineno")), 0)
            return Refusal(line, f"the program is nested deeper than {MAX_DEPTH} levels of syntax")
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return None


def _shape_refusals(tree: ast.Module) -> Iterator[Refusal]:
    """Look at the statements of the program itself: functions, constants and imports, and one function ``reward``."""
    for index, statement in enumerate(tree.body):
        is_docstring = index == 0 and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not isinstance(statement, _OUTSIDE) and not is_docstring:
            yield Refusal(statement.lineno, "outside of functions a program has imports, constants and functions only")
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "reward"]
    if len(found) != 1:
        yield Refusal(0, f"a program defines one function reward(step, memory), and this one defines {len(found)}")
        return
    parameters = found[0].args
    names = [argument.arg for argument in (*parameters.posonlyargs, *parameters.args)]
    if len(names) != 2 or parameters.vararg or parameters.kwarg or parameters.kwonlyargs or parameters.defaults:
        yield Refusal(found[0].lineno, "reward must take exactly two parameters, step and memory")


def _node_refusals(tree: ast.Module) -> Iterator[Refusal]:
    defined = _defined_names(tree)
    line = 0
    for node in ast.walk(tree):
        line = getattr(node, "lineno", line)
        if not isinstance(node, _ALLOWED):
            yield Refusal(line, f"a program has no {_WORDS.get(type(node), type(node).__name__)}")
        for reason in _reasons(node, defined):
            yield Refusal(line, reason)


def _reasons(node: ast.AST, defined: frozenset[str]) -> Iterator[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Load()) if name not in defined | FUNCTIONS | EXCEPTIONS:
            yield f"the name {_shown(name)} is neither defined by the program nor among the allowed functions"
        case ast.Attribute(ctx=ast.Store() | ast.Del()):
            yield f"the attribute {_shown(node.attr)} is set; keep values in memory"
        case ast.Attribute(attr=name) if name not in METHODS:
            yield f"the attribute {_shown(name)} is not among the allowed ones"
        case ast.FunctionDef(decorator_list=[_, *_]):
            yield "a program has no decorators"
        case ast.ExceptHandler(type=None):
            yield "an except clause must name what it catches, e.g. except KeyError"
        case ast.Import(names=names):
            for alias in names:
                if alias.name not in MODULES:
                    yield f"a program may import math and re only, not {_shown(alias.name)}"
        case ast.ImportFrom(module=module, names=names, level=level):
            if level or module not in MODULES:
                yield f"a program may import math and re only, not {_shown(module or '.')}"
            else:
                for alias in names:
                    if alias.name not in MODULES[module]:
                        yield f"{_shown(alias.name)} may not be imported from {module}"
        case ast.Constant(value=value):
            yield from _constant_reasons(value)
    for name in _names_given(node):
        if name.startswith("__"):
            yield f"the name {_shown(name)} begins with two underscores"


def _constant_reasons(value: object) -> Iterator[str]:
    if isinstance(value, str) and len(value) > MAX_CONSTANT_CHARACTERS:
        yield f"a text of {len(value)} characters; at most {MAX_CONSTANT_CHARACTERS} are allowed"
    elif isinstance(value, int) and abs(value) > MAX_INTEGER:
        yield "an integer above 10**15"
    elif value is not None and not isinstance(value, (bool, int, float, str)):
        yield f"a constant of the type {type(value).__name__}; a program has numbers, texts, True, False and None"


def _defined_names(tree: ast.Module) -> frozenset[str]:
    return frozenset(name for node in ast.walk(tree) for name in _names_given(node))


def _names_given(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node defines."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.FunctionDef(name=name) | ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
            yield name
        case ast.alias(name=name, asname=asname):
            yield asname or name.split(".")[0]


def _survives_writing(tree: ast.Module) -> bool:
    """Say whether the tree, written as text and read again, is the same tree."""
    try:
        return ast.dump(ast.parse(ast.unparse(tree))) == ast.dump(tree)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return False


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.stmt))


def _shown(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:60]}..."
