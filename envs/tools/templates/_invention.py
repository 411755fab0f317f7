"""Invented names, people and pages, so that nothing can be known without looking it up."""

from __future__ import annotations

from rewardium.envs.math.templates.problem import Dice

_FIRST = (
    "Tor",
    "Bel",
    "Kar",
    "Mon",
    "Sil",
    "Vas",
    "Gren",
    "Hal",
    "Ost",
    "Dra",
    "Lun",
    "Pel",
    "Rov",
    "Quin",
    "Eld",
    "Fen",
)
_MIDDLE = ("a", "e", "i", "o", "u", "ara", "eno", "iso", "ora", "une")
_LAST = ("vik", "mar", "dun", "ster", "rath", "lo", "berg", "win", "ness", "tham", "gard", "mouth", "lin", "dale")
_GIVEN = ("Ada", "Boris", "Clara", "Dario", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kaori", "Lars", "Mira")
_CRAFTS = ("glass", "paper", "rope", "clocks", "carpets", "bells", "kites", "violins", "lanterns", "barrels")
_DIRECTIONS = ("north", "south", "east", "west")
_FILLER = (
    "The road to it follows the river for a long way and is closed when the snow melts.",
    "Visitors come for the market, which fills the square on the first Saturday of every month.",
    "Its school is known for its choir, and its harbour for the noise of the gulls.",
    "Most houses are built of the grey stone that is quarried nearby.",
    "A small museum behind the station shows old maps and the tools of surveyors.",
    "In winter the lake freezes, and the ferry is replaced by a path over the ice.",
)


def words(dice: Dice, count: int) -> list[str]:
    """Return some different invented proper names.

    Example:
        >>> import numpy as np
        >>> len(set(words(Dice(np.random.default_rng(0)), 5)))
        5
    """
    found: list[str] = []
    while len(found) < count:
        word = dice.pick(_FIRST) + dice.pick(_MIDDLE) + dice.pick(_LAST)
        if word not in found:
            found.append(word)
    return found


def people(dice: Dice, count: int) -> list[str]:
    """Return full names of some people; given names may repeat, surnames do not.

    Example:
        >>> import numpy as np
        >>> len(people(Dice(np.random.default_rng(0)), 3))
        3
    """
    return [f"{dice.pick(_GIVEN)} {surname}" for surname in words(dice, count)]


def email(name: str) -> str:
    """Return the e-mail address of an invented person.

    Example:
        >>> email("Ada Toravik")
        'ada.toravik@example.org'
    """
    return name.lower().replace(" ", ".") + "@example.org"


def phone(dice: Dice) -> str:
    """Return a telephone number that no one has."""
    return f"+41 44 555 {dice.integer(10, 99)} {dice.integer(10, 99)}"


class Town:
    """A town with its page.

    Args:
        name: Its name.
        facts: Its year, inhabitants, height of its tower and craft.
        page: The text of its page.
    """

    FACTS = {  # noqa: RUF012 - never changed
        "year": ("In which year was {} founded?", "was founded in the year"),
        "inhabitants": ("How many inhabitants does {} have?", "has a population of"),
        "tower": ("How many metres high is the tower of {}?", "has a tower whose height in metres is"),
        "craft": ("What do the workshops of {} make?", "has workshops, and what they make is"),
    }

    def __init__(self, name: str, facts: dict[str, str], page: str) -> None:
        self.name, self.facts, self.page = name, facts, page

    @property
    def document(self) -> str:
        """The id of its page."""
        return f"towns/{self.name.lower()}"

    def question(self, fact: str) -> str:
        """Ask for one of its facts."""
        return self.FACTS[fact][0].format(self.name)


def towns(dice: Dice, count: int) -> list[Town]:
    """Return some towns, each of whose pages also names another town.

    Example:
        >>> import numpy as np
        >>> found = towns(Dice(np.random.default_rng(0)), 3)
        >>> all(read_fact(town.page, town.name, fact) == town.facts[fact] for town in found for fact in Town.FACTS)
        True
    """
    names = words(dice, count)
    return [_town(dice, name, names[(index + 1) % count]) for index, name in enumerate(names)]


def _town(dice: Dice, name: str, neighbour: str) -> Town:
    facts = {
        "year": str(dice.integer(1100, 1890)),
        "inhabitants": str(dice.integer(1200, 98_000)),
        "tower": str(dice.integer(21, 180)),
        "craft": dice.pick(_CRAFTS),
    }
    told = [f"{name} {Town.FACTS[fact][1]} {value}." for fact, value in facts.items()]
    distance = f"{neighbour} lies {dice.integer(3, 40)} km to the {dice.pick(_DIRECTIONS)}."
    sentences = dice.sample([*told, *dice.sample(_FILLER, 3), distance], 8)
    return Town(name, facts, f"{name} is a town. {' '.join(sentences)}")


def read_fact(page: str, name: str, fact: str) -> str:
    """Read a fact out of a town's page; empty where it is not there."""
    return page.partition(f"{name} {Town.FACTS[fact][1]} ")[2].partition(".")[0]
