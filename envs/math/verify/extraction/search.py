r"""Finding the answer in what a policy wrote.

Where an answer stands, in this order: in the last box, in an explicit statement such as "the answer is 5", in the last
formula, or in plain text that is no more than an answer or ends in one. Reasoning that is marked as such does not
count. A text that hedges, as in "5 or 6", has no answer, so that naming several does not pay.

Everything here takes text that a policy wrote: it takes time linear in the text, and nothing raises.
"""

from __future__ import annotations

import re

from rewardium.envs.math.verify.extraction.boxes import boxed_answer, lone_boxed_number
from rewardium.envs.math.verify.extraction.found import NO_ANSWER, Found, found, tidy, undoubled
from rewardium.envs.math.verify.extraction.hedges import is_question, settle
from rewardium.envs.math.verify.extraction.phrases import (
    concludes,
    last_listed,
    read_choice,
    read_sentence,
    read_statement,
    sentence_bounds,
    word_begin,
)
from rewardium.envs.math.verify.extraction.pieces import is_formula
from rewardium.envs.math.verify.extraction.spans import MARK, Sketch, mask
from rewardium.envs.math.verify.extraction.statements import final_answer_after, stated_answer
from rewardium.envs.math.verify.extraction.whole import reads_as_a_whole, whole_answer
from rewardium.envs.math.verify.limits import MAX_ANSWER_LENGTH, MAX_COMPLETION_LENGTH
from rewardium.envs.math.verify.reading.plain import PLAIN

__all__ = ["Found", "extract", "find_answer", "gold_text"]

MAX_PLAIN_LENGTH = 4000
"""Characters at the end of a text without formulas that are searched for a number."""

MAX_TAGS = 1000
"""Answer tags of a text that are looked at; of more, the last so many."""

MAX_QUESTIONS = 8
"""Questions at the end of a text that are passed over."""

MAX_SHORT_LENGTH = 200
"""Characters of a text that may be an answer as a whole."""

_DELIMITED = re.compile(r"\s*+\$?([^$]*?)\$?\s*+")
_NUMBER = re.compile(r"\$?([+-]?[0-9]++(?:[.,/][0-9]++)*+)\$?")
_BOX = re.compile(r"(?<!\\)\\++(?:boxed|fbox)(?![A-Za-z])\s*+(?:\{(?:[^{}]|\{[^{}]{0,80}\}){0,80}\})?+")
_THOUGHT = re.compile(r"<(?P<closing>/?)(?:think(?:ing)?|reasoning)>", re.IGNORECASE)
_TURN_END = re.compile(r"<\|(?:im_end|im_start|eot_id|endoftext|end_of_text|end_of_turn)\|>|</s>")
_EMPHASIS = re.compile(r"(?<![\w)*])\*\*([^*\n]++)\*\*(?![\w(*])")
_LIST_NUMBER = re.compile(r"^[ \t]*+[0-9]{1,2}[.)][ \t]++(?=[A-Za-z$\\])", re.MULTILINE)
_ASKS = re.compile(
    r"\b(?:asked|asks|asking|suppose|assume|let|given\s(?:that|an?|the)|(?:problem|question)\s(?:is|involves|mentions|says|wants))\b",
    re.IGNORECASE,
)
_LETTER_FIRST = re.compile(r"\(?[A-J][).:]\s")
_GLUED = re.compile(r"(?<=[0-9)\]}])(or|and)(?=[A-Z(\[{\\0-9])")
_DELIMITER = re.compile(r"(?<!\\)(?:\\\\)*+(?:\$|\\[(\[])")
_OPTION = re.compile(r"\b(?:option|choice)\s(\(?[A-J]\)?)(?!\w)", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{2,}")
_BEGINS_WITH_FORMULA = re.compile(rf"\s*+(?:\(?[A-J][).:]\s*+)?{MARK}")
_CONNECTED = re.compile(rf"(?:[\s,;.&{MARK}]|\band\b|\bor\b)*+")
_NO_ANSWER_WORDS = re.compile(
    r"\W*+(?:(?:the|my|our|an?)\s)?(?:solution|result|question|problem)?\W*+"
    r"|.*\b(?:answers?|I|I['’]m|we|you|please|sorry|let['’]?s?|hello|help|hope|thanks?|cannot|can['’]t)\b.*",
    re.IGNORECASE | re.DOTALL,
)


def extract(completion: str) -> str | None:
    r"""Return the text of the answer that a completion gives.

    Args:
        completion: What the policy wrote.

    Returns:
        The text, tidied, or None where there is no answer.

    Example:
        >>> extract(r"so $x = \boxed{\frac{1}{2}}$."), extract("It is 5 or 6.")
        ('\\frac{1}{2}', None)
    """
    return find_answer(completion).text


def find_answer(completion: str) -> Found:
    r"""Find the answer in a completion, or say why there is none.

    Args:
        completion: What the policy wrote, of any length; of more than ``MAX_COMPLETION_LENGTH`` characters the last
            ones are searched. What is no text has no answer.

    Returns:
        The answer's text, or the fault.

    Example:
        >>> find_answer("<think>4? No.</think> The answer is **5 cm**. I hope it is correct.").text
        '5 cm'
        >>> find_answer("It is not 5.").fault, find_answer("<think>so 5").fault
        ('says only what the answer is not', 'the reasoning was not finished')
    """
    if not isinstance(completion, str):
        return Found(None, f"the response is no text but {type(completion).__name__}")
    if len(completion) < 100:
        if PLAIN.fullmatch(completion) is not None:
            return Found(completion, "")
        number = _NUMBER.fullmatch(completion)
        if number is not None:
            return Found(number[1], "")
    text = completion[-MAX_COMPLETION_LENGTH:]
    if "<" in text:
        after = _after_reasoning(text)
        if isinstance(after, Found):
            return after
        text = after
    return _in_answer_text(text)


def _after_reasoning(text: str) -> str | Found:
    """Return what follows the reasoning: the content of an ``<answer>`` where there is one."""
    start, is_open = 0, False
    for tag in _THOUGHT.finditer(text):
        is_open = not tag["closing"]
        start = start if is_open else tag.end()
    if is_open:
        return Found(None, "the reasoning was not finished")
    text = text[start:]
    if start and not text.strip():
        return Found(None, "nothing follows the reasoning")
    text = _first_turn(text)
    return _tagged(text) or text


def _first_turn(text: str) -> str:
    """Cut off what follows the end of the policy's turn: a user that it made up."""
    for end in _TURN_END.finditer(text):
        if text[: end.start()].strip():
            return text[: end.start()]
    return text


def _tagged(text: str) -> str:
    """Return the content of the last ``<answer>`` that has any, else an empty text."""
    end = len(text)
    for _ in range(MAX_TAGS):
        start = text.rfind("<answer>", 0, end)
        if start < 0:
            break
        content = text[start + len("<answer>") : end].partition("</answer>")[0]
        if any(map(str.isalnum, content)):
            return content
        end = start
    return ""


def _in_answer_text(text: str) -> Found:
    number = lone_boxed_number(text)
    if number is not None:
        return Found(number, "")
    boxed = boxed_answer(text)
    if boxed is None:
        answer = _unboxed(text)
        if len(text) > MAX_SHORT_LENGTH:
            return answer
        return whole_answer(_EMPHASIS.sub(r"\1", text) if "**" in text else text, answer)
    if boxed.text is None:
        return stated_answer(_BOX.sub("", text)) or boxed
    at = text.rfind("nswer")
    is_last = at > max(text.rfind("\\boxed"), text.rfind("\\fbox"))
    return (final_answer_after(text, at - 1) if is_last else None) or boxed


def _unboxed(text: str) -> Found:
    text = undoubled(text)
    if "**" in text:
        text = _EMPHASIS.sub(r"\1", text)
    text = _GLUED.sub(r" \1 ", _LIST_NUMBER.sub("", text))
    if _is_bare_formula(text):
        return settle(Sketch(MARK, (text,))) or Found(None, NO_ANSWER)
    stated = stated_answer(text)
    if stated is not None:
        return stated
    sketch = mask(text)
    answer = (_short_choice(sketch) or _last_formula(sketch)) if sketch.pieces else _plain(sketch)
    if answer is not None:
        return answer
    return Found(None, NO_ANSWER if text.strip() else "the response is empty")


def _is_bare_formula(text: str) -> bool:
    """Whether a text is nothing but a formula, without the delimiters that it should have."""
    text = text.strip()
    is_short = len(text) <= MAX_ANSWER_LENGTH and "\n" not in text
    return is_short and _DELIMITER.search(text) is None and not is_question(text) and is_formula(text)


def _short_choice(sketch: Sketch) -> Found | None:
    """Read a text such as ``(A) $5$``."""
    is_short = len(sketch.text) <= MAX_SHORT_LENGTH and _LETTER_FIRST.match(sketch.text)
    return read_choice(sketch) if is_short else None


def _last_formula(sketch: Sketch) -> Found | None:
    """Read the sentence with the last formula, or a conclusion behind it that has only a number in plain text."""
    text = sketch.text
    end = len(text)
    answer = None
    for _ in range(MAX_QUESTIONS):
        at = text.rfind(MARK, 0, end)
        if at < 0:
            break
        start, end = _around(text, at)
        answer = _conclusion(sketch, end) or read_sentence(sketch.part(start, end))
        if not is_question(text[start:end]):
            break
        end = start
    return answer


def _around(text: str, at: int) -> tuple[int, int]:
    """Return where the sentence around a mark begins and ends."""
    before = sentence_bounds(text, min(at, word_begin(text, at - MAX_PLAIN_LENGTH)), at)
    start = before[-1][0] if before and before[-1][1] == at else at
    end = word_begin(text, at + MAX_PLAIN_LENGTH)
    return start, sentence_bounds(text, at, end if end - at <= 2 * MAX_PLAIN_LENGTH else at + 1)[0][1]


def _conclusion(sketch: Sketch, start: int) -> Found | None:
    for bounds in _last_sentences(sketch.text, start):
        if concludes(sketch.text[slice(*bounds)]):
            answer = read_sentence(sketch.part(*bounds))
            if answer is not None:
                return answer
    return None


def _last_sentences(text: str, start: int = 0) -> list[tuple[int, int]]:
    """Return where the sentences behind a place are, the last one first."""
    return sentence_bounds(text, max(start, word_begin(text, len(text) - MAX_PLAIN_LENGTH)), len(text))[::-1]


def _plain(sketch: Sketch) -> Found | None:
    """Read a text without marked formulas: as a whole where it is short, else its last sentence with a number."""
    text = sketch.text.strip()
    is_short = len(text) <= MAX_SHORT_LENGTH and "\n" not in text
    is_one = is_short and (len(sentence_bounds(text, 0, len(text))) == 1 or _LETTER_FIRST.match(text) is not None)
    if is_one and _NO_ANSWER_WORDS.fullmatch(text) is None:
        answer = read_statement(Sketch(text, ()))
        if answer is not None:
            return answer
    fault = None
    for bounds in _last_sentences(sketch.text):
        sentence = sketch.part(*bounds)
        if _ASKS.search(sentence.text):
            continue
        option = _OPTION.search(sentence.text)
        answer = found(option[1]) if option else read_sentence(sentence)
        if answer is not None and not is_question(sentence.text):
            return answer
        fault = fault or answer
        if _NO_ANSWER_WORDS.fullmatch(sentence.text) is None:
            break  # an earlier sentence tells what the problem says, or a step
    last = text[text.rfind("\n") + 1 :]
    if fault or is_short or len(last) > MAX_SHORT_LENGTH or len(last.split()) > 4 or _NO_ANSWER_WORDS.fullmatch(last):
        return fault
    return read_statement(Sketch(last, ()))


def gold_text(gold: str) -> str:
    r"""Return the text of a gold answer, which is trusted: it may be an answer alone or a whole solution.

    Args:
        gold: The gold answer.

    Returns:
        The content of its boxes if it has any, else of its formulas, or of the last ones behind prose; else the text
        itself. Nothing counts as a hedge.

    Example:
        >>> gold_text("$21, 16$ or $11$"), gold_text("so $x$ is $5$."), gold_text("5 or 6"), gold_text("$125$ miles")
        ('21, 16, 11', '5', '5 or 6', '125 miles')
    """
    number = _DELIMITED.fullmatch(gold) if len(gold) < 100 else None
    if number is not None and PLAIN.fullmatch(number[1]):
        return number[1]
    if "$" not in gold and reads_as_a_whole(gold):
        return tidy(gold)
    boxed = boxed_answer(gold)
    if boxed is not None and boxed.text is not None:
        return boxed.text
    sketch = mask(undoubled(gold))
    words = [word for word in _WORD.findall(sketch.text) if word not in ("and", "or")]
    if not sketch.pieces or (len(words) <= 3 and _BEGINS_WITH_FORMULA.match(sketch.text)):
        listed = sketch.pieces and not words and _CONNECTED.fullmatch(sketch.text)
        stated = None if sketch.pieces else stated_answer(gold)
        text = ", ".join(map(tidy, sketch.pieces)) if listed else tidy(sketch.restored())
        return (stated and stated.text) or text or gold.strip()
    said = stated_answer(gold) or _last_formula(sketch)
    return (said and said.text) or last_listed(sketch) or gold.strip()
