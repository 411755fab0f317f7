r"""Answers in words: letters of multiple choice, yes and no, "no solution", names, numbers that are spelled out.

Words are equal where their normalised texts are. A few texts that mean the same have one canonical spelling, signs of
mathematics among them: the empty set is ``no solution``, all of R is ``all real numbers``. Nothing is understood beyond
that table: "not even" or "red or blue" equals only itself.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from functools import lru_cache

from rewardium.envs.math.verify.limits import MAX_ANSWER_LENGTH
from rewardium.envs.math.verify.reading.units import read_unit
from rewardium.envs.math.verify.tree import (
    Apply,
    Choice,
    Constant,
    Form,
    Interval,
    Number,
    Quantity,
    Sequence,
    Words,
)


def _words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


# A canonical text, and what means the same; everything as ``normalise_words`` leaves it.
_SYNONYMS = {
    "yes": ["true", "correct", "it is true", "it is correct"],
    "no": ["false", "incorrect", "wrong", "not true", "it is false"],
    "no solution": [
        "no solutions",
        "there is no solution",
        "there are no solutions",
        "no real solution",
        "no real solutions",
        "there are no real solutions",
        "no such solution",
        "no solution exists",
        "no solutions exist",
        "none",
        "none exist",
        "no values",
        "no real numbers",
        "no real roots",
        "no roots",
        "empty set",
        "null set",
        r"\emptyset",
        r"\varnothing",
        "∅",
        "{}",
        "{ }",
        r"\{\}",
        r"\{ \}",
        r"x \in \emptyset",
        r"x\in\emptyset",
        r"x \in \varnothing",
        r"x\in\varnothing",
    ],
    "does not exist": ["dne", "d.n.e", "undefined", "not defined", "limit does not exist", "it does not exist"],
    "infinitely many": [
        "infinite",
        "infinite solutions",
        "infinitely many solutions",
        "there are infinitely many solutions",
        "infinite number of solutions",
        "infinite number",
        "infinitely many values",
    ],
    "all real numbers": [
        "all reals",
        "all the real numbers",
        "all real number",
        "all real values",
        "all real x",
        "all real numbers x",
        "any real number",
        "any real numbers",
        "every real number",
        "set of real numbers",
        "set of all real numbers",
        "real numbers",
        "reals",
        r"\mathbb{r}",
        r"\mathbb r",
        r"\mathbf{r}",
        r"\reals",
        "ℝ",
        r"x \in \mathbb{r}",
        r"x\in\mathbb{r}",
        r"x \in \reals",
        r"x\in\reals",
        r"x\in \reals",
        r"x \in (-\infty,\infty)",
        r"x\in(-\infty,\infty)",
        r"x \in(-\infty,\infty)",
        r"(-\infty,\infty)",
        r"(-\infty,+\infty)",
        "(-∞,∞)",
        "(-∞,+∞)",
        "(-infinity,infinity)",
        "(-oo,oo)",
        r"-\infty<x<\infty",
        r"-\infty < x < \infty",
    ],
    "cannot be determined": [
        "can not be determined",
        "can't be determined",
        "it cannot be determined",
        "not enough information",
        "there is not enough information",
        "insufficient information",
        "indeterminate",
        "undetermined",
    ],
    "impossible": ["not possible", "it is impossible"],
    "positive infinity": ["plus infinity"],
    "negative infinity": ["minus infinity"],
    "odd": [],
    "even": [],
    "neither": ["neither one", "neither of them"],
    "monday": ["mon"],
    "tuesday": ["tue", "tues"],
    "wednesday": ["wed"],
    "thursday": ["thu", "thur", "thurs"],
    "friday": ["fri"],
    "saturday": ["sat"],
    "sunday": ["sun"],
    "january": ["jan"],
    "february": ["feb"],
    "march": ["mar"],
    "april": ["apr"],
    "may": [],
    "june": ["jun"],
    "july": ["jul"],
    "august": ["aug"],
    "september": ["sep", "sept"],
    "october": ["oct"],
    "november": ["nov"],
    "december": ["dec"],
}

_SHORT_WORDS = _words_of("all any both odd even one two six ten red blue yes tie win his her")

# Names in mathematics: a text with one of them is a formula, even if it is spelled in letters alone.
_FORMULA_WORDS = _words_of(
    "sin cos tan cot sec csc sinh cosh tanh coth arcsin arccos arctan arccot asin acos atan log ln lg exp sqrt "
    "cbrt abs max min gcd lcm mod det lim sum prod int pi infinity infty inf oo alpha beta gamma delta epsilon "
    "zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi chi psi omega frac binom floor ceil"
)

_ONES = {
    word: value
    for value, word in enumerate((
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
        "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
    ))
}  # fmt: skip
_TENS = {
    word: 10 * value
    for value, word in enumerate(
        ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"), start=2
    )
}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_MAX_NUMBER_WORDS = 30

_TEXT_COMMAND = re.compile(r"\\(?:text[a-z]*+|mathrm|mathbf|mathit|mathsf|mathtt|mbox|hbox|emph|operatorname)\s*+\*?\{")
_SPACE = re.compile(r"(?:\\[,;:! ]|\\q?quad(?![A-Za-z])|~|\s)++")
_ENDS = " \t\r\n.,;:!?\"'`*_$“”‘’«»"
_ARTICLE = re.compile(r"(?:a|an|the) (?=\w)")
_LETTER = re.compile(r"[^\W\d_]")
_PROSE = re.compile(r"(?:[^\W\d_]|[ ,;'./-])++")
_COMMA = re.compile(r"\s*+,\s*+")

_LONE_CHOICE = re.compile(r"\(?([A-J])(?<!\()\)?\.?|\(([a-j])\)\.?|([a-j])\)")
_CHOICE_BEFORE = re.compile(
    r"(?:(?:answer )?(?:option|choice)|answer)\s*+:?\s*+(?:\(([A-Ja-j])\)|([A-J])(?![A-Za-z0-9_^(]))[.:)]?"
    r"|\(([A-J])\)[.:,]?(?=[\s\d$\\-])|([A-Ja-j])\)(?=\s*+[^\s)])|([A-J])[.:](?=\s)",
)
_OPENS = re.compile(r"\s*+(?:\\(?:text[a-z]*+|mathrm|mathbf|boldsymbol|mbox)\s*+)?\{")
_GOES_ON = re.compile(
    r"(?:[-+*/^_=<>!|,)\]}]|\\(?:cdot|times|cup|cap|in|leq?|geq?|neq?|to|pm|mp|over|setminus|approx)(?![a-z]))"
)


def normalise_words(text: str) -> str:
    r"""Bring a text answer to the spelling in which texts are compared.

    ``\text{}`` and its like, markdown, quotes, punctuation at the ends and a leading article are taken away; what is
    left is NFKC, case-folded, with single spaces.

    Args:
        text: A text answer, of any length; of a longer one than an answer may be nothing is left.

    Returns:
        The normalised text.

    Example:
        >>> normalise_words(r"\text{The  Blue} \textbf{Car}.")
        'blue car'
    """
    if len(text) > MAX_ANSWER_LENGTH:
        return ""
    text = unicodedata.normalize("NFKC", _without_commands(text)).replace("**", "").casefold()
    text = _SPACE.sub(" ", text.replace("’", "'").replace("‐", "-").replace("‑", "-").replace("–", "-"))
    text = _COMMA.sub(", " if _LETTER.match(text) else ",", text).strip(_ENDS)
    return _ARTICLE.sub("", text, count=1) if _ARTICLE.match(text) else text


def _without_commands(text: str) -> str:
    r"""Take ``\text{`` and the brace that closes it away, in one pass."""
    if "\\" not in text:
        return text
    pieces: list[str] = []
    depths: list[bool] = []
    at = 0
    while at < len(text):
        command = _TEXT_COMMAND.match(text, at) if text[at] == "\\" else None
        if command is not None:
            depths.append(True)
            at = command.end()
            continue
        character = text[at : at + 2] if text[at] == "\\" else text[at]
        at += len(character)
        if character == "{":
            depths.append(False)
        if character == "}" and depths and depths.pop():
            continue
        pieces.append(character)
    return "".join(pieces)


def read_words(text: str) -> Words | Choice | None:
    r"""Read an answer in words, or a letter of multiple choice.

    Args:
        text: An answer's text.

    Returns:
        A choice with its letter, and with what stands beside it where that is words as well (``read_choice`` gives it
        as text); words in their canonical spelling; None where the text is a formula, a number, a quantity, or
        letters that may be variables.

    Example:
        >>> read_words(r"\text{DNE}"), read_words("There are no solutions.").text
        (Words(text='does not exist'), 'no solution')
        >>> read_words("(b)"), read_words("xy"), read_words("5 apples")
        (Choice(letter='B', value=None), None, None)
    """
    if len(text) > MAX_ANSWER_LENGTH:
        return None
    choice = read_choice(text)
    if choice is None:
        return _plain_words(text)
    letter, beside = choice
    value = _plain_words(beside) if beside else None
    return Choice(letter, value) if value is not None or not beside else None


def _plain_words(text: str) -> Words | None:
    """Read words that are no letter of multiple choice."""
    normal = normalise_words(text)
    if normal in _canonical():
        return Words(_canonical()[normal])
    if not _PROSE.fullmatch(normal) or not _says_something(normal, text):
        return None
    return Words(normal)


def _says_something(normal: str, text: str) -> bool:
    """Say whether letters and spaces are words: none names a function, and one is no product of variables."""
    words = normal.replace("-", " ").replace(",", " ").replace("/", " ").split()
    if any(word in _FORMULA_WORDS for word in words):
        return False
    if "\\" in text:
        # Words in \text{}; outside of it the letters are variables.
        return any(len(word) > 1 for word in words) and _LETTER.search(_outside_of_text(text)) is None
    if len(words) == 1 and text.strip(_ENDS).isupper() and len(normal) <= 6:
        return False
    return any(_is_word(word) for word in words if word not in ("and", "or"))


def _is_word(word: str) -> bool:
    return word in _SHORT_WORDS or (len(word) > 3 and re.search("[aeiou]|[^ -~]", word) is not None)


def _outside_of_text(text: str) -> str:
    r"""Return what of a text stands in no ``\text{}``, in one pass."""
    pieces: list[str] = []
    at, depth = 0, 0
    while at < len(text):
        command = _TEXT_COMMAND.match(text, at) if text[at] == "\\" and not depth else _SPACE.match(text, at)
        if command is not None:
            depth += command[0].endswith("{")
            at = command.end()
            continue
        depth += {"{": 1, "}": -1}.get(text[at], 0) if depth else 0
        if not depth:
            pieces.append(text[at])
        at += 1
    return "".join(pieces)


def read_choice(text: str) -> tuple[str, str] | None:
    r"""Read a letter of multiple choice, A to J, and the text that stands beside it.

    Args:
        text: An answer's text.

    Returns:
        The capital letter and the text, which is empty for the letter alone, or None where there is no such letter. A
        lone capital letter is one; a lone small letter only in brackets.

    Example:
        >>> read_choice(r"\textbf{(C) } 12"), read_choice("b) 3/4"), read_choice("D")
        (('C', '12'), ('B', '3/4'), ('D', ''))
        >>> read_choice("(A) + 1"), read_choice("c"), read_choice("A(2)")
        (None, None, None)
    """
    if len(text) > MAX_ANSWER_LENGTH:
        return None
    plain = _unwrapped(text.replace("**", "")).strip(" \t\r\n$")
    lone = _LONE_CHOICE.fullmatch(plain)
    if lone is not None:
        return (lone[1] or lone[2] or lone[3]).upper(), ""
    match = _CHOICE_BEFORE.match(plain[:1].casefold() + plain[1:] if plain[:6].casefold() in _INTRODUCTIONS else plain)
    if match is None:
        return None
    beside = _SPACE.sub("", plain[match.end() :], count=1) if _SPACE.match(plain, match.end()) else plain[match.end() :]
    if _GOES_ON.match(beside) and not re.match(r"-\s*+[\d\\.]", beside):
        return None
    return next(letter for letter in match.groups() if letter).upper(), beside.strip()


_INTRODUCTIONS = frozenset({"option", "choice", "answer"})


def _unwrapped(text: str) -> str:
    r"""Take the braces off the group at the beginning, with the command before them: ``\textbf{(C) }12``."""
    text = text.strip(" \t\r\n$")
    for _ in range(3):
        opening = _OPENS.match(text)
        if opening is None:
            return text
        depth, end = 1, opening.end()
        while end < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        if depth:
            return text
        text = f"{text[opening.end() : end - 1].strip()} {text[end:]}".strip(" \t\r\n$")
    return text


def number_word(text: str) -> int | None:
    """Read an integer that is spelled out.

    Args:
        text: Words, in any spelling that ``normalise_words`` understands.

    Returns:
        The integer, or None where the words are no number.

    Example:
        >>> number_word("Twenty-one"), number_word("two thousand three hundred and five"), number_word("minus four")
        (21, 2305, -4)
        >>> number_word("two or three"), number_word("twenty twelve")
        (None, None)
    """
    words = normalise_words(text).replace("-", " ").replace(",", " ").split()
    if not words or len(words) > _MAX_NUMBER_WORDS:
        return None
    if words[0] in ("minus", "negative"):
        value = _natural(words[1:])
        return None if value is None else -value
    return _natural(words)


def _natural(words: list[str]) -> int | None:
    """Read groups below a thousand, each with a scale smaller than the one before."""
    total, group, last_scale = 0, [], 10**15
    for word in words:
        scale = _SCALES.get(word)
        if scale is None:
            group.append(word)
            continue
        value = _below_thousand(group)
        if not value or scale >= last_scale:
            return None
        total, group, last_scale = total + value * scale, [], scale
    if not group:
        return total if total else None
    rest = _below_thousand(group[1:] if total and group[0] == "and" else group)
    return None if rest is None or (total and not rest) else total + rest


def _below_thousand(words: list[str]) -> int | None:
    if "hundred" not in words:
        return _below_hundred(words)
    at = words.index("hundred")
    hundreds = 1 if not at else _below_hundred(words[:at])
    rest = words[at + 1 :]
    if not hundreds or hundreds > 99:
        return None
    if not rest:
        return 100 * hundreds
    value = _below_hundred(rest[1:] if rest[0] == "and" else rest)
    return None if not value else 100 * hundreds + value


def _below_hundred(words: list[str]) -> int | None:
    if len(words) == 1:
        return _ONES.get(words[0], _TENS.get(words[0]))
    if len(words) == 2 and words[0] in _TENS:
        ones = _ONES.get(words[1], 0)
        return _TENS[words[0]] + ones if 1 <= ones <= 9 else None
    return None


def as_form(words: Words) -> Form | None:
    r"""Return the number, the set or the quantity that words stand for, or None where they stand for nothing else.

    Args:
        words: As ``read_words`` gives them.

    Example:
        >>> as_form(Words("twelve")), as_form(Words("no solution"))
        (Number(value=Fraction(12, 1), places=None), Sequence(kind='set', items=(), brackets=''))
        >>> as_form(Words("five apples")).unit.name
        'label:apple'
    """
    infinity = Constant("infinity")
    minus_infinity = Apply("negate", (infinity,))
    known: dict[str, Form] = {
        "no solution": Sequence("set", ()),
        "all real numbers": Interval(minus_infinity, infinity, False, False),
        "positive infinity": infinity,
        "negative infinity": minus_infinity,
    }
    if words.text in known:
        return known[words.text]
    value = number_word(words.text)
    if value is not None:
        return Number(Fraction(value))
    share = _spelled_fraction(words.text)
    return _spelled_quantity(words.text) if share is None else Number(share)


def _spelled_fraction(text: str) -> Fraction | None:
    """Read a fraction in words: "three quarters", "one half"."""
    top, _, bottom = text.replace("-", " ").rpartition(" ")
    parts = _PARTS.get(bottom.removesuffix("s")) or (2 if bottom == "halves" else None)
    count = number_word(top) if top else None
    return None if parts is None or count is None else Fraction(count, parts)


_PARTS = {"half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8,
    "ninth": 9, "tenth": 10, "twelfth": 12, "hundredth": 100, "thousandth": 1000}  # fmt: skip


def _spelled_quantity(text: str) -> Quantity | None:
    """Read a number in words with a unit behind it."""
    words = text.split()
    for count in range(min(len(words) - 1, _MAX_NUMBER_WORDS), 0, -1):
        value = number_word(" ".join(words[:count]))
        if value is not None:
            unit = read_unit(" ".join(words[count:]), in_text=True)
            return None if unit is None else Quantity(Number(Fraction(value)), unit)
    return None


@lru_cache(maxsize=1)
def _canonical() -> dict[str, str]:
    """Return the canonical text by every text that means the same, itself included."""
    return {text: canonical for canonical, texts in _SYNONYMS.items() for text in (canonical, *texts)}
