import dataclasses

import pytest

from rewardium.agents.llm.demonstrations import TOOL_ARGUMENTS, TOOL_ENV, DemonstrationConfig, pretrain_tool_policy
from rewardium.agents.llm.tool_evaluation import ToolFigures, evaluate_policy_folder
from rewardium.agents.llm.tool_kinds import evaluate_kinds, figures_by_kind, join
from rewardium.envs.errors import RewardiumError

TINY = DemonstrationConfig(steps=3, batch_size=4, demonstrations=16, hidden_size=32, num_layers=1, num_heads=2)
CONTACTS = {"templates": ("missing_tool",), "max_turns": 2, "prompt_style": "compact"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("policy")
    pretrain_tool_policy(path, dataclasses.replace(TINY, env="rewardium/ToolUse-v0", env_arguments=CONTACTS))
    return path


def test_kinds_add_up() -> None:
    found = figures_by_kind(["b", "a", "b", "c"], [True, False, True, False], [1, 0, 2, 1], [1, 0, 1, 0])
    assert list(found) == ["a", "b", "c"]
    assert found["b"] == ToolFigures(episodes=2, solved=2, calls=3, valid_calls=2)
    assert join(list(found.values())) == ToolFigures(episodes=4, solved=2, calls=4, valid_calls=2)


def test_kinds_together_are_the_whole(folder) -> None:
    options = {"temperature": 1.0, "max_new_tokens": 12, "tasks": 20}
    kinds = evaluate_kinds(folder, "rewardium/ToolUse-v0", CONTACTS, **options)
    assert set(kinds) == {"missing_tool, with the tool", "missing_tool, without the tool"}
    assert join(list(kinds.values())) == evaluate_policy_folder(folder, "rewardium/ToolUse-v0", CONTACTS, **options)


def test_what_no_pupil_knows_or_asks_nothing_is_refused(folder) -> None:
    options = {"temperature": 0.0, "max_new_tokens": 4}
    with pytest.raises(RewardiumError, match="no pupil knows the template 'no_tool'"):
        evaluate_kinds(folder, "rewardium/ToolUse-v0", {"templates": ("no_tool",)}, tasks=2, **options)
    with pytest.raises(RewardiumError, match="at least one task"):
        evaluate_kinds(folder, TOOL_ENV, TOOL_ARGUMENTS, tasks=0, **options)
