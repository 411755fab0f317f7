"""Every judge of texts trains a policy, with a scripted judge: no crash, and a ledger of finite numbers."""

from __future__ import annotations

import math

import pytest

from rewardium.agents.llm.config import TrainConfig
from rewardium.agents.llm.trainer import Trainer
from rewardium.agents.run_folder import read_metrics

NAMES = [
    "judge_contexts", "judge_critique", "judge_decisive_principle", "judge_facts", "judge_pairwise", "judge_preference",
    "judge_principles", "judge_reference", "judge_rethink", "judge_rubric", "judge_thinking", "judge_thoughts",
    "judge_tools", "judge_yes",
]  # fmt: skip
SUMS = {"num_steps": 1, "operators": "+", "operand_kinds": ("integer",), "compact": True, "prompt": "{expression}="}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_judge_trains(tiny_folder, tmp_path, name):
    reward = f"{name}('scripted:grader?error=0.1') + 0.1 * length"
    config = TrainConfig(
        model=str(tiny_folder), runs=tmp_path, env_kwargs=SUMS, reward=reward,
        updates=2, prompts_per_update=4, group_size=4, max_new_tokens=8, eval_every=0, device="cpu", dtype="float32",
    )  # fmt: skip
    trainer = Trainer(config)
    assert trainer.train() is True
    rows = read_metrics(trainer.config.folder)
    assert len(rows) == 2
    numbers = [value for row in rows for value in row.values() if isinstance(value, (int, float))]
    assert all(math.isfinite(number) for number in numbers)
