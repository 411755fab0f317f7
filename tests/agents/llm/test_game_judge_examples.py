from __future__ import annotations

import random

import pytest

from rewardium.agents.llm.character import character_tokenizer
from rewardium.agents.llm.game_judge_examples import (
    QUESTIONS,
    ExampleSource,
    constant_texts,
    held_out_sources,
    prompt_of,
    told,
    vocabulary,
)
from rewardium.agents.llm.game_judge_labels import label_of
from rewardium.envs.caption import Caption, message_of
from rewardium.envs.errors import RewardiumError
from rewardium.rewards.annotation.question import Question, parts_of
from rewardium.rewards.annotation.questions import ACHIEVED, HELPFUL, PREFERENCE

PLAYED = told(
    [
        Caption("It's a wall.", "west", map="|@.").text(),
        Caption("The door opens.", "east", map="@+").text(),
        Caption("", "north").text(),
        Caption("You kill the newt!", "south").text(),
    ]
)


def drawn(question, source=None, count=400):
    generator = random.Random(0)
    return [(source or ExampleSource(PLAYED)).draw(question, generator) for _ in range(count)]


def test_helpful_is_what_the_tables_say():
    examples = drawn(HELPFUL)
    for example in examples:
        label = label_of(message_of(example.item[0]))
        assert example.answer == ("helpful" if label.helpful else "unhelpful")
    assert 0.4 < sum(example.answer == "helpful" for example in examples) / len(examples) < 0.6


def test_a_preference_follows_the_worths_and_each_answer_is_common():
    examples = drawn(PREFERENCE)
    for example in examples:
        first, second = (label_of(message_of(part)).worth for part in example.item)
        assert example.answer == ("first" if first > second else "second" if first < second else "none")
    for answer in PREFERENCE.answers:
        assert sum(example.answer == answer for example in examples) > len(examples) / 5


def test_a_subgoal_is_achieved_where_the_message_shows_it():
    examples = drawn(ACHIEVED)
    answers = {}
    for subgoal, caption in (example.item for example in examples):
        assert caption.startswith(("Action: ", "Message: "))
        assert subgoal
    ways = [(text.startswith("Message: "), "\nStatus: " in text) for _, text in (example.item for example in examples)]
    assert all(ways.count(way) > len(ways) / 10 for way in ((True, False), (False, False), (False, True)))
    for example in examples:
        answers.setdefault(example.answer, []).append(example.item)
    assert len(answers["yes"]) > 100
    assert len(answers["no"]) > 100
    assert ("open the door", "The door opens.") in {(goal, message_of(caption)) for goal, caption in answers["yes"]}
    assert any("\nMap:\n" in caption for _, caption in answers["yes"])


def test_other_questions_are_refused():
    other = Question("mood", "1", "Mood?\n{0}\nAnswer:", {"good": 1, "bad": 0})
    with pytest.raises(RewardiumError, match="mood"):
        drawn(other, count=1)
    with pytest.raises(RewardiumError):
        ExampleSource((), sentences=())


def test_the_same_seed_draws_the_same():
    assert drawn(PREFERENCE, count=20) == drawn(PREFERENCE, count=20)


def test_a_prompt_is_the_question_s_at_times_with_the_reminder():
    example = drawn(HELPFUL, count=1)[0]
    generator = random.Random(0)
    prompts = [prompt_of(example, generator) for _ in range(300)]
    assert set(prompts) == {HELPFUL.prompt(example.item), HELPFUL.retry_prompt(example.item)}
    assert 2 < prompts.count(HELPFUL.retry_prompt(example.item)) < 40
    assert parts_of(prompts[0]) == example.item


def test_the_constant_text_of_a_prompt_costs_a_token_a_piece():
    tokenizer = character_tokenizer(words=vocabulary(PLAYED, 100))
    for question in QUESTIONS:
        prompt = question.prompt(("x",) * question.num_parts)
        ids = tokenizer.encode(prompt)
        assert len(ids) == 2 * question.num_parts + 1
        assert tokenizer.decode(ids) == prompt
        for answer in question.answers:
            assert len(tokenizer.encode(answer)) == 1


def test_the_vocabulary_holds_no_word_twice():
    words = vocabulary(PLAYED, 300)
    assert len(words) == len(set(words))
    assert words[: len(constant_texts())] == constant_texts()
    assert " door" in words


def test_held_out_kinds():
    assert list(held_out_sources(())) == ["seen sentences", "unseen names", "unseen wordings"]
    played = held_out_sources(PLAYED)["played"]
    messages = {message_of(example.item[0]) for example in drawn(HELPFUL, played)}
    assert messages <= {told.message for told in PLAYED}
