r"""Where a text holds mathematics: ``$...$``, ``$$...$$``, ``\(...\)``, ``\[...\]`` and equation environments.

``mask`` replaces each of them by one sign, so that sentences can be read without looking into formulas.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from rewardium.envs.math.verify.limits import MAX_ANSWER_LENGTH

MARK = "\ufffc"
"""What stands for a piece of mathematics in a masked text."""


MAX_ENVIRONMENT = 2 * MAX_ANSWER_LENGTH
"""Characters at the end of an equation environment that are read."""


class Sketch(NamedTuple):
    """A text with its mathematics masked.

    Args:
        text: The text, with one ``MARK`` for each piece.
        pieces: The pieces in order.
    """

    text: str
    pieces: tuple[str, ...]

    def part(self, start: int, end: int) -> Sketch:
        """Return the characters from ``start`` to ``end`` of the masked text, with their pieces.

        Example:
            >>> Sketch(f"{MARK} or {MARK}", ("1", "2")).part(1, 6)
            Sketch(text=' or \ufffc', pieces=('2',))
        """
        first = self.text.count(MARK, 0, start)
        text = self.text[start:end]
        return Sketch(text, self.pieces[first : first + text.count(MARK)])

    def restored(self) -> str:
        """Return the text with the pieces in their places.

        Example:
            >>> Sketch(f"{MARK} or {MARK}", ("1", "2")).restored()
            '1 or 2'
        """
        plain = self.text.split(MARK)
        return "".join(part for pair in zip(plain, (*self.pieces, ""), strict=True) for part in pair)


_ALIGNED = "equation|align|aligned|alignat|gather|gathered|multline|eqnarray|displaymath|split|math"
_ARRAYS = "array|cases|matrix|pmatrix|bmatrix|Bmatrix|vmatrix|Vmatrix|smallmatrix"
_SPAN = re.compile(
    r"\\[\\$]|\${3,}+"  # no delimiters
    r"|\$\$(?P<display>[^$\\]*+(?:(?:\\.|\$(?!\$))[^$\\]*+)*+)\$\$"
    r"|\$(?!\$)(?P<inline>[^$\\\n]*+(?:\\[^\n][^$\\\n]*+)*+)\$"
    r"|\\\[(?P<bracket>[^\\]*+(?:\\[^\[\]][^\\]*+)*+)\\\]"
    r"|\\\((?P<parenthesis>[^\\\n]*+(?:\\[^()\n][^\\\n]*+)*+)\\\)"
    rf"|\\begin\{{(?P<environment>(?:{_ALIGNED}|{_ARRAYS})\*?)\}}",
    re.DOTALL,
)
_BLANKS = re.compile(r"[^\S\n]{2,}+")
_SUFFIX = re.compile(r"[ ~]?(?:\\?%|(?:percent|per\scent|pct)\b)|°|\^\{?\\circ\}?", re.IGNORECASE)
_TEXT_COMMAND = re.compile(r"\\(?:text[a-z]*+|mathrm|mbox|operatorname|begin|end)\s*+\*?\{[^{}]*+\}|\\[A-Za-z]++")
_PROSE_WORD = re.compile(
    r"(?<![A-Za-z])(?!(?:sin|cos|tan|cot|sec|csc|arc(?:sin|cos|tan)|log|exp|max|min|gcd|lcm|mod|and)(?![A-Za-z]))"
    r"[A-Za-z]{3,}+(?!\()"
)
_LETTERS = re.compile(r"(?<![A-Za-z])[A-Za-z]{2,}")
_OPENS = re.compile(r"[\w\\({\[-]")
_NOT_FIRST = re.compile(r"[\s,]++(?:and|or|but|for|per|to|is|each|in|on|of|at|plus)\b", re.IGNORECASE)
_BEGIN = re.compile(rf"\s*+\\begin\{{(?P<name>(?:{_ALIGNED})\*?)\}}(?:\{{\w*+\}})?")
_ROW_TOKEN = re.compile(r"\\(?P<edge>begin|end)\{|(?P<row>\\\\(?:\[[^\]\n]{0,10}\])?)|\\&|(?P<column>&)")
_GOES_ON = re.compile(r"\s*+(?:[=<>≤≥≈+*-]|\\(?:leq?|geq?|approx|equiv|neq?|cdot|times|pm)(?![A-Za-z]))")
_ASSIGNMENT = re.compile(r"\s*+(\\?[A-Za-z]\w*+)\s*+=(?:[^A-Za-z\\]|\\[dt]?frac|\\sqrt)++")
_NOTE = re.compile(r"\\(?:tag|label)\*?\{[^{}]*+\}|\\(?:notag|nonumber|displaystyle)(?![A-Za-z])")


def mask(text: str) -> Sketch:
    r"""Replace the mathematics of a text by marks, in time linear in the text.

    A single ``$`` and ``\(`` span one line only. ``\$``, and a ``$`` that encloses words or stands alone on its line,
    is money. Of an equation environment of several lines the piece is the last equation. Per cent and degrees right
    behind a piece belong to it.

    Args:
        text: Any text.

    Returns:
        The sketch; formulas that stand outside of delimiters remain text in it.

    Example:
        >>> mask(r"For $5 we get $x = 2$ and \(28\) %.").pieces
        ('x = 2', '28\\%')
    """
    # Runs of blanks say nothing, and every pattern for a sentence may go through them again.
    text = _BLANKS.sub(" ", text.replace(MARK, " "))
    plain: list[str] = []
    pieces: list[str] = []
    at = 0
    for start, end, content in _spans(text):
        piece = content.strip()
        plain += text[at:start], MARK if piece else " "
        at = end
        if piece:
            suffix = _SUFFIX.match(text, end)
            if suffix is not None:
                at = suffix.end()
                piece = _with_suffix(piece, suffix[0].strip(" ~"))
            pieces.append(piece)
    plain.append(text[at:])
    return Sketch("".join(plain), tuple(pieces))


def _with_suffix(piece: str, suffix: str) -> str:
    if suffix[0] in "°^":
        return piece + r"^\circ"
    return piece if "%" in piece else piece + r"\%"


def _spans(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield where mathematics begins and ends, and its content."""
    at = 0
    endless: set[str] = set()  # environments that nothing ends any more: looked for only once
    while (match := _SPAN.search(text, at)) is not None:
        at = match.end()
        kind = match.lastgroup
        if kind == "environment":
            name = match["environment"]
            ending = f"\\end{{{name}}}"
            end = -1 if name in endless else text.find(ending, at)
            if end < 0:
                endless.add(name)
                continue
            whole = text[match.start() : end + len(ending)]
            yield match.start(), end + len(ending), last_equation(whole)
            at = end + len(ending)
        elif kind == "inline" and not _is_mathematics(match["inline"], text, at):
            at = match.start() + 1
        elif kind is not None:
            content = match[kind]
            yield match.start(), at, last_equation(content) if "\\begin" in content else content


def _is_mathematics(content: str, text: str, end: int) -> bool:
    """Whether what stands between two dollar signs is a formula, and not the words between two prices."""
    if content.isalnum() or len(content) < 3:
        return True
    following = text[end : end + 1]
    bare = _TEXT_COMMAND.sub(" ", content)
    if content[-1].isspace() and (following.isdigit() or (_LETTERS.search(bare) and _OPENS.match(following))):
        return False  # "from $5 to $6", "for $5 we get $x$": the second sign opens
    return len(_PROSE_WORD.findall(bare)) < 2 and _NOT_FIRST.match(content) is None


def last_equation(text: str) -> str:
    r"""Return what an equation environment ends with: the last equation of a calculation, or all values of a system.

    Args:
        text: The content of mathematics.

    Returns:
        The equation, where the text is one such environment; else the text.

    Example:
        >>> last_equation(r"\begin{align*} x &= 2 + 3 \\ &= 5 \end{align*}")
        'x = 2 + 3 = 5'
        >>> last_equation(r"\begin{aligned} 2x &= 4, \\ x &= 2, \\ y &= 3 \end{aligned}")
        'y = 3'
        >>> last_equation(r"\begin{aligned} x &= 2 \\ y &= 3 \end{aligned}")
        'x = 2, y = 3'
    """
    match = _BEGIN.match(text)
    end = text.rfind("\\end{") if match else -1
    if match is None or text[end:].rstrip(" \t\r\n.,") != f"\\end{{{match['name']}}}":
        return text
    equations: list[str] = []
    for row in _rows(text[max(match.end(), end - MAX_ENVIRONMENT) : end]):
        row = " ".join(row.split()).rstrip(" ,;.")
        if equations and _GOES_ON.match(row):
            equations[-1] += f" {row}"
        elif row:
            equations.append(row)
    assigned = [_ASSIGNMENT.fullmatch(equation) for equation in equations]
    if len({match[1] for match in assigned if match}) == len(equations):
        return ", ".join(equations)
    return equations[-1] if equations else ""


def _rows(body: str) -> Iterator[str]:
    """Yield the rows of an environment without their alignment marks, but not those of matrices inside of them."""
    depth, at = 0, 0
    row: list[str] = []
    for token in _ROW_TOKEN.finditer(body):
        if token["edge"]:
            depth += 1 if token["edge"] == "begin" else -1
        elif not depth and (token["row"] or token["column"]):
            row.append(body[at : token.start()])
            at = token.end()
            if token["row"]:
                yield _NOTE.sub("", "".join(row))
                row = []
    yield _NOTE.sub("", "".join([*row, body[at:]]))
