import json
import re

import pytest

from rewardium.agents.catalogue import counts, progress
from rewardium.agents.llm import objectives
from rewardium.envs.catalogue import papers
from rewardium.envs.errors import RewardiumError
from rewardium.rewards import registry


def test_every_paper_is_listed_once_with_what_implements_it(tmp_path):
    rows = progress(tmp_path)
    assert [row.paper.key for row in rows] == list(papers())
    for row in rows:
        assert row.state == ("implemented" if row.by else "not yet")
    by = {row.paper.name: row.by for row in rows}
    assert by["RandomCalculation"] == ("environment rewardium/RandomCalculation-v0",)
    assert by["ArCHer"] == ("credit turn_critic",)
    assert "objective raft" in by["RAFT"]
    assert "reward oni" in by["ONI"]
    assert counts(rows)["implemented"] >= 40


def test_what_is_named_exists(tmp_path):
    known = {f"reward {name}" for name in registry.names()} | {
        f"objective {name}" for name in objectives.objective_names()
    }
    for row in progress(tmp_path):
        for what in row.by:
            if what.startswith(("reward ", "objective ")):
                assert what in known


def test_what_implements_a_paper_says_so_in_its_docstring(tmp_path):
    for row in progress(tmp_path):
        for what in row.by:
            kind, _, name = what.partition(" ")
            if kind not in ("reward", "objective"):
                continue
            thing = registry.get(name) if kind == "reward" else objectives._OBJECTIVES.get(name)
            said = re.sub(r"\W+", " ", thing.__doc__ or "").lower()
            title = re.sub(r"\W+", " ", row.paper.title).lower()
            system = re.sub(r"\W+", " ", row.paper.name).lower()
            first_words = " ".join(title.split()[:4])
            assert first_words in said or any(word in said for word in system.split() if len(word) > 2), what


def test_a_result_makes_a_paper_reproduced(tmp_path):
    (tmp_path / "B15.json").write_text(json.dumps({"verdict": "does not hold"}))
    states = {row.paper.key: row.state for row in progress(tmp_path)}
    assert states["B15"] == "reproduced"
    assert states["A1"] == "implemented"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"verdict": 1}', "\xff"])
def test_what_is_no_result_is_told(tmp_path, text):
    (tmp_path / "B15.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(RewardiumError, match=r"B15\.json is no result"):
        progress(tmp_path)


def test_a_result_of_something_that_is_not_there_is_refused(tmp_path):
    missing = next(row.paper.key for row in progress(tmp_path) if row.state == "not yet")
    (tmp_path / f"{missing}.json").write_text(json.dumps({"verdict": "holds"}))
    with pytest.raises(RewardiumError, match="nothing implements"):
        progress(tmp_path)
