"""Use the wand or the horn, freeze lava, kill monsters, see the stairs: each is paid once, the end most."""

import re

DEATH = re.compile(r"you die|killed by|burn to a crisp|molten lava|do you want your possessions", re.IGNORECASE)
USED = re.compile(r"in what direction|the bolt of cold|the lava (?:cools|freezes|hardens)|improvise", re.IGNORECASE)
FROZEN = re.compile(r"the lava (?:cools|freezes|hardens)|bolt of cold", re.IGNORECASE)
KILLED = re.compile(r"you (?:kill|destroy) ", re.IGNORECASE)


def first(memory, what, times=1):
    """Return 1 for the first times that something happens in an episode, later 0."""
    memory[what] = memory.get(what, 0) + 1
    return 1 if memory[what] <= times else 0


def reward(step, memory):
    """Pay for the milestones of the quest, and charge a death."""
    message = step["message"]
    if DEATH.search(message):
        return {"sparse": -1, "dense": -1}
    dense = 0
    for what, pattern in (("used", USED), ("frozen", FROZEN), ("killed", KILLED)):
        if pattern.search(message):
            dense = max(dense, first(memory, what, 2))
    if ">" in step["map"]:
        dense = max(dense, first(memory, "stairs"))
    return {"sparse": 1 if step["terminated"] else 0, "dense": dense}
