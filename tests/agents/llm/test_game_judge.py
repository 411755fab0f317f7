from __future__ import annotations

import dataclasses

import pytest

from rewardium.agents.llm.game_judge import (
    CARD,
    SETTINGS,
    Accuracy,
    Games,
    JudgeConfig,
    build_judge,
    measure,
    play_games,
    table,
    train_judge,
)
from rewardium.agents.llm.game_judge_examples import QUESTIONS, held_out_sources
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.annotation.question import parts_of
from rewardium.rewards.models.judge import Completion
from rewardium.rewards.models.spec import make_judge

TINY = JudgeConfig(steps=3, batch_size=6, hidden_size=32, num_layers=1, num_heads=1, words=50, play_steps=0, examples=4)
NOTHING_PLAYED = Games([], [], 1.0)


@pytest.fixture(autouse=True)
def one_thread():
    """Several threads wait for each other longer than so small a model computes."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 0},
        {"batch_size": 0},
        {"words": 0},
        {"examples": 0},
        {"play_steps": -1},
        {"learning_rate": 0.0},
        {"num_heads": 2},
    ],
)
def test_wrong_settings(change):
    with pytest.raises(RewardiumError):
        dataclasses.replace(TINY, **change)


def test_a_judge_is_an_ordinary_folder_with_a_card(tmp_path):
    losses = []
    results = train_judge(tmp_path / "judge", TINY, NOTHING_PLAYED, on_step=lambda step, loss: losses.append(loss))
    assert len(losses) == TINY.steps
    assert {result.question for result in results} == {question.name for question in QUESTIONS}
    assert all(0.0 <= result.right <= 1.0 - result.unread and result.examples == TINY.examples for result in results)
    folder = tmp_path / "judge"
    assert (folder / "model.safetensors").is_file()
    assert "steps: 3" in (folder / SETTINGS).read_text()
    assert table(results) in (folder / CARD).read_text()
    judge = make_judge(f"transformers:{folder}")
    assert "#chat" in judge.name
    assert judge.complete(["x" * 10])[0] is not None
    judge.close()


def test_training_is_fixed_by_its_seed(tmp_path):
    for name, config in (("a", TINY), ("b", TINY), ("c", dataclasses.replace(TINY, seed=1))):
        train_judge(tmp_path / name, config, NOTHING_PLAYED)
    weights = {name: (tmp_path / name / "model.safetensors").read_bytes() for name in "abc"}
    assert weights["a"] == weights["b"] != weights["c"]


def test_chat_and_completion_are_the_same_text():
    _, tokenizer = build_judge(TINY, [])
    prompt = QUESTIONS[0].prompt(("You see here a key.",))
    turns = [{"role": "user", "content": prompt}]
    assert tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True) == prompt


class Table:
    """A judge that reads the answer from the item, or says something else."""

    name = "table"

    def __init__(self, answer):
        self.answer = answer

    def complete(self, prompts):
        return [self.answer(parts_of(prompt)) for prompt in prompts]

    def close(self):
        pass


def test_measuring_counts_right_and_unread_answers():
    sources = held_out_sources(())
    always = measure(Table(lambda parts: Completion("helpful")), sources, 200)
    by_question = {result.question: result for result in always if result.kind == "seen sentences"}
    assert 0.35 < by_question["helpful"].right < 0.65
    assert by_question["helpful"].unread == 0.0
    assert by_question["preference"] == Accuracy("seen sentences", "preference", 0.0, 1.0, 200)
    silent = measure(Table(lambda parts: None), sources, 5)
    assert all(result.right == 0.0 and result.unread == 1.0 for result in silent)


def test_a_file_in_the_way_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RewardiumError, match="needs a folder"):
        train_judge(tmp_path / "file", TINY, NOTHING_PLAYED)


def test_playing_keeps_what_the_tables_know_and_holds_out_other_messages():
    pytest.importorskip("minihack")
    games = play_games(dataclasses.replace(TINY, play_steps=40))
    assert games.training
    assert 0.5 < games.known <= 1.0
    assert not {told.message for told in games.training} & {told.message for told in games.held_out}
    assert play_games(TINY) == NOTHING_PLAYED
