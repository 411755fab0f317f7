"""Verifying answers: what is read once is remembered, and only what is left goes to a worker process."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from rewardium.envs.errors import RewardiumError
from rewardium.envs.math.verify.compare import compare
from rewardium.envs.math.verify.extraction import find_answer, gold_text
from rewardium.envs.math.verify.isolation.workers import Outcome, shared_pool
from rewardium.envs.math.verify.limits import TooLargeError, UnreadableError
from rewardium.envs.math.verify.outcome import Identity
from rewardium.envs.math.verify.reading.normalising import normalise
from rewardium.envs.math.verify.reading.parser import MAX_REMEMBERED_LENGTH, forget, parse
from rewardium.envs.math.verify.reading.plain import plain_number, same_plain
from rewardium.envs.math.verify.reading.words import normalise_words
from rewardium.envs.math.verify.verdict import Verdict

MAX_REASON_LENGTH = 300
MAX_GOLD_LENGTH = 2000
"""Characters of a gold answer, perhaps a whole solution, whose text is remembered."""


def verify(gold: str, answer: str, *, timeout: float = 1.0) -> Verdict:
    r"""Verify an answer against the gold answer.

    Numbers are compared exactly, expressions up to identity, sets without and tuples with their order, quantities in
    any unit. Most pairs are decided here, in bounded time; what needs computer algebra goes to a worker process that is
    killed when its time is over. Nothing of an answer is ever evaluated as a program, no signal is used, and any thread
    may call.

    Args:
        gold: The right answer, in LaTeX or plain text; of a whole solution the content of its last box.
        answer: What the model wrote: an answer, or a whole completion, whose answer is found as ``extract`` finds it.
        timeout: Seconds that a worker process may take; starting the first one is not counted.

    Returns:
        The verdict, which is true only where the answers are equal. ``different`` means that both were read and
        differ; what could not be read, or not be decided, is ``unparsed``, and what took too long ``timeout``.

    Raises:
        RewardiumError: When ``gold`` is no text or an empty one, or ``timeout`` is no positive number; never for an
            answer.

    Example:
        >>> verify(r"\frac{1}{2}", r"so it is \boxed{0.5}")
        Verdict(status='equal', reason='both are 1/2', answer='0.5')
        >>> verify("1/2", "50").status, verify("5", "it is 5 or 6").status
        ('different', 'unparsed')
    """
    return verify_batch(((gold, answer),), timeout=timeout)[0]


def verify_batch(
    pairs: Iterable[tuple[str, str]], *, timeout: float = 1.0, workers: int | None = None
) -> list[Verdict]:
    r"""Verify many answers at once; equal pairs are decided once.

    Args:
        pairs: Gold answer and answer, as ``verify`` takes them.
        timeout: Seconds that a worker process may take for one pair.
        workers: Worker processes that may run at a time; None for the number of processors.

    Returns:
        The verdicts, in the order of the pairs.

    Raises:
        RewardiumError: As ``verify``, and when ``workers`` is no positive integer.

    Example:
        >>> [verdict.status for verdict in verify_batch([("2", r"\boxed{2}"), ("2", "3"), ("x^2", "x*x")])]
        ['equal', 'different', 'equal']
    """
    _check_limits(timeout, workers)
    verdicts: list[Verdict | None] = []
    left: dict[tuple[str, str], list[int]] = {}
    for at, (gold, answer) in enumerate(pairs):
        verdict, texts = _inline(gold, answer)
        verdicts.append(verdict)
        if texts is not None:
            left.setdefault(texts, []).append(at)
    if left:
        for texts, verdict in _by_workers(list(left), timeout, workers).items():
            for at in left[texts]:
                verdicts[at] = verdict
    return [verdict for verdict in verdicts if verdict is not None]


def _check_limits(timeout: float, workers: int | None) -> None:
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout < math.inf:
        raise RewardiumError(f"timeout must be a positive number of seconds, got {timeout!r}")
    if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
        raise RewardiumError(f"workers must be an int of at least 1 or None, got {workers!r}")


def _inline(gold: Any, answer: Any) -> tuple[Verdict | None, tuple[str, str] | None]:
    """Decide a pair here if that can be done; else return the texts that a worker has to look at."""
    if not isinstance(gold, str) or not gold.strip():
        raise RewardiumError(f"a gold answer must be a text that is not empty, got {gold!r:.80}")
    found = find_answer(answer)
    if found.text is None:
        return Verdict("unparsed", found.fault[:MAX_REASON_LENGTH]), None
    right = _gold_text(gold) if len(gold) <= MAX_GOLD_LENGTH else gold_text(gold)
    result = _decide(right, found.text)
    if result.status == "unknown" and not result.reason.startswith(_HOPELESS):
        return None, (right, found.text)
    return _verdict(result, found.text), None


_IDLE_SPACE = re.compile(r"(?<![0-9A-Za-z])\s++|\s++(?![0-9A-Za-z])")
_PADDED = re.compile(r",0[0-9]")
_DECIMAL = re.compile(r"[+-]?[0-9]++[.,][0-9]++")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3}")
_ORDINAL = re.compile(r"(?<=[0-9])(?:st|nd|rd|th)\b")
_ALGEBRA = re.compile(
    r"\\(?:i+nt|oint|sum|prod|lim|d?frac|binom|begin|det|Gamma|zeta|partial|equiv|pmod|bmod|cap|operatorname|sqrt|log|ln|sin|cos|tan)|[<>=]"
)
_HOPELESS = "not decided: "
_log = logging.getLogger(__name__)
_gold_text = lru_cache(maxsize=4096)(gold_text)


def _verdict(result: Identity, answer: str) -> Verdict:
    status: Any = "unparsed" if result.status == "unknown" else result.status
    return Verdict(status, result.reason[:MAX_REASON_LENGTH], answer)


def _decide(gold: str, answer: str) -> Identity:
    """Compare two answers without a worker; what is remembered stays small, whatever a policy writes."""
    decide = _decide_remembered if len(gold) + len(answer) <= 2 * MAX_REMEMBERED_LENGTH else _decide_anew
    return decide(gold, answer)


def _decide_anew(gold: str, answer: str) -> Identity:
    """Compare exact numbers, then texts, then forms."""
    try:
        number = _numbers(gold, answer)
        if number is not None:
            return number
        if _squeezed(gold) == _squeezed(answer) or _same_words(gold, answer):
            return Identity("equal", "both are written in the same way")
        result = _forms(gold, answer)
        if result.status != "equal" and ("," in gold or "," in answer):
            result = _other_commas(gold, answer, result)
        return result
    except TooLargeError as error:
        return Identity("unknown", _HOPELESS + str(error))
    except Exception as error:  # whatever an answer holds, it must not stop a run; the fault is logged and said
        _log.exception("comparing %.200r with %.200r failed", answer, gold)
        return Identity("unknown", f"{_HOPELESS}comparing failed: {type(error).__name__}")


_decide_remembered = lru_cache(maxsize=8192)(_decide_anew)


def _numbers(gold: str, answer: str) -> Identity | None:
    """Compare two plain numbers exactly; None where one is none."""
    first, second = plain_number(gold), plain_number(answer)
    if first is None or second is None:
        return None
    same = same_plain(first, second)
    if same is None:
        return None
    values = first.number.value, second.number.value
    if same and values[0] == values[1]:
        return Identity("equal", f"both are {values[0]}")
    return Identity("equal" if same else "different", f"{gold} is {'' if same else 'not '}{answer}")


def _squeezed(text: str) -> str:
    """Leave out the white space that separates nothing: that between two digits or letters stays."""
    return _IDLE_SPACE.sub("", normalise(text))


def _same_words(gold: str, answer: str) -> bool:
    """Say whether two texts with words in them are the same but for case, articles and ordinals (June 5th)."""
    if not (_WORD.search(gold) and _WORD.search(answer)):
        return False
    first, second = (_ORDINAL.sub("", normalise_words(text)) for text in (gold, answer))
    return len(first) > 1 and first == second


def _forms(gold: str, answer: str, group_digits: bool = True) -> Identity:
    """Parse and compare; what cannot be read is unknown."""
    forms = []
    for name, text in (("gold answer", gold), ("answer", answer)):
        try:
            forms.append(parse(text, group_digits))
        except UnreadableError as error:
            # A computer algebra system reads more than the parser, but nothing out of plain words.
            hope = "" if _ALGEBRA.search(text) else _HOPELESS
            return Identity("unknown", f"{hope}the {name} cannot be read: {error}")
    return compare(forms[0], forms[1])


def _other_commas(gold: str, answer: str, result: Identity) -> Identity:
    """Try the other meanings of a comma: between the items of a list, and before decimals."""
    texts = _squeezed(gold), _squeezed(answer)
    if all(map(_DECIMAL.fullmatch, texts)) and texts[0].replace(",", ".") == texts[1].replace(",", "."):
        return Identity("equal", "both are the same decimal, one with a comma")
    if _PADDED.search(gold) or _PADDED.search(answer):
        return result  # 1,023 is no list of 1 and 23
    listed = _forms(gold, answer, group_digits=False)
    return listed if listed.status == "equal" else result


# Worker processes.


MAX_REMEMBERED = 4096
_remembered: dict[tuple[str, str], Outcome] = {}
"""What workers decided, bounded. Time-outs are not kept, because they depend on the machine.

A plain dictionary without a lock: single operations on it are atomic, and a process may be forked at any moment.
"""


def _remember(pair: tuple[str, str], outcome: Outcome) -> None:
    if len(pair[0]) + len(pair[1]) > 2 * MAX_REMEMBERED_LENGTH:
        return
    if len(_remembered) >= MAX_REMEMBERED:
        _remembered.clear()
    _remembered[pair] = outcome


def _by_workers(pairs: list[tuple[str, str]], timeout: float, workers: int | None) -> dict[tuple[str, str], Verdict]:
    decided = {pair: found for pair in pairs if (found := _remembered.get(pair)) is not None}
    missing = [pair for pair in pairs if pair not in decided]
    outcomes = shared_pool().run(missing, timeout=timeout, workers=workers) if missing else []
    for pair, outcome in zip(missing, outcomes, strict=True):
        decided[pair] = outcome
        if outcome.status in ("equal", "different"):
            _remember(pair, outcome)
    return {pair: _from_worker(pair, outcome) for pair, outcome in decided.items()}


def _from_worker(pair: tuple[str, str], outcome: Outcome) -> Verdict:
    status: Any = "unparsed" if outcome.status == "unknown" else outcome.status
    reason = outcome.reason
    if status == "unparsed":
        reason = f"{_decide(*pair).reason}; computer algebra: {reason}"
    return Verdict(status, reason[:MAX_REASON_LENGTH], pair[1])


def clear_caches() -> None:
    """Forget everything that was read and decided, as a benchmark needs.

    Example:
        >>> clear_caches()
    """
    for cached in (_decide_remembered, _gold_text):
        cached.cache_clear()
    forget()
    _remembered.clear()
