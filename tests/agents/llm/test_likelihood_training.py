from __future__ import annotations

import math

import pytest

from rewardium.agents.llm.config import TrainConfig
from rewardium.agents.llm.trainer import Trainer
from rewardium.agents.run_folder import read_metrics

SUMS = {"num_steps": 1, "operators": "+", "operand_kinds": ("integer",), "compact": True, "prompt": "{expression}="}
REWARDS = {
    "cdr": "cdr(strong={one}, weak={two}, criterion='Be exact.')",
    "crew": "crew(model={one}, where='last_line')",
    "dpo_reward": "dpo_reward(model={one}, reference_model={two})",
    "endogenous": "endogenous(model={one}, reduce='mean')",
    "flr": "flr(model={one}, positive=['Yes.'], negative=['No.'])",
    "implicit_prm": "implicit_prm(model={one}, reference_model={two})",
    "rlp": "rlp(model={one})",
    "self_certainty": "self_certainty(model={one})",
    "self_rewarding": "self_rewarding(tuned={one}, base={two}, clip=1.0)",
}


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    """Two frozen models beside the policy."""
    from rewardium.agents.llm.character import build_character_policy

    root = tmp_path_factory.mktemp("frozen")
    sizes = {"hidden_size": 32, "num_layers": 1, "num_heads": 2, "max_length": 128}
    for number, name in enumerate(("one", "two"), start=1):
        build_character_policy(root / name, seed=number, **sizes)
    return {name: repr(str(root / name)) for name in ("one", "two")}


@pytest.mark.slow
@pytest.mark.parametrize("name", REWARDS)
def test_a_policy_trains_on_the_reward(tiny_folder, tmp_path, frozen, name):
    settings = TrainConfig(
        model=str(tiny_folder),
        runs=tmp_path,
        env_kwargs=SUMS,
        reward=REWARDS[name].format(**frozen) + " + 0.0 * verify",
        updates=2,
        prompts_per_update=2,
        group_size=4,
        max_new_tokens=8,
        eval_every=0,
        checkpoint_every=2,
        device="cpu",
        dtype="float32",
    )
    assert Trainer(settings).train() is True
    rows = [row for row in read_metrics(settings.folder) if f"terms/{name}/raw" in row]
    assert [row["step"] for row in rows] == [1, 2]
    for row in rows:
        assert math.isfinite(row[f"terms/{name}/raw"])
        assert row["reward/valid"] > 0.0
        assert row["reward/mean"] == pytest.approx(row[f"terms/{name}/raw"], abs=1e-4)
