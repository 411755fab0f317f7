import dataclasses

import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rewardium.agents.llm.character import build_character_policy, character_tokenizer
from rewardium.agents.llm.pretraining import (
    IGNORED,
    SUMS_ARGUMENTS,
    SUMS_ENV,
    PretrainingConfig,
    Problem,
    careful_digits,
    careless_digits,
    collate,
    draw_problems,
    learning_rate_factor,
    pretrain,
    pretrain_policy,
    response_loss,
    write_response,
)
from rewardium.envs.errors import RewardiumError
from rewardium.envs.math.rational import check

TINY = PretrainingConfig(steps=4, batch_size=4, problems=16, hidden_size=32, num_layers=1, num_heads=2)
EXAMPLES = [("1+1=", r"2\boxed{2}"), ("47+85=", r"231\boxed{132}"), ("9+10=", "91")]

naturals = st.integers(0, 10**6)


@given(naturals, naturals)
def test_careful_is_right_and_careless_is_right_exactly_where_nothing_is_carried(a: int, b: int) -> None:
    goal = f"{a}+{b}"
    assert careful_digits(goal) == str(a + b)
    carries = any(a // 10**k % 10 + b // 10**k % 10 > 9 for k in range(7))
    assert (careless_digits(goal) == str(a + b)) == (not carries)


@given(naturals, naturals)
def test_what_the_pupil_writes_can_be_checked(a: int, b: int) -> None:
    goal, reference = f"{a}+{b}", str(a + b)
    assert check(write_response(careful_digits(goal)), reference, "boxed").correct
    careless = careless_digits(goal)
    assert check(write_response(careless), reference, "boxed").correct == (int(careless) == a + b)


def test_the_pupil_is_wrong_on_most_two_digit_sums() -> None:
    sums = [f"{a}+{b}" for a in range(10, 100) for b in range(10, 100)]
    share = sum(careless_digits(goal) == careful_digits(goal) for goal in sums) / len(sums)
    assert share == pytest.approx(55 / 100 * 36 / 81)


@pytest.mark.parametrize("goal", ["47-85", "47", "", "1+2+3", "a+b", "1.5+2"])
def test_other_goals_are_refused(goal: str) -> None:
    with pytest.raises(RewardiumError, match="careless pupil"):
        careless_digits(goal)


def test_problems_come_from_the_train_split_only() -> None:
    train = {problem.goal for problem in draw_problems(SUMS_ENV, SUMS_ARGUMENTS, 600, seed=0)}
    test = {problem.goal for problem in draw_problems(SUMS_ENV, SUMS_ARGUMENTS, 600, seed=0, split="test")}
    assert len(train) > 500
    assert not train & test


def test_seeds_draw_other_problems_and_the_same_seed_the_same() -> None:
    first, second = (draw_problems(SUMS_ENV, SUMS_ARGUMENTS, 8, seed=seed) for seed in (0, 1))
    assert first == draw_problems(SUMS_ENV, SUMS_ARGUMENTS, 8, seed=0)
    assert not set(first) & set(second)
    assert all(problem.prompt == f"{problem.goal}=" for problem in first)


@pytest.mark.parametrize("side", ["left", "right"])
def test_only_the_response_and_its_end_are_labelled(side: str) -> None:
    tokenizer = character_tokenizer()
    batch = collate(EXAMPLES, tokenizer, padding_side=side)
    for (prompt, response), ids, mask, labels in zip(EXAMPLES, *batch, strict=True):
        text = tokenizer.decode(ids[mask.bool()])
        assert text == prompt + response + tokenizer.eos_token
        assert tokenizer.decode(labels[labels != IGNORED]) == response + tokenizer.eos_token
        assert torch.equal(labels[labels != IGNORED], ids[labels != IGNORED])
        assert bool(mask[-1 if side == "left" else 0]), "padding stands on the other side"


def test_the_side_of_padding_does_not_change_the_loss() -> None:
    model, tokenizer = build_character_policy(hidden_size=32, num_layers=2, num_heads=2)
    left, right = (response_loss(model, collate(EXAMPLES, tokenizer, padding_side=side)) for side in ("left", "right"))
    assert left.item() == pytest.approx(right.item(), abs=1e-6)


def test_the_loss_is_the_mean_over_the_tokens_of_responses() -> None:
    model, tokenizer = build_character_policy(hidden_size=32, num_layers=1, num_heads=2)
    total, count = 0.0, 0
    for prompt, response in EXAMPLES:
        start, end = tokenizer.encode(prompt), [*tokenizer.encode(response), tokenizer.eos_token_id]
        with torch.no_grad():
            logprobs = model(torch.tensor([start + end])).logits[0].log_softmax(-1)
        total -= sum(float(logprobs[len(start) - 1 + place, token]) for place, token in enumerate(end))
        count += len(end)
    assert response_loss(model, collate(EXAMPLES, tokenizer)).item() == pytest.approx(total / count, rel=1e-5)


def test_an_unknown_side_is_refused() -> None:
    with pytest.raises(RewardiumError, match="padding_side"):
        collate(EXAMPLES, character_tokenizer(), padding_side="middle")


def test_the_learning_rate_rises_and_falls() -> None:
    factors = [learning_rate_factor(step, 300) for step in range(300)]
    assert factors.index(max(factors)) == 19
    assert factors[-1] == 0.05
    assert min(factors) > 0.0


def test_training_lowers_the_loss_and_reports_each_step() -> None:
    model, tokenizer = build_character_policy(hidden_size=32, num_layers=1, num_heads=2)
    config = dataclasses.replace(TINY, steps=120, carelessness=0.0)
    seen: list[tuple[int, float]] = []
    pretrain(model, tokenizer, [Problem("1+1=", "1+1")], config, on_step=lambda step, loss: seen.append((step, loss)))
    assert [step for step, _ in seen] == list(range(1, 121))
    assert seen[0][1] == pytest.approx(4.6, abs=0.3), "an untrained model is as good as chance over 101 tokens"
    assert seen[-1][1] < 0.5
    assert not model.training


def test_training_needs_problems() -> None:
    model, tokenizer = build_character_policy(hidden_size=32, num_layers=1, num_heads=2)
    with pytest.raises(RewardiumError, match="at least one problem"):
        pretrain(model, tokenizer, [], TINY)


def test_a_policy_is_rebuilt_bit_for_bit_from_its_seed(tmp_path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        pretrain_policy(tmp_path / name, dataclasses.replace(TINY, seed=seed))
    a, b, c = ((tmp_path / name / "model.safetensors").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_the_folder_says_what_the_policy_is(tmp_path) -> None:
    pretrain_policy(tmp_path, TINY)
    settings = yaml.safe_load((tmp_path / "pretraining.yaml").read_text())
    settings["env_arguments"] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in settings["env_arguments"].items()
    }
    assert PretrainingConfig(**settings) == TINY
    card = (tmp_path / "README.md").read_text()
    assert "says nothing about what language models can do" in card
    assert "train split" in card


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 0},
        {"batch_size": 0},
        {"carelessness": 1.5},
        {"learning_rate": 0.0},
        {"env_arguments": {"split": "all"}},
    ],
)
def test_a_config_out_of_range_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(RewardiumError):
        dataclasses.replace(TINY, **change)


def test_a_file_in_the_way_is_found_before_training(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RewardiumError, match="is a file"):
        pretrain_policy(tmp_path / "file", TINY, on_step=lambda *_: pytest.fail("trained all the same"))
