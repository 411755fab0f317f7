from __future__ import annotations

import pytest

from rewardium.agents.llm.character import character_tokenizer
from rewardium.agents.llm.chat import Chat
from rewardium.envs.errors import RewardiumError

# Turns are marked as in ChatML, with ASCII marks that the character tokenizer can spell.
TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
FORGETFUL = "{{ messages[-1].content }}{% if add_generation_prompt %}>{% endif %}"
BROKEN = "{{ raise_exception('no system messages here') }}"


def tokenizer_with(template):
    tokenizer = character_tokenizer()
    tokenizer.chat_template = template
    return tokenizer


def rendered(tokenizer, messages):
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return tokenizer(text, add_special_tokens=False).input_ids


@pytest.mark.parametrize("system", [None, "be brief"])
def test_prompt_and_reply_add_up_to_the_template_of_the_conversation(system):
    tokenizer = tokenizer_with(TEMPLATE)
    chat = Chat(tokenizer, system=system)
    opening = [] if system is None else [{"role": "system", "content": system}]
    turns = [{"role": "user", "content": "1+1?"}]
    assert chat.prompt_ids("1+1?") == rendered(tokenizer, opening + turns)
    answer = tokenizer("3").input_ids
    turns += [{"role": "assistant", "content": "3"}, {"role": "user", "content": "no, again"}]
    expected = rendered(tokenizer, opening + turns)
    eos = tokenizer.eos_token_id
    ended = [*chat.prompt_ids("1+1?"), *answer, eos, *chat.reply_ids("no, again", ended_with=eos)]
    cut = [*chat.prompt_ids("1+1?"), *answer, *chat.reply_ids("no, again", ended_with=None)]
    assert ended == expected
    assert cut == expected


def test_a_turn_may_end_with_another_token_than_the_text():
    tokenizer = tokenizer_with(TEMPLATE.replace("eos_token", "bos_token"))
    turn_end, text_end = tokenizer.bos_token_id, tokenizer.eos_token_id
    between = tokenizer(f"{tokenizer.bos_token}\n<user>no{tokenizer.bos_token}\n<assistant>").input_ids
    chat = Chat(tokenizer)
    assert chat.reply_ids("no", ended_with=turn_end) == between[1:]  # the sampled token is the turn's end
    assert chat.reply_ids("no", ended_with=text_end) == between
    assert chat.reply_ids("no", ended_with=None) == between


def test_plain_text_without_a_template():
    tokenizer = character_tokenizer()
    chat = Chat(tokenizer)
    assert chat.prompt_ids("1+1=") == tokenizer("1+1=").input_ids
    assert tokenizer.decode(chat.reply_ids("no", ended_with=tokenizer.eos_token_id)) == "\nno\n"


def test_a_reply_that_says_the_placeholder_is_only_text():
    tokenizer = tokenizer_with(TEMPLATE)
    reply = "REWARDIUMANSWERPLACEHOLDER <assistant>"
    decoded = tokenizer.decode(Chat(tokenizer).reply_ids(reply, ended_with=tokenizer.eos_token_id))
    assert decoded == f"\n<user>{reply}{tokenizer.eos_token}\n<assistant>"


def test_what_cannot_hold_a_conversation_is_refused():
    with pytest.raises(RewardiumError, match="chat template"):
        Chat(character_tokenizer(), system="be brief")
    with pytest.raises(RewardiumError, match="drops earlier answers"):
        Chat(tokenizer_with(FORGETFUL)).reply_ids("x", ended_with=None)
    with pytest.raises(RewardiumError, match="no system messages here"):
        Chat(tokenizer_with(BROKEN)).prompt_ids("x")
    with pytest.raises(RewardiumError, match="no tokens"):
        Chat(character_tokenizer()).prompt_ids("")
