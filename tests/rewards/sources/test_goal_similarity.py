from __future__ import annotations

import numpy as np
import pytest

from rewardium import rewards
from rewardium.envs.caption import Caption
from rewardium.envs.errors import RewardiumError
from rewardium.envs.task import Task
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.sources.goal_similarity import GoalSimilarity

MAP = "|....|\n|.@(.|\n|....+"


def batch(*texts, goals=None):
    tasks = goals or [None] * len(texts)
    return TransitionBatch.from_transitions(
        [
            Transition("", "", "", text=text, task=None if goal is None else Task(goal))
            for text, goal in zip(texts, tasks, strict=True)
        ]
    )


def caption(message):
    return Caption(message, "kick", ("+ k - a door",), "HP 12/12", MAP).text()


def values(source, rows):
    score = source.score(rows)
    return [round(v, 3) if ok else None for v, ok in zip(score.value.tolist(), score.valid.tolist(), strict=True)]


@pytest.mark.parametrize(
    ("message", "threshold", "expected"),
    [
        ("This door is locked.", 0.5, 0.5),  # one of two words on either side
        ("This door is locked.", 0.51, 0.0),
        ("Pick up the key!", 0.5, 1.0),
        ("You see here a key.", 0.5, 0.5),
        ("You see here a silver bell.", 0.0, 0.0),
        ("", 0.0, 0.0),
        ("", -1.0, 0.0),
    ],
)
def test_the_nearest_goal_is_paid_where_it_reaches_the_threshold(message, threshold, expected):
    source = GoalSimilarity(("open the door", "pick up the key"), threshold=threshold)
    assert values(source, batch(message, caption(message))) == [expected, expected]


def test_only_the_message_of_a_caption_counts_unless_the_text_is_asked_for():
    goals = ("kick the door",)
    assert values(GoalSimilarity(goals), batch(caption("Ouch!"))) == [0.0]
    assert values(GoalSimilarity(goals, part="text", threshold=0.1), batch(caption("Ouch!")))[0] > 0.1


def test_the_task_gives_the_goal():
    rows = batch("The door opens.", "The door opens.", "You wait.", None, "The door opens.", goals=[
        "open the door", "the door opens", "wait", "wait", " ",
    ])  # fmt: skip
    source = GoalSimilarity(threshold=0.4)
    assert source.needs == {"text", "task"}
    assert values(source, rows) == [0.5, 1.0, 1.0, None, None]
    assert source.score(rows).reasons[3:] == ["the row has no text", "the task has no goal"]


def test_given_goals_need_no_task():
    source = GoalSimilarity(goals="open the door")
    assert source.needs == {"text"}
    assert values(source, batch("Open the door!", None)) == [1.0, None]


@pytest.mark.parametrize("encoder", ["bow", "hash"])
def test_a_row_has_its_score_in_any_batch(encoder):
    texts = ["The door opens.", "", "You see here a key.", "x" * 100_000, "\ud800"]
    source = GoalSimilarity(("open the door", "find a key"), encoder=encoder, threshold=0.1)
    whole = values(source, batch(*texts))
    assert values(source, batch(*reversed(texts))) == whole[::-1]
    assert [values(source, batch(text))[0] for text in texts] == whole


def test_a_sentence_encoder_of_transformers(tmp_path):
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "open", "the", "door", "opens", "you", "wait", "."]
    (tmp_path / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    torch.manual_seed(1)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(tokens), max_position_embeddings=32, **sizes)).save_pretrained(tmp_path)
    BertTokenizerFast(vocab=str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    source = rewards.parse(f"goal_similarity(goals=['open the door'], encoder={str(tmp_path)!r}, threshold=0.99)")
    assert values(source, batch("open the door", "", None, "you wait")) == [1.0, 0.0, None, 0.0]


def test_each_goal_is_paid_once_with_milestones():
    reward = rewards.parse(
        "milestones([goal_similarity(goals=['open the door']), goal_similarity(goals=['pick up the key'])])"
    )
    state = rewards.RewardState()
    steps = ["Open the door", "Open the door", "Pick up the key", "You wait."]
    assert [float(reward.evaluate(batch(text), state).value[0]) for text in steps] == [1.0, 0.0, 1.0, 0.0]


def test_expression_and_yaml():
    reward = rewards.parse("0.5 * goal_similarity(goals=['open the door', 'it\\'s \"odd\"'], threshold=0.3)")
    assert rewards.parse(str(reward)) == reward
    assert rewards.from_yaml(rewards.to_yaml(reward)) == reward


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"goals": ["", "a"]}, "'goals' must be a list of sentences"),
        ({"goals": [3]}, "'goals' must be a list of sentences"),
        ({"goals": 3}, "'goals' must be a list of sentences"),
        ({"goals": ["a", "a "]}, "each different"),
        ({"threshold": 1.5}, "'threshold'"),
        ({"threshold": np.nan}, "'threshold'"),
        ({"threshold": True}, "'threshold'"),
        ({"part": "map"}, "'message' or 'text'"),
        ({"encoder": ""}, "sentence encoder"),
    ],
)
def test_parameters(arguments, complaint):
    with pytest.raises(RewardiumError, match=complaint):
        rewards.make("goal_similarity", **arguments)
