"""Pick up the key, open the door, push boulders into the water: each is paid once or a few times, the end most."""

import re

DEATH = re.compile(r"you die|killed by|burn to a crisp|drown", re.IGNORECASE)


def first(memory, what, times=1):
    """Return 1 for the first times that something happens in an episode, later 0."""
    memory[what] = memory.get(what, 0) + 1
    return 1 if memory[what] <= times else 0


def reward(step, memory):
    """Pay for the milestones of a task with a key and a river."""
    message = step["message"]
    dense = 0
    if any(line.startswith("+") and "key" in line for line in step["inventory"]):
        dense = max(dense, first(memory, "key"))
    if "door opens" in message:
        dense = max(dense, first(memory, "door"))
    if "boulder into the water" in message:
        dense = max(dense, first(memory, "water", 3))
    if ">" in step["map"]:
        dense = max(dense, first(memory, "stairs"))
    sparse = 1 if step["terminated"] and not DEATH.search(message) else 0
    return {"sparse": sparse, "dense": dense}
