"""Come nearer to the stairs than ever before in the episode, and do not die."""

import re

DEATH = re.compile(r"you die|killed by|burn to a crisp|molten lava", re.IGNORECASE)


def places(rows, character):
    """Return where a character stands on the map."""
    return [(x, y) for y, row in enumerate(rows) for x, found in enumerate(row) if found == character]


def distance(a, b):
    """Return how many steps lie between two places where nothing is in the way."""
    return max(abs(a[0] - b[0]), abs(a[1] - b[1]))


def progress(heroes, stairs, memory):
    """Return 1 where the hero is nearer to the stairs than ever before in the episode."""
    if not heroes or not stairs:
        return 0
    now, best = distance(heroes[0], stairs[0]), memory.get("best")
    memory["best"] = now if best is None else min(now, best)
    return 1 if best is not None and now < best else 0


def reward(step, memory):
    """Pay for progress and for the end, and charge a death."""
    if DEATH.search(step["message"]):
        return {"sparse": -1, "dense": -1}
    rows = step["map"].split("\n")
    dense = progress(places(rows, "@"), places(rows, ">"), memory)
    return {"sparse": 1 if step["terminated"] else 0, "dense": dense}
