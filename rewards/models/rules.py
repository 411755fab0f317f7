"""The rules of the scripted judges that ship."""

from __future__ import annotations

import hashlib
import re

from rewardium.envs.caption import message_of
from rewardium.rewards.annotation.question import frame_of, parts_of
from rewardium.rewards.models.judge import JudgeError
from rewardium.rewards.models.scripted import scripted_rule


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


# Each alternative is a literal or ends within a few words, so that matching takes linear time on any message.
_HELPFUL = (
    _any(r"\bkeys?\b"),
    _any(r"\bunlock(?:ed|ing)?\b", "succeed in", r"the (?:door|chest|box) opens", "crashes open"),
    _any(r"\bstaircase\b", r"\bstairs\b", r"\bladder\b"),
    _any(r"you (?:kill|destroy)", "welcome to experience level"),
    _any(r"you (?:find|discover) a hidden", "with great effort you move"),
    _any(r"^[a-z$] - ", r"\bgold pieces?\b", r"you see here"),
    _any(r"is delicious", r"you finish eating", r"you feel (?:better|much better|strong|healthy|a hopeful feeling)"),
    _any(r"you (?:are now|begin) (?:wearing|levitat)", r"you float up", r"\bnow wielding\b", r"weapon in hand"),
)
_UNHELPFUL = (
    _any(r"it's a wall", r"solid stone", r"you stop\b", r"in vain", r"there is nothing", r"you don't have"),
    _any(
        r"(?:door|it|this) is locked",
        r"you can't",
        r"you cannot",
        r"never mind",
        r"unknown command",
        r"nothing happens",
    ),
    _any(
        r"you die", r"killed by", r"you (?:drown|burn|fall|starve)", r"\bhits!", r"\bbites!", r"you (?:miss|are hungry)"
    ),
    _any(r"you are (?:beginning to feel )?(?:hungry|weak|fainting)", r"do you want your possessions"),
)

# A subgoal with all of these words is achieved by a move whose message or inventory shows that.
_EVIDENCE = (
    (_any(r"unlock"), _any(r"you succeed in (?:unlocking|picking)", r"you unlock", r"\bklick\b")),
    (_any(r"open .{0,20}door", r"open .{0,20}(?:chest|box)"), _any(r"\bopens\b", r"crashes open", r"you open")),
    (_any(r"stair", r"\bexit\b", r"\bladder\b"), _any(r"there is a (?:staircase|ladder)", r"\bstairs\b", r"you climb")),
    (_any(r"\bkill", r"\bdefeat", r"\bslay"), _any(r"you (?:kill|destroy|defeat)")),
    (_any(r"\beat\b"), _any(r"is delicious", r"you finish eating", r"tastes?\b", r"this .{0,40} is ")),
    (_any(r"\bpray"), _any(r"you begin praying", r"you feel (?:that|a hopeful feeling)")),
    (_any(r"\bwear\b", r"\bput on\b"), _any(r"you are now wearing", r"\(being worn\)", r"\(on (?:left|right) hand\)")),
    (_any(r"\bwield"), _any(r"weapon in hand", r"now wielding")),
    (_any(r"\bzap\b"), _any(r"you zap", r"\bbolt\b", r"\bray\b", r"wand .{0,20}too worn out")),
    (_any(r"\bread\b"), _any(r"as you read", r"the scroll .{0,20}disappears")),
    (_any(r"\bboulder"), _any(r"with great effort you move", r"the boulder .{0,20}(?:fills|sinks|falls)")),
    (_any(r"\blevitat", r"\bfloat"), _any(r"you float up", r"you are .{0,20}levitating")),
)
_PICK_UP = _any(r"\bpick(?:ed|ing)? up\b", r"\bget\b", r"\bfind\b", r"\bcollect", r"\btake\b")
_SMALL_WORDS = frozenset(
    {"a", "an", "the", "of", "to", "up", "get", "pick", "picked", "picking", "find", "collect", "take", "it", "your"}
)
_INVENTORY = re.compile(r"^Inventory:[ \t]*(.*)$", re.MULTILINE)
_WORD = re.compile(r"[a-z]+")
_GAINED = re.compile(r"^(?:\+ )?[a-zA-Z$] - ")


def helpfulness(message: str) -> int:
    """Return how much good a message of NetHack brings: the kinds of good news less the kinds of bad news.

    Args:
        message: A message, or a caption that contains one.

    Example:
        >>> helpfulness("k - a key."), helpfulness("You stop. Your kitten is in the way."), helpfulness("")
        (2, -1, 0)
    """
    message = message_of(message)
    good = sum(pattern.search(message) is not None for pattern in _HELPFUL)
    return good - sum(pattern.search(message) is not None for pattern in _UNHELPFUL)


def achieved(subgoal: str, caption: str) -> bool:
    """Say whether a move achieved a subgoal, by what its message and the change of the inventory show.

    Args:
        subgoal: E.g. ``"pick up the key"``, ``"open the door"``, ``"reach the stairs"``.
        caption: The caption of the move.

    Returns:
        Whether the evidence for this kind of subgoal is there. False for a kind that no rule knows.

    Example:
        >>> from rewardium.envs.caption import Caption
        >>> move = Caption("k - a key.", "pickup", inventory=("+ k - a key",)).text()
        >>> achieved("pick up the key", move), achieved("unlock the door", move)
        (True, False)
    """
    inventory = _INVENTORY.search(caption)
    changes = [] if inventory is None else inventory.group(1).split("; ")
    shown = "\n".join([message_of(caption), *changes])
    for wanted, evidence in _EVIDENCE:
        if wanted.search(subgoal):
            return evidence.search(shown) is not None
    if not _PICK_UP.search(subgoal):
        return False
    things = set(_WORD.findall(subgoal.lower())) - _SMALL_WORDS
    gained = [line.lower() for line in shown.split("\n") if _GAINED.match(line)]
    return bool(things) and any(things <= set(_WORD.findall(line)) for line in gained)


@scripted_rule("keyword")
def keyword(prompt: str) -> tuple[str, ...]:
    """Answer the shipped questions about NetHack by words in the messages.

    Whether a prompt asks for helpful or unhelpful, for first, second or none, or for yes or no, is read in the
    question's own words and never in the item.
    """
    asked = set(_WORD.findall(frame_of(prompt).lower()))
    parts = parts_of(prompt)
    if {"first", "second", "none"} <= asked and len(parts) >= 2:
        difference = helpfulness(parts[0]) - helpfulness(parts[1])
        answer = "first" if difference > 0 else "second" if difference < 0 else "none"
        return _with_others(answer, "first", "second", "none")
    if "unhelpful" in asked and parts:
        return _with_others("helpful" if helpfulness(parts[-1]) > 0 else "unhelpful", "helpful", "unhelpful")
    if {"yes", "no"} <= asked and len(parts) >= 2:
        return _with_others("yes" if achieved(parts[0], parts[-1]) else "no", "yes", "no")
    return ("I do not know this question.",)


@scripted_rule("nonsense")
def nonsense(prompt: str) -> str:
    """Answer what no question allows: an empty text, a ramble, or every word at once; always the same for a prompt."""
    digest = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).digest()
    return ("", "Well, that depends.", "helpful unhelpful first second yes no", "Answer:", "\x00<<<>>>")[digest[0] % 5]


@scripted_rule("dead")
def dead(prompt: str) -> str:
    """Answer nothing, like a server that is down."""
    raise JudgeError("the scripted judge 'dead' cannot be reached")


def _with_others(answer: str, *allowed: str) -> tuple[str, ...]:
    return (answer, *(word for word in allowed if word != answer))
