"""A designer without a model: proposals of rising quality, so that the whole loop can be seen and tested offline.

It stands in for a language model that learns from what it is told: it writes nonsense first, gives up what the critic
rejects, and thinks of lava when the analyser speaks of it. It shows that the loop works, and nothing about models.
"""

from __future__ import annotations

from dataclasses import dataclass

from rewardium.rewards.programs.designers import DesignRequest

BROKEN = """\
def reward(step, memory):
    return {"sparse": 1 if step["terminated"] else 0, "dense": (1}
"""
"""Cannot be read."""

NOT_A_NUMBER = """\
def reward(step, memory):
    progress = float("nan")
    return {"sparse": 1 if step["terminated"] else 0, "dense": progress}
"""
"""Says what no one can pay."""

WRONG_KEY = """\
def reward(step, memory):
    text = step.get("observation_text", "")
    return {"sparse": 1 if "stairs" in text else 0, "dense": 1 if "key" in text else 0}
"""
"""Looks for what a step does not have."""

_COMMON = '''\
import re

DEATH = re.compile(r"you die|killed by|burned|burn to a crisp|drown|molten lava", re.IGNORECASE)


def places(rows, character):
    """Return where a character stands on the map."""
    return [(x, y) for y, row in enumerate(rows) for x, found in enumerate(row) if found == character]


def distance(a, b):
    """Return how many steps lie between two places."""
    return max(abs(a[0] - b[0]), abs(a[1] - b[1]))


def progress(heroes, stairs, memory):
    """Say whether the hero is nearer to the stairs than ever before in the episode, or has moved somewhere new."""
    if not heroes:
        return 0
    hero = heroes[0]
    if stairs:
        now = distance(hero, stairs[0])
        best = memory.get("best")
        memory["best"] = now if best is None else min(now, best)
        return 1 if best is not None and now < best else 0
    place = f"{hero[0]},{hero[1]}"
    seen = memory.setdefault("seen", [])
    if place in seen or len(seen) > 200:
        return 0
    seen.append(place)
    return 1
'''

STAIRS = f'''\
"""Find the stairs: pay for the end of the episode, and on the way for coming nearer to the staircase."""
{_COMMON}

def reward(step, memory):
    rows = step["map"].split("\\n")
    sparse = 1 if step["terminated"] and not DEATH.search(step["message"]) else 0
    return {{"sparse": sparse, "dense": progress(places(rows, "@"), places(rows, ">"), memory)}}
'''
"""Pays for coming nearer to the stairs, and knows of no danger."""

LAVA = f'''\
"""Find the stairs and keep out of the lava: dying costs, and so does a step to a place beside lava (or water)."""
{_COMMON}

def beside(heroes, danger):
    return any(distance(hero, place) <= 1 for hero in heroes for place in danger)


def reward(step, memory):
    rows = step["map"].split("\\n")
    heroes, stairs = places(rows, "@"), places(rows, ">")
    dense = progress(heroes, stairs, memory)
    if DEATH.search(step["message"]):
        return {{"sparse": -1, "dense": -1}}
    if dense == 0 and beside(heroes, places(rows, "}}")):
        dense = -1
    return {{"sparse": 1 if step["terminated"] else 0, "dense": dense}}
'''
"""The same with a penalty for dying, and one for lingering beside lava."""

FIRST_PROPOSALS = (BROKEN, NOT_A_NUMBER, WRONG_KEY, STAIRS)
"""What is proposed until the analyser speaks of lava, one after the other."""


@dataclass(frozen=True)
class ScriptedDesigner:
    """Proposes ``FIRST_PROPOSALS`` one after the other, and ``LAVA`` from when the feedback tells of deaths by lava.

    Example:
        >>> designer = ScriptedDesigner()
        >>> "lava" in designer.propose(DesignRequest("Reach the stairs.")).split("def reward")[1]
        False
        >>> told = DesignRequest("Reach the stairs.", STAIRS, "Deaths by cause: lava 7 (100% of the deaths).")
        >>> "penalty" in designer.propose(told)
        True
    """

    @property
    def name(self) -> str:
        """``"scripted"``."""
        return "scripted"

    def propose(self, request: DesignRequest) -> str:
        """Answer from what the request says alone: the same request gets the same answer."""
        if _tells_of_lava(request.feedback) or request.previous == LAVA:
            return _answer("Agents died in lava, so there is a penalty for it.", LAVA)
        if request.previous:
            return _answer("Nothing speaks against the program of the last round.", request.previous)
        number = min(len(request.rejected), len(FIRST_PROPOSALS) - 1)
        return _answer(f"Proposal {number + 1}.", FIRST_PROPOSALS[number])


def _tells_of_lava(feedback: str) -> bool:
    return any(line.startswith("Deaths by cause:") and "lava" in line for line in feedback.splitlines())


def _answer(words: str, program: str) -> str:
    return f"{words}\n\n```python\n{program}```\n"
