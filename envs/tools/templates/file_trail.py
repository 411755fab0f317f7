"""A trail through files, each of which names the next."""

from __future__ import annotations

from itertools import pairwise

from rewardium.envs.tools.calls import ToolCall
from rewardium.envs.tools.template import Assignment, Dice, Script, Template
from rewardium.envs.tools.templates._invention import words
from rewardium.envs.tools.world import WorldPlan

_FOLDERS = ("/attic", "/cellar", "/garden", "/hall")
_NEXT, _LAST = "Go on to ", "The password is "


class FileTrail(Template):
    """Five files one after the other, then the answer: six turns. Other trails lead to other passwords."""

    name = "file_trail"
    difficulty = 4
    turns = 6
    toolsets = ("file_system",)

    def draw(self, dice: Dice) -> Assignment:
        """Draw three trails of five files; one of them is asked for."""
        names = words(dice, 18)
        paths = [f"{dice.pick(_FOLDERS)}/{name.lower()}.txt" for name in names[:15]]
        trails = [paths[start : start + 5] for start in (0, 5, 10)]
        files = {}
        for trail, password in zip(trails, names[15:], strict=True):
            files.update({path: f"{_NEXT}{after}." for path, after in pairwise(trail)})
            files[trail[-1]] = f"{_LAST}{password.lower()}."
        return Assignment(
            goal=(
                f"The file {trails[0][0]} names the next file to read, that one the next, and so on. The last one "
                "holds a password. What is it?"
            ),
            parameters={"start": trails[0][0]},
            world=WorldPlan({"file_system": {"files": files}}),
            gold_calls=tuple(ToolCall("read_file", {"path": path}) for path in trails[0]),
            reference=names[15].lower(),
        )

    def script(self, assignment: Assignment) -> Script:
        """Read on until there is no next file."""
        path = assignment.parameters["start"]
        while True:
            (result,) = yield [ToolCall("read_file", {"path": path})]
            text = result.content["text"].removesuffix(".")
            if text.startswith(_LAST):
                return str(text.removeprefix(_LAST))
            path = text.removeprefix(_NEXT)


TEMPLATE = FileTrail()
