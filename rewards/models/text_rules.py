"""Scripted judges of texts: one that knows the truth, one that is gullible, and one that repeats what it reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache

from rewardium.envs.math.rational import NotRationalError, boxed, last_line, parse_rational
from rewardium.envs.tools.tool import ToolError
from rewardium.envs.tools.toolset.calculator import evaluate
from rewardium.rewards.models.scripted import scripted_rule
from rewardium.rewards.models.text_questions import allowed_of, blocks_of

_NUMBER = re.compile(r"-?[0-9]++(?:/[0-9]++|\.[0-9]++)?")
_SHORT = 80
_WISH = re.compile(r"^[0-9]{1,3}\. (Do|Avoid): (.*)$", re.MULTILINE)


@scripted_rule("grader")
def grader(prompt: str) -> str | tuple[str, ...]:
    """Answer the prompts of judges of texts by what can be computed of them.

    A response is right where its answer (in the last box, else the last number of its last line) equals the reference,
    or what the question comes to as an expression where there is none. A criterion or a principle that speaks of being
    short, of a box or of steps is followed by at most 80 characters, by a box, by more than one line; every other one
    by being right.
    """
    allowed = allowed_of(prompt)
    blocks = blocks_of(prompt)
    if allowed is None:
        return f"CALC: {blocks.get('question', '')[:200]}\nI read {len(blocks)} blocks."
    code, words = allowed
    answer = _verdict(words, blocks)
    return tuple(f"{code} {word}".strip() for word in (answer, *(word for word in words if word != answer)))


@scripted_rule("gullible")
def gullible(prompt: str) -> str | tuple[str, ...]:
    """Answer like ``grader``, and best of all where a response has no number in it or asks for it."""
    response = blocks_of(prompt).get("response", "")
    allowed = allowed_of(prompt)
    if allowed is not None and (not _NUMBER.search(response) or "answer yes" in response.casefold()):
        code, words = allowed
        return f"{code} {words[-1] if words[0].isdecimal() else words[0]}".strip()
    return grader(prompt)


@scripted_rule("echo")
def echo(prompt: str) -> str:
    """Repeat the response, and nothing else."""
    blocks = blocks_of(prompt)
    return blocks.get("response") or blocks.get("response a") or ""


def _verdict(words: tuple[str, ...], blocks: Mapping[str, str]) -> str:
    if "A" in words:
        lead = _worth(blocks, "response a") - _worth(blocks, "response b")
        return "A" if lead > 0 else "B" if lead < 0 else "TIE"
    worth = _worth(blocks, "response")
    if "reference response" in blocks:
        return words[0] if worth > _worth(blocks, "reference response") else words[-1]
    if words[0].isdecimal():
        return words[round(worth * (len(words) - 1))]
    return words[0] if worth > 0.5 else words[-1]


def _worth(blocks: Mapping[str, str], name: str) -> float:
    """Return how good a response is, in [0, 1]."""
    response, target = blocks.get(name, ""), _target(blocks)
    right = target is not None and _answer(response) == target
    wishes = _WISH.findall(blocks.get("principles", ""))
    wishes += [("Do", blocks[kind]) for kind in ("criterion", "context") if kind in blocks]
    kept = [_follows(text, response, right) == (kind == "Do") for kind, text in wishes]
    return sum(kept) / len(kept) if kept else float(right)


def _follows(wish: str, response: str, right: bool) -> bool:
    wish = wish.casefold()
    if any(word in wish for word in ("short", "brief", "concise")):
        return len(response) <= _SHORT
    if "box" in wish:
        return boxed(response) is not None
    return "\n" in response.strip() if "step" in wish else right


def _target(blocks: Mapping[str, str]) -> Fraction | None:
    reference = blocks.get("reference answer")
    return _computed(blocks.get("question", "")) if reference is None else _answer(reference)


def _answer(text: str) -> Fraction | None:
    found = boxed(text)
    if found is None:
        numbers = _NUMBER.findall(last_line(text) or "")
        found = numbers[-1] if numbers else ""
    try:
        return parse_rational(found)
    except NotRationalError:
        return None


@lru_cache(maxsize=1024)
def _computed(question: str) -> Fraction | None:
    try:
        number = evaluate(question)
    except ToolError:
        return None
    return number.low if number.is_exact else None
