"""The script that trains flows, from data to a reward by name."""

from __future__ import annotations

import importlib
import json

import pytest
from rich.console import Console

from rewardium import rewards
from rewardium.envs.errors import RewardiumError
from rewardium.envs.transition import Transition, TransitionBatch
from rewardium.rewards.learning.flow_model import FlowSettings
from rewardium.rewards.learning.flow_training import FlowTraining
from rewardium.rewards.learning.preference_data.comparison import Comparison
from rewardium.rewards.sources._likelihood import example_model


@pytest.fixture
def script():
    return importlib.import_module("train_flow")


def test_what_is_good(script):
    rows = [
        Comparison.of("a", ["x", "y", "z"], scores=[0.0, 1.0, 0.6]),
        Comparison.of("b", ["x", "y"], 0.0),
        Comparison.of("c", ["x", "y"], 0.5),
    ]
    assert list(script.good_responses(rows, 0.5)) == [("a", "y"), ("a", "z"), ("b", "y")]


def test_from_data_to_a_reward(script, tmp_path):
    lines = [{"prompt": f"{n}+{n}=", "responses": [str(2 * n), "no"], "scores": [1, 0]} for n in range(20)]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    settings, training = FlowSettings(depths=(1.0,), width=8, blocks=1), FlowTraining(steps=3, batch_tokens=16)
    config = script.Config(
        example_model().name, tmp_path / "flow", (tmp_path / "data.jsonl",), settings=settings, training=training
    )
    assert script.run(config, Console(quiet=True)) == 0
    reward = rewards.parse(f"verify + top_segments(rlfr(path='{tmp_path / 'flow'}', context='turn'))")
    batch = TransitionBatch.from_transitions([Transition("", "1+1=", "2 or so")])
    outcome = reward.evaluate(batch, rewards.RewardState())
    assert outcome.valid.tolist() == [True]
    assert -0.15 <= outcome.value[0] < 0.0


def test_without_data_there_is_nothing_to_learn(script, tmp_path):
    with pytest.raises(RewardiumError, match="--data"):
        script.run(script.Config(example_model().name, tmp_path), Console(quiet=True))
