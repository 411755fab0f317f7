r"""Reading one sentence: which of its formulas is what it says.

A sentence comes with its mathematics masked, so that the patterns here are about words. What it says is what stands
behind its last verb, as in "the sum of ▮ and ▮ is ▮", else its last formula; a statement of an answer may also be short
words around a formula, or words alone.
"""

from __future__ import annotations

import re

from rewardium.envs.math.verify.extraction.found import NOT_THIS, Found, found, tidy
from rewardium.envs.math.verify.extraction.hedges import (
    affirmed,
    are_solutions,
    guesses_at,
    has_alternatives,
    hedges_between,
    is_question,
    settle,
    split_alternatives,
)
from rewardium.envs.math.verify.extraction.pieces import is_formula, mark_formulas
from rewardium.envs.math.verify.extraction.spans import MARK, Sketch

MAX_WORDS = 12
"""Words of an answer that is stated in words alone."""

MAX_WORDS_BESIDE = 4
"""Words around the formula of a statement that belong to the answer, as in "5 cubic metres"."""

_STOP = re.compile(
    r"(?<!\.\.)(?<!approx)(?<!e\.g)(?<!i\.e)\.(?=[\"'”’*_)\]]*+(?:\s|$))|(?<=[A-Za-z])!(?=\s|$)|\?(?=\s|$)|\n|。"
)
_ASIDE = re.compile(
    r",?\s*\b(?:because|since|where)\b|,\s*(?:which|when|as|so\sthat|given|assuming|with)\b"
    r"|\.?\s*(?:\band\s)?\bI\shope\b|\s+as\s(?:shown|required|desired|expected)\b",
    re.IGNORECASE,
)
_BREAK = re.compile(r"[^!-~]")  # white space, and what no number or formula is made of
_NEGATION = re.compile(r"\bnot\b|n['’]t\b", re.IGNORECASE)
_CONCLUSION = (
    r"(?:[\s,:;*>#-]|(?:therefore|thus|hence|so|then|consequently|finally|now|ok|okay|well|yes,|and|but|"
    r"in\s(?:total|conclusion|all|summary)|altogether|this\smeans(?:\sthat)?|it\sfollows\sthat|that)\b)"
)
_CONCLUDING = re.compile(rf"{_CONCLUSION}*+", re.IGNORECASE)
_OPENING = re.compile(rf"{_CONCLUSION}*+(?:(?:it|this|that)(?:\s+is|['’]s)\s)?", re.IGNORECASE)
_VERB = re.compile(
    r"\b(?:is|are|was|were|equals?|be|becomes?|yields?|gives?|get|obtain)\b(?:\s+(?:equal\s+)?to\b)?"
    r"|\b(?:it|that|this|there|which|here|what)['’]s\b|(?<=[A-Za-z])\s?:(?=\s)",
    re.IGNORECASE,
)
_FILLER = re.compile(
    r"(?:[\s=≈:($]|\\approx|\b(?:approximately|approx\.?|about|around|roughly|exactly|precisely|simply|just|only|now|then|"
    r"thus|therefore|equal\s+to|given\s+by|either|both|indeed|clearly|the\s+(?:number|value|integer|pair|set|interval|"
    r"point)|worth|an?|option|choice|i\s+think|i\s+guess|probably)(?![A-Za-z]))*+",
    re.IGNORECASE,
)
_FILLER_BEHIND = re.compile(
    r"[\s,]+(?:in\s+total|altogether|total|respectively|only|exactly|overall|probably|i\sthink|i\sguess|i\sbelieve)\s*$",
    re.IGNORECASE,
)
_JOINT = re.compile(
    r"(?:\s+(?!not\b|but\b)[A-Za-z]{2,20}(?=\s+(?:and|or)\b))?"  # a plain word, as in "▮ papers and ▮ bins"
    rf"(?:\s*+(?:[,;&]|\(?\b(?:and/or|and|or)\b))++\s*+(?:also\s+|either\s+)?(?={MARK})",
    re.IGNORECASE,
)
_SUBORDINATE = re.compile(
    r"\W*(?:since|for|if|when|with|as|because|given|from|using|substituting|setting|letting|plugging)\b[^,]*+,",
    re.IGNORECASE,
)
_ASIDE_BEHIND = re.compile(
    r"\s*,?\s*(?:which|where|when|since|because|as|for|if|with|rounded|\(|approximately|or\s)", re.IGNORECASE
)
_BARE_NAME = re.compile(
    r"(?:\\(?:triangle|angle|overline|vec|mathbf|mathrm)(?![A-Za-z]))?[\s{(]*[A-Za-z]+(?:_\{?\w+\}?)?'*"
    r"(?:\s*\(\w(?:,\s*\w)*\))?(?:,\s*[A-Za-z])*[\s})]*"
)
_CHOICE = re.compile(
    r"[\s_`\"']{0,4}(?:(?:[Oo]ption|OPTION|[Cc]hoice|[Ll]etter|[Aa]lternative|[Aa]nswer)\s*+:?\s*+)?"
    r"(?P<letter>\([A-Ja-j]\)|[A-J](?![\w'’]))(?P<point>[.:)])?(?P<beside>.*)",
    re.DOTALL,
)
_DENIED_CHOICE = re.compile(r"not\s+\(?[A-J]\)?", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{2,}")
_SAYS_NOTHING = re.compile(
    r"(?:(?:the|my|our|final|this|an?|your|correct)(?:\s+|$))*(?:answer|solution|result)?\W*|not\W*|"
    r"(?:also\s+|indeed\s+|not\s+|therefore\s+|thus\s+|now\s+)?(?:correct|right|wrong|incorrect|verified|confirmed|valid|"
    r"reasonable|consistent|unique|obvious|clear|as\s+follows|given|found|shown|below|above|simplified|unknown|needed|"
    r"required|expected|known|complete|done|here|supposed|likely|in\s+(?:the|its|simplest|lowest)|based\s+on|expressed)"
    r"(?:\b.*)?",
    re.IGNORECASE | re.DOTALL,
)
_WHOLE = re.compile(
    r"(?:(?:all|every|any|no|none|except|real|integers?|numbers?|positive|negative|odd|even|at|least|most|more|less|fewer|"
    r"greater|than|multiples?|of|up|to|set|for|values?|base|january|february|march|april|may|june|july|august|september|"
    r"october|november|december)\s+)*+"
    rf"{MARK}(?:[\s,;&(]*+(?:[A-Za-z]{{2,}}[\s,]+){{0,3}}{MARK})*+"
    r"(?!\s+(?:of|for|on|from|to|by|with|as|at|that|when|if|in(?=\s))\b)"
    r"(?:\s+[^\W\d_]{2,}(?:\s?\^?[23]|²|³)?){0,4}\s*\)?",
    re.IGNORECASE,
)


def first_sentence(sketch: Sketch) -> Sketch:
    """Return the beginning of a sketch, up to where its first sentence ends.

    Example:
        >>> first_sentence(Sketch(f"is 1.5 or {MARK}. Right?", ("2",)))
        Sketch(text='is 1.5 or \ufffc', pieces=('2',))
    """
    stop = _STOP.search(sketch.text)
    return sketch if stop is None else sketch.part(0, _end(stop))


def sentence_bounds(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Return where the sentences between two places of a masked text begin and end, without blank ones.

    Example:
        >>> sentence_bounds("One. Two 2.5. ", 0, 14)
        [(0, 3), (4, 12)]
    """
    bounds, at = [], start
    for stop in _STOP.finditer(text, start, end):
        bounds.append((at, _end(stop)))
        at = stop.end()
    bounds.append((at, end))
    return [(first, last) for first, last in bounds if text[first:last].strip()]


def word_begin(text: str, start: int) -> int:
    """Return the first place from ``start`` on at which no word or number is cut in two.

    Example:
        >>> word_begin("12 34", 1), word_begin("12 34", 0), word_begin("12", 1)
        (2, 0, 2)
    """
    if start <= 0:
        return 0
    gap = _BREAK.search(text, start)
    return gap.start() if gap else len(text)


def _end(stop: re.Match[str]) -> int:
    """A question keeps its mark: it makes a difference."""
    return stop.end() if stop[0] in "?!" else stop.start()


def concludes(text: str) -> bool:
    """Say whether a sentence begins like a conclusion.

    Example:
        >>> concludes("Therefore, there are 12."), concludes("Note that 5 is odd.")
        (True, False)
    """
    match = _CONCLUDING.match(text)
    return match is not None and any(map(str.isalpha, match[0]))


def read_sentence(sentence: Sketch) -> Found | None:
    r"""Return what a sentence of a text says, by its formulas.

    Args:
        sentence: One sentence.

    Returns:
        The formula, or several where the sentence lists them; a fault where it hedges or only denies; None where there
        is no formula in it.

    Example:
        >>> read_sentence(Sketch("so it is not 10, it is 12", ())).text
        '12'
        >>> read_sentence(Sketch("so it is 5 or 6", ())).fault
        'hedges between 5 and 6'
    """
    kept = affirmed(mark_formulas(sentence))
    return _said(kept, is_statement=False) if isinstance(kept, Sketch) else kept


def read_statement(sentence: Sketch, words: bool = True) -> Found | None:
    r"""Return what a statement says, that is a sentence or its end that is known to be about the answer.

    Args:
        sentence: The statement, without what introduces it.
        words: Whether an answer may be in words alone.

    Returns:
        The answer; a fault where the statement hedges or only denies; None where it says nothing.

    Example:
        >>> read_statement(Sketch("all real numbers except 0", ())).text
        'all real numbers except 0'
        >>> read_statement(Sketch("(C), since 5 is odd", ())).text, read_statement(Sketch("correct", ()))
        ('(C)', None)
    """
    sentence = _without_aside(sentence)
    choice = read_choice(sentence)
    if choice is not None:
        return choice
    if not sentence.pieces and is_formula(sentence.text) and not is_question(sentence.text):
        return settle(Sketch(MARK, (sentence.text,)))
    marked = mark_formulas(sentence)
    kept = affirmed(marked)
    if kept is None:
        return _read_words(marked.text) if words else None
    if isinstance(kept, Found):
        return kept
    said = _said(kept, is_statement=True)
    if said is None or said.text is None or sentence.pieces or kept is not marked:
        return said
    if has_alternatives(marked.text) and not has_alternatives(said.text):
        return said  # one number in several spellings
    return _as_a_whole(marked) or said


def read_choice(sentence: Sketch) -> Found | None:
    """Read a letter of multiple choice, with what stands beside it where that is short.

    Example:
        >>> read_choice(Sketch("(B) 12", ())).text, read_choice(Sketch("B. The sum of the first two", ())).text
        ('(B) 12', 'B')
    """
    plain = Sketch(sentence.text.replace("**", ""), sentence.pieces)
    match = _CHOICE.fullmatch(plain.text)
    if match is None:
        return None
    letter, beside = match["letter"], match["beside"].strip(" .*_`\"'")
    if not beside:
        return found(letter)
    is_marked = match["point"] or letter.startswith("(")
    if not is_marked or has_alternatives(beside) or not match["beside"].startswith((" ", "\t")):
        return None
    is_short = len(_WORD.findall(beside)) <= MAX_WORDS_BESIDE and not _VERB.search(beside)
    return found(plain.restored() if is_short else letter)


def last_listed(sketch: Sketch) -> str:
    """Return the last formulas of a text that stand together, joined by commas, whatever is said of them.

    Example:
        >>> last_listed(Sketch(f"{MARK}: {MARK} or {MARK}", ("x", "1", "2")))
        '1, 2'
    """
    groups = _groups(sketch.text)
    return ", ".join(tidy(piece) for piece in sketch.part(*groups[-1]).pieces) if groups else ""


def _without_aside(sentence: Sketch) -> Sketch:
    """Cut off a clause that only comments, as in "5, which is odd"."""
    aside = _ASIDE.search(sentence.text)
    if aside is None:
        return sentence
    before = sentence.text[: aside.start()]
    says_something = _WORD.search(before) or MARK in before or any(map(str.isalnum, before))
    return sentence.part(0, aside.start()) if says_something and not _NEGATION.search(before) else sentence


def _said(sentence: Sketch, is_statement: bool) -> Found | None:
    """Return the formulas behind the last verb that has some, else the last ones of the sentence.

    Of several behind a verb, or in a statement, it is the first where nothing stands before it, unless the sentence
    goes on to a second clause.
    """
    subordinate = _SUBORDINATE.match(sentence.text)
    if subordinate is not None and MARK in sentence.text[subordinate.end() :]:
        sentence = sentence.part(subordinate.end(), len(sentence.text))
    last = sentence.text.rfind(MARK)
    verb = max((verb.end() for verb in _VERB.finditer(sentence.text, 0, last)), default=0)
    part = sentence.part(verb, len(sentence.text))
    groups = [(start, end, part.part(start, end)) for start, end in _groups(part.text)]
    telling = [group for group in groups if not all(map(_BARE_NAME.fullmatch, group[2].pieces))] or groups
    start, end, first = telling[0]
    behind = part.text[end:]
    goes_on = not is_statement and "," in behind.partition(MARK)[0] and not _ASIDE_BEHIND.match(behind)
    leads = (verb or is_statement) and _FILLER.fullmatch(part.text, 0, start) and not goes_on
    return settle(first if leads else telling[-1][2])


def _groups(text: str) -> list[tuple[int, int]]:
    """Return where formulas stand in a masked sentence, those as one that "and", "or" or a comma connects."""
    groups: list[tuple[int, int]] = []
    start = text.find(MARK)
    while start >= 0:
        end = start + 1
        while (joint := _JOINT.match(text, end)) is not None:
            end = joint.end() + 1
        groups.append((start, end))
        start = text.find(MARK, end)
    return groups


def _as_a_whole(marked: Sketch) -> Found | None:
    """Return a statement as it is where it is short and no prose, as in "5 apples" or "all real numbers except 0"."""
    opening = _CONCLUDING.match(marked.text)
    start = opening.end() if opening else 0
    filler = _FILLER.match(marked.text, start)
    part = marked.part(filler.end() if filler else start, len(marked.text.rstrip(" \t.,;*_`")))
    behind = _FILLER_BEHIND.search(part.text)
    part = part.part(0, behind.start()) if behind else part
    is_short = len(_WORD.findall(part.text)) <= MAX_WORDS_BESIDE and not _VERB.search(part.text)
    return found(part.restored()) if is_short and _WHOLE.fullmatch(part.text) else None


def _read_words(text: str) -> Found | None:
    """Read a statement without any formula."""
    opening = _OPENING.match(text)
    plain = tidy(text[opening.end() :] if opening else text)
    words = _WORD.findall(plain)
    if not plain or len(plain.split()) > MAX_WORDS or _SAYS_NOTHING.fullmatch(plain):
        return None
    if plain.endswith("?") or re.match(r"(?:maybe|perhaps|possibly)\b", plain, re.IGNORECASE):
        return Found(None, guesses_at([plain.rstrip("?")])) if words else None
    if _DENIED_CHOICE.fullmatch(plain):
        return Found(None, NOT_THIS)
    alternatives = split_alternatives(plain)
    if len(alternatives) > 1 and len(words) <= 3 * len(alternatives) and not are_solutions(alternatives):
        return Found(None, hedges_between(alternatives))
    return found(plain)
