from __future__ import annotations

import pytest

from rewardium.envs.errors import RewardiumError
from rewardium.rewards.programs.analysis import analyse
from rewardium.rewards.programs.designers import Rejected
from rewardium.rewards.programs.loop import Round
from rewardium.rewards.programs.round_folder import folder_of, read_rounds, write_design, write_round


@pytest.fixture
def rounds(corridor):
    episodes = tuple(corridor.along("ee", "ww"))
    rejected = (Rejected("import os\n", ("line 1: no\nno", "and no")), Rejected("", ("no answer",)))
    first = Round(1, "def reward(step, memory): ...\n# é\n", rejected, ("a note",), analyse(episodes), episodes)
    return [first, Round(2, "", rejected[1:])]


def test_rounds_come_back(rounds, tmp_path):
    assert read_rounds(tmp_path) == ([], None)
    for turn in rounds:
        write_round(tmp_path, turn)
    assert read_rounds(tmp_path) == (rounds, None)
    folder = folder_of(tmp_path, 1)
    assert (folder / "program.py").read_text(encoding="utf-8") == rounds[0].program
    assert (folder / "rejected-1.py").read_text() == "# Rejected:\n# - line 1: no no\n# - and no\n\nimport os\n"
    assert (folder / "analysis.txt").read_text().startswith("2 episodes: 1 succeeded (50%), 1 died (50%)")


def test_a_round_that_was_begun_comes_back_without_its_outcome(rounds, tmp_path):
    write_round(tmp_path, rounds[0])
    begun = Round(2, "def reward(step, memory): ...\n", rounds[0].rejected, ("a note",))
    write_design(tmp_path, begun)
    assert read_rounds(tmp_path) == (rounds[:1], begun)
    (folder_of(tmp_path, 2) / "design.json").unlink()
    assert read_rounds(tmp_path) == (rounds[:1], None)


@pytest.mark.parametrize(
    ("name", "content"),
    [("round.json", "{}"), ("round.json", "[" * 10**5), ("design.json", "[]"), ("episodes.jsonl", "{}"),
     ("design.json", '{"rejected": [1], "has_program": false, "notes": []}')],
)  # fmt: skip
def test_damaged_rounds_are_told(rounds, tmp_path, name, content):
    write_round(tmp_path, rounds[0])
    (folder_of(tmp_path, 1) / name).write_text(content, encoding="utf-8")
    with pytest.raises(RewardiumError, match=r"round-01|no episode"):
        read_rounds(tmp_path)
