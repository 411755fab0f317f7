"""Turn the tests of a verifier into pairs for ``benchmark.py verify --pairs``, without importing or running them.

    python scripts/pairs_from_tests.py Math-Verify/tests --out pairs.jsonl

Every ``@pytest.mark.parametrize`` whose columns are a gold answer, an answer and the expected verdict gives a pair a
row. Other columns of a row, such as ``precision``, are kept as fields, and so are constants that the test's body passes
on beside gold and answer. Values are read as literals, with the joining of texts and f-strings of literals; what would
have to be computed is skipped, and the script says so.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console

from rewardium.envs.errors import RewardiumError

GOLD = ("gold", "reference", "ground_truth")
ANSWER = ("pred", "prediction", "answer")
EXPECTED = ("expected", "result", "is_equal", "correct")


@dataclass
class Config:
    """Turn the tests of a verifier into pairs for ``benchmark.py verify --pairs``."""

    folder: tyro.conf.Positional[Path]
    """The folder with the tests, or one file of them."""

    out: Path
    """The file to write, with one JSON object a line."""

    kind: str = "tests"
    """What the pairs are called in the table of the benchmark."""


class NotLiteralError(RewardiumError):
    """A value would have to be computed."""


def run(config: Config) -> tuple[int, list[str]]:
    """Write the pairs.

    Returns:
        How many pairs were written, and what was skipped.
    """
    if not config.folder.exists():
        raise RewardiumError(f"there is no {config.folder}")
    files = sorted(config.folder.rglob("*.py")) if config.folder.is_dir() else [config.folder]
    rows, skipped = [], []
    for file in files:
        place = file.relative_to(config.folder).as_posix() if config.folder.is_dir() else file.name
        for found in pairs_of(file, place):
            (skipped if isinstance(found, str) else rows).append(found)
    if not rows:
        raise RewardiumError(f"no tests with gold, answer and expected verdict in {config.folder}")
    config.out.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({**row, "kind": config.kind, "wrap": False}, ensure_ascii=False) for row in rows]
    config.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(rows), skipped


def pairs_of(file: Path, place: str) -> Iterator[dict[str, Any] | str]:
    """Yield a file's pairs, and what is skipped as a text."""
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    except (SyntaxError, ValueError) as error:
        yield f"{place}: not read: {error}"
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test"):
            yield from pairs_of_test(node, place)


def pairs_of_test(test: ast.FunctionDef | ast.AsyncFunctionDef, place: str) -> Iterator[dict[str, Any] | str]:
    """Yield the pairs of one test function."""
    lists = [call for call in test.decorator_list if isinstance(call, ast.Call) and is_parametrize(call)]
    here = f"{place}:{test.lineno}: {test.name}"
    if len(lists) != 1:
        yield f"{here}: {'no parametrize' if not lists else 'several parametrize, which would multiply the rows'}"
        return
    try:
        columns, values = columns_and_values(lists[0])
        roles = {role: the_one_of(columns, names) for role, names in roles_of().items()}
    except NotLiteralError as error:
        yield f"{here}: {error}"
        return
    passed = constants_passed(test, roles)
    for value in values:
        try:
            yield pair_of(value, columns, roles, {**passed, "test": f"{place}:{value.lineno}"})
        except NotLiteralError as error:
            yield f"{place}:{value.lineno}: {test.name}: {error}"


def roles_of() -> dict[str, tuple[str, ...]]:
    """Return what a pair needs, and what its columns are called in tests."""
    return {"gold": GOLD, "answer": ANSWER, "expected": EXPECTED}


def is_parametrize(call: ast.Call) -> bool:
    """Whether a decorator is ``pytest.mark.parametrize`` under any name."""
    return isinstance(call.func, ast.Attribute) and call.func.attr == "parametrize"


def columns_and_values(call: ast.Call) -> tuple[list[str], list[ast.expr]]:
    """Return the names of the columns, and a node for each row."""
    given = {str(keyword.arg): keyword.value for keyword in call.keywords}
    for name, node in zip(("argnames", "argvalues"), call.args, strict=False):
        given[name] = node
    if not {"argnames", "argvalues"} <= given.keys():
        raise NotLiteralError("parametrize without names or values")
    names, values = literal(given["argnames"]), given["argvalues"]
    columns = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    if not isinstance(values, (ast.List, ast.Tuple)):
        raise NotLiteralError(f"the rows are no list but {ast.unparse(values)[:60]}")
    return columns, list(values.elts)


def the_one_of(columns: list[str], names: tuple[str, ...]) -> int:
    """Return the number of the column that has one of these names."""
    found = [columns.index(name) for name in names if name in columns]
    if not found:
        raise NotLiteralError(f"of the columns {', '.join(columns)} none is {' or '.join(names)}")
    return found[0]


def pair_of(node: ast.expr, columns: list[str], roles: dict[str, int], extra: dict[str, Any]) -> dict[str, Any]:
    """Return a row of a test as a pair."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "param":
        if any(keyword.arg == "marks" for keyword in node.keywords):
            raise NotLiteralError("a row with marks, which may be expected to fail")
        node = ast.Tuple(node.args, ast.Load())
    values = literal(node)
    if not isinstance(values, (tuple, list)) or len(values) != len(columns):
        raise NotLiteralError(f"a row of another length than its {len(columns)} columns")
    gold, answer, expected = (values[roles[role]] for role in ("gold", "answer", "expected"))
    if not isinstance(gold, str) or not isinstance(answer, str) or expected not in (True, False):
        raise NotLiteralError("gold and answer are no texts, or the expected verdict is no truth value")
    others = {name: values[at] for at, name in enumerate(columns) if at not in roles.values()}
    return {"gold": gold, "answer": answer, "expected": bool(expected), **extra, **others}


def constants_passed(test: ast.FunctionDef | ast.AsyncFunctionDef, roles: dict[str, int]) -> dict[str, Any]:
    """Return the constants that the test passes by keyword to the function that takes its first two parameters."""
    passed: dict[str, Any] = {}
    for call in (node for node in ast.walk(test) if isinstance(node, ast.Call)):
        names = {argument.id for argument in call.args if isinstance(argument, ast.Name)}
        if not (names & set(GOLD) and names & set(ANSWER)):
            continue
        for keyword in call.keywords:
            try:
                passed[str(keyword.arg)] = json.loads(json.dumps(literal(keyword.value)))
            except (NotLiteralError, TypeError):
                continue
    return passed


def literal(node: ast.expr) -> Any:
    """Evaluate literals, joined texts, and f-strings of literals."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Tuple(elts=items):
            return tuple(literal(item) for item in items)
        case ast.List(elts=items):
            return [literal(item) for item in items]
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            first, second = literal(left), literal(right)
            if isinstance(first, str) and isinstance(second, str):
                return first + second
        case ast.JoinedStr(values=parts):
            return "".join(str(literal(part)) for part in parts)
        case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
            return literal(value)
    raise NotLiteralError(f"{ast.unparse(node)[:60]} would have to be computed")


def main(arguments: list[str] | None = None) -> int:
    """Convert the tests that the command line names."""
    config = tyro.cli(Config, args=arguments, description=(__doc__ or "").split("\n")[0])
    console = Console(stderr=True)
    try:
        count, skipped = run(config)
    except (RewardiumError, OSError) as error:
        console.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        return 1
    for line in skipped:
        console.print(f"skipped {line}", style="dim", markup=False, highlight=False, soft_wrap=True)
    console.print(
        f"{count} pairs in {config.out}, {len(skipped)} skipped", markup=False, highlight=False, soft_wrap=True
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
