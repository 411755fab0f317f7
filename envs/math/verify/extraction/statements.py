r"""Explicit statements of an answer: "the final answer is 5", "**Answer:** 5", "#### 5", "so 5 is the answer"."""

from __future__ import annotations

import re

from rewardium.envs.math.verify.extraction.found import TOO_LONG, Found, found, undoubled
from rewardium.envs.math.verify.extraction.phrases import (
    first_sentence,
    read_sentence,
    read_statement,
    sentence_bounds,
    word_begin,
)
from rewardium.envs.math.verify.extraction.spans import mask
from rewardium.envs.math.verify.limits import MAX_ANSWER_LENGTH

MAX_STATEMENTS = 32
"""Statements that are looked at; of more, the last so many."""

_REACH = MAX_ANSWER_LENGTH + 500  # characters of a statement that are read
_LOOK_BACK = 400
_CUE = re.compile(r"[Aa]nswer|答案|ANSWER|####|[Oo]ption(?=\s(?:is|was)\b|:)|[Cc]hoice(?=\s(?:is|was)\b|:)")
_AHEAD = re.compile(
    r"答案(?:应该|應該|就)?[是为為:：=]"
    r"|(?:answers?|option|choice)\b(?:\s(?:to|for|of|in)\s[^.:\n$=]{1,60}?)?(?P<marks>[*_`\"”)\s]{0,4})"
    r"(?P<verb>(?:is|are)\b(?P<denial>n['’]t)?|['’]s\b|=(?!=)|[:：]|≈|—|–|equals?\b|(?:would|will|should|must|has\sto)\sbe\b|"
    r"(?:comes?|came)\s(?:out\s)?to\b(?:\sbe\b)?|turns\sout\sto\sbe\b)",
    re.IGNORECASE,
)
_WEAK_VERB = re.compile(r"(?:would|will|should|must|has\sto)", re.IGNORECASE)
_HEADER = re.compile(r"(?:answers?)[*_:\s]*+\n", re.IGNORECASE)
_HEADER_BEFORE = re.compile(r"(?:^|\n)[ \t#*_>]*+(?:the\s)?(?:final\s|correct\s)?$", re.IGNORECASE)
_BEHIND = re.compile(
    r"\b(?:is|are|be|gives|as)\s(?:indeed\s|thus\s|then\s|therefore\s)?(?:the|our|my|your)\s"
    r"(?:final\s|correct\s|right\s|required\s|desired\s)?$",
    re.IGNORECASE,
)
_GRADE_SCHOOL = re.compile(r"####[ \t]*+(?P<rest>[^\n]{1,200})")
_GRADE_SCHOOL_ANSWER = re.compile(
    r"\*{0,2}(?:[-+−]?\s?\\?[$€£]?\s?[-+−]?[0-9.][0-9.,/:eE+-]*+\s?(?:\\?%|[^\W\d_]{0,12})|\$[^$]++\$|\\\(.++)\.?\*{0,2}"
)
_SKIP = re.compile(r"[\s*_`:=>\"“”}#]*+")
_FINAL = re.compile(r"\bfinal\s$", re.IGNORECASE)
_PLAIN_FINAL = re.compile(r"\s*+(?:\$|\\\(|\\\[|[-+]?\\?\$?[0-9.])")


def stated_answer(text: str) -> Found | None:
    r"""Return what the last explicit statement of a text gives as the answer.

    Args:
        text: What the policy wrote.

    Returns:
        The answer; a fault where that statement hedges or only denies; None where there is no statement.

    Example:
        >>> stated_answer(r"The answer is 5. No, the final answer is $\frac{1}{2}$. I hope it is correct.").text
        '\\frac{1}{2}'
        >>> stated_answer("The answer is 5 or 6.").fault
        'hedges between 5 and 6'
    """
    cues = [match.start() for match in _CUE.finditer(text)][-MAX_STATEMENTS:]
    end = len(text)
    for start in reversed(cues):
        answer = _stated_at(text, start, end)
        if answer is not None:
            return answer
        end = start
    return None


def final_answer_after(text: str, start: int) -> Found | None:
    r"""Return a "final answer" that is stated behind a place of the text, if it goes right into a formula.

    Args:
        text: What the policy wrote.
        start: Where the last box ends.

    Returns:
        The answer, or None where there is none or it hedges.

    Example:
        >>> final_answer_after(r"\boxed{255} for one half. Final answer: $510$", 11).text
        '510'
    """
    at = text.rfind("nswer", start)
    if at < 0 or _FINAL.search(text, max(0, at - 8), at - 1) is None:
        return None
    match = _AHEAD.match(text, at - 1)
    if match is None or _PLAIN_FINAL.match(text, match.end()) is None:
        return None
    answer = _stated_at(text, at - 1, len(text))
    return answer if answer is not None and answer.text is not None else None


def _stated_at(text: str, start: int, end: int) -> Found | None:
    """Read the statement whose cue begins at ``start``; nothing from ``end`` on belongs to it."""
    if text.startswith("#", start):
        return _grade_school(text, start)
    ahead = _AHEAD.match(text, start)
    if ahead is not None:
        words = _WEAK_VERB.match(ahead["verb"] or "") is None
        return _forward(text, ahead.end(), end, words, "not " if ahead["denial"] else "")
    header = _HEADER.match(text, start)
    if header is not None and _HEADER_BEFORE.search(text, max(0, start - 40), start):
        return _forward(text, header.end(), end, True, "")
    before = _BEHIND.search(text, max(0, start - 40), start)
    return None if before is None else _backward(text, before.start())


def _grade_school(text: str, start: int) -> Found | None:
    """Read ``#### 42``, the form of GSM8K; four signs may begin a heading too."""
    match = _GRADE_SCHOOL.match(text, start)
    rest = match["rest"].strip() if match else ""
    return found(rest) if _GRADE_SCHOOL_ANSWER.fullmatch(rest) else None


def _forward(text: str, start: int, end: int, words: bool, denial: str) -> Found | None:
    begin = _SKIP.match(text, start, end)
    start = begin.end() if begin else start
    reach = min(end, start + _REACH)
    sketch = mask(denial + undoubled(text[start:reach]))
    sentence = first_sentence(sketch)
    if reach < end and len(sentence.text) == len(sketch.text):
        space = sentence.text.rfind(" ")  # the last word or number may be cut in two
        if space < 0:
            return Found(None, TOO_LONG)
        sentence = sentence.part(0, space)
    return read_statement(sentence, words)


def _backward(text: str, end: int) -> Found | None:
    """Read the sentence that ends in "... is the answer"."""
    start = min(end, word_begin(text, end - _LOOK_BACK))
    start = max(start, text.rfind("\n", start, end) + 1)
    sketch = mask(text[start:end])
    bounds = sentence_bounds(sketch.text, 0, len(sketch.text))
    return read_sentence(sketch.part(*bounds[-1])) if bounds else None
