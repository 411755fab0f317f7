"""Pairs of a gold answer and an answer: what one is, how a file of them is read, how they are made from a seed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import _verify_adversarial as adversarial_families
import _verify_families as families

from rewardium.envs.errors import RewardiumError

OPTIONS: dict[str, type] = {"precision": int, "strict": bool, "allow_set_relation_comp": bool}
NUMERIC, CORRECT, WRONG, ADVERSARIAL = KINDS = ("numeric", "symbolic correct", "symbolic wrong", "adversarial")
MOST_TRIES = 10_000  # in a row that gave no new pair


@dataclass(frozen=True)
class Pair:
    """A gold answer and what is to be compared with it.

    Args:
        gold: The gold answer.
        answer: A bare answer, or a completion that holds one.
        expected: Whether the two are equal; None where that is not known.
        kind: The group that the pair is measured with.
        wrap: Whether Math-Verify gets LaTeX that stands bare in dollar signs; else it gets both texts as they are.
        options: Arguments of Math-Verify's ``verify`` for this pair: ``precision`` (its ``float_rounding``),
            ``strict``, ``allow_set_relation_comp``.
    """

    gold: str
    answer: str
    expected: bool | None = None
    kind: str = "pairs"
    wrap: bool = True
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells pairs apart: the texts and how they are to be compared."""
        return self.gold, self.answer, self.wrap, tuple(sorted(self.options.items()))


def read_pairs(file: Path) -> tuple[list[Pair], int]:
    """Read a file with one JSON object a line.

    Args:
        file: The file. A row has ``gold`` and ``answer``, and where wanted ``expected``, ``kind``, ``wrap`` and the
            options; other fields are not read.

    Returns:
        The pairs, and how many rows repeat an earlier pair and are left out.

    Raises:
        RewardiumError: When the file cannot be read or is empty, or naming the line, when a row is no pair.
    """
    try:
        lines = file.read_text(encoding="utf-8").split("\n")  # splitlines() would also split at U+2028, inside a text
    except (OSError, UnicodeDecodeError) as error:
        raise RewardiumError(f"--pairs: {file} cannot be read: {error}") from error
    rows = [pair_of(line, f"{file}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise RewardiumError(f"--pairs: {file} holds no pair")
    pairs: dict[tuple[Any, ...], Pair] = {}
    for pair in rows:
        pairs.setdefault(pair.key, pair)
    return list(pairs.values()), len(rows) - len(pairs)


def pair_of(line: str, place: str) -> Pair:
    """Read one row, or say what is wrong with it and where."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RewardiumError(f"{place}: a row must be a JSON object: {error}") from error
    if not isinstance(row, dict):
        raise RewardiumError(f"{place}: a row must be a JSON object, got {shortened(row)}")
    for name in ("gold", "answer"):
        if not isinstance(row.get(name), str):
            raise RewardiumError(f"{place}: {name!r} must be a text, got {shortened(row.get(name))}")
    if not row["gold"].strip():
        raise RewardiumError(f"{place}: 'gold' is empty")
    expected = row.get("expected")
    if expected not in (None, True, False):  # 0 and 1 are equal to these
        raise RewardiumError(f"{place}: 'expected' must be true, false, 1, 0 or null, got {shortened(expected)}")
    kind, wrap = row.get("kind", "pairs"), row.get("wrap", True)
    if not isinstance(kind, str) or not kind:
        raise RewardiumError(f"{place}: 'kind' must be a text, got {shortened(kind)}")
    if not isinstance(wrap, bool):
        raise RewardiumError(f"{place}: 'wrap' must be true or false, got {shortened(wrap)}")
    return Pair(
        row["gold"], row["answer"], None if expected is None else bool(expected), kind, wrap, options_of(row, place)
    )


def options_of(row: dict[str, Any], place: str) -> dict[str, Any]:
    """Take the options of a row."""
    options = {name: row[name] for name in OPTIONS if row.get(name) is not None}
    for name, value in options.items():
        if type(value) is not OPTIONS[name]:
            raise RewardiumError(f"{place}: {name!r} must be of type {OPTIONS[name].__name__}, got {shortened(value)}")
    return options


def shortened(value: object, width: int = 80) -> str:
    """Write a value in at most so many characters, on one line."""
    text = value[: width + 1] if isinstance(value, str) else repr(value)
    text = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
    return text if len(text) <= width else text[: width - 3] + "..."


def make_pairs(count: int, seed: int) -> list[Pair]:
    """Make ``count`` pairs of each kind; the same seed makes the same pairs.

    No two pairs share a gold answer or an answer, so that no one can remember what was read for an earlier pair.
    """
    makers = {NUMERIC: numeric, CORRECT: symbolic_correct, WRONG: symbolic_wrong, ADVERSARIAL: adversarial}
    return [pair for kind, maker in makers.items() for pair in distinct(maker, count, random.Random(f"{seed} {kind}"))]


def distinct(maker: Callable[[random.Random, int], Pair], count: int, rng: random.Random) -> Iterator[Pair]:
    """Yield pairs whose golds and whose answers are all different."""
    seen: set[str] = set()
    made = tries = 0
    while made < count:
        pair = maker(rng, made)
        texts = {f"gold {pair.gold}", f"answer {pair.answer}"}
        tries += 1
        if not texts & seen:
            seen |= texts
            made, tries = made + 1, 0
            yield pair
        elif tries == MOST_TRIES:
            raise RewardiumError(f"--num-pairs: no more than {made} pairs of the kind {pair.kind!r} could be made")


def numeric(rng: random.Random, number: int) -> Pair:
    """Make a pair of numbers, the second one written in another way; every other pair is wrong."""
    expected = number % 2 == 0
    gold, right, wrong = families.numbers(rng)
    return Pair(gold, in_context(right if expected else wrong, rng), expected, NUMERIC)


def symbolic_correct(rng: random.Random, number: int) -> Pair:
    """Make a pair of expressions (matrices, sets, ...) that are equal and written differently."""
    family = families.SYMBOLIC[number % len(families.SYMBOLIC)]
    gold, right, _ = family(rng)
    if rng.random() < 0.5:
        gold, right = right, gold
    return Pair(gold, in_context(right, rng), True, CORRECT)


def symbolic_wrong(rng: random.Random, number: int) -> Pair:
    """Make a pair as above with one wrong sign, coefficient, exponent, entry or end."""
    family = families.SYMBOLIC[number % len(families.SYMBOLIC)]
    gold, _, wrong = family(rng)
    return Pair(gold, in_context(wrong, rng), False, WRONG)


def adversarial(rng: random.Random, number: int) -> Pair:
    """Make a pair that is small to write and large to compute, or simply large; all of them are wrong answers."""
    family = adversarial_families.ADVERSARIAL[number % len(adversarial_families.ADVERSARIAL)]
    gold, wrong = family(rng)
    return Pair(gold, wrong, False, ADVERSARIAL)


def in_context(answer: str, rng: random.Random) -> str:
    """Return the bare answer, or a short completion that holds it in a box."""
    opening = rng.choice(("Simplifying", "Collecting the terms", "By the computation above", "Putting it together"))
    return rng.choice(
        (answer, answer, f"{opening}, we get $\\boxed{{{answer}}}$.", f"{opening}, the result is \\boxed{{{answer}}}")
    )
