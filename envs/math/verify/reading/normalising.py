r"""Bringing an answer's text to one spelling: Unicode signs, spacing, fonts, ``\left``, words for signs."""

from __future__ import annotations

import re
import unicodedata

from rewardium.envs.math.verify.limits import MAX_ANSWER_LENGTH, MAX_DEPTH, TooLargeError
from rewardium.envs.math.verify.reading.notation import SIGNS

_TABLE = str.maketrans(SIGNS)
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿⁱ", "0123456789+-ni")
_SUBSCRIPT = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋", "0123456789+-")
_RAISED = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿⁱ]++")
_LOWERED = re.compile(r"[₀₁₂₃₄₅₆₇₈₉₊₋]++")

_INVISIBLE = re.compile(r"[\u200b-\u200f\u2060\ufeff\u00ad]++")
_DOUBLED = re.compile(r"\\\\(?=[A-Za-z{}%$,;!|()\[\]])")
_DELIMITER = re.compile(r"\\(left|right)\s*+(?:\\[|]|\\?\|)|\\(?:left|right)\s*+\.")
_SIZE = re.compile(
    r"\\(?:left|right|[bB]igg?[lrm]?|displaystyle|textstyle|scriptstyle|limits|nolimits|boldsymbol|mathbf|mathit|mathsf"
    r"|mathcal|mathscr|mathfrak|bm|pmb|rm|bf|it|large|Large|small|normalsize|hspace\s*+\{[^{}]*+\}|label\s*+\{[^{}]*+\}"
    r"|tag\s*+\{[^{}]*+\}|phantom\s*+\{[^{}]*+\}|hfill|strut|mathstrut|cancel|underline|angle|measuredangle)(?![A-Za-z])"
)
_NUMBER_SETS = re.compile(r"\\math(?:bb|bf|cal)\s*+\{?\s*+([RZNQC])(?![A-Za-z])\s*+\}?")
_NUMBER_SET_NAMES = {"R": "reals", "Z": "integers", "N": "naturals", "Q": "rationals", "C": "complexes"}
_THOUSANDS = re.compile(
    r"(?<=[0-9])(?:\s*+\{\s*+,\s*+\}|,\s*+\\!|\\!\s*+,|\\,|\\ |\\;|\\:|\\!|\\thinspace|[\u2009\u202f])"
    r"\s*+(?=[0-9]{3}(?![0-9]))"
)
_SPACE = re.compile(
    r"(?<!\\)\\(?:[,;:!> ]|q?quad|(?:thinspace|enspace|hskip|nobreak|newline|par)(?![A-Za-z]))"
    r"|~|[\u00a0\u2000-\u200a\u202f\u3000]"
)
_ROW_GAP = re.compile(r"\\\\\s*+\[[-0-9. ]*+(?:pt|em|ex|mm|cm|in)\]")
_BASIS = re.compile(
    r"\\(?:math(?:bf|rm|bb)|hat|vec|boldsymbol|bm|widehat)\s*+\{?\s*+\\?(?:hat\s*+\{?\s*+)?([ijk])(?:math)?\s*+\}?\}?(?![A-Za-z])"
)
_MANY = re.compile(r"(?<=[0-9])\s++(hundred|thousand|million|billion|trillion)\b")
_TENS = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_SIGN_WORD = re.compile(r"^(?:negative|minus)\s++(?=[0-9.\\$])", re.IGNORECASE)
_COLOUR = re.compile(r"\\(?:text)?color\s*+\{[^{}]*+\}")
_UNION = re.compile(r"(?<=[)\]])\s*+U\s*+(?=[(\[])")
_ANGLE = re.compile(r"([0-9]++)\s*+\^\s*+\{?\s*+\\circ\s*+\}?\s*+([0-9]{1,2})\s*+(?:'|\^\s*+\{?\\prime\}?)")
_OUTWARD = re.compile(r"^\s*+(?:\]([^\[\]]++)([\[\]])|\[([^\[\]]++)\[)\s*+$")
_DOTS = re.compile(r"\\dot\s*+\{([0-9])\}([0-9]{0,40})\\dot\s*+\{([0-9])\}")
_TEXT_ONLY = re.compile(r"\\(?:text[a-z]{0,6}|mathrm|mbox)\s*+\{([^{}]*[0-9][^{}]*)\}")
_GLUED = re.compile(r"(?<=[0-9)\]}])(or|and)(?=[A-Z(\[{\\0-9])")
_METRES = re.compile(r"(?<=[0-9])\s?m(?=\^\{?[23]\}?$)")
_TIMES_TEN = re.compile(r"(?<=[0-9])\s*+[xX]\s*+(?=10\s*+\^)")
_CONJUNCTION = re.compile(r"\\text\s*+\{([^{}]{1,40}?)\s(and|or)\s*+\}")
_MATHS = re.compile(r"\\[()\[\]](?!\s*+[A-Za-z0-9.]*+pt\])|(?<!\\)\$")


def normalise(text: str) -> str:
    r"""Bring a text to one spelling, without changing what it says.

    Args:
        text: An answer's text.

    Returns:
        The text, with LaTeX commands for Unicode signs and without fonts, sizes and maths delimiters.

    Raises:
        TooLargeError: When it is longer or deeper nested than the limits.

    Example:
        >>> normalise(r"$\left(2·x²\right)$ ")
        '(2\\cdot x^{2})'
    """
    if len(text) > MAX_ANSWER_LENGTH:
        raise TooLargeError(f"the answer has more than {MAX_ANSWER_LENGTH} characters")
    if not text.isascii():
        text = _ascii(text)
    if "\\" in text:
        if "\\begin" not in text:
            text = _DOUBLED.sub(r"\\", text)
        text = _DELIMITER.sub(lambda found: {"left": r"\lvert ", "right": r"\rvert "}.get(found[1] or "", ""), text)
        text = _NUMBER_SETS.sub(lambda found: f"\\{_NUMBER_SET_NAMES[found[1]]} ", text)
        text = _COLOUR.sub("", text)
        text = _DOTS.sub(r"\\overline{\1\2\3}", text)
        only = _TEXT_ONLY.fullmatch(text.strip(" $"))
        text = only[1] if only else text
        text = _ROW_GAP.sub(r"\\\\", _basis(text))
        text = _SIZE.sub("", text)
        text = _THOUSANDS.sub("_thousands_", text)
        text = _CONJUNCTION.sub(r"\\text{\1}\\text{\2}", text)
    elif "{" in text and "," in text:
        text = _THOUSANDS.sub("_thousands_", text)
    text = _SPACE.sub(" ", text) if "\\" in text or "~" in text else text
    text = _METRES.sub(r"\\text{m}", _GLUED.sub(r" \1 ", text))
    text = _SIGN_WORD.sub("-", _MANY.sub(lambda found: rf" \times 10^{{{_TENS[found[1]]}}} ", text))
    text = _UNION.sub(r" \\cup ", _ANGLE.sub(r"(\1+\2/60)^\\circ ", text))
    text = _OUTWARD.sub(_inward, text)
    text = _TIMES_TEN.sub(r"\\times ", text)
    text = _MATHS.sub(" ", text.replace(r"\$", "\\textdollar ")).strip()
    text = text.replace("_thousands_", "")
    _check_depth(text)
    return text


def _basis(text: str) -> str:
    r"""Name the unit vectors, which are lost with their font; a lone ``\mathrm{i}`` is the imaginary unit."""
    if not _BASIS.search(text):
        return text
    if not re.search(r"\\(?:mathbf|hat|vec|boldsymbol|bm|widehat)|[jk]", text):
        return text
    return _BASIS.sub(lambda found: f"\\basis{found[1]} ", text)


def _inward(found: re.Match[str]) -> str:
    """Write an open end of an interval, ``]0, 1[``, with a round bracket."""
    if found[3] is not None:
        return f"[{found[3]})"
    return f"({found[1]}" + (")" if found[2] == "[" else "]")


def _ascii(text: str) -> str:
    """Write Unicode signs as LaTeX commands, and raised and lowered digits as powers and indices."""
    text = _RAISED.sub(lambda found: f"^{{{found[0].translate(_SUPERSCRIPT)}}}", text)
    text = _LOWERED.sub(lambda found: f"_{{{found[0].translate(_SUBSCRIPT)}}}", text)
    text = _INVISIBLE.sub("", text).translate(_TABLE)
    return text if text.isascii() else unicodedata.normalize("NFKC", text).translate(_TABLE)


def _check_depth(text: str) -> None:
    depth = 0
    for character in text:
        if character in "{([":
            depth += 1
            if depth > MAX_DEPTH:
                raise TooLargeError(f"the answer is nested more than {MAX_DEPTH} deep")
        elif character in "})]":
            depth -= depth > 0
