from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode

from rewardium.agents.llm.character import character_tokenizer
from rewardium.agents.llm.chat import Chat
from rewardium.agents.llm.rollout import collect
from rewardium.agents.llm.sampling import Completion, SamplingSettings
from rewardium.envs.errors import RewardiumError
from rewardium.envs.text import make_text_vec
from rewardium.rewards.source import Segment
from rewardium.rewards.vector import DenseVectorReward

TOKENIZER = character_tokenizer()
SUMS = {"num_steps": 1, "operators": "+", "operand_kinds": ("integer",), "compact": True, "prompt": "{expression}="}


class Script:
    """A sampler that says what it is told, and keeps what it was asked."""

    def __init__(self, *turns, end=True):
        self.turns = list(turns)
        self.end = end
        self.calls = []

    def generate(self, prompt_ids, settings, *, seeds, limits=None):
        self.calls.append(([list(prompt) for prompt in prompt_ids], list(seeds), list(limits)))
        texts = self.turns.pop(0)
        completions = []
        for text, limit in zip(texts, limits, strict=True):
            ids = TOKENIZER(text).input_ids + ([TOKENIZER.eos_token_id] if self.end else [])
            ids = ids[: min(limit, settings.max_new_tokens)]
            completions.append(Completion(ids, [-0.5 * (i + 1) for i in range(len(ids))], self.end))
        return completions


class Countdown(gym.vector.VectorEnv):
    """Row i ends after i + 1 turns; what is paid, and how, is given for each turn."""

    metadata = {"autoreset_mode": AutoresetMode.DISABLED}  # noqa: RUF012 - Gymnasium's own shape

    def __init__(self, num_envs, rewards, valid=None, segments=None):
        self.num_envs, self.rewards, self.valid, self.segments = num_envs, rewards, valid, segments
        self.actions = []

    def reset(self, *, seed=None, options=None):
        self.turn, self.done = 0, np.zeros(self.num_envs, dtype=bool)
        return tuple(f"task {number}:" for number in seed), {}

    def step(self, actions):
        self.actions.append(actions)
        live = ~self.done
        rewards = np.where(live, self.rewards[self.turn], 0.0)
        infos = {"success": live.copy(), "_success": live}
        if self.valid is not None:
            infos |= {"reward_valid": np.array(self.valid[self.turn]) & live, "_reward_valid": live}
        if self.segments is not None:
            column = np.full(self.num_envs, None, dtype=object)
            for row, segments in enumerate(self.segments[self.turn]):
                column[row] = segments
            infos |= {"reward_segments": column, "_reward_segments": live}
        self.turn += 1
        self.done = self.done | (np.arange(self.num_envs) < self.turn)
        replies = tuple("" if done else f"reply {self.turn}" for done in self.done)
        return replies, rewards, self.done.copy(), np.zeros(self.num_envs, dtype=bool), infos


def play(sampler, venv, *, new_tokens=16, **arguments):
    seeds = arguments.pop("task_seeds", list(range(venv.num_envs)))
    return collect(
        sampler,
        Chat(TOKENIZER),
        venv,
        SamplingSettings(max_new_tokens=new_tokens),
        task_seeds=seeds,
        sampling_seeds=[100 + 10 * row for row in range(venv.num_envs)],
        **{"context_length": 512, **arguments},
    )


def test_columns_of_a_conversation():
    sampler = Script(["ab", "c"], ["de"])
    venv = Countdown(2, rewards=[[1.0, 0.0], [9.0, 2.0]])
    rollout = play(sampler, venv)
    eos, reply = TOKENIZER.eos_token_id, TOKENIZER("\nreply 1\n").input_ids
    first, second = TOKENIZER("ab").input_ids, [*TOKENIZER("c").input_ids, eos]
    third = [*TOKENIZER("de").input_ids, eos]
    assert rollout.prompt_ids == [TOKENIZER("task 0:").input_ids, TOKENIZER("task 1:").input_ids]
    assert rollout.lengths.tolist() == [3, len(second + reply + third)]
    assert rollout.token_ids[0, :3].tolist() == [*first, eos]
    assert rollout.token_ids[1].tolist() == second + reply + third
    expected = [True] * 2 + [False] * len(reply) + [True] * 3
    assert rollout.action_mask[1].tolist() == expected
    assert not rollout.action_mask[0, 3:].any()
    assert rollout.turns[1][rollout.action_mask[1]].tolist() == [0, 0, 1, 1, 1]
    assert (rollout.turns[~rollout.action_mask] == -1).all()
    assert rollout.logprobs[1][rollout.action_mask[1]].tolist() == [-0.5, -1.0, -0.5, -1.0, -1.5]
    assert not rollout.logprobs[~rollout.action_mask].any()
    # Row 0 ended before the second turn, whose 9.0 is not its own; a turn that pays 0 is a turn all the same.
    assert rollout.returns.tolist() == [1.0, 2.0]
    assert rollout.rewards[0, 2] == 1.0
    assert rollout.rewards[1, -1] == 2.0
    assert rollout.rewards.sum() == 3.0
    assert rollout.conversations[1] == ["task 1:", "c", "reply 1", "de"]
    assert venv.actions == [("ab", "c"), (None, "de")]
    # The second prompt is what was sampled before, token for token.
    assert sampler.calls[1][0] == [rollout.prompt_ids[1] + second + reply]
    assert sampler.calls[1][1] == [111]
    assert rollout.success.tolist() == [True, True]
    assert not rollout.truncated.any()


def test_segments_are_paid_where_they_end():
    segments = [[(Segment(0, 1, 0.25), Segment(1, 3, -0.5)), ()]]
    rollout = play(Script(["abc", "xyz"], ["u"]), Countdown(2, [[1.0, 1.0], [0, 0]], segments=segments * 2))
    assert rollout.rewards[0, :4].tolist() == [0.25, 0.0, -0.5, 1.25]  # the rest at the end token
    assert rollout.rewards[1, :4].tolist() == [0.0, 0.0, 0.0, 1.0]
    torch.testing.assert_close(rollout.rewards.sum(1).double(), rollout.returns)


def test_an_episode_is_valid_when_one_of_its_turns_was():
    valid = [[False, False, False], [False, True, False], [False, False, False]]
    texts = [["a"] * 3, ["b"] * 2, ["c"]]
    rollout = play(Script(*texts), Countdown(3, [[0.0] * 3] * 3, valid=valid))
    assert rollout.valid.tolist() == [False, True, False]


def test_a_spent_budget_truncates():
    rollout = play(Script(["abcdefgh"], end=False), Countdown(1, [[0.0]]), new_tokens=4)
    assert rollout.lengths.tolist() == [4]
    assert not rollout.truncated.any()  # the environment ended by itself
    rollout = play(Script(["a", "abcdef"], ["b"]), Countdown(2, [[1.0, 1.0]] * 2), max_episode_tokens=12)
    # Row 1: 7 tokens and a reply of 9 leave no room; its second turn never happens.
    assert rollout.truncated.tolist() == [False, True]
    assert rollout.lengths.tolist() == [2, 7]
    assert rollout.returns.tolist() == [1.0, 1.0]
    rollout = play(Script(["a"] * 2, ["b"]), Countdown(2, [[0.0] * 2] * 2), max_turns=1)
    assert rollout.truncated.tolist() == [False, True]
    sampler = Script(["abc"])
    play(sampler, Countdown(1, [[0.0]]), context_length=9)
    assert sampler.calls[0][2] == [2]  # the prompt takes 7


def test_no_room_and_wrong_seeds_are_refused():
    with pytest.raises(RewardiumError, match="no room"):
        play(Script(["a"]), Countdown(1, [[0.0]]), context_length=7)
    with pytest.raises(RewardiumError, match="2 environments need as many seeds"):
        play(Script(["a"]), Countdown(2, [[0.0]]), task_seeds=[1])


def test_a_registered_environment_with_a_composed_reward():
    venv = make_text_vec("rewardium/RandomCalculation-v0", 4, autoreset_mode=AutoresetMode.DISABLED, **SUMS)
    venv = DenseVectorReward(venv, "verify + 0.5 * format")
    _, infos = venv.reset(seed=[5, 5, 6, 6])
    right = infos["task"][0].reference
    answers = [f"\\boxed{{{right}}}", "nothing", "\\boxed{-1}", "nothing"]
    rollout = play(Script(answers), venv, task_seeds=[5, 5, 6, 6])
    assert rollout.returns.tolist() == [1.5, 0.0, 0.5, 0.0]
    assert rollout.success.tolist() == [True, False, False, False]
    assert rollout.group.tolist() == [0, 0, 1, 1]
    assert rollout.valid.all()
    assert set(rollout.ledgers[0]) >= {"verify", "format"}
    shown = rollout.episodes(1)[0]
    assert shown["response"] == answers[0]
    assert shown["success"] is True
