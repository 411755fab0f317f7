from __future__ import annotations

import pytest

from rewardium.agents.llm.chat import Chat
from rewardium.agents.llm.completions import EpisodeCheck, PolicyCompletions
from rewardium.agents.llm.pretraining import SUMS_ARGUMENTS, SUMS_ENV
from rewardium.agents.llm.sampling import SamplingSettings, TransformersSampler
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.learning.step_completion import Written, completion_labels


@pytest.fixture
def complete(policy):
    settings = SamplingSettings(max_new_tokens=12)
    return PolicyCompletions(TransformersSampler(policy), Chat(policy.tokenizer), ["1+2=", "3+4="], settings, 20)


STARTS = [Written(0, ""), Written(1, ""), Written(0, "3"), Written(1, "so 7\n"), Written(0, "")]


def test_completions_are_those_of_their_seed(complete):
    found = complete(STARTS, [1, 2, 3, 4, 1])
    assert found[0] == found[4]
    assert found[::-1] == complete(STARTS[::-1], [1, 4, 3, 2, 1])
    assert [complete([start], [seed])[0] for start, seed in zip(STARTS, [1, 2, 3, 4, 1], strict=True)] == found
    assert complete([STARTS[0]], [99]) != [found[0]]


def test_there_may_be_no_room(complete):
    assert complete([Written(0, "x" * 12), Written(0, "x" * 500)], [0, 0]) == ["", ""]
    assert len(complete([Written(0, "x" * 11)], [0])[0]) <= 1
    assert complete([], []) == []


def test_episodes_tell_right_from_wrong():
    check = EpisodeCheck(SUMS_ENV, SUMS_ARGUMENTS, [5, 6, 7], at_once=2)
    prompts = check.prompts()
    assert len(prompts) == 3
    sums = [sum(map(int, prompt.rstrip("=").split("+"))) for prompt in prompts]
    responses = [Written(task, rf"\boxed{{{sums[task]}}}") for task in (2, 0, 1)]
    assert check([*responses, Written(0, rf"\boxed{{{sums[0] + 1}}}"), Written(1, "\ud800")]) == [1, 1, 1, 0, 0]
    assert check([]) == []


def test_an_episode_of_several_turns_is_refused():
    check = EpisodeCheck("rewardium/ToolUse-v0", {}, [0])
    with pytest.raises(RewardiumError, match="goes on after a response"):
        check([Written(0, '<tool_call>{"name": "add", "arguments": {}}</tool_call>')])


def test_steps_of_a_policy_are_labelled(complete):
    check = EpisodeCheck(SUMS_ENV, SUMS_ARGUMENTS, [0, 1])
    rows = completion_labels(["1+2=", "3+4="], [Written(0, "a\nb"), Written(1, "c\nd")], complete, check, completions=2)
    assert [(row.prompts[0], row.responses) for row in rows] == [("1+2=", ("a\n", "a\nb")), ("3+4=", ("c\n", "c\nd"))]
