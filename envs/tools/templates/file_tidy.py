"""Files to be moved and renamed."""

from __future__ import annotations

from rewardium.envs.tools.calls import ToolCall
from rewardium.envs.tools.template import DONE, Assignment, Dice, Script, Template
from rewardium.envs.tools.templates._invention import words
from rewardium.envs.tools.world import WorldPlan

_ENDINGS = (".log", ".txt", ".csv", ".md")


class FileTidy(Template):
    """Move all files of one kind into a new directory, rename another. Look, make, move, done."""

    name = "file_tidy"
    difficulty = 4
    turns = 4
    toolsets = ("file_system",)

    def draw(self, dice: Dice) -> Assignment:
        """Draw the files, the ending of those to be moved, and the new names."""
        names = [word.lower() for word in words(dice, 9)]
        ending, other = dice.sample(_ENDINGS, 2)
        moved = sorted(name + ending for name in names[: dice.integer(2, 4)])
        kept = [name + dice.pick([e for e in _ENDINGS if e != ending]) for name in names[4:6]]
        old, new, folder = names[6] + other, names[7] + other, f"/archive/{names[8]}"
        files = {f"/inbox/{name}": f"This is {name}." for name in dice.sample([*moved, *kept, old], len(moved) + 3)}
        files[f"/drafts/{names[0]}{ending}"] = "Not in the inbox."
        changes = (
            ToolCall("mkdir", {"path": folder}),
            *(ToolCall("move_path", {"source": f"/inbox/{name}", "destination": folder}) for name in moved),
            ToolCall("move_path", {"source": f"/inbox/{old}", "destination": f"/inbox/{new}"}),
        )
        return Assignment(
            goal=(
                f"Move every file in /inbox whose name ends in {ending} into the new directory {folder}, and rename "
                f"/inbox/{old} to /inbox/{new}. Leave all other files as they are."
            ),
            parameters={"ending": ending, "folder": folder, "old": old, "new": new},
            world=WorldPlan({"file_system": {"files": files, "directories": ["/archive"]}}),
            gold_calls=(ToolCall("ls", {"path": "/inbox"}), *changes),
            changes=changes,
        )

    def script(self, assignment: Assignment) -> Script:
        """List the inbox, make the directory, move what was listed."""
        given = assignment.parameters
        (result,) = yield [ToolCall("ls", {"path": "/inbox"})]
        names = [name for name in result.content["entries"] if name.endswith(given["ending"])]
        yield [ToolCall("mkdir", {"path": given["folder"]})]
        yield [
            *(ToolCall("move_path", {"source": f"/inbox/{n}", "destination": given["folder"]}) for n in names),
            ToolCall("move_path", {"source": f"/inbox/{given['old']}", "destination": f"/inbox/{given['new']}"}),
        ]
        return DONE


TEMPLATE = FileTidy()
